"""Feeding JSON values to a constraint, byte by byte, also with the properties of objects in another order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any


def dumps(value: Any) -> str:
    """The text that is fed."""
    return json.dumps(value, ensure_ascii=False)


def takes(constraint: Any, text: str) -> bool:
    """Whether a text is allowed and complete."""
    try:
        state = constraint.start().advance_bytes(text.encode())
    except UnicodeEncodeError:
        return False
    return state is not None and state.accepting


def takes_in_some_order(constraint: Any, schema: Any, value: Any, budget: int = 20000) -> bool:
    """Whether some order of the properties of every object in `value` is allowed.

    A search guided by the states; it begins with the order in which the schema's text mentions the names.
    """
    places: dict[str, int] = {}
    _mentioned(schema, places)
    steps = iter(range(budget))
    return any(state.accepting for state in _follow(constraint.start(), _sorted(value, places), steps))


def _mentioned(schema: Any, places: dict[str, int]) -> None:
    if isinstance(schema, dict):
        for key, inner in schema.items():
            if key == "properties" and isinstance(inner, dict):
                for name in inner:
                    places.setdefault(name, len(places))
            _mentioned(inner, places)
    elif isinstance(schema, list):
        for inner in schema:
            _mentioned(inner, places)


def _sorted(value: Any, places: dict[str, int]) -> Any:
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: places.get(name, len(places)))
        return {name: _sorted(value[name], places) for name in names}
    return [_sorted(item, places) for item in value] if isinstance(value, list) else value


def _follow(state: Any, value: Any, steps: Iterator[int]) -> Iterator[Any]:
    if next(steps, None) is None:
        return
    if isinstance(value, dict) and value:
        opened = state.advance_bytes(b"{")
        if opened is not None:
            yield from _members(opened, value, True, steps)
    elif isinstance(value, list) and value:
        opened = state.advance_bytes(b"[")
        if opened is not None:
            yield from _items(opened, value, 0, steps)
    else:
        after = state.advance_bytes(dumps(value).encode())
        if after is not None:
            yield after


def _members(state: Any, rest: dict[str, Any], first: bool, steps: Iterator[int]) -> Iterator[Any]:
    """Properties in turn: first those after which every other one that may come now may still come.

    Of the orders within a property's value one is enough: what may follow hardly ever depends on them.
    """
    if not rest:
        closed = state.advance_bytes(b"}")
        if closed is not None:
            yield closed
        return
    keys = {name: state.advance_bytes(_key(name, first)) for name in rest}
    may = {name for name, key in keys.items() if key is not None}
    postponed: list[tuple[str, Any]] = []
    for name in (name for name in rest if name in may):
        for after in islice(_follow(keys[name], rest[name], steps), 1):
            if all(after.advance_bytes(_key(other, False)) is not None for other in may - {name}):
                yield from _members(after, _without(rest, name), False, steps)
            else:
                postponed.append((name, after))
    for name, after in postponed:
        yield from _members(after, _without(rest, name), False, steps)


def _without(rest: dict[str, Any], name: str) -> dict[str, Any]:
    return {other: item for other, item in rest.items() if other != name}


def _key(name: str, first: bool) -> bytes:
    return (("" if first else ", ") + dumps(name) + ": ").encode()


def _items(state: Any, items: list[Any], index: int, steps: Iterator[int]) -> Iterator[Any]:
    if index == len(items):
        closed = state.advance_bytes(b"]")
        if closed is not None:
            yield closed
        return
    at = state if index == 0 else state.advance_bytes(b", ")
    if at is None:
        return
    for after in islice(_follow(at, items[index], steps), 1):
        yield from _items(after, items, index + 1, steps)
