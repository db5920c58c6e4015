"""lark's Python grammar with indentation, as an automaton: files of the standard library read as lark reads them."""

from __future__ import annotations

import importlib.util
import random
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path

import lark
import pytest
from lark.exceptions import LarkError
from lark.indenter import PythonIndenter

from guidedgen.grammars import lark_lalr
from guidedgen.kernel import Compiled
from tests.kernel.helpers import LIMITS, compile_grammar

pytest.importorskip("guidedgen.kernel._native", reason="the native kernel is not built: run `make native`")

MODULES = ["bisect", "keyword", "colorsys", "token", "this", "reprlib", "heapq", "contextlib", "textwrap"]


@cache
def grammar_text() -> str:
    """lark's grammar; what it asks of the text behind a number is not enforced, and changes nothing."""
    text = resources.files("lark").joinpath("grammars/python.lark").read_text(encoding="utf-8")
    assert " /(?![1-9])/" in text
    return text.replace(" /(?![1-9])/", "")


@cache
def compiled() -> Compiled:
    grammar = lark_lalr.parse(grammar_text(), start="file_input", indent=lark_lalr.Indentation())
    # Completing a long file searches through many stacks: more than the memory of one call by default.
    return compile_grammar(grammar, "native", limits=replace(LIMITS, cache_bytes=2**30))


@cache
def parser() -> lark.Lark:
    return lark.Lark(grammar_text(), parser="lalr", postlex=PythonIndenter(), start="file_input")


def parses(text: str) -> bool:
    try:
        parser().parse(text)
    except (LarkError, AssertionError, IndexError):
        return False
    return True


def source(module: str) -> str:
    found = importlib.util.find_spec(module)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).read_text(encoding="utf-8")


def read_as_far_as_possible(text: str) -> tuple[int, bool]:
    """How many bytes can be read, and whether the text is complete then."""
    state = compiled().start()
    data = text.encode()
    for place in range(len(data)):
        after = state.advance(data[place])
        if after is None:
            return place, False
        state = after
    return len(data), state.accepting


@pytest.mark.parametrize("module", MODULES)
def test_files_of_the_standard_library(module: str) -> None:
    text = source(module)
    assert parses(text)
    assert read_as_far_as_possible(text) == (len(text.encode()), True)


@pytest.mark.parametrize("module", ["bisect", "reprlib", "heapq"])
def test_broken_files(module: str) -> None:
    """A character or a line is left out, doubled or moved: accepted if and only if lark parses it."""
    chooser = random.Random(module)
    lines = source(module).splitlines(keepends=True)
    begin = chooser.randrange(len(lines) // 2)
    text = "".join(lines[begin : begin + 80])
    for _ in range(20):
        at, to = sorted(chooser.sample(range(len(text)), 2))
        broken = chooser.choice(
            [
                text[:at] + text[at + 1 :],
                text[:at] + chooser.choice(" :()[]\n\t\"'#x0.") + text[at:],
                text[:at] + text[to : to + 30] + text[at:],
            ]
        )
        assert read_as_far_as_possible(broken)[1] == parses(broken), broken


@pytest.mark.parametrize("module", ["bisect", "contextlib"])
def test_every_prefix_can_be_completed(module: str) -> None:
    """Prefixes of a file, completed by the shortest text, are parsed by lark."""
    text = source(module)
    chooser = random.Random(module)
    for end in sorted(chooser.sample(range(len(text)), 8)):
        prefix = text[:end]
        state = compiled().start().advance_bytes(prefix.encode())
        assert state is not None
        assert parses(prefix + bytes(state.shortest()).decode()), prefix[-200:]
