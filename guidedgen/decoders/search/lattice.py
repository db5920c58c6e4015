"""Lattices: many texts with what they share held once. Counting, drawing and ranking them; no model, no search.

A lattice is an acyclic automaton. The edges that leave a node begin with different tokens, so a way through it and a
sequence of tokens are the same thing. Where different beginnings lead to one node, what follows was looked at after one
of them only: a way that takes a *merged* edge has an estimate where others have the model's log-probability.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Callable, Iterator
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar

from guidedgen.decoders.base import Finish
from guidedgen.vocabulary import Vocabulary

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True, slots=True)
class LatticeEdge:
    """Some tokens: a chosen one, and what was forced behind it.

    Args:
        target: the number of the node behind it.
        tokens: at least one.
        logprob: of all of them together.
        merged: whether the node was reached on another way first.
    """

    target: int
    tokens: tuple[int, ...]
    logprob: float
    merged: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class LatticeEnd:
    """A text may be over at this node.

    Args:
        finish: "stop", or "length" where a budget ran out.
        logprob: of the end token; 0 where none was needed.
    """

    finish: Finish
    logprob: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class LatticePath:
    """One text of a lattice.

    Args:
        tokens: its tokens.
        text: the same as text.
        logprob: its log-probability, the end included; an estimate where `merged` is true.
        finish: why it is over.
        merged: whether it takes a merged edge.
    """

    tokens: tuple[int, ...]
    text: str
    logprob: float
    finish: Finish
    merged: bool


_Parts: TypeAlias = list[tuple[LatticeEdge, _T]]
_Judge: TypeAlias = Callable[[LatticeEnd | None, "_Parts[_T]"], _T]
_Weight: TypeAlias = Callable[[float], float]


@dataclass(frozen=True, kw_only=True, repr=False)
class Lattice:
    """The texts that a search has met.

    Args:
        vocabulary: of the tokens.
        edges: by node those that leave it; node 0 is the beginning.
        ends: by node how texts end there.
        most: tokens that a text may have, where there is a bound. Ways that merging has made longer are no texts.
    """

    vocabulary: Vocabulary = field(repr=False)
    edges: tuple[tuple[LatticeEdge, ...], ...]
    ends: tuple[LatticeEnd | None, ...]
    most: int | None = None

    def count(self) -> int:
        """How many sequences of tokens it holds. Several of them may spell the same text."""
        return self._folded(_count)(0, 0)

    @property
    def nodes(self) -> int:
        """How many nodes it has."""
        return len(self.edges)

    @property
    def merges(self) -> int:
        """How many edges lead to nodes that were reached on another way first."""
        return sum(edge.merged for edges in self.edges for edge in edges)

    def best(self, k: int = 1) -> list[LatticePath]:
        """The k texts with the largest log-probabilities, best first, none twice; fewer where there are fewer.

        Of sequences of tokens that spell the same text, the best one counts.
        """
        found: dict[str, LatticePath] = {}
        for path in self._ranked():
            if len(found) == k:
                break
            found.setdefault(path.text, path)
        return list(found.values())

    def sample(self, n: int, *, seed: int = 0, by: Literal["chance", "count"] = "chance") -> list[LatticePath]:
        """Draw n texts, with replacement.

        Args:
            n: how many.
            seed: makes draws repeatable.
            by: "chance" draws by probability among the texts of the lattice, "count" draws all sequences of tokens
                equally often.

        Raises:
            ValueError: the lattice holds no text, or `by` is not known.
        """
        if by not in ("chance", "count"):
            raise ValueError(f"by={by!r} must be chance or count")
        counted = self._folded(_count)
        weight, totals = (_itself, self._folded(_mass)) if by == "chance" else (_nothing, _logarithm(counted))
        if not counted(0, 0):
            raise ValueError("the lattice holds no finished text. Search longer, or allow longer texts.")
        chance = random.Random(seed)
        return [self._drawn(chance, weight, totals) for _ in range(n)]

    def dot(self, *, most: int = 200) -> str:
        """The lattice in Graphviz' language, for `dot -Tsvg`: merged edges are dashed, double circles are ends.

        Args:
            most: nodes that are shown; those with the smallest numbers were reached first.
        """
        lines = ["digraph lattice {", "  rankdir=LR;", '  node [shape=circle, label="", width=0.15];']
        for node in range(min(most, self.nodes)):
            if self.ends[node] is not None:
                lines.append(f"  {node} [shape=doublecircle];")
            for edge in self.edges[node]:
                if edge.target < most:
                    label = _quoted(f"{self._text(edge.tokens)} {math.exp(edge.logprob):.2f}")
                    style = ", style=dashed" if edge.merged else ""
                    lines.append(f"  {node} -> {edge.target} [label={label}{style}];")
        return "\n".join([*lines, "}"]) + "\n"

    def __repr__(self) -> str:
        return f"Lattice(nodes={self.nodes}, merges={self.merges}, count={self.count()})"

    def _text(self, tokens: ListOf[int]) -> str:
        return self.vocabulary.decode_bytes(tokens).decode("utf-8", errors="replace")

    def _end(self, node: int, length: int) -> LatticeEnd | None:
        """How a text of so many tokens ends at a node, or None. A budget that ran out does so at its last token."""
        end = self.ends[node]
        if end is None or self.most is None:
            return end
        return end if length == self.most or (length < self.most and end.finish == "stop") else None

    def _following(self, node: int, length: int) -> list[LatticeEdge]:
        """Edges that may be taken after so many tokens."""
        most = self.most
        return [edge for edge in self.edges[node] if most is None or length + len(edge.tokens) <= most]

    def _folded(self, judge: _Judge[_T]) -> Callable[[int, int], _T]:
        """A function of node and length that says of all endings from there what `judge` makes of the parts."""
        known: dict[tuple[int, int], _T] = {}

        def place_of(node: int, length: int) -> tuple[int, int]:
            return node, 0 if self.most is None else length

        def value(node: int, length: int) -> _T:
            waiting = [place_of(node, length)]
            while waiting:  # no recursion: texts may have thousands of tokens
                place = waiting[-1]
                following = self._following(*place)
                places = [place_of(edge.target, place[1] + len(edge.tokens)) for edge in following]
                missing = [other for other in places if other not in known]
                if not missing:
                    parts = [(edge, known[other]) for edge, other in zip(following, places, strict=True)]
                    known[waiting.pop()] = judge(self._end(*place), parts)
                waiting += missing
            return known[place_of(node, length)]

        return value

    def _drawn(self, chance: random.Random, weight: _Weight, totals: Callable[[int, int], float]) -> LatticePath:
        node, way = 0, _Way()
        while True:
            end, following = self._end(node, way.length), self._following(node, way.length)
            logs = [-math.inf if end is None else weight(end.logprob)]
            logs += [weight(edge.logprob) + totals(edge.target, way.length + len(edge.tokens)) for edge in following]
            top = max(logs)
            (place,) = chance.choices(range(len(logs)), [math.exp(value - top) for value in logs])
            if place == 0 and end is not None:
                return self._path(way, end)
            edge = following[place - 1]
            node, way = edge.target, way.after(edge, self.vocabulary)

    def _ranked(self) -> Iterator[LatticePath]:
        """All texts, best first: a way is ranked by itself and the best of its endings, which is known.

        Of ways that spell the same and meet at a node, only the best goes on: there are very many of them.
        """
        best = self._folded(_best)
        numbers = itertools.count()
        heap: list[tuple[float, int, int, _Way, LatticeEnd | None]] = [(-best(0, 0), next(numbers), 0, _Way(), None)]
        met: set[tuple[int, int, bytes]] = set()
        while heap:
            bound, _, node, way, ended = heapq.heappop(heap)
            if bound == math.inf:
                return
            if ended is not None:
                yield self._path(way, ended)
                continue
            place = (node, 0 if self.most is None else way.length, way.text)
            if place in met:
                continue
            met.add(place)
            end = self._end(node, way.length)
            if end is not None:
                heapq.heappush(heap, (-(way.logprob + end.logprob), next(numbers), node, way, end))
            for edge in self._following(node, way.length):
                after = way.after(edge, self.vocabulary)
                value = after.logprob + best(edge.target, after.length)
                heapq.heappush(heap, (-value, next(numbers), edge.target, after, None))

    def _path(self, way: _Way, end: LatticeEnd) -> LatticePath:
        tokens = tuple(way.tokens())
        logprob = way.logprob + end.logprob
        text = way.text.decode("utf-8", errors="replace")
        return LatticePath(tokens=tokens, text=text, logprob=logprob, finish=end.finish, merged=way.merged)


@dataclass(frozen=True, slots=True)
class _Way:
    """The beginning of a text: its last edge, and the way before it."""

    before: _Way | None = None
    edge: LatticeEdge | None = None
    length: int = 0
    logprob: float = 0.0
    merged: bool = False
    text: bytes = b""

    def after(self, edge: LatticeEdge, vocabulary: Vocabulary) -> _Way:
        """This way and one more edge."""
        return _Way(
            self,
            edge,
            self.length + len(edge.tokens),
            self.logprob + edge.logprob,
            self.merged or edge.merged,
            self.text + vocabulary.decode_bytes(edge.tokens),
        )

    def tokens(self) -> list[int]:
        """All tokens."""
        parts: list[tuple[int, ...]] = []
        way: _Way | None = self
        while way is not None and way.edge is not None:
            parts.append(way.edge.tokens)
            way = way.before
        return [token for part in reversed(parts) for token in part]


def _count(end: LatticeEnd | None, following: _Parts[int]) -> int:
    return (end is not None) + sum(count for _, count in following)


def _best(end: LatticeEnd | None, following: _Parts[float]) -> float:
    """The largest log-probability."""
    known = [-math.inf if end is None else end.logprob]
    return max(known + [edge.logprob + value for edge, value in following])


def _mass(end: LatticeEnd | None, following: _Parts[float]) -> float:
    """The log of the sum of probabilities."""
    logs = [-math.inf if end is None else end.logprob] + [edge.logprob + value for edge, value in following]
    top = max(logs)
    return top if top == -math.inf else top + math.log(math.fsum(math.exp(value - top) for value in logs))


def _itself(logprob: float) -> float:
    return logprob


def _nothing(logprob: float) -> float:
    return 0.0


def _logarithm(counted: Callable[[int, int], int]) -> Callable[[int, int], float]:
    def logarithm(node: int, length: int) -> float:
        count = counted(node, length)
        return math.log(count) if count else -math.inf

    return logarithm


def _quoted(text: str) -> str:
    shown = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
    return '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"'
