"""Incremental scanners: bytes go in as they are generated, field events come out.

`JsonScanner` reads one JSON text (RFC 8259) with any cut between the pieces, in the middle of a UTF-8 sequence or of an
escape too. `TextScanner` is its counterpart for outputs that are not JSON. Nothing here knows about tokens or models.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Sequence
from dataclasses import dataclass
from string import hexdigits
from typing import Any, Protocol

from guidedgen.events import Delta, FieldClosed, FieldEvent, FieldStarted, Path, Scanned
from guidedgen.grammars.marked_text import without_marks

_WHITESPACE = frozenset(b" \t\n\r")
_SCALAR = frozenset(b"+-.0123456789eEaflnrstu")
_SCALAR_START = frozenset(b"-0123456789tfn")
_ESCAPES = {
    ord(k): v
    for k, v in {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}.items()
}
_QUOTE, _BACKSLASH, _UNICODE = ord('"'), ord("\\"), ord("u")


class Scanner(Protocol):
    """What the streaming API needs of a scanner."""

    @property
    def spans(self) -> Sequence[Span]:
        """Which bytes belong to which field, of the fields that are closed."""

    @property
    def open(self) -> Path | None:
        """The innermost value that is being read, None where the text is complete."""

    def feed(self, data: bytes) -> Sequence[Scanned]:
        """Events that these bytes complete."""

    def finish(self) -> Sequence[Scanned]:
        """Events at the end of the text."""


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes [start, stop) of the text belong to the scalar at `path`, quotes and escapes included."""

    path: Path
    start: int
    stop: int


@dataclass(slots=True)
class _Frame:
    """An open object or array. `expect` is what may come next: first, key, colon, value or next."""

    path: Path
    value: dict[str, Any] | list[Any]
    expect: str = "first"
    key: str = ""

    def child(self) -> Path:
        return (*self.path, self.key if isinstance(self.value, dict) else len(self.value))

    def add(self, value: Any) -> None:
        if isinstance(self.value, dict):
            self.value[self.key] = value
        else:
            self.value.append(value)
        self.expect = "next"


