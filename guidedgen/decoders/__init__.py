"""Decoding strategies: loops over the sampler, one a file. They never see the cache and know no grammar."""

from typing import Any

from guidedgen.decoders.base import Chunk, Finish, LogitsSource, Strategy
from guidedgen.decoders.conditioning import ALIGNMENTS, Conditioned
from guidedgen.decoders.plain import Plain
from guidedgen.decoders.speculative import Speculative

STRATEGIES: dict[str, type[Strategy]] = {"plain": Plain, "speculative": Speculative, "conditioned": Conditioned}
"""Every strategy by the name that the command line and settings files use."""
_PARTS = ("drafter", "verifier", "policy")


def strategy_named(text: str) -> Strategy:
    """A strategy by name: "plain", "speculative[:DRAFTER[:VERIFIER[:POLICY]]]" or "conditioned[:ALIGNMENT]".

    Names are those in `DRAFTERS`, `VERIFIERS`, `POLICIES` and `ALIGNMENTS`; one that is left out is the default.

    Raises:
        ValueError: a name is not known, or there are too many.
    """
    if text.startswith("conditioned:"):
        align = text.removeprefix("conditioned:")
        if align not in ALIGNMENTS:
            raise ValueError(f"no alignment is called {align!r}. There are: {', '.join(ALIGNMENTS)}")
        return Conditioned(align=align)  # type: ignore[arg-type]
    name, *given = text.split(":")
    if name not in STRATEGIES:
        raise ValueError(f"no strategy is called {name!r}. There are: {', '.join(sorted(STRATEGIES))}")
    if len(given) > len(_PARTS) or (given and name != "speculative"):
        raise ValueError(f"{text!r} says too much. Only speculative takes names: speculative:drafter:verifier:policy")
    chosen: dict[str, Any] = {part: value for part, value in zip(_PARTS, given, strict=False) if value}
    return Speculative(**chosen) if given else STRATEGIES[name]()


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
