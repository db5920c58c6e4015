"""Events of a text with tags: pieces of free text, and what is in each tag, field by field.

Paths are those of the segments: `(0,)` is a piece of free text, `(1, "search", "query")` lies in a tag called search.
A tag is closed at the first place where it can be; where several tags may have begun, events wait until one is left.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from guidedgen.byte_search import ByteSearch
from guidedgen.errors import CompileError
from guidedgen.events import Delta, FieldClosed, FieldStarted, Path, Scanned, ThinkingDelta
from guidedgen.grammars.combinators import AnyTextSpec
from guidedgen.grammars.marked_text import visible_text
from guidedgen.grammars.reading import first_state
from guidedgen.grammars.tags import Tag, Tags
from guidedgen.grammars.translation import Spec
from guidedgen.streaming import Scanner, Span


class TagScanner:
    """Turns the bytes of one text with tags into events.

    Args:
        spec: what was asked for.
        special: special tokens by name; in the bytes they are marked (`marked_text.py`).
        scanner_of: a scanner for the content of a tag.
    """

    def __init__(self, spec: Tags, special: Mapping[str, int], scanner_of: Callable[[Spec[Any]], Scanner]) -> None:
        self.spans: list[Span] = []
        self._spec, self._special, self._scanner_of = spec, special, scanner_of
        self._triggers = {visible_text(text, special): text for text in spec.groups}
        self._search = ByteSearch(self._triggers)
        self._node = 0
        self._events: list[Scanned] = [FieldStarted(())]
        self._values: list[Any] = []
        self._offset = 0
        self._held = bytearray()  # free text that may turn out to be the beginning of a trigger
        self._said: list[str] | None = None  # the piece of free text that is being read
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._candidates: list[_Candidate] = []
        self._open: Path | None = ()

    @property
    def open(self) -> Path | None:
        """The innermost value that is being read, None where the text is complete."""
        if len(self._candidates) == 1:
            return (*self._place(self._candidates[0]), *(self._candidates[0].scanner.open or ()))
        return self._open

    def feed(self, data: bytes) -> Sequence[Scanned]:
        """Events that these bytes complete, oldest first."""
        for byte in data:
            self._read(byte)
        if not self._candidates:
            self._say(len(self._held) - self._overlap())
        elif len(self._candidates) == 1:
            self._events += self._below(self._candidates[0], self._candidates[0].take())
        return self._take()

    def finish(self) -> Sequence[Scanned]:
        """Events at the end of the text."""
        while self._candidates:
            ended = next((candidate for candidate in self._candidates if candidate.longest >= 0), None)
            if ended is None:
                raise ValueError(f"a tag is incomplete after {self._offset} bytes")
            behind = bytes(ended.content[ended.longest :])
            self._close(ended, ended.longest)
            self._offset -= len(behind)
            for byte in behind:
                self._read(byte)
        self._say(len(self._held))
        self._close_text()
        self._events.append(FieldClosed((), self._values))
        self._open = None
        return self._take()

    def _take(self) -> list[Scanned]:
        events, self._events = self._events, []
        return events

    def _overlap(self) -> int:
        """Length of the longest end of what is held that a trigger begins with."""
        most = min(len(self._held), max(map(len, self._triggers), default=1) - 1)
        ends = (bytes(self._held[-size:]) for size in range(most, 0, -1))
        return next((len(end) for end in ends if any(text.startswith(end) for text in self._triggers)), 0)

    def _read(self, byte: int) -> None:
        if self._candidates:
            self._in_tag(byte)
        else:
            self._in_text(byte)
            self._offset += 1

    def _in_text(self, byte: int) -> None:
        self._held.append(byte)
        self._node, fired, _ = self._search.feed(self._node, bytes([byte]))
        if not fired:
            return
        self._say(len(self._held) - len(fired))
        self._close_text()
        self._held.clear()
        self._node = 0
        tags = [self._spec.tags[index] for index in self._spec.groups[self._triggers[fired]]]
        tags.sort(key=lambda tag: len(tag.begin), reverse=True)
        self._candidates = [
            _Candidate(tag, len(fired), self._offset + 1, self._special, self._scanner_of(tag.content)) for tag in tags
        ]
        self._closed_at_once()

    def _closed_at_once(self) -> None:
        """A tag without anything behind its trigger is complete with it."""
        for candidate in self._candidates:
            if candidate.complete:
                self._close(candidate, 0)
                return

    def _in_tag(self, byte: int) -> None:
        for candidate in self._candidates:
            length = candidate.read(byte)
            if length is not None:
                behind = candidate.behind
                self._close(candidate, length)
                self._offset += 1 - len(behind)
                for again in behind:
                    self._read(again)
                return
        self._candidates = [candidate for candidate in self._candidates if candidate.alive]
        if not self._candidates:
            raise ValueError(f"unexpected {chr(byte)!r} at byte {self._offset}, in a tag")
        self._offset += 1

    def _close(self, candidate: _Candidate, length: int) -> None:
        """The tag is complete; its content has so many bytes."""
        self._candidates = []
        place = self._place(candidate)
        self._events += self._below(candidate, candidate.close(length))
        for span in candidate.scanner.spans:
            start = candidate.base
            self.spans.append(Span((*place, *span.path), span.start + start, span.stop + start))
        self._values.append({candidate.tag.name: candidate.value})

    def _below(self, candidate: _Candidate, events: Sequence[Scanned]) -> list[Scanned]:
        place = self._place(candidate)
        for event in events:
            if isinstance(event, FieldClosed) and not event.path:
                candidate.value = event.value
        return [
            event if isinstance(event, ThinkingDelta) else replace(event, path=(*place, *event.path))
            for event in events
        ]

    def _place(self, candidate: _Candidate) -> Path:
        return (len(self._values), candidate.tag.name)

    def _say(self, size: int) -> None:
        """The first bytes that are held are free text."""
        text = self._decoder.decode(bytes(self._held[:size]))
        del self._held[:size]
        if not text:
            return
        place = (len(self._values),)
        if self._said is None:
            self._said = []
            self._events.append(FieldStarted(place))
        self._said.append(text)
        self._events.append(Delta(place, text))

    def _close_text(self) -> None:
        if self._said is not None:
            text = "".join(self._said)
            self._events.append(FieldClosed((len(self._values),), text))
            self._values.append(text)
            self._said = None


class _Candidate:
    """One tag that may have begun: the rest of its begin, its content, and where its end may have begun."""

    def __init__(self, tag: Tag, fired: int, base: int, special: Mapping[str, int], scanner: Scanner) -> None:
        self.tag, self.scanner = tag, scanner
        self.content = bytearray()
        self.alive, self.behind = True, b""
        self.value: Any = None
        self._begin = visible_text(tag.begin, special)[fired:]
        self.base = base + len(self._begin)  # of the content
        self._end = visible_text(tag.end, special)
        self._state: Any = None if isinstance(tag.content, AnyTextSpec) else _state(tag.content)
        self._free = self._state is None
        self._ends: list[tuple[int, int]] = []  # length of the content, and of the end that was read behind it
        self._taken = 0
        self._longest = (
            0 if self._state is not None and self._state.accepting else -1
        )  # without an end: what fits so far

    @property
    def longest(self) -> int:
        """Of a tag without an end: the length of what fits so far; negative where nothing does."""
        return -1 if self._begin or self._end else self._longest

    @property
    def complete(self) -> bool:
        """Whether nothing more can belong to it."""
        if self._state is None or self.longest < len(self.content):
            return False
        return not int.from_bytes(self._state.allowed_bytes(), "little")

    def read(self, byte: int) -> int | None:
        """Read a byte. The length of the content, where the tag is complete."""
        if self._begin:
            self.alive = self._begin[0] == byte
            self._begin = self._begin[1:]
            return 0 if self.alive and self.complete else None
        if self._free:
            return self._read_free(byte)
        length = len(self.content)
        starts = [*self._ends, *([(length, 0)] if self._state is not None and self._state.accepting else [])]
        ends = [(size, seen + 1) for size, seen in starts if seen < len(self._end) and self._end[seen] == byte]
        done = next((size for size, seen in ends if seen == len(self._end)), None)
        self._state = None if self._state is None else self._state.advance_bytes(bytes([byte]))
        self._ends = ends
        self.content.append(byte)
        if not self._end and self._state is None and self._longest >= 0:
            self.behind = bytes(self.content[self._longest :])
            return self._longest
        if not self._end and self._state is not None and self._state.accepting:
            self._longest = len(self.content)
        self.alive = self._state is not None or bool(ends)
        return len(self.content) if done is None and self.complete else done

    def _read_free(self, byte: int) -> int | None:
        self.content.append(byte)
        return len(self.content) - len(self._end) if self.content.endswith(self._end) else None

    def take(self) -> Sequence[Scanned]:
        """Events of the content as far as it certainly is content."""
        if self._begin:
            return []
        if self._free:
            most = min(len(self.content), len(self._end) - 1)
            held = next((size for size in range(most, 0, -1) if self.content.endswith(self._end[:size])), 0)
            return self._pass_on(len(self.content) - held)
        if not self._end and self._longest >= 0:
            return self._pass_on(self._longest)
        return self._pass_on(min((size for size, _ in self._ends), default=len(self.content)))

    def close(self, length: int) -> Sequence[Scanned]:
        """The last events."""
        return [*self._pass_on(length), *self.scanner.finish()]

    def _pass_on(self, length: int) -> Sequence[Scanned]:
        fresh = bytes(self.content[self._taken : length])
        self._taken = max(self._taken, length)
        return self.scanner.feed(fresh) if fresh else []


def _state(spec: Spec[Any]) -> Any:
    """The kernel's position before the content; None where it names special tokens, and its end tells."""
    try:
        return first_state(spec)
    except CompileError:
        return None