class _StringReader:
    """Unescapes one JSON string, from behind its opening quote on."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._escape = bytearray()  # an unfinished escape, backslash included
        self._high = ""  # a high surrogate that waits for its partner
        self._fresh: list[str] = []
        self._parts: list[str] = []

    def read(self, data: bytes, index: int) -> tuple[int, bool]:
        """Read from `index` on; the next index, and whether the closing quote was read."""
        while index < len(data):
            if self._escape:
                self._escape.append(data[index])
                index += 1
                self._finish_escape()
                continue
            stop = _plain_run(data, index)
            if stop > index:
                self._emit(self._decoder.decode(data[index:stop]))
                index = stop
            elif data[index] == _QUOTE:
                self._decoder.decode(b"", final=True)
                self._emit("")
                return index + 1, True
            else:
                self._escape.append(data[index])
                index += 1
        return index, False

    def take(self) -> str:
        """Text that was read since the last call."""
        text = "".join(self._fresh)
        self._parts.append(text)
        self._fresh.clear()
        return text

    @property
    def value(self) -> str:
        return "".join(self._parts)

    def _emit(self, text: str) -> None:
        self._fresh.append(self._high + text)
        self._high = ""

    def _finish_escape(self) -> None:
        """A high surrogate is held back: followed at once by a low one, the two are one character (RFC 8259, 7)."""
        kind = self._escape[1]
        if kind != _UNICODE:
            if kind not in _ESCAPES:
                raise ValueError(f"invalid escape \\{chr(kind)}")
            self._emit(_ESCAPES[kind])
        elif len(self._escape) < 6:
            return
        else:
            digits = self._escape[2:].decode("latin-1")
            if not all(digit in hexdigits for digit in digits):
                raise ValueError(f"invalid escape \\u{digits}")
            self._code_unit(int(digits, 16))
        self._escape.clear()

    def _code_unit(self, unit: int) -> None:
        if 0xDC00 <= unit < 0xE000 and self._high:
            character = chr(0x10000 + ((ord(self._high) - 0xD800) << 10) + (unit - 0xDC00))
            self._high = ""
            self._emit(character)
        elif 0xD800 <= unit < 0xDC00:
            self._emit("")
            self._high = chr(unit)
        else:
            self._emit(chr(unit))


def _plain_run(data: bytes, index: int) -> int:
    """End of the run of bytes that stand for themselves."""
    while index < len(data) and data[index] not in (_QUOTE, _BACKSLASH):
        if data[index] < 0x20:
            raise ValueError(f"control character {data[index]:#04x} inside a string")
        index += 1
    return index


class JsonScanner:
    """Turns the bytes of one JSON text into field events.

    Raises:
        ValueError: from `feed` and `finish`, where the text is not JSON.
    """

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._frames: list[_Frame] = []
        self._string: _StringReader | None = None
        self._scalar: bytearray | None = None
        self._path: Path = ()  # of the scalar being read
        self._start = 0  # where the scalar being read starts
        self._reported = 0  # bytes of the scalar that went out as deltas
        self._offset = 0  # bytes before the current piece
        self._root_done = False
        self._events: list[FieldEvent] = []

    def feed(self, data: bytes) -> list[FieldEvent]:
        """Events that these bytes complete, oldest first; at most one `Delta` per string and call."""
        index = 0
        while index < len(data):
            if self._string is not None:
                index = self._read_string(self._string, data, index)
            elif self._scalar is not None and data[index] in _SCALAR:
                self._scalar.append(data[index])
                index += 1
            elif self._scalar is not None:
                self._close_scalar(self._scalar, self._offset + index)
            else:
                if data[index] not in _WHITESPACE:
                    self._structure(data[index], self._offset + index)
                index += 1
        self._offset += len(data)
        self._delta()
        return self._take()

    def finish(self) -> list[FieldEvent]:
        """Events at the end of the text: a number at the root ends only here."""
        if self._scalar is not None:
            self._delta()
            self._close_scalar(self._scalar, self._offset)
        if not self._root_done:
            raise ValueError(f"the JSON text is incomplete after {self._offset} bytes")
        return self._take()

    @property
    def open(self) -> Path | None:
        """The innermost value that is being read, None where the text is complete."""
        if self._scalar is not None or (self._string is not None and not self._in_key()):
            return self._path
        return self._frames[-1].path if self._frames else None if self._root_done else ()

    def _take(self) -> list[FieldEvent]:
        events, self._events = self._events, []
        return events

    def _delta(self) -> None:
        """Report what is new in the scalar being read."""
        if self._string is not None and not self._in_key():
            text = self._string.take()
            if text:
                self._events.append(Delta(self._path, text))
        elif self._scalar:
            text = self._scalar[self._reported :].decode("ascii")
            self._reported = len(self._scalar)
            if text:
                self._events.append(Delta(self._path, text))

    def _in_key(self) -> bool:
        return bool(self._frames) and self._frames[-1].expect in ("first", "key")

    def _read_string(self, reader: _StringReader, data: bytes, index: int) -> int:
        index, closed = reader.read(data, index)
        if not closed:
            return index
        if self._in_key():
            reader.take()
            self._frames[-1].key = reader.value
            self._frames[-1].expect = "colon"
            self._string = None
        else:
            self._delta()
            self._string = None
            self.spans.append(Span(self._path, self._start, self._offset + index))
            self._close(self._path, reader.value)
        return index

    def _close_scalar(self, raw: bytearray, stop: int) -> None:
        self._delta()
        self._scalar = None
        self.spans.append(Span(self._path, self._start, stop))
        self._close(self._path, json.loads(raw.decode("ascii")))

    def _close(self, path: Path, value: Any) -> None:
        self._events.append(FieldClosed(path, value))
        if self._frames:
            self._frames[-1].add(value)
        else:
            self._root_done = True

    def _structure(self, byte: int, offset: int) -> None:
        """One character outside strings, numbers and white space."""
        frame = self._frames[-1] if self._frames else None
        character = chr(byte)
        if frame is not None and character in "]}" and self._may_end(frame, character):
            self._frames.pop()
            self._close(frame.path, frame.value)
        elif frame is not None and frame.expect == "next" and character == ",":
            frame.expect = "key" if isinstance(frame.value, dict) else "value"
        elif frame is not None and frame.expect == "colon" and character == ":":
            frame.expect = "value"
        elif (
            frame is not None and isinstance(frame.value, dict) and frame.expect in ("first", "key") and byte == _QUOTE
        ):
            self._string = _StringReader()
        elif self._may_start_value(frame):
            self._start_value(byte, offset, () if frame is None else frame.child())
        else:
            raise ValueError(f"unexpected {character!r} at byte {offset}")

    @staticmethod
    def _may_end(frame: _Frame, character: str) -> bool:
        return frame.expect in ("first", "next") and character == ("}" if isinstance(frame.value, dict) else "]")

    def _may_start_value(self, frame: _Frame | None) -> bool:
        if frame is None:
            return not self._root_done
        return frame.expect == "value" or (frame.expect == "first" and isinstance(frame.value, list))

    def _start_value(self, byte: int, offset: int, path: Path) -> None:
        if byte not in _SCALAR_START and chr(byte) not in '"{[':
            raise ValueError(f"unexpected {chr(byte)!r} at byte {offset}")
        self._events.append(FieldStarted(path))
        if chr(byte) in "{[":
            if self._frames:
                self._frames[-1].expect = "value"
            self._frames.append(_Frame(path, {} if chr(byte) == "{" else []))
            return
        self._path, self._start, self._reported = path, offset, 0
        if self._frames:
            self._frames[-1].expect = "value"  # no longer "first", which would make this string a key
        if byte == _QUOTE:
            self._string = _StringReader()
        else:
            self._scalar = bytearray([byte])


class TextScanner:
    """One field, the root, whose text is the output itself. Bytes that are not UTF-8 become U+FFFD.

    Args:
        marked: whether special tokens are marked (`marked_text.py`); only their names go out.
    """

    def __init__(self, *, marked: bool = False) -> None:
        self.spans: list[Span] = []
        self._marked = marked
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._parts: list[str] = []
        self._length = 0

    def feed(self, data: bytes) -> list[FieldEvent]:
        """The new text as one `Delta`, none where a character is still incomplete."""
        self._length += len(data)
        return self._emit(self._decoder.decode(without_marks(data) if self._marked else data))

    def finish(self) -> list[FieldEvent]:
        """The rest and `FieldClosed` with the whole text."""
        events = self._emit(self._decoder.decode(b"", final=True))
        if not self._parts:
            events.append(FieldStarted(()))
        self.spans.append(Span((), 0, self._length))
        return [*events, FieldClosed((), "".join(self._parts))]

    @property
    def open(self) -> Path | None:
        """The root: a text may always go on."""
        return ()

    def _emit(self, text: str) -> list[FieldEvent]:
        if not text:
            return []
        started: list[FieldEvent] = [] if self._parts else [FieldStarted(())]
        self._parts.append(text)
        return [*started, Delta((), text)]
