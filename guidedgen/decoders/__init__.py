"""Decoding strategies: loops over the sampler, one a file. They never see the cache and know no grammar."""

from typing import Any

from guidedgen.decoders.auto import Auto
from guidedgen.decoders.base import Chunk, Finish, LogitsSource, Strategy
from guidedgen.decoders.conditioning import Conditioned
from guidedgen.decoders.overlapped import Overlapped
from guidedgen.decoders.plain import Plain
from guidedgen.decoders.search import Beam, BestFirst, ConditionalBeam, ExactTopK, StochasticBeam
from guidedgen.decoders.speculative import Speculative
from guidedgen.decoders.stepwise import RewardGuided
from guidedgen.decoders.triggers import Resample, Switch, Trigger, Widen
from guidedgen.decoders.watched import Watched

STRATEGIES: dict[str, type[Strategy]] = {
    "auto": Auto,
    "beam": Beam,
    "best-first": BestFirst,
    "conditional-beam": ConditionalBeam,
    "conditioned": Conditioned,
    "exact-top-k": ExactTopK,
    "overlapped": Overlapped,
    "plain": Plain,
    "reward-guided": RewardGuided,
    "speculative": Speculative,
    "stochastic-beam": StochasticBeam,
    "watched": Watched,
}
"""Every strategy by the name that the command line and settings files use."""
_DRAFTED: dict[str, type] = {"drafter": str, "verifier": str, "policy": str}
_PARTS: dict[str, dict[str, type]] = {
    "auto": {"drafter": str, "loss": float, "models": str},
    "beam": {"width": int, "groups": int},
    "best-first": {"expansions": int, "width": int},
    "conditional-beam": {"width": int, "predicate": str},
    "conditioned": {"align": str},
    "exact-top-k": {"limit": int},
    "overlapped": _DRAFTED,
    "reward-guided": {"reward": str, "threshold": float},
    "speculative": _DRAFTED,
    "stochastic-beam": {"width": int},
    "watched": {"damage": float},
}


def strategy_parts(name: str) -> tuple[str, ...]:
    """The settings that may follow a strategy's name behind colons."""
    return tuple(_PARTS.get(name, {}))


def strategy_named(text: str) -> Strategy:
    """A strategy by name, with its first settings behind colons; one that is left out is the default.

    "plain", "auto[:DRAFTER[:LOSS[:MODELS]]]", "speculative[:DRAFTER[:VERIFIER[:POLICY]]]", "conditioned[:ALIGNMENT]",
    "beam[:WIDTH[:GROUPS]]", "conditional-beam[:WIDTH[:PREDICATE]]", "stochastic-beam[:WIDTH]",
    "best-first[:EXPANSIONS[:WIDTH]]", "exact-top-k[:LIMIT]", "reward-guided[:REWARD[:THRESHOLD]]", "watched[:DAMAGE]";
    "overlapped" as "speculative". `catalogue.catalogue` lists all names.

    Raises:
        ValueError: a name is not known, or there are too many.
    """
    name, *given = text.split(":")
    if name not in STRATEGIES:
        raise ValueError(f"no strategy is called {name!r}. There are: {', '.join(sorted(STRATEGIES))}")
    parts = _PARTS.get(name, {})
    if len(given) > len(parts):
        known = ":".join((name, *parts))
        raise ValueError(f"{text!r} says too much. It may say {known}")
    chosen: dict[str, Any] = {}
    for (part, kind), value in zip(parts.items(), given, strict=False):
        try:
            if value:
                chosen[part] = kind(value)
        except ValueError as error:
            raise ValueError(f"{part} in {text!r} must be a number, not {value!r}") from error
    return STRATEGIES[name](**chosen)


__all__ = [
    "STRATEGIES",
    "Auto",
    "Beam",
    "BestFirst",
    "Chunk",
    "ConditionalBeam",
    "Conditioned",
    "ExactTopK",
    "Finish",
    "LogitsSource",
    "Overlapped",
    "Plain",
    "Resample",
    "RewardGuided",
    "Speculative",
    "StochasticBeam",
    "Strategy",
    "Switch",
    "Trigger",
    "Watched",
    "Widen",
    "strategy_named",
    "strategy_parts",
]
