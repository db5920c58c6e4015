"""Automata as tables, built by the native kernel where it is installed, else by the reference kernel."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from guidedgen.kernel import native_is_installed

UNITS = ("characters", "words", "lines")


def span_automaton(
    text: str,
    unit: str,
    *,
    least: int = 1,
    greatest: int | None = None,
    most: int,
    implementation: str | None = None,
) -> NDArray[np.int32]:
    """The spans of a text that are not empty.

    Args:
        text: the text.
        unit: "characters", "words" (what ASCII white space separates) or "lines".
        least: units of a span at least.
        greatest: units of a span at most; None: any number.
        most: states at most; above it `LimitExceeded` is raised.
        implementation: "native" or "reference"; None takes the native one where it is built.
    """
    low = least if least > 1 or greatest is not None else 0  # without bounds nothing is counted
    high = -1 if greatest is None else greatest
    made: NDArray[np.int32] = _builder(implementation).span_automaton(text.encode(), UNITS.index(unit), low, high, most)
    return made


def word_automaton(words: Iterable[bytes], *, most: int, implementation: str | None = None) -> NDArray[np.int32]:
    """The words of a set; `most` and `implementation` are as for `span_automaton`."""
    listed = sorted(set(words))
    made: NDArray[np.int32] = _builder(implementation).word_automaton(listed, most)
    return made


def _builder(implementation: str | None) -> ModuleType:
    native = native_is_installed() if implementation is None else implementation == "native"
    return importlib.import_module("guidedgen.kernel._native" if native else "guidedgen.kernel.reference.automata")
