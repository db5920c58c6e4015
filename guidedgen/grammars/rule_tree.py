"""Rules as GBNF and EBNF files write them: the form between such a text and `ir.py`. Nothing here knows a notation.

`RuleBuilder` collects a rule's body while it is read: brackets are a list, not recursion, so nesting costs no stack.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.text_source import Source
from guidedgen.limits import Limits

_LONGEST_LABEL = 60


@dataclass(frozen=True, slots=True, eq=False)
class Chars:
    """A text of characters: a literal or a set. `label` is how the file writes it."""

    regex: cr.Regex
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class Token:
    """One token of the vocabulary, by its text or its id; `negated`: any token but this one."""

    token: str | int
    negated: bool
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    """A rule, mentioned at an offset of the file."""

    name: str
    place: int


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """One after another; no parts: the empty text."""

    parts: tuple[Body, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Either:
    """Any of."""

    options: tuple[Body, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """`inner` at least `low` and at most `high` times (None: no maximum)."""

    inner: Body
    low: int
    high: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Except:
    """The texts of `inner` that are none of `removed`."""

    inner: Body
    removed: Body
    place: int


Body: TypeAlias = Chars | Token | Name | Chain | Either | Times | Except


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A rule and the offset of its name."""

    name: str
    body: Body
    place: int


def parts_of(node: Body) -> tuple[Body, ...]:
    """What a node is made of."""
    match node:
        case Chain():
            return node.parts
        case Either():
            return node.options
        case Times():
            return (node.inner,)
        case Except():
            return (node.inner, node.removed)
        case _:
            return ()


def bottom_up(root: Body) -> Iterator[Body]:
    """Every node once, parts before what they are part of."""
    stack: list[tuple[Body, bool]] = [(root, False)]
    seen: set[int] = set()
    while stack:
        node, ready = stack.pop()
        if ready:
            yield node
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((part, False) for part in reversed(parts_of(node)))


def names_in(root: Body) -> Iterator[Name]:
    """The rules that a body mentions."""
    return (node for node in bottom_up(root) if isinstance(node, Name))


def nullable_rules(rules: Collection[Rule]) -> set[str]:
    """The names of the rules that may be empty."""
    bodies = {rule.name: rule.body for rule in rules}
    users: dict[str, list[str]] = {}
    for rule in rules:
        for used in names_in(rule.body):
            users.setdefault(used.name, []).append(rule.name)
    found: set[str] = set()
    todo = list(bodies)
    while todo:
        name = todo.pop()
        if name not in found and is_nullable(bodies[name], found):
            found.add(name)
            todo.extend(users.get(name, ()))
    return found


def is_nullable(root: Body, nullable: Collection[str]) -> bool:
    """Whether a body may be empty, if the `nullable` rules may and no others."""
    known: dict[int, bool] = {}
    for node in bottom_up(root):
        parts = [known[id(part)] for part in parts_of(node)]
        match node:
            case Chars():
                known[id(node)] = node.regex.nullable
            case Name():
                known[id(node)] = node.name in nullable
            case Token():
                known[id(node)] = False
            case Either():
                known[id(node)] = any(parts)
            case Times():
                known[id(node)] = node.low == 0 or parts[0]
            case Except():
                known[id(node)] = parts[0] and not parts[1]
            case Chain():
                known[id(node)] = all(parts)
    return known[id(root)]


def label_of(root: Body) -> str:
    """A body in one line, cut where it is long."""
    labels: dict[int, str] = {}
    for node in bottom_up(root):
        labels[id(node)] = _short(_label(node, [labels[id(part)] for part in parts_of(node)]))
    return labels[id(root)]


def _label(node: Body, parts: list[str]) -> str:
    match node:
        case Chars() | Token():
            return node.label
        case Name():
            return node.name
        case Chain():
            return " ".join(parts) or '""'
        case Either():
            return f"({' | '.join(parts)})"
        case Except():
            return f"{parts[0]} - {parts[1]}"
        case Times():
            inner = f"({parts[0]})" if isinstance(node.inner, Chain | Except | Times) else parts[0]
            return inner + _counts(node.low, node.high)


def _counts(low: int, high: int | None) -> str:
    simple = {(0, None): "*", (1, None): "+", (0, 1): "?"}
    if (low, high) in simple:
        return simple[low, high]
    return f"{{{low}}}" if low == high else f"{{{low},{'' if high is None else high}}}"


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 3] + "..."


@dataclass(frozen=True, slots=True)
class _Minus:
    """An exception sign that waits for its right side."""

    place: int


