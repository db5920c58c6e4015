"""Bounds that steer a generation: what a type leaves endless ends where nobody would read on.

A small model that has begun to write zeros writes zeros until its tokens are used up. So a whole call holds numbers and
runs of white space to `STEERING`, which cuts nothing that a schema requires, and its report says where that happened.
Compiled constraints have no such bounds: what a schema allows, they allow.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

from guidedgen.events import Path, pointer_of
from guidedgen.grammars.json_schema.bounds import Bounds
from guidedgen.grammars.specs import JsonSchema, TypeSpec
from guidedgen.grammars.thinking import Thinking
from guidedgen.streaming import Span

STEERING = Bounds(whitespace=64, digits=32)  # more than a 64-bit integer or a double needs

_STRING_OR_SPACE = re.compile(rb'"(?:[^"\\]|\\.)*"|[ \t\n\r]+')


def steered(spec: Any, bounds: Bounds) -> Any:
    """The spec, with bounds where it is one of JSON texts, or reasoning before one, and asks for none itself."""
    if isinstance(spec, Thinking):
        return replace(spec, output=steered(spec.output, bounds))
    if not isinstance(spec, JsonSchema | TypeSpec):
        return spec
    own = spec.bounds
    both = {
        entry.name: getattr(bounds if getattr(own, entry.name) is None else own, entry.name) for entry in fields(Bounds)
    }
    if isinstance(spec, TypeSpec):
        return replace(spec, bounds=Bounds(**both))
    return replace(spec, **{f"max_{name}": value for name, value in both.items()})


def bounds_of(spec: Any) -> Bounds | None:
    """The bounds that the JSON text of a spec is written under; None where it is none."""
    spec = spec.output if isinstance(spec, Thinking) else spec
    return spec.bounds if isinstance(spec, JsonSchema | TypeSpec) else None


def reached(text: bytes, spans: Sequence[Span], bounds: Bounds, *, start: int = 0) -> Iterator[str]:
    """Where a JSON text is as long as its bounds allow, in words.

    Args:
        text: that holds a JSON document.
        spans: the document's scalars.
        bounds: it was written under.
        start: where it begins in `text`.
    """
    yield from _long_scalars(text, spans, bounds)
    if bounds.items is not None:
        for path, count in _lengths(spans).items():
            if count >= bounds.items:
                yield f"{_place(path)}: an array of {bounds.items} items"
    runs = (found.group() for found in _STRING_OR_SPACE.finditer(text, start))
    if bounds.whitespace is not None and any(len(run) >= bounds.whitespace for run in runs if run[:1] != b'"'):
        yield f"{bounds.whitespace} characters of white space in a row"


def _long_scalars(text: bytes, spans: Sequence[Span], bounds: Bounds) -> Iterator[str]:
    for span in spans:
        written = text[span.start : span.stop]
        if written[:1] == b'"':
            if bounds.string is not None and len(json.loads(written)) >= bounds.string:
                yield f"{_place(span.path)}: a string of {bounds.string} characters"
        elif bounds.digits is not None and sum(48 <= byte <= 57 for byte in written) >= bounds.digits:
            yield f"{_place(span.path)}: a number of {bounds.digits} digits"


def _lengths(spans: Sequence[Span]) -> dict[Path, int]:
    """By path of an array that holds scalars at some depth, its number of items, as far as scalars tell."""
    items: dict[Path, int] = {}
    for span in spans:
        for depth, step in enumerate(span.path):
            if isinstance(step, int):
                items[span.path[:depth]] = step + 1
    return items


def _place(path: Path) -> str:
    return pointer_of(path) or "the value"
