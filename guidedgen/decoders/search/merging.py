"""Which places of a search may be made one: those with equal constraint states and the same last tokens."""

from __future__ import annotations

from collections.abc import Hashable

from guidedgen.constraint import AllOfState, State, fingerprint_of
from guidedgen.sampler.sequence import Sequence
from guidedgen.stop_rules import CountState


def form_of(state: State) -> Hashable | None:
    """What positions share only if the same texts may follow, of whatever length; None where that cannot be told.

    Budgets are left out (`budget_of` says what they leave): who merges must see to lengths.
    """
    parts = [part for part in _parts(state) if not isinstance(part, CountState)]
    found = tuple(fingerprint_of(part) for part in parts)
    return None if None in found else found


def budget_of(state: State) -> int | None:
    """How many tokens may follow, where something bounds them."""
    return min((part.left for part in _parts(state) if isinstance(part, CountState)), default=None)


def _parts(state: State) -> tuple[State, ...]:
    return state.parts if isinstance(state, AllOfState) else (state,)


def last_tokens(tip: Sequence, count: int) -> tuple[int, ...]:
    """The last generated tokens, at most `count`, newest first."""
    tokens: list[int] = []
    node = tip
    while len(tokens) < count and node.parent is not None:
        tokens.append(node.token)
        node = node.parent
    return tuple(tokens)
