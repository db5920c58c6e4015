"""Semantic constraints for code: a monitor is a `Constraint` that knows more than syntax. None exists yet.

Monitors import L0 only (constraint, vocabulary, kernel, errors), never `guidedgen.grammars`, torch or transformers.
"""
