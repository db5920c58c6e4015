"""What every constraint is: compiled once, then walked through immutable states. No torch, no grammar knowledge.

A `Constraint` is compiled, thread-safe and shareable. `start()` gives a `State`, a position in the text:
forking it is keeping the reference, rolling back is dropping it. End-of-sequence tokens are never part of a mask;
the sampler opens them where `accepting` is true.

`AllOf` is the one combinator, `AnyText` allows every text, and `MaxTokens`, `StopOn` and `Deadline` are stop rules:
constraints that allow what `AnyText` allows and set `done`. The sampler ends a sequence as soon as `done` is set; masks
do not change with it, so they never depend on a clock and a draft beyond the end stays valid. What makes a text end in
time is a budget, an argument of `fill` (see `Completable`).
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, _ProtocolMeta, cast, runtime_checkable

import numpy as np

from guidedgen.explanation import Explanation
from guidedgen.masks import Mask, allowed_tokens, borrow, check_mask, give_back, mask_words
from guidedgen.stop_rules import AnyText, CountState, Deadline, MaxTokens, StopMatch, StopOn

if TYPE_CHECKING:
    from guidedgen.limits import Limits
    from guidedgen.vocabulary import Vocabulary

__all__ = [
    "AllOf",
    "AllOfState",
    "AnyText",
    "Completable",
    "Constraint",
    "Deadline",
    "Mask",
    "MaxTokens",
    "Observer",
    "State",
    "StopMatch",
    "StopOn",
    "allowed_tokens",
    "check_mask",
    "fill_masks",
    "fill_within",
    "fingerprint_of",
    "mask_words",
]


@runtime_checkable
class State(Protocol):
    """An immutable position in a constrained text."""

    def fill(self, out: Mask) -> None:
        """Write the allowed tokens into `out`, int32 [ceil(V / 32)]. Never EOS, never a token without bytes; special
        tokens only where the grammar names them. Overwrites every word. Raises ValueError on a wrong shape or dtype."""

    def mask(self) -> Mask:
        """The allowed tokens in a new array; `fill` is the one for hot paths."""

    def advance(self, token: int) -> State | None:
        """The position after `token`, or None where it is not allowed. Never changes this state."""

    def forced(self) -> tuple[int, ...]:
        """Tokens that must come next, in order: as long as exactly one is allowed and the text is incomplete."""

    @property
    def accepting(self) -> bool:
        """Whether the text so far is complete."""

    @property
    def done(self) -> str | None:
        """The name of the stop rule that fired, or None. Never goes back to None."""


def temperature_of(state: State) -> float | None:
    """The temperature at which a state wants the next token drawn, its own `temperature`; None: that of the run."""
    found: float | None = getattr(state, "temperature", None)
    return found


class _Loading(_ProtocolMeta):
    """Gives `Constraint` a `load` that is no member of the protocol: nobody who writes a constraint has to have one."""

    def load(
        cls,  # noqa: N805 the class is the protocol
        path: str | Path,
        vocabulary: Vocabulary,
        *,
        spec: object = None,
        limits: Limits | None = None,
        implementation: str | None = None,
    ) -> LoadedConstraint:
        """Read a constraint that `save` wrote.

        Args:
            path: the file.
            vocabulary: the one that it was compiled for, or one with the same content.
            spec: what it was compiled from, for its values; None: the value of a schema is JSON, else the text.
            limits: how much work and memory it may cost; None takes those it was compiled with.
            implementation: as for `gg.compile`.

        Raises:
            SavedConstraintError: the file is cut, altered, no such file, too large or of another version; it was
                compiled for another vocabulary, or from another spec.
            LimitExceeded: a limit was reached.
            OSError: the file cannot be read.
        """
        saved: Any = importlib.import_module("guidedgen.grammars.saved")  # above this layer
        return cast(
            LoadedConstraint,
            saved.load(path, vocabulary, spec=spec, limits=limits, implementation=implementation),
        )


@runtime_checkable
class Constraint(Protocol, metaclass=_Loading):
    """Compiled, thread-safe and shareable.

    `Constraint.load(path, vocabulary)` reads one that `save` wrote; it is no member of the protocol.
    """

    @property
    def vocab_size(self) -> int:
        """The number of bits in a mask, V."""

    def start(self) -> State:
        """The position before the first token."""


class LoadedConstraint(Constraint, Protocol):
    """What `Constraint.load` gives: a compiled constraint that knows what its texts stand for."""

    @property
    def spec(self) -> Any:
        """What was handed to `load`, else what the file knows; `spec.parse` turns a finished text into a value."""

    @property
    def report(self) -> Any:
        """What is enforced, keyword by keyword."""

    def save(self, path: str | Path) -> None:
        """Write it to a file again."""


@runtime_checkable
class Completable(State, Protocol):
    """A state that knows how its text can be completed; those of both kernels do, and those of `AllOf` pass it on."""

    def fill(self, out: Mask, budget: int | None = None) -> None:
        """As `State.fill`; with a budget of n only the tokens after which `shortest` has at most n - 1 tokens.

        Where `shortest` has at most n tokens here, some token is allowed or the text is complete; so a text that starts
        within its budget and goes on under budgets of n - 1, n - 2, ... is complete after at most n tokens. Raises
        ValueError for a negative budget.
        """

    def mask(self, budget: int | None = None) -> Mask:
        """As `State.mask`, under a budget."""

    def shortest(self) -> tuple[int, ...]:
        """Tokens that complete the text: its byte-shortest completion (of several, one that does not depend on how the
        position was reached), spelled with the fewest tokens. Other texts may be longer in bytes and take fewer."""


@runtime_checkable
class Observer(State, Protocol):
    """A state that only watches: in `AllOf` it restricts no tokens and accepts each one, special ones too."""

    def observe(self, token: int) -> Observer:
        """The position after any token that the other parts allow."""


def fingerprint_of(state: State) -> Hashable | None:
    """What two positions of one constraint share only if the same texts may follow; None where the state cannot tell.

    It is optional for a constraint to have `fingerprint`. Positions that differ in it may still be alike. It means
    something while both states are alive.
    """
    return getattr(state, "fingerprint", None)


def fill_within(state: State, out: Mask, budget: int | None) -> None:
    """`state.fill(out)` under a budget where the state is `Completable`; the others ignore it."""
    if budget is None or not hasattr(state, "shortest"):
        state.fill(out)
    else:
        state.fill(out, budget)  # type: ignore[call-arg]


def fill_masks(
    states: Sequence[State], out: Mask, threads: int = 1, *, budgets: Sequence[int | None] | None = None
) -> None:
    """Fill row i of `out`, int32 [B, ceil(V / 32)], with the mask of state i, under budget i where there is one.

    States of the native kernel (alone, or first in an `AllOf`) are filled in one call without the GIL: masks that are
    known are copied, the others worked out on up to `threads` threads. Grammars of one vocabulary share tables and take
    turns, so more threads help only where vocabularies differ. All other states are filled one after another.

    Raises:
        ValueError: where `out` has another dtype, another number of rows, or rows of another length.
    """
    usable = out.flags.c_contiguous and out.flags.writeable
    if out.dtype != np.int32 or out.ndim != 2 or len(out) != len(states) or not usable:
        raise ValueError(
            f"masks of {len(states)} states need a writable contiguous int32 array [{len(states)}, words], not "
            f"{out.dtype} {list(out.shape)}."
        )
    if threads < 1:
        raise ValueError(f"threads={threads}: give at least 1.")
    limits = [None] * len(states) if budgets is None else list(budgets)
    if len(limits) != len(states):
        raise ValueError(f"{len(limits)} budgets for {len(states)} states: give one for each, None for no budget.")
    parts = [state.masking if isinstance(state, AllOfState) else (state,) for state in states]
    firsts = [masking[0] for masking in parts]
    native = sys.modules.get("guidedgen.kernel._native")  # its states cannot exist before it is imported
    if firsts and native is not None and all(isinstance(state, native.State) for state in firsts):
        native.fill_masks(firsts, out, threads, *([] if budgets is None else [limits]))
    else:
        for state, row, budget in zip(firsts, out, limits, strict=True):
            fill_within(state, row, budget)
    for masking, row, budget in zip(parts, out, limits, strict=True):
        _narrow(masking[1:], row, budget)


def _narrow(states: Sequence[State], out: Mask, budget: int | None) -> None:
    """AND the masks of `states` into `out`, without allocating once the buffers exist."""
    if not states:
        return
    buffer = borrow(len(out))
    try:
        for state in states:
            fill_within(state, buffer, budget)
            np.bitwise_and(out, buffer, out=out)
    finally:
        give_back(buffer)


_FORCED_AT_MOST = 256  # tokens that one call of AllOfState.forced collects from parts in turn


@dataclass(frozen=True, slots=True)
class _Plan:
    """What all positions of one AllOf share: which parts restrict the tokens (at least one), and which only watch."""

    vocab_size: int
    masking: tuple[int, ...]
    watches: tuple[bool, ...]


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class AllOfState:
    """A position of `AllOf`: one state for each part, in the order of the parts."""

    parts: tuple[State, ...]
    plan: _Plan

    @property
    def masking(self) -> tuple[State, ...]:
        """The parts that restrict the tokens; at least one."""
        return tuple(self.parts[index] for index in self.plan.masking)

    def fill(self, out: Mask, budget: int | None = None) -> None:
        """Write the tokens that every part allows, under a budget in the parts that are `Completable`.

        The parts judge the budget one by one: a text that completes all of them may take more tokens than it has.
        Raises ValueError on a wrong shape or dtype.
        """
        check_mask(out, self.plan.vocab_size)
        first, *others = self.plan.masking
        fill_within(self.parts[first], out, budget)
        if others:
            _narrow([self.parts[index] for index in others], out, budget)

    def mask(self, budget: int | None = None) -> Mask:
        """The tokens that every part allows, in a new array."""
        out = np.empty(mask_words(self.plan.vocab_size), dtype=np.int32)
        self.fill(out, budget)
        return out

    @property
    def budget(self) -> int | None:
        """The tokens that are left, where a part is a `MaxTokens(complete=True)`; of several such parts the fewest.

        None while the end is further off than the part's `ahead` says.
        """
        counts = [part for part in self.parts if isinstance(part, CountState) and part.complete]
        tightest = min(counts, key=lambda part: part.left, default=None)
        if tightest is None or (tightest.ahead is not None and self._needed() + tightest.ahead < tightest.left):
            return None
        return tightest.left

    def _needed(self) -> int:
        """Tokens of the longest of the parts' shortest completions."""
        return max((len(part.shortest()) for part in self.masking if hasattr(part, "shortest")), default=0)

    def advance(self, token: int) -> AllOfState | None:
        """Every part after `token`, or None where one does not allow it."""
        following: list[State] = []
        for index in self.plan.masking:  # first, since watching parts expect a token that exists
            after = self.parts[index].advance(token)
            if after is None:
                return None
            following.append(after)
        restricted = iter(following)
        parts = [
            part.observe(token) if watches else next(restricted)  # type: ignore[attr-defined]
            for part, watches in zip(self.parts, self.plan.watches, strict=True)
        ]
        return AllOfState(tuple(parts), self.plan)

    def forced(self) -> tuple[int, ...]:
        """Tokens that some part forces and all others allow, up to where a stop rule fires.

        A part's forced token is the only one that the part allows, and where one part is incomplete so is the whole.
        """
        state, tokens = self, list[int]()
        while state.done is None:
            run = next((run for part in state.masking if (run := part.forced())), ())
            for token in run:
                after = state.advance(token)
                if after is None:
                    return tuple(tokens)
                state = after
                tokens.append(token)
                if state.done is not None:
                    break
            if not run or len(state.plan.masking) == 1 or len(tokens) >= _FORCED_AT_MOST:
                break
        return tuple(tokens)

    @property
    def fingerprint(self) -> tuple[Hashable, ...] | None:
        """What equal positions share: those of all parts; None where a part has none."""
        found = tuple(fingerprint_of(part) for part in self.parts)
        return None if None in found else found

    def explain(self, token: int) -> Explanation | None:
        """Why `token` is not allowed: of the first part that refuses it and can say why; None where none does."""
        for index in self.plan.masking:
            part: Any = self.parts[index]
            if hasattr(part, "explain") and (found := part.explain(token)) is not None:
                return cast(Explanation, found)
        return None

    @property
    def temperature(self) -> float | None:
        """The highest that a part sets for the next token; None where none does."""
        return max((heat for part in self.parts if (heat := temperature_of(part)) is not None), default=None)

    @property
    def accepting(self) -> bool:
        """Whether every part is complete."""
        return all(part.accepting for part in self.parts)

    @property
    def done(self) -> str | None:
        """The name of the stop rule that fired; of the first such part where several did."""
        for part in self.parts:
            done = part.done
            if done is not None:
                return done
        return None


