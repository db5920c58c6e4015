"""How a finished text falls into the parts of a combined spec: which part ends where, and what each part's value is.

Specs that are not combinations are asked through the kernel itself, over single bytes, so that a text is split exactly
as masks let it be written.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from guidedgen.grammars.marked_text import CLOSE, OPEN, decode

if TYPE_CHECKING:
    from guidedgen.grammars.translation import Spec
    from guidedgen.vocabulary import Vocabulary

T = TypeVar("T")

_KEPT = 256
_starts: OrderedDict[int, tuple[object, Any]] = OrderedDict()
_lock = threading.Lock()


@runtime_checkable
class Readable(Protocol):
    """A spec that says by itself how it is read."""

    def ends(self, reading: Reading, start: int) -> Sequence[int]:
        """Where a text of this spec that starts here may end, the preferred end first."""

    def value(self, reading: Reading, start: int, end: int) -> Any:
        """The value of a text of this spec. Raises `ValidationFailed`."""


@dataclass(eq=False)
class Reading:
    """One text that is being read; what was found is remembered."""

    data: bytes
    _ends: dict[tuple[int, int], Sequence[int]] = field(default_factory=dict)
    _kept: list[object] = field(default_factory=list)
    _memo: dict[Hashable, Any] = field(default_factory=dict)

    def ends(self, spec: Spec[Any], start: int) -> Sequence[int]:
        """Where a text of `spec` that starts here may end, the preferred end first."""
        key = (id(spec), start)
        if key not in self._ends:
            self._kept.append(spec)  # so that no other object takes its id
            self._ends[key] = spec.ends(self, start) if isinstance(spec, Readable) else _leaf_ends(spec, self, start)
        return self._ends[key]

    def value(self, spec: Spec[Any], start: int, end: int) -> Any:
        """The value of the text of `spec` between two places."""
        return spec.value(self, start, end) if isinstance(spec, Readable) else spec.parse(self.text(start, end))

    def text(self, start: int, end: int) -> str:
        """A part of the text."""
        return decode(self.data[start:end])

    def plain_until(self, start: int) -> int:
        """Where plain text that starts here ends at the latest: at a special token, or with the text."""
        found = [at for mark in (OPEN, CLOSE) if (at := self.data.find(mark, start)) >= 0]
        return min(found, default=len(self.data))

    def once(self, key: Hashable, work: Callable[[], T]) -> T:
        """The result of `work`, worked out once a text."""
        if key not in self._memo:
            self._memo[key] = work()
        result: T = self._memo[key]
        return result


def boundaries(data: bytes, start: int, stop: int) -> list[int]:
    """Places from `start` to `stop` that are not within a character."""
    return [at for at in range(start, stop + 1) if at == len(data) or data[at] & 0xC0 != 0x80]


def chain(reading: Reading, parts: Sequence[Spec[Any]], start: int) -> list[int]:
    """Where parts one after another may end, the farthest place first."""
    places = {start}
    for part in parts:
        places = {end for place in places for end in reading.ends(part, place)}
    return sorted(places, reverse=True)


def split(reading: Reading, parts: Sequence[Spec[Any]], start: int, end: int) -> list[tuple[int, int]]:
    """How a text falls into parts: each of them takes what it prefers, as far as the later ones can follow.

    Raises:
        ValueError: it does not.
    """
    reached = [{start}]
    for part in parts:
        reached.append({after for place in reached[-1] for after in reading.ends(part, place)})
    useful = {end} & reached[-1]
    goals = [useful]
    for part, places in zip(reversed(parts), reversed(reached[:-1]), strict=True):
        useful = {place for place in places if not useful.isdisjoint(reading.ends(part, place))}
        goals.append(useful)
    goals.reverse()
    if start not in goals[0]:
        raise ValueError("the text is none of this spec")
    spans, place = [], start
    for part, goal in zip(parts, goals[1:], strict=True):
        after = next(candidate for candidate in reading.ends(part, place) if candidate in goal)
        spans.append((place, after))
        place = after
    return spans


def _leaf_ends(spec: Spec[Any], reading: Reading, start: int) -> list[int]:
    """Places where the kernel accepts, the farthest first."""
    state = first_state(spec)
    found = [start] if state.accepting else []
    for at in range(start, reading.plain_until(start)):
        state = state.advance_bytes(reading.data[at : at + 1])
        if state is None:
            break
        if state.accepting:
            found.append(at + 1)
    return found[::-1]


def first_state(spec: Spec[Any]) -> Any:
    """The first position of a compiled spec; those of the last few specs are kept."""
    from guidedgen.grammars.compile import compile  # late: compiling knows specs, and specs know reading

    with _lock:
        known = _starts.get(id(spec))
    if known is None:
        known = (spec, compile(spec, _bytes()).start())
        with _lock:
            _starts[id(spec)] = known  # the spec is kept, so that no other takes its id
            while len(_starts) > _KEPT:
                _starts.popitem(last=False)
    return known[1]


@cache
def _bytes() -> Vocabulary:
    """The vocabulary of single bytes."""
    from guidedgen.vocabulary import Vocabulary  # late: specs do not need it otherwise

    return Vocabulary.from_tokens([bytes([byte]) for byte in range(256)])
