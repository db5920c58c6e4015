"""What `Model.stream` yields: a value being born, field by field.

A *path* leads from the root of the value to a field: keys and indices, `()` is the root. Closed fields never change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from guidedgen.result import Result

T = TypeVar("T")

Path: TypeAlias = tuple[str | int, ...]


def pointer_of(path: Path) -> str:
    """The path as a JSON pointer (RFC 6901): `("a", 0)` is `/a/0`, the root is the empty string."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


@dataclass(frozen=True, slots=True)
class FieldStarted:
    """The first character of a value is there; objects and arrays start too."""

    path: Path

    @property
    def pointer(self) -> str:
        """The path as a JSON pointer."""
        return pointer_of(self.path)


@dataclass(frozen=True, slots=True)
class Delta:
    """More text of a scalar: unescaped for strings, as written for numbers, booleans and null.

    The deltas of a string, joined, are its value. An output that is not JSON has one field, the root.
    """

    path: Path
    text: str

    @property
    def pointer(self) -> str:
        """The path as a JSON pointer."""
        return pointer_of(self.path)


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    """More of the reasoning before the value; see `Thinking`. No part of the value, so it has no path."""

    text: str


@dataclass(frozen=True, slots=True)
class FieldClosed:
    """The value at `path` is final. It is the JSON value; the typed one comes with `Done`."""

    path: Path
    value: Any

    @property
    def pointer(self) -> str:
        """The path as a JSON pointer."""
        return pointer_of(self.path)


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """The last event: the same result that `generate` returns."""

    result: Result[T]


FieldEvent: TypeAlias = FieldStarted | Delta | FieldClosed
Scanned: TypeAlias = FieldEvent | ThinkingDelta
Event: TypeAlias = FieldStarted | Delta | FieldClosed | ThinkingDelta | Done[T]
