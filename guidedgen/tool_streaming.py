"""Events of calls while they are written: the text beside them, the name of each call, its arguments field by field.

Paths are those of the value: `(0, "name")`, `(0, "arguments", "city")`; what is said beside calls is at `("text",)`.
"""

from __future__ import annotations

import codecs
from collections.abc import Generator
from typing import Any, TypeAlias

from guidedgen.events import Delta, FieldClosed, FieldEvent, FieldStarted, Path
from guidedgen.grammars.marked_text import CLOSE, OPEN
from guidedgen.grammars.tools import Tools
from guidedgen.streaming import JsonScanner, Span

_Reader: TypeAlias = Generator[None, int, None]
"""Takes one byte at a time; ends where its part of the text does."""


class ToolScanner:
    """Turns the bytes of one text of calls into field events.

    Args:
        tools: what was asked for.

    Raises:
        ValueError: from `feed` and `finish`, where the text is not of the format.
    """

    def __init__(self, tools: Tools) -> None:
        self.spans: list[Span] = []
        self._tools, self._written = tools, tools.written
        self._events: list[FieldEvent] = [FieldStarted(())]
        self._offset = 0
        self._calls: list[dict[str, Any]] = []
        self._held = bytearray()  # text that may turn out to be the beginning of calls
        self._said: list[str] = []
        self._words: tuple[int, int] | None = None  # where words begin, and where they end so far
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._open: Path | None = ()
        self._complete = tools.speaks
        self._reader = self._read()
        next(self._reader)

    @property
    def open(self) -> Path | None:
        """The innermost value that is being read, None where the text is complete."""
        return self._open

    def feed(self, data: bytes) -> list[FieldEvent]:
        """Events that these bytes complete, oldest first."""
        for byte in data:
            self._offset += 1
            if byte in (OPEN, CLOSE):  # around the name of a special token
                continue
            try:
                self._reader.send(byte)
            except StopIteration:
                raise ValueError(f"unexpected {chr(byte)!r} at byte {self._offset - 1}, after the last call") from None
        return self._take()

    def finish(self) -> list[FieldEvent]:
        """Events at the end of the text."""
        if not self._complete:
            raise ValueError(f"the calls are incomplete after {self._offset} bytes")
        if not self._calls:
            self._say(bytes(self._held), self._offset - len(self._held))
            self._close_text()
        self._events.append(FieldClosed((), self._calls))
        self._open = None
        return self._take()

    def _take(self) -> list[FieldEvent]:
        """The events so far; pieces of one field in a row are one."""
        joined: list[FieldEvent] = []
        for event in self._events:
            last = joined[-1] if joined else None
            if isinstance(event, Delta) and isinstance(last, Delta) and last.path == event.path:
                joined[-1] = Delta(event.path, last.text + event.text)
            else:
                joined.append(event)
        self._events = []
        return joined

    def _read(self) -> _Reader:
        """All of the text: words, then calls."""
        yield from self._opening()
        self._complete = False
        again, end = self._written.separator + self._written.before, self._written.end
        while True:
            yield from self._call((len(self._calls),))
            self._complete = not end
            self._open = ()
            if (yield from self._one_of(*filter(None, (again, end)))) != again:
                break
            self._complete = False
        self._complete = True
        yield

    def _opening(self) -> _Reader:
        """Words, and what stands before the name of the first call."""
        written = self._written
        if self._tools.speaks and written.trigger:
            yield from self._words_until(written.trigger)
            yield from self._expect(written.opening[len(written.trigger) :])
            return
        openings = {written.opening.encode(), (written.lead + written.opening).encode()}
        while self._tools.choice != "none":
            byte = yield
            self._held.append(byte)
            if bytes(self._held) in openings:
                self._held.clear()
                return
            if not any(opening.startswith(self._held) for opening in openings):
                break
        if not self._tools.speaks:
            raise ValueError(f"no call begins with {self._held.decode(errors='replace')!r}")
        self._say(bytes(self._held), self._offset - len(self._held))
        self._held.clear()
        while True:
            byte = yield
            self._say(bytes([byte]), self._offset - 1)

    def _words_until(self, trigger: str) -> _Reader:
        wanted = trigger.encode()
        while self._held != wanted:
            byte = yield
            self._held.append(byte)
            while not wanted.startswith(self._held):
                self._say(bytes(self._held[:1]), self._offset - len(self._held))
                del self._held[:1]
        self._held.clear()
        self._complete = False
        self._close_text()

    def _call(self, path: Path) -> _Reader:
        """One call, from its name on."""
        self._events += [FieldStarted(path), FieldStarted((*path, "name"))]
        self._open, start = (*path, "name"), self._offset
        between, text = self._written.between.encode(), bytearray()
        while not text.endswith(between):
            byte = yield
            text.append(byte)
        name = text[: -len(between)].decode(errors="replace")
        self.spans.append(Span(self._open, start, self._offset - len(between)))
        self._events += [Delta(self._open, name), FieldClosed(self._open, name)]
        arguments = yield from self._arguments((*path, "arguments"))
        yield from self._expect(self._written.after)
        self._calls.append({"name": name, "arguments": arguments})
        self._events.append(FieldClosed(path, self._calls[-1]))

    def _arguments(self, path: Path) -> Generator[None, int, Any]:
        scanner, start = JsonScanner(), self._offset
        value: Any = None
        while scanner.open is not None:
            self._open = path + scanner.open
            byte = yield
            for event in scanner.feed(bytes([byte])):
                self._events.append(_below(path, event))
                if isinstance(event, FieldClosed) and not event.path:
                    value = event.value
        self.spans += [Span(path + span.path, start + span.start, start + span.stop) for span in scanner.spans]
        self._open = path[:-1]
        return value

    def _expect(self, text: str) -> _Reader:
        for wanted in text.encode():
            byte = yield
            if byte != wanted:
                raise ValueError(f"unexpected {chr(byte)!r} at byte {self._offset - 1}, where {text!r} stands")

    def _one_of(self, *texts: str) -> Generator[None, int, str]:
        """Which of some texts comes, none of which begins another."""
        read = bytearray()
        while True:
            byte = yield
            read.append(byte)
            left = [text for text in texts if text.encode().startswith(read)]
            if not left:
                raise ValueError(f"unexpected {chr(byte)!r} at byte {self._offset - 1}, after a call")
            if left[0].encode() == read:
                return left[0]

    def _say(self, data: bytes, start: int) -> None:
        """More of the words, from `start` on."""
        if data and self._words is None:
            self._words = (start, start)
            self._events.append(FieldStarted(("text",)))
            self._open = ("text",)
        if self._words is not None:
            self._words = (self._words[0], start + len(data))
        self._emit(self._decoder.decode(data))

    def _emit(self, text: str) -> None:
        if text:
            self._said.append(text)
            self._events.append(Delta(("text",), text))

    def _close_text(self) -> None:
        if self._words is None:
            return
        self._emit(self._decoder.decode(b"", final=True))
        self.spans.append(Span(("text",), *self._words))
        self._events.append(FieldClosed(("text",), "".join(self._said)))
        self._words, self._open = None, ()


def _below(path: Path, event: FieldEvent) -> FieldEvent:
    """The event of a value that stands at `path`."""
    place = path + event.path
    if isinstance(event, FieldStarted):
        return FieldStarted(place)
    if isinstance(event, Delta):
        return Delta(place, event.text)
    return FieldClosed(place, event.value)