class AllOf:
    """All parts at once: masks are ANDed, complete where all are complete. Nested ones are flattened."""

    def __init__(self, parts: Iterable[Constraint]) -> None:
        """Combine parts.

        Raises:
            ValueError: there is none, or their vocabularies differ in size.
            TypeError: one is no constraint.
        """
        self.parts: tuple[Constraint, ...] = tuple(
            inner for part in parts for inner in (part.parts if isinstance(part, AllOf) else (part,))
        )
        for part in self.parts:
            if not hasattr(part, "vocab_size"):
                raise TypeError(f"AllOf takes constraints, not {part!r}. Write gg.compile(..., vocabulary) first.")
        sizes = sorted({part.vocab_size for part in self.parts})
        if len(sizes) != 1:
            raise ValueError(f"AllOf needs parts over one vocabulary, not sizes {sizes}. Compile all for the same one.")
        self.vocab_size = sizes[0]

    def start(self) -> AllOfState:
        """The start of every part."""
        states = tuple(part.start() for part in self.parts)
        watches = [hasattr(state, "observe") for state in states]
        if all(watches):
            watches[0] = False  # somebody has to give the mask; they all give the same one
        masking = tuple(index for index, only in enumerate(watches) if not only)
        return AllOfState(states, _Plan(self.vocab_size, masking, tuple(watches)))
