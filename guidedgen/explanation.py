"""Why a token is not allowed, as a value: how far it could be read, what was being read there, what could have come."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass

# Labels of schemas: `#/a`, `key 'x' of #/a`, `#/a & #/b (object)`, `#/a (not)/2`, `#/a: string`.
_KEY = re.compile(r"^(?:key|additional key)\b.* of (?=#)", re.DOTALL)
_SHOWN = 6
_SHORT = 20  # bytes of a range whose members are told by kind
_KIND = re.compile(r" \((?:object|array|not)\b.*$|: \w+$", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What one keyword of a schema asks for at some place of a text.

    Attributes:
        wanted: in words, such as `at most 3 items` or `one of the keys "a", "b"`.
        pointer: the keyword's JSON pointer; behind the document's URI in angle brackets where that is not the schema
            itself. None where JSON, or the order of properties, asks for it.
    """

    wanted: str
    pointer: str | None = None

    def __str__(self) -> str:
        return self.wanted if self.pointer is None else f"{self.wanted} ({place_label(self.pointer)})"


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why a token is not allowed.

    Attributes:
        offset: how many of its bytes could still be read.
        expected: the bytes that may follow those; none where only special tokens may, or the text has to end.
        labels: names of what was being read there, or could begin: rules, terminals, places of a schema; sorted.
        text: the token's bytes; none for a special token.
        complete: whether the text is complete behind those bytes, so that it may end there.
        expectations: of a JSON Schema, the keywords that decide there. Where several could be the reason, all of them.
        instance: of a JSON Schema, the JSON pointer of the value in the text that was being read, or in which a name or
            a bracket was; `*` is a step that the state does not remember. None for other grammars.
    """

    offset: int
    expected: frozenset[int]
    labels: tuple[str, ...]
    text: bytes = b""
    complete: bool = False
    expectations: tuple[Expectation, ...] = ()
    instance: str | None = None

    @property
    def pointers(self) -> tuple[str, ...]:
        """The JSON pointers that `labels` name (`""` is the root), sorted; none where the grammar is not a schema's."""
        return tuple(sorted({pointer for label in self.labels for pointer in _pointers(label)}))

    def __str__(self) -> str:
        """One line for people."""
        token = printed_text(self.text) if self.text else "the special token"
        where = f"stops fitting after {printed_text(self.text[: self.offset])}" if self.offset else "does not fit"
        place = f" in {', '.join(self.labels)}" if self.labels else ""
        at = f" (at {self.instance})" if self.instance else ""
        return f"{token} {where}{place}{at}: expected {self.wanted}{self._asked}"

    @property
    def _asked(self) -> str:
        shown = [str(expectation) for expectation in self.expectations[:_SHOWN]]
        more = len(self.expectations) - len(shown)
        return ("; " + "; ".join(shown) if shown else "") + (f"; and {more} more" if more else "")

    @property
    def wanted(self) -> str:
        """What could have come, in words: bytes as ranges of what they print as, and the end."""
        parts = [printed_bytes(self.expected)] if self.expected else []
        if self.complete:
            parts.append("the end")
        return " or ".join(parts) or "no byte"


def place_label(pointer: str) -> str:
    """A JSON pointer as labels show it; one into another document has its URI in front already."""
    return pointer if pointer.startswith("<") else f"#{pointer}"


def _pointers(label: str) -> list[str]:
    places = [_KIND.sub("", place) for place in _KEY.sub("", label).split(" & ")]
    return [place[1:] for place in places if place == "#" or place.startswith("#/")]


def printed_bytes(expected: Iterable[int]) -> str:
    """A set of bytes as ranges of what they print as."""
    ranges: list[list[int]] = []
    for byte in sorted(expected):
        if ranges and ranges[-1][1] == byte - 1:
            ranges[-1][1] = byte
        else:
            ranges.append([byte, byte])
    ranges = [part for low, high in ranges for part in _by_kind(low, high)]
    return " ".join(
        f"{_printed(low)}-{_printed(high)}"
        if high > low + 1
        else " ".join(_printed(byte) for byte in range(low, high + 1))
        for low, high in ranges
    )


def _by_kind(low: int, high: int) -> list[list[int]]:
    """A short range as ranges of digits and of letters, and signs: `-` to `9` would read like something else."""
    if high - low > _SHORT:
        return [[low, high]]
    kinds = [list(part) for _, part in itertools.groupby(range(low, high + 1), _kind)]
    return [[part[0], part[-1]] for part in kinds]


def _kind(byte: int) -> object:
    """Signs are of a kind each."""
    if not 0x20 < byte < 0x7F:
        return "other"
    return "digit" if chr(byte).isdigit() else "letter" if chr(byte).isalpha() else byte


def printed_text(data: bytes, *, most: int = 40) -> str:
    """Bytes as a quoted text; what is not UTF-8 is escaped, the start of a long one is left out."""
    text = data.decode("utf-8", errors="backslashreplace")
    return repr(text if len(text) <= most else "..." + text[-most:])


def _printed(byte: int) -> str:
    return chr(byte) if 0x20 < byte < 0x7F else "space" if byte == 0x20 else f"\\x{byte:02x}"
