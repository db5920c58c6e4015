"""Automata as tables (AUTOMATON of `kernel/table.py`): the spans of a text, and the words of a set. Short and slow.

The spans of a text: a state is the set of places in the text where what was read may have ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from guidedgen.errors import LimitExceeded

# What spans are made of, by unit: characters, words, lines. They begin and end with such a part.
PARTS: Final = (
    re.compile(rb"[\x00-\x7f]|[\xc0-\xff][\x80-\xbf]*"),
    re.compile(rb"[^ \t\n\r\f\v]+"),
    re.compile(rb"[^\n\r]+"),
)


def span_automaton(text: bytes, unit: int, low: int, high: int, most: int) -> NDArray[np.int32]:
    """The spans of a text that are not empty, of `low` to `high` parts (below 0: any number).

    Raises `LimitExceeded` for more than `most` states.
    """
    parts = [match.span() for match in PARTS[unit].finditer(text)]
    ends = frozenset(end for _, end in parts)
    start = frozenset(begin for begin, _ in parts)
    numbers: dict[tuple[frozenset[int], bool], int] = {(start, False): 0}
    steps: list[dict[int, int]] = []
    counting: list[bool] = []  # whether a part begins at a state
    for places, _ in (waiting := list(numbers)):
        after: dict[int, set[int]] = {}
        for place in places:
            if place < len(text):
                after.setdefault(text[place], set()).add(place + 1)
        edges = {}
        for byte, reached in after.items():
            key = (frozenset(reached), not ends.isdisjoint(reached))
            if key not in numbers:
                numbers[key] = len(numbers)
                waiting.append(key)
                if len(numbers) > most:
                    raise LimitExceeded("states", most, "states of an automaton")
            edges[byte] = numbers[key]
        steps.append(edges)
        counting.append(not start.isdisjoint(places))
    counts = [
        {byte for byte in step if begins and _begins(byte, unit)} for step, begins in zip(steps, counting, strict=True)
    ]
    return table_of(steps, [accepting for _, accepting in numbers], counts=counts, bounds=(low, high))


def _begins(byte: int, unit: int) -> bool:
    """Whether a part can begin with this byte."""
    return PARTS[unit].match(bytes([byte])) is not None


def word_automaton(words: Iterable[bytes], most: int) -> NDArray[np.int32]:
    """The words as a tree. Raises `LimitExceeded` for more than `most` states."""
    steps: list[dict[int, int]] = [{}]
    accepting = [False]
    for word in words:
        state = 0
        for byte in word:
            if byte not in steps[state]:
                steps[state][byte] = len(steps)
                steps.append({})
                accepting.append(False)
                if len(steps) > most:
                    raise LimitExceeded("states", most, "states of an automaton")
            state = steps[state][byte]
        accepting[state] = True
    return table_of(steps, accepting)


def table_of(
    steps: Sequence[dict[int, int]],
    accepting: Sequence[bool],
    *,
    counts: Sequence[set[int]] | None = None,
    bounds: tuple[int, int] = (0, -1),
) -> NDArray[np.int32]:
    """An automaton as a table; state 0 is the start.

    Args:
        steps: of each state, the next state by byte.
        accepting: whether a text may end in a state.
        counts: of each state, the bytes whose steps count; None: none do.
        bounds: least and most steps that count (most -1: any number).
    """
    first, edges = [0], list[int]()
    for state, step in enumerate(steps):
        for byte in sorted(step):
            counted = counts is not None and byte in counts[state]
            edges += (byte | byte << 8 | counted << 16, step[byte])
        first.append(len(edges) // 2)
    bits = np.packbits(np.array([*accepting, *[False] * (-len(accepting) % 32)]), bitorder="little").view("<i4")
    return np.array([len(steps), len(edges) // 2, *bounds, *first, *edges, *bits.tolist()], dtype=np.int32)
