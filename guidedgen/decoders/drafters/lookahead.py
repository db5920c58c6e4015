"""Lookahead decoding: a window of guesses makes n-grams, and those of earlier windows are drafts, in one forward.

Source: Fu et al. 2024, "Break the sequential dependency of LLM inference using lookahead decoding". The window has rows
of guesses: a token of row r in column c sees row 0 up to its column, and its column above it. That is a tree: row 0 is
a chain, and from each of its tokens a column hangs down. So the window is drafted like anything else, and the paper's
mask follows from the parents.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field

from guidedgen.constraint import State
from guidedgen.decoders.drafters.base import Outcome, Request, Setting
from guidedgen.decoders.drafters.combined import Trie
from guidedgen.decoders.drafters.guesses import Fill, allowed_way, best_allowed, node_at
from guidedgen.decoders.tree import DraftTree

Gram = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Lookahead:
    """Rows of the window follow one another in time: each step computes the next row below all columns.

    The paper's settings for a model of 7 billion parameters on an A100 are n-grams of 5, a window of 7 and 7 n-grams;
    rows are dearer here.

    Args:
        size: tokens of an n-gram, with the one that it is found by; at least 2.
        window: columns.
        grams: n-grams verified at a time, and kept for each token.
        prompt: whether the prompt's n-grams are known from the beginning.
    """

    size: int = 4
    window: int = 3
    grams: int = 3
    prompt: bool = True

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.size < 2 or self.window < 1 or self.grams < 1:
            raise ValueError(
                f"size={self.size!r} must be at least 2, window={self.window!r} and grams={self.grams!r} at least 1"
            )

    def open(self, setting: Setting) -> LookaheadSession:
        """See `Drafter.open`."""
        return LookaheadSession(self)


@dataclass
class _Lane:
    fill: Fill
    rows: list[list[int]]  # of the window, each of `window` tokens
    ages: list[int]  # by column, how many of its last rows the target made
    columns: list[list[int]] = field(default_factory=list)  # what was drafted of each column: row 0 up to it, then down
    pool: dict[int, OrderedDict[Gram, None]] = field(default_factory=dict)  # token -> what may follow it, oldest first


class LookaheadSession:
    """Windows and n-grams of one run."""

    def __init__(self, settings: Lookahead) -> None:
        self._settings = settings
        self._lanes: dict[int, _Lane] = {}

    def propose(self, requests: ListOf[Request]) -> list[DraftTree]:
        """See `DraftSession.propose`."""
        return [self._tree(request) for request in requests]

    def _tree(self, request: Request) -> DraftTree:
        lane = self._lanes.get(request.lane) or self._begin(request)
        trie, most = Trie(), request.length(request.most)
        for gram in reversed(lane.pool.get(request.tip.token, {})):
            trie.add_way(gram, most)
        lane.columns = list(self._columns(lane, request.tip.state))
        for column in lane.columns:
            trie.add_way(column, most)
        return DraftTree(tokens=tuple(trie.tokens), parents=tuple(trie.parents), source=request.source)

    def _begin(self, request: Request) -> _Lane:
        fill = Fill(request.tip)
        lane = self._lanes[request.lane] = _Lane(fill, [fill.take(self._settings.window)], [0] * self._settings.window)
        if self._settings.prompt:
            tokens, size = request.tip.tokens(), self._settings.size
            for start in range(len(tokens) - size + 1):
                self._remember(lane, tokens[start], tokens[start + 1 : start + size])
        return lane

    def _columns(self, lane: _Lane, state: State) -> list[list[int]]:
        """Row 0 up to each column and the column below it, with what the constraint refuses replaced."""
        columns: list[list[int]] = []
        across: list[int] = []
        for column, (token, after) in enumerate(allowed_way(state, lane.rows[0])):
            across.append(token)
            below = allowed_way(after, [row[column] for row in lane.rows[1:]])
            columns.append([*across, *(guess for guess, _ in below)])
        return columns

    def _remember(self, lane: _Lane, key: int, gram: ListOf[int]) -> None:
        known = lane.pool.setdefault(key, OrderedDict())
        known[tuple(gram)] = None
        known.move_to_end(tuple(gram))
        if len(known) > self._settings.grams:
            known.popitem(last=False)

    def observe(self, outcome: Outcome) -> None:
        """The target's best tokens below all columns are the window's next row, and end its n-grams."""
        lane, settings = self._lanes.get(outcome.lane), self._settings
        if lane is None:
            return
        depth = len(lane.rows)
        fresh: list[int] = []
        for column, way in enumerate(lane.columns):
            guess = self._below(outcome, way) if len(way) == column + depth else None
            if guess is not None and lane.ages[column] >= settings.size - 2 and depth == settings.size - 1:
                self._remember(lane, way[column], [*way[column + 1 :], guess])
            fresh += [lane.fill.take(1)[0] if guess is None else guess]
        fresh += lane.fill.take(settings.window - len(fresh))
        rows = [*lane.rows, fresh]
        ahead = max(0, outcome.tip.length - outcome.base.length - 1)  # one token is what the rows move on by themselves
        ahead = min(ahead, settings.window)
        lane.rows = [row[ahead:] + lane.fill.take(ahead) for row in rows[-(settings.size - 1) :]]
        lane.ages = [age + 1 for age in lane.ages[ahead:]] + [0] * ahead

    @staticmethod
    def _below(outcome: Outcome, way: ListOf[int]) -> int | None:
        node = node_at(outcome.tree, way)
        if node is None:
            return None
        state: State | None = outcome.base.state
        for token in way:
            state = None if state is None else state.advance(token)
        return None if state is None else best_allowed(outcome.logits[node + 1], state)
