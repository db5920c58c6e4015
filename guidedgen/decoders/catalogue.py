"""Every name that a strategy's text may hold, with what it stands for."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from guidedgen.decoders import STRATEGIES, strategy_parts
from guidedgen.decoders.drafters import DRAFTERS, Fallback, Union
from guidedgen.decoders.policies import POLICIES
from guidedgen.decoders.verifiers import VERIFIERS


def catalogue() -> dict[str, dict[str, str]]:
    """Kind -> name -> one line. Strategies come with the settings that may follow behind colons."""
    strategies = {
        ":".join((name, *strategy_parts(name))): _first_line(strategy) for name, strategy in sorted(STRATEGIES.items())
    }
    return {
        "strategies": strategies,
        "drafters": {name: _drafter(drafter) for name, drafter in sorted(DRAFTERS.items())},
        "verifiers": {name: _first_line(verifier) for name, verifier in sorted(VERIFIERS.items())},
        "policies": {name: _first_line(type(policy)) for name, policy in sorted(POLICIES.items())},
    }


def _drafter(drafter: object) -> str:
    if isinstance(drafter, Fallback | Union):
        return f"{_first_line(type(drafter))} ({', '.join(_names(drafter.parts))})"
    return _first_line(type(drafter))


def _names(parts: Iterable[object]) -> Iterable[str]:
    return (type(part).__name__ for part in parts)


def _first_line(owner: type) -> str:
    return (inspect.getdoc(owner) or "").partition("\n")[0]
