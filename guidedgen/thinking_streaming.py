"""Events of an output that begins with reasoning: the thoughts as they are written, then those of the value."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

from guidedgen.events import Path, Scanned, ThinkingDelta
from guidedgen.grammars.thinking import GAP
from guidedgen.streaming import Scanner, Span


class ThinkingScanner:
    """Passes what follows the end marker on to the scanner of the value.

    Args:
        begin: the marker before the thoughts; empty where the prompt has it already.
        end: the marker behind them.
        value: scans the value.
    """

    def __init__(self, begin: bytes, end: bytes, value: Scanner) -> None:
        self._begin, self._end, self._value = begin, end, value
        self._held = b""
        self._offset = 0  # bytes that are read, without those held
        self._thinks, self._gap = True, GAP
        self._base: int | None = None  # where the value begins
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._thoughts: list[str] = []

    @property
    def thinking(self) -> str:
        """The reasoning so far, without the white space around it."""
        return "".join(self._thoughts).strip()

    @property
    def base(self) -> int:
        """Where the value begins, or the end of the text so far."""
        return self._offset + len(self._held) if self._base is None else self._base

    @property
    def spans(self) -> list[Span]:
        """Those of the value's fields."""
        return [Span(span.path, span.start + self.base, span.stop + self.base) for span in self._value.spans]

    @property
    def open(self) -> Path | None:
        """The innermost value that is being read; the root before the value begins."""
        return () if self._base is None else self._value.open

    def feed(self, data: bytes) -> Sequence[Scanned]:
        """Events that these bytes complete, oldest first."""
        if self._base is not None:
            return self._value.feed(data)
        self._held += data
        events: list[Scanned] = []
        if len(self._begin) > len(self._held):
            return events
        self._drop(len(self._begin))
        self._begin = b""
        if self._thinks:
            events += self._think()
        if not self._thinks:
            while self._gap and self._held[:1] in (b"\n", b" "):
                self._drop(1)
                self._gap -= 1
            if self._held or not self._gap:
                self._base = self._offset
                events += self._value.feed(self._held)
        return events

    def finish(self) -> Sequence[Scanned]:
        """Events at the end of the text."""
        if self._thinks:
            raise ValueError(f"the reasoning is incomplete after {self._offset + len(self._held)} bytes")
        self._base = self._offset if self._base is None else self._base
        return self._value.finish()

    def _think(self) -> list[Scanned]:
        """The thoughts up to the marker, or to what may be the beginning of it."""
        place = self._held.find(self._end)
        if place < 0:
            most = min(len(self._held), len(self._end) - 1)
            overlap = next((size for size in range(most, 0, -1) if self._held.endswith(self._end[:size])), 0)
            place = len(self._held) - overlap
        else:
            self._thinks = False
        text = self._decoder.decode(self._held[:place], final=not self._thinks)
        self._drop(place if self._thinks else place + len(self._end))
        if not text:
            return []
        self._thoughts.append(text)
        return [ThinkingDelta(text)]

    def _drop(self, size: int) -> None:
        self._held = self._held[size:]
        self._offset += size
