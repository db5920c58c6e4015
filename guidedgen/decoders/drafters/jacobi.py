"""Jacobi and Gauss-Seidel decoding: guess a block of tokens, and let every forward correct all of them at once.

Source: Santilli et al. 2023, "Accelerating transformer inference for translation via parallel decoding". The guesses
ride in the target's forward as a chain of drafts; the prefix of them that the target confirms is accepted, and what the
target says after the others are the next guesses. Token i is right after at most i steps. The paper decodes greedily
and masks nothing; here each guess is made under the constraint of the guesses before it.
"""

from __future__ import annotations

from collections.abc import Sequence as ListOf
from dataclasses import dataclass

from guidedgen.decoders.drafters.base import Outcome, Request, Setting
from guidedgen.decoders.drafters.guesses import Fill, allowed_way, best_allowed
from guidedgen.decoders.tree import ROOT, DraftTree, chain


@dataclass(frozen=True, kw_only=True)
class Jacobi:
    """A window of guesses.

    Args:
        block: guesses at a time.
        sliding: whether a guess is added for each accepted token (Jacobi); otherwise a block is finished before the
            next one is begun (the paper's Gauss-Seidel Jacobi).
        first: only so many tokens of a text are guessed, the others come one by one (the paper's hybrid).
    """

    block: int = 12
    sliding: bool = True
    first: int | None = None

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.block < 1 or (self.first is not None and self.first < 1):
            raise ValueError(f"block={self.block!r} and first={self.first!r} must be at least 1")

    def open(self, setting: Setting) -> JacobiSession:
        """See `Drafter.open`."""
        return JacobiSession(self)


@dataclass
class _Window:
    fill: Fill
    guesses: list[int]  # of the tokens after the tip
    end: int = 0  # length of the sequence at the end of the block


class JacobiSession:
    """The windows of one run."""

    def __init__(self, settings: Jacobi) -> None:
        self._settings = settings
        self._windows: dict[int, _Window] = {}

    def propose(self, requests: ListOf[Request]) -> list[DraftTree]:
        """See `DraftSession.propose`."""
        return [chain(self._guesses(request)) for request in requests]

    def _guesses(self, request: Request) -> list[int]:
        settings, tip = self._settings, request.tip
        window = self._windows.setdefault(request.lane, _Window(Fill(tip), []))
        if tip.length >= window.end:
            window.end = tip.length + settings.block
        count = settings.block if settings.sliding else window.end - tip.length
        if settings.first is not None:
            count = min(count, settings.first - (tip.length - tip.prompt_length))
        count = max(0, request.length(count))
        window.guesses = window.guesses[:count]
        window.guesses += window.fill.take(count - len(window.guesses))
        return [token for token, _ in allowed_way(tip.state, window.guesses)]

    def observe(self, outcome: Outcome) -> None:
        """Guess again: after each guess behind the tip, the target's best allowed token."""
        window = self._windows.get(outcome.lane)
        if window is None:
            return
        window.guesses = []
        committed = outcome.tip.length - outcome.base.length
        state = outcome.base.state
        node = ROOT
        for depth in range(1, len(outcome.tree) + 1):
            below = outcome.tree.children[node]
            after = state.advance(outcome.tree.tokens[below[0]]) if below else None
            if after is None:
                return
            node, state = below[0], after
            guess = best_allowed(outcome.logits[node + 1], state) if depth >= committed else None
            if depth >= committed:
                if guess is None:
                    return
                window.guesses.append(guess)
