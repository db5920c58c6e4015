"""Which parts of a finished text rules with a capture have read.

The text is parsed again: parts without captures are asked through the kernel, over single bytes, where they may end, so
that a text falls apart exactly as masks let it be written; what is around captures is parsed by Earley's algorithm. Of
several ways to read a text the one is taken whose alternatives come first, and in which each part, from the left, takes
as much as it can.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from guidedgen.errors import ValidationFailed
from guidedgen.grammars import ir
from guidedgen.grammars.lower import children_of, lower
from guidedgen.grammars.marked_text import CLOSE, OPEN
from guidedgen.kernel import compile_table
from guidedgen.limits import Limits
from guidedgen.vocabulary import Vocabulary

if TYPE_CHECKING:
    from guidedgen.grammars.dynamic import Dynamics
    from guidedgen.kernel import InspectableState

Key: TypeAlias = tuple[ir.Node, ir.Grammar, int, int]
"""A node, whose rules it refers to, and for a repetition the least and most (-1: any number) that are left of it."""
Found: TypeAlias = "list[tuple[ir.Capture, int, int]]"
_Deriving: TypeAlias = "Generator[tuple[Key, int, int], Found | None, Found | None]"
_Item: TypeAlias = "tuple[Key, int, int, int]"  # key, number of the production, parts read, where it began

_BYTES: Final = Vocabulary.from_tokens([bytes([byte]) for byte in range(256)])
_MANY: Final = 2
_MARKED: Final = re.compile(b"\xff[^\xfe]*\xfe")
_NO_RULES: Final = ir.Grammar(start=ir.Sequence(()))


@dataclass(eq=False)
class Captures:
    """The captures of one grammar.

    Attributes:
        grammar: the grammar.
        special: the names of tokens by id.
        native: whether the native kernel reads the parts.
        limits: what reading them may cost.
        dynamics: what functions of the program answer for terminals.
    """

    grammar: ir.Grammar
    special: dict[int, str]
    native: bool
    limits: Limits
    dynamics: Dynamics | None = None
    _starts: dict[tuple[ir.Node, ir.Grammar], InspectableState] = field(default_factory=dict)
    _opaque: dict[tuple[ir.Node, ir.Grammar], bool] = field(default_factory=dict)

    @cached_property
    def names(self) -> dict[str, bool]:
        """The names, each with whether it may come several times."""
        return {name: count >= _MANY for name, count in _counts(self.grammar).items()}

    def of(self, data: bytes) -> dict[str, str | list[str]]:
        """The captures of a finished text, special tokens in it as marks. A name that nothing was read for is left out.

        Raises:
            ValidationFailed: it is no text of the grammar.
        """
        if not self.names:
            return {}
        found = _Parse(self, data).captures()
        result: dict[str, Any] = {name: [] for name, several in self.names.items() if several}
        for node, start, end in found:
            for name, text in self._texts(node, data[start:end]):
                value = text.decode("utf-8", errors="replace")
                if self.names[name]:
                    result[name].append(value)
                else:
                    result[name] = value
        return result

    def _texts(self, node: ir.Capture, text: bytes) -> Iterator[tuple[str, bytes]]:
        cut = len(text)
        if node.ending is not None:
            cut = self._suffix(node.ending, text)
            if node.ending_name is not None:
                yield node.ending_name, text[cut:]
        elif node.trailing is not None:
            cut = self._suffix(node.trailing, text)
        if node.name is not None:
            yield node.name, text[:cut]

    def _suffix(self, ending: ir.Expression, text: bytes) -> int:
        """Where the longest text of `ending` at the end begins."""
        node = self._terminals.setdefault(ending, ir.Terminal(ending))
        return next(
            (at for at in range(len(text) + 1) if len(text) in self.leaf_ends(node, self.grammar, text, at)), len(text)
        )

    @cached_property
    def _terminals(self) -> dict[ir.Expression, ir.Node]:
        return {}

    def opaque(self, node: ir.Node, grammar: ir.Grammar) -> bool:
        """Whether nothing in it has to be known but where it ends: no captures, no special tokens."""
        if (node, grammar) not in self._opaque:
            self._opaque[node, grammar] = all(
                not isinstance(part, ir.Capture | ir.SpecialToken | ir.TokenSet | ir.Dynamic)
                for part, _ in nodes_of(node, grammar)
            )
        return self._opaque[node, grammar]

    def leaf_ends(self, node: ir.Node, grammar: ir.Grammar, data: bytes, start: int) -> list[int]:
        """Where a text of an opaque node may end."""
        state: InspectableState | None = self._start(node, grammar)
        assert state is not None
        found = [start] if state.accepting else []
        for at in range(start, len(data)):
            state = state.advance_bytes(data[at : at + 1])
            if state is None:
                break
            if state.accepting:
                found.append(at + 1)
        return found

    def _start(self, node: ir.Node, grammar: ir.Grammar) -> InspectableState:
        if (node, grammar) not in self._starts:
            whole = ir.Grammar(start=node, rules=grammar.rules)
            table = lower(whole, special={}, limits=self.limits, native=self.native, vocabulary=_BYTES, counted=False)
            kernel = "native" if self.native else "reference"
            self._starts[node, grammar] = compile_table(
                table, _BYTES, limits=self.limits, implementation=kernel
            ).start()
        return self._starts[node, grammar]


class _Parse:
    """One text."""

    def __init__(self, captures: Captures, data: bytes) -> None:
        self._captures = captures
        self._data = data
        self._root = self._key(captures.grammar.start, captures.grammar)
        self._ends: dict[tuple[Key, int], dict[int, None]] = {}
        self._waiting: dict[tuple[Key, int], list[_Item]] = {}
        self._productions: dict[Key, list[tuple[Key, ...]]] = {}
        self._parse()

    def captures(self) -> Found:
        """What was captured, in order. Raises `ValidationFailed`."""
        end = len(self._data)
        found = None
        if end in self._ends.get((self._root, 0), {}):
            found = _run(self, self._root, 0, end)
        if found is None:
            text = self._data.decode("utf-8", errors="replace")
            raise ValidationFailed("the text is none of the grammar", raw=text)
        return found

    def _key(self, node: ir.Node, grammar: ir.Grammar) -> Key:
        """References and grammars within grammars are seen through."""
        for _ in range(len(grammar.rules) + 1_000):
            if self._captures.opaque(node, grammar):
                break
            if isinstance(node, ir.Reference):
                node = grammar.rules[node.name]
            elif isinstance(node, ir.Scope):
                grammar = node.grammar
                node = grammar.start
            else:
                break
        if isinstance(node, ir.Repetition) and not self._captures.opaque(node, grammar):
            return node, grammar, node.low, -1 if node.high is None else node.high
        return node, grammar, 0, 0

    def productions(self, key: Key) -> list[tuple[Key, ...]]:
        """What a node may consist of, the preferred first."""
        if key not in self._productions:
            self._productions[key] = list(self._expanded(key))
        return self._productions[key]

    def _expanded(self, key: Key) -> Iterator[tuple[Key, ...]]:
        node, grammar, low, high = key
        match node:
            case ir.Sequence():
                yield tuple(self._key(part, grammar) for part in node.parts)
            case ir.Choice():
                yield from ((self._key(option, grammar),) for option in node.options)
            case ir.Capture() | ir.Heated():
                yield (self._key(node.node, grammar),)
            case ir.Repetition():
                inner = self._key(node.inner, grammar)
                if high != 0:
                    yield inner, (node, grammar, max(low - 1, 0), high - 1 if high > 0 else -1)
                if low == 0:
                    yield ()
            case _:
                raise AssertionError(f"{type(node).__name__} is a leaf")

    def _is_leaf(self, key: Key) -> bool:
        return isinstance(key[0], ir.SpecialToken | ir.TokenSet | ir.Dynamic) or self._captures.opaque(key[0], key[1])

    def _leaf_ends(self, key: Key, start: int) -> list[int]:
        node, grammar, *_ = key
        if isinstance(node, ir.Dynamic):
            return self._answered_ends(node, start)
        if not isinstance(node, ir.SpecialToken | ir.TokenSet):
            return self._captures.leaf_ends(node, grammar, self._data, start)
        if start >= len(self._data) or self._data[start] != OPEN:
            return []
        close = self._data.index(CLOSE, start)
        name = self._data[start + 1 : close].decode("utf-8", errors="replace")
        return [close + 1] if self._names(node, name) else []

    def _answered_ends(self, node: ir.Dynamic, start: int) -> list[int]:
        dynamics = self._captures.dynamics
        before = _MARKED.sub(b"", self._data[:start]).decode("utf-8", errors="replace")
        answer = None if dynamics is None else dynamics.answer(node, before)
        return [] if answer is None else self._captures.leaf_ends(answer, _NO_RULES, self._data, start)

    def _names(self, node: ir.SpecialToken | ir.TokenSet, name: str) -> bool:
        if isinstance(node, ir.SpecialToken):
            return node.name == name
        named = name in node.names or any(self._captures.special.get(token) == name for token in node.ids)
        return named != node.excluded

    def _parse(self) -> None:
        """Fill `_ends`: where each node that may begin somewhere may end."""
        agenda: dict[int, list[_Item]] = {0: []}
        places = [0]

        def add(item: _Item, at: int) -> None:
            if at not in agenda:
                agenda[at] = []
                heapq.heappush(places, at)
            agenda[at].append(item)

        def predict(key: Key, at: int) -> None:
            self._ends[key, at] = {}
            self._waiting[key, at] = []
            if self._is_leaf(key):
                self._ends[key, at] = dict.fromkeys(self._leaf_ends(key, at))
            else:
                for number in range(len(self.productions(key))):
                    add((key, number, 0, at), at)

        predict(self._root, 0)
        while places:
            at = heapq.heappop(places)
            seen: set[_Item] = set()
            work = agenda[at]
            while work:
                item = work.pop()
                if item in seen:
                    continue
                seen.add(item)
                key, number, dot, origin = item
                parts = self.productions(key)[number]
                if dot < len(parts):
                    part = parts[dot]
                    if (part, at) not in self._ends:
                        predict(part, at)
                    self._waiting[part, at].append(item)
                    for end in self._ends[part, at]:
                        add((key, number, dot + 1, origin), end)
                elif at not in self._ends[key, origin]:
                    self._ends[key, origin][at] = None
                    for waiting_key, waiting_number, waiting_dot, waiting_origin in self._waiting[key, origin]:
                        add((waiting_key, waiting_number, waiting_dot + 1, waiting_origin), at)
            del agenda[at]

    def derive(self, key: Key, start: int, end: int, open_: set[tuple[Key, int, int]]) -> _Deriving:
        """What is captured in a node that reads from one place to another; None where this way bites its tail."""
        if self._is_leaf(key):
            return []
        if (key, start, end) in open_:
            return None
        open_.add((key, start, end))
        try:
            for parts in self.productions(key):
                for places in self._splits(parts, start, end):
                    found: Found | None = []
                    for part, first, last in zip(parts, places, places[1:], strict=False):
                        inner = yield part, first, last
                        if inner is None:
                            found = None
                            break
                        assert found is not None
                        found += inner
                    if found is not None:
                        node = key[0]
                        return [(node, start, end), *found] if isinstance(node, ir.Capture) else found
            return None
        finally:
            open_.discard((key, start, end))

    def _splits(self, parts: tuple[Key, ...], start: int, end: int) -> Iterator[tuple[int, ...]]:
        """The ways to share a text out among parts, each as much as it can from the left."""
        useful = [{end}]
        reached = [{start}]
        for part in parts:
            reached.append({after for at in reached[-1] for after in self._ends.get((part, at), ()) if after <= end})
        useful[0] &= reached[-1]
        for part, places in zip(reversed(parts), reversed(reached[:-1]), strict=True):
            useful.append({at for at in places if not useful[-1].isdisjoint(self._ends.get((part, at), ()))})
        useful.reverse()
        if start not in useful[0]:
            return
        stack: list[tuple[int, ...]] = [(start,)]
        while stack:
            places_so_far = stack.pop()
            index = len(places_so_far) - 1
            if index == len(parts):
                yield places_so_far
                continue
            ends = self._ends[parts[index], places_so_far[-1]]
            stack += [(*places_so_far, after) for after in sorted(ends) if after in useful[index + 1]]


def rules_read(grammar: ir.Grammar, data: bytes, *, native: bool, limits: Limits) -> list[tuple[str, int, int]]:
    """Which rules of a grammar have read which part of a text: name, start and end, outer ones before inner ones.

    Raises:
        ValidationFailed: it is no text of the grammar.
        LimitExceeded: as for compiling the grammar.
    """
    rules: dict[str, ir.Node] = {name: ir.Capture(node, name) for name, node in grammar.rules.items()}
    captures = Captures(ir.Grammar(start=grammar.start, rules=rules), special={}, native=native, limits=limits)
    found = _Parse(captures, data).captures()
    return [(node.name, start, end) for node, start, end in found if node.name is not None and rules[node.name] is node]


def _run(parse: _Parse, key: Key, start: int, end: int) -> Found | None:
    """Derivations call each other as deep as a text nests: they are kept on a list."""
    open_: set[tuple[Key, int, int]] = set()
    stack = [parse.derive(key, start, end, open_)]
    value: Found | None = None
    while stack:
        try:
            wanted = stack[-1].send(value)
        except StopIteration as done:
            stack.pop()
            value = done.value
        else:
            stack.append(parse.derive(*wanted, open_))
            value = None
    return value


def _counts(grammar: ir.Grammar) -> dict[str, int]:
    """How often each name can come at most, `_MANY` standing for several times: a least fixpoint."""
    nodes = list(nodes_of(grammar.start, grammar))
    counts: dict[tuple[Any, ir.Grammar], dict[str, int]] = {entry: {} for entry in nodes}
    changed = any(isinstance(node, ir.Capture) for node, _ in nodes)
    while changed:
        changed = False
        for entry in reversed(nodes):
            now = _count(entry, counts)
            if now != counts[entry]:
                counts[entry] = now
                changed = True
    return counts[grammar.start, grammar]


def _count(entry: tuple[Any, ir.Grammar], counts: dict[tuple[Any, ir.Grammar], dict[str, int]]) -> dict[str, int]:
    node, grammar = entry
    below = [counts[child] for child in _below(node, grammar)]
    result: dict[str, int] = {}
    for inner in below:
        for name, count in inner.items():
            times = count * _MANY if isinstance(node, ir.Repetition) and node.high not in (0, 1) else count
            before = result.get(name, 0)
            result[name] = max(before, times) if isinstance(node, ir.Choice) else min(before + times, _MANY)
    if isinstance(node, ir.Capture):
        for own in (node.name, node.ending_name):
            if own is not None:
                result[own] = min(result.get(own, 0) + 1, _MANY)
    return result


def _below(node: Any, grammar: ir.Grammar) -> list[tuple[Any, ir.Grammar]]:
    if isinstance(node, ir.Reference):
        return [(grammar.rules[node.name], grammar)]
    if isinstance(node, ir.Scope):
        return [(node.grammar.start, node.grammar)]
    if isinstance(node, ir.Limited):
        return [(node.node, grammar)]
    return [] if isinstance(node, ir.Terminal) else [(child, grammar) for child in children_of(node)]


def nodes_of(node: ir.Node, grammar: ir.Grammar) -> Iterator[tuple[Any, ir.Grammar]]:
    """A node and all that it reaches, rules included."""
    seen: set[tuple[Any, ir.Grammar]] = set()
    work: list[tuple[Any, ir.Grammar]] = [(node, grammar)]
    while work:
        entry = work.pop()
        if entry not in seen:
            seen.add(entry)
            yield entry
            work += _below(*entry)
