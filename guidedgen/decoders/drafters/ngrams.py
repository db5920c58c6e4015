"""Adaptive n-grams: a table of what followed two tokens, searched for a varied tree of drafts.

Source: Liu et al. 2024, "Adaptive draft-verification for efficient large language model decoding" (ADED). The paper's
table comes from a corpus; here it begins with the prompt, and both grow with what is written.
"""

from __future__ import annotations

import math
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field

from guidedgen.decoders.drafters.base import Outcome, Request, Setting
from guidedgen.decoders.drafters.tables import table_tree
from guidedgen.decoders.tree import ROOT, DraftTree
from guidedgen.sampler.sequence import Sequence

Pair = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class AdaptiveNGrams:
    """A search over a table of three-token runs; with a policy, the policy grows the tree over the same table instead.

    A place is chosen by W / N + (c1 + ln((N + c2 + 1) / c2)) P sqrt(N) / (1 + n), as in games ("PUCT"), where P is the
    table's share, n and N count visits of it and of its parent, and W sums the probabilities of ways below it.

    Args:
        kept: likeliest successors of a pair.
        fresh: weight that a run gains each time it is written; the prompt's weigh 1 together for each pair.
        cap: most that a run can weigh.
        depth: tokens of a way.
        iterations: of the search; the paper has 150.
        nodes: of the tree, at most; the most visited ones.
    """

    kept: int = 12
    fresh: float = 0.2
    cap: float = 3.0
    depth: int = 4
    iterations: int = 48
    nodes: int = 24

    def __post_init__(self) -> None:
        """Check the settings."""
        if min(self.kept, self.depth, self.iterations, self.nodes) < 1:
            raise ValueError("kept, depth, iterations and nodes must be at least 1")
        if not (self.fresh > 0 and self.cap > 0):
            raise ValueError(f"fresh={self.fresh!r} and cap={self.cap!r} must be above 0")

    def open(self, setting: Setting) -> NGramSession:
        """See `Drafter.open`."""
        return NGramSession(self)


class Table:
    """What followed pairs of tokens in one text, with weights."""

    def __init__(self, settings: AdaptiveNGrams) -> None:
        self._settings = settings
        self._weights: dict[Pair, dict[int, float]] = {}
        self._ranked: dict[Pair, list[tuple[int, float]]] = {}
        self._length = 0

    def follow(self, tip: Sequence) -> None:
        """Take in what was written since."""
        tokens = tip.tokens()
        if not self._length:
            self._read_prompt(tokens)
        for end in range(max(2, self._length), len(tokens)):
            pair = tokens[end - 2], tokens[end - 1]
            weights = self._weights.setdefault(pair, {})
            weights[tokens[end]] = min(self._settings.cap, weights.get(tokens[end], 0.0) + self._settings.fresh)
            self._ranked.pop(pair, None)
        self._length = len(tokens)

    def _read_prompt(self, tokens: tuple[int, ...]) -> None:
        for first, second, third in zip(tokens, tokens[1:], tokens[2:], strict=False):
            weights = self._weights.setdefault((first, second), {})
            weights[third] = weights.get(third, 0.0) + 1.0
        for weights in self._weights.values():
            total = sum(weights.values())
            for token in weights:
                weights[token] /= total
        self._length = len(tokens)

    def after(self, pair: Pair) -> list[tuple[int, float]]:
        """The likeliest tokens after a pair with their shares, best first."""
        if pair not in self._ranked:
            weights = self._weights.get(pair, {})
            best = sorted(weights.items(), key=lambda entry: (-entry[1], entry[0]))[: self._settings.kept]
            total = sum(weight for _, weight in best)
            self._ranked[pair] = [(token, weight / total) for token, weight in best]
        return self._ranked[pair]


class NGramSession:
    """The tables of one run, one for each lane."""

    def __init__(self, settings: AdaptiveNGrams) -> None:
        self._settings = settings
        self._tables: dict[int, Table] = {}

    def propose(self, requests: ListOf[Request]) -> list[DraftTree]:
        """See `DraftSession.propose`."""
        return [self._tree(request) for request in requests]

    def _tree(self, request: Request) -> DraftTree:
        table = self._tables.setdefault(request.lane, Table(self._settings))
        table.follow(request.tip)
        tip = request.tip
        before = tip.tokens()[-2] if tip.length > 1 else tip.token
        if request.policy is None:
            return search(table, (before, tip.token), self._settings, most=request.most)

        def following(way: ListOf[int]) -> list[tuple[int, float]]:
            return table.after((way[-2] if len(way) > 1 else before, way[-1]))

        return table_tree(request, request.policy.grow(request), following)

    def observe(self, outcome: Outcome) -> None:
        """See `DraftSession.observe`. What was written is read from the next request."""


@dataclass
class _Place:
    pair: Pair
    share: float
    parent: int
    visits: int = 0
    worth: float = 0.0
    below: list[int] | None = field(default=None)  # None: not looked up yet


_C1, _C2 = 32.0, 8.0  # the paper's constants


def search(table: Table, pair: Pair, settings: AdaptiveNGrams, *, most: int) -> DraftTree:
    """The tree of the places that the search visited most."""
    places = [_Place(pair, 1.0, ROOT)]
    for _ in range(settings.iterations if table.after(pair) else 0):
        way = [0]
        while len(way) <= settings.depth:
            children = _children(table, places, way[-1])
            if not children:
                break
            way.append(_chosen(places, way[-1], children))
            if not places[way[-1]].visits:
                break
        worth = math.prod(places[index].share for index in way) * _rest(table, places[way[-1]].pair, settings, len(way))
        for index in way:
            places[index].visits += 1
            places[index].worth += worth
    ranked = sorted(range(1, len(places)), key=lambda index: (-places[index].visits, index))
    visited = [index for index in ranked if places[index].visits][: max(0, min(most, settings.nodes))]
    kept = sorted(visited)
    number = {0: ROOT} | {index: own for own, index in enumerate(kept)}
    return DraftTree(
        tokens=tuple(places[index].pair[1] for index in kept),
        parents=tuple(number[places[index].parent] for index in kept),
    )


def _children(table: Table, places: list[_Place], index: int) -> list[int]:
    place = places[index]
    if place.below is None:
        first = len(places)
        found = table.after(place.pair)
        places += [_Place((place.pair[1], token), share, index) for token, share in found]
        place.below = list(range(first, len(places)))
    return place.below


def _chosen(places: list[_Place], index: int, children: list[int]) -> int:
    visits = places[index].visits
    eager = (_C1 + math.log((visits + _C2 + 1) / _C2)) * math.sqrt(visits)

    def value(child: int) -> float:
        place = places[child]
        mean = place.worth / place.visits if place.visits else 0.0
        return mean + eager * place.share / (1 + place.visits)

    return max(children, key=value)


def _rest(table: Table, pair: Pair, settings: AdaptiveNGrams, length: int) -> float:
    """The probability of the likeliest way on, to the full depth; the paper draws one."""
    worth = 1.0
    for _ in range(settings.depth + 1 - length):
        found = table.after(pair)
        if not found:
            return 0.0
        worth *= found[0][1]
        pair = pair[1], found[0][0]
    return worth
