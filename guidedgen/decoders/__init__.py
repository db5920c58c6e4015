"""Decoding strategies: loops over the sampler, one a file. They never see the cache and know no grammar."""

from guidedgen.decoders.base import Chunk, Finish, LogitsSource, Strategy
from guidedgen.decoders.conditioning import ALIGNMENTS, Conditioned
from guidedgen.decoders.plain import Plain
from guidedgen.decoders.speculative import Speculative

STRATEGIES: dict[str, type[Strategy]] = {"plain": Plain, "speculative": Speculative, "conditioned": Conditioned}
"""Every strategy by the name that the command line and settings files use."""


def strategy_named(text: str) -> Strategy:
    """A strategy by name: "plain", "speculative[:DRAFTER[:VERIFIER]]" or "conditioned[:ALIGNMENT]".

    Raises:
        ValueError: a name is not known, or there are too many.
    """
    if text.startswith("conditioned:"):
        align = text.removeprefix("conditioned:")
        if align not in ALIGNMENTS:
            raise ValueError(f"no alignment is called {align!r}. There are: {', '.join(ALIGNMENTS)}")
        return Conditioned(align=align)  # type: ignore[arg-type]
    name, drafter, verifier, *more = [*text.split(":"), "", ""]
    if name not in STRATEGIES:
        raise ValueError(f"no strategy is called {name!r}. There are: {', '.join(sorted(STRATEGIES))}")
    if any(more) or (drafter and name != "speculative"):
        raise ValueError(f"{text!r} says too much. Only speculative takes names: speculative:drafter:verifier")
    if not drafter:
        return STRATEGIES[name]()
    return Speculative(drafter=drafter, verifier=verifier or "point-mass")


__all__ = [
    "STRATEGIES",
    "Chunk",
    "Conditioned",
    "Finish",
    "LogitsSource",
    "Plain",
    "Speculative",
    "Strategy",
    "strategy_named",
]