@dataclass(frozen=True, slots=True)
class _Count:
    """`n *` in front of the factor that is repeated."""

    count: int
    place: int


class _Frame:
    """An open bracket: the alternatives read so far, and the one that is being read."""

    def __init__(self, bracket: str, place: int) -> None:
        self.bracket = bracket
        self.place = place
        self.options: list[Body] = []
        self.items: list[Body | _Minus | _Count] = []


class RuleBuilder:
    """The body of one rule while it is read."""

    def __init__(self, source: Source, limits: Limits) -> None:
        self._source = source
        self._limits = limits
        self._frames = [_Frame("", source.offset)]

    @property
    def depth(self) -> int:
        """How many brackets are open."""
        return len(self._frames) - 1

    @property
    def empty(self) -> bool:
        """Whether nothing has been read since the last bracket or alternative."""
        return not self._frames[-1].items

    @property
    def has_options(self) -> bool:
        """Whether an alternative was read before the current one."""
        return bool(self._frames[-1].options)

    @property
    def wants_factor(self) -> bool:
        """Whether a sign stands before what comes next."""
        items = self._frames[-1].items
        return bool(items) and isinstance(items[-1], _Minus | _Count)

    @property
    def opened(self) -> tuple[str, int]:
        """The innermost open bracket and its offset."""
        return self._frames[-1].bracket, self._frames[-1].place

    def add(self, node: Body) -> None:
        """Append to the current sequence."""
        self._frames[-1].items.append(node)

    def minus(self, place: int) -> None:
        """What comes next is taken away from the last item."""
        self._last("-", place)
        self._frames[-1].items.append(_Minus(place))

    def count(self, count: int, place: int) -> None:
        """What comes next is repeated."""
        self._frames[-1].items.append(_Count(count, place))

    def wrap(self, operator: str, place: int, made: Callable[[Body], Body]) -> None:
        """Apply an operator that stands behind its operand."""
        self._frames[-1].items[-1] = made(self._last(operator, place))

    def option(self) -> None:
        """Begin the next alternative."""
        frame = self._frames[-1]
        frame.options.append(self._sequence(frame))
        frame.items = []

    def open(self, bracket: str, place: int) -> None:
        """Begin a group."""
        self._frames.append(_Frame(bracket, place))
        self._limits.check("depth", self.depth, "nested brackets")

    def close(self, bracket: str, place: int, made: Callable[[Body], Body]) -> None:
        """End a group that `bracket` has begun and append what `made` makes of it."""
        frame = self._frames[-1]
        if frame.bracket != bracket:
            what = f"closes {frame.bracket!r}" if frame.bracket else "was not opened"
            raise self._source.error(
                f"this bracket {what}",
                at=place,
                hint="Each bracket needs its counterpart; escape or quote a literal one.",
            )
        self.option()
        self._frames.pop()
        options = frame.options
        self.add(made(options[0] if len(options) == 1 else Either(tuple(options))))

    def finish(self) -> Body:
        """The whole body."""
        if self.depth:
            bracket, place = self.opened
            raise self._source.error(f"{bracket!r} is never closed", at=place, hint="Add the closing bracket.")
        self.option()
        options = self._frames[-1].options
        return options[0] if len(options) == 1 else Either(tuple(options))

    def _last(self, operator: str, place: int) -> Body:
        items = self._frames[-1].items
        last = items[-1] if items else None
        if last is None or isinstance(last, _Minus | _Count):
            raise self._source.error(
                f"{operator!r} has nothing before it that it could apply to",
                at=place,
                hint="Put it behind a text, a set, a name or a group; quote it where it is meant literally.",
            )
        return last

    def _sequence(self, frame: _Frame) -> Body:
        """The items with their signs applied: counts first, then exceptions, from left to right."""
        done: list[Body] = []
        minus: _Minus | None = None
        count: _Count | None = None
        for item in [*frame.items, None]:
            if isinstance(item, _Minus):
                minus = item
                continue
            if isinstance(item, _Count):
                count = item
                continue
            if item is None and count is not None:
                raise self._source.error("nothing follows the number", at=count.place, hint="Write 3 * item.")
            node = item
            if node is not None and count is not None:
                node, count = Times(node, count.count, count.count), None
            if minus is not None:  # with nothing behind it: without the empty text
                done[-1], minus = Except(done[-1], node or Chain(()), minus.place), None
            elif node is not None:
                done.append(node)
        return done[0] if len(done) == 1 else Chain(tuple(done))
