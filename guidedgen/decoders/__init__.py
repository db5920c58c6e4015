"""Decoding strategies: loops over the sampler, one a file. They never see the cache and know no grammar."""

from guidedgen.decoders.base import Chunk, Finish, LogitsSource, Strategy
from guidedgen.decoders.plain import Plain
from guidedgen.decoders.speculative import Speculative

STRATEGIES: dict[str, type[Strategy]] = {"plain": Plain, "speculative": Speculative}
"""Every strategy by the name that the command line and settings files use."""

__all__ = ["STRATEGIES", "Chunk", "Finish", "LogitsSource", "Plain", "Speculative", "Strategy"]
