"""Decoding strategies: loops over the sampler, one a file. They never see the cache and know no grammar."""

from collections.abc import Callable

from guidedgen.decoders.base import Chunk, Finish, LogitsSource, Strategy
from guidedgen.decoders.conditioning import ALIGNMENTS, Conditioned
from guidedgen.decoders.overlapped import Overlapped
from guidedgen.decoders.plain import Plain
from guidedgen.decoders.speculative import Speculative
from guidedgen.decoders.stepwise import RewardGuided

STRATEGIES: dict[str, type[Strategy]] = {
    "plain": Plain,
    "speculative": Speculative,
    "overlapped": Overlapped,
    "conditioned": Conditioned,
}
"""Every strategy by the name that the command line and settings files use."""
_DRAFTED: dict[str, Callable[..., Strategy]] = {"speculative": Speculative, "overlapped": Overlapped}
_PARTS = ("drafter", "verifier", "policy")


def strategy_named(text: str) -> Strategy:
    """A strategy by name: "plain", "speculative[:DRAFTER[:VERIFIER[:POLICY]]]" or "conditioned[:ALIGNMENT]".

    "overlapped" takes the same names as "speculative". Names are those in `DRAFTERS`, `VERIFIERS`, `POLICIES` and
    `ALIGNMENTS`; one that is left out is the default.

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
    if len(given) > len(_PARTS) or (given and name not in _DRAFTED):
        raise ValueError(
            f"{text!r} says too much. Only {', '.join(_DRAFTED)} take names: {name}:drafter:verifier:policy"
        )
    chosen = {part: value for part, value in zip(_PARTS, given, strict=False) if value}
    return _DRAFTED[name](**chosen) if given else STRATEGIES[name]()


__all__ = [
    "STRATEGIES",
    "Chunk",
    "Conditioned",
    "Finish",
    "LogitsSource",
    "Overlapped",
    "Plain",
    "RewardGuided",
    "Speculative",
    "Strategy",
    "strategy_named",
]
