"""Adapters, one engine a module. Each imports its package at the top: it is loaded when the engine is asked for."""
