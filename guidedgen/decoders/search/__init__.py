"""Search: strategies that keep many texts in the making and look for the most probable ones."""

from guidedgen.decoders.search.beam import Beam

__all__ = ["Beam"]
