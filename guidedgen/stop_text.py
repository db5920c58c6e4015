"""Cuts an output before the stop text that is complete first, also while it streams.

Bytes that may begin a stop text are held back until it is clear that they do not.
"""

from __future__ import annotations

from collections.abc import Iterable


class StopTrimmer:
    """Passes bytes on up to the stop text that is complete first (of several with one end: the longest).

    Args:
        stops: the texts; none of them empty.
    """

    def __init__(self, stops: Iterable[str]) -> None:
        self._stops = tuple(stop.encode() for stop in stops)
        self._held = b""
        self._stopped = False

    def feed(self, data: bytes) -> bytes:
        """Bytes that certainly stand before any stop text."""
        if self._stopped:
            return b""
        text = self._held + data
        found = [(index + len(stop), index) for stop in self._stops if (index := text.find(stop)) >= 0]
        if found:
            self._stopped, self._held = True, b""
            return text[: min(found)[1]]
        keep = max((self._overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def finish(self) -> bytes:
        """What was held back and turned out to begin nothing."""
        held, self._held = self._held, b""
        return held

    @staticmethod
    def _overlap(text: bytes, stop: bytes) -> int:
        """Length of the longest end of `text` that begins `stop`."""
        longest = min(len(text), len(stop) - 1)
        return next((size for size in range(longest, 0, -1) if text.endswith(stop[:size])), 0)


def cut_at(data: bytes, stops: Iterable[str]) -> bytes:
    """The bytes before the first stop text, all of them where there is none."""
    trimmer = StopTrimmer(stops)
    return trimmer.feed(data) + trimmer.finish()
