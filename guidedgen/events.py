"""What `Model.stream` yields: a value being born, field by field.

A *path* leads from the root of the value to a field: keys and indices, `()` is the root. Closed fields never change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from guidedgen.result import FieldReport, Result

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

    The deltas of a string, joined, are its value. An output that is not JSON has one field, the root. `damage` is what
    the mask did since the delta before, in nats (see `FieldReport`); punctuation and names in between are part of it.
    """

    path: Path
    text: str
    damage: float = field(default=0.0, compare=False)

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
    """The value at `path` is final. It is the JSON value; the typed one comes with `Done`.

    `report` says how sure the model was of a scalar and what the mask did to it, as far as that is known by now; None
    for objects and arrays. `Done.result.report` has it complete.
    """

    path: Path
    value: Any
    report: FieldReport | None = field(default=None, compare=False)

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
