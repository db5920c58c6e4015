"""Excerpts of a source: their spans, against slices of the source, also of random and long ones."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import guidedgen as gg
from guidedgen.errors import CompileError, UnsatisfiableSchema, ValidationFailed
from guidedgen.grammars.compile import compile
from guidedgen.testing import accepts, byte_vocabulary, check_constraint

TEXT = "The cat sat on the mat.\nThe cat ran: «là» and\tback.\n\nThe end"
PARTS = {"characters": "(?s:.)", "words": r"[^ \t\n\r\f\v]+", "lines": r"[^\n\r]+"}
VOCABULARY = byte_vocabulary([b"The", b" cat", b" sat", b"the mat", b"at", b".\n", b" \xc2", b"\xab"])


def spans(text: str, unit: str, least: int, most: int | None) -> dict[str, int]:
    """Every span of so many units, with the place where it stands first."""
    parts = [match.span() for match in re.finditer(PARTS[unit], text)]
    found: dict[str, int] = {}
    for first, (start, _) in enumerate(parts):
        for count, (_, stop) in enumerate(parts[first:], start=1):
            if count >= least and (most is None or count <= most):
                found.setdefault(text[start:stop], start)
    return found


@pytest.mark.parametrize("unit", sorted(PARTS))
@pytest.mark.parametrize(("least", "most"), [(1, None), (2, 3), (1, 1), (3, None), (0, 2)])
def test_spans_of_the_source(unit: Any, least: int, most: int | None, kernel: str) -> None:
    spec = gg.Substring(TEXT, unit, min=least, max=most)
    constraint = compile(spec, byte_vocabulary(), implementation=kernel)
    expected = spans(TEXT, unit, least, most)
    everything = spans(TEXT, "characters", 1, None)
    sample = [text for index, text in enumerate(everything) if index % (1 if kernel == "native" else 13) == 0]
    assert [text for text in sample if accepts(constraint, text)] == [text for text in sample if text in expected]
    assert accepts(constraint, "") == (least == 0)
    for text, start in expected.items():
        excerpt = spec.parse(text)
        assert (excerpt, excerpt.start, excerpt.stop) == (text, start, start + len(text))
    for text in everything:
        if text not in expected:
            with pytest.raises(ValidationFailed):
                spec.parse(text)


@pytest.mark.parametrize("unit", sorted(PARTS))
def test_the_laws_of_constraints(unit: Any, kernel: str) -> None:
    for bounds in ({}, {"min": 2, "max": 4}):
        constraint = compile(gg.Substring(TEXT, unit, **bounds), VOCABULARY, implementation=kernel)
        check_constraint(constraint, VOCABULARY, walks=4, length=12)


@given(st.text("ab \n", max_size=12), st.sampled_from(sorted(PARTS)), st.integers(1, 3), st.integers(0, 3))
def test_random_sources(text: str, unit: Any, least: int, more: int) -> None:
    expected = spans(text, unit, least, least + more)
    spec = gg.Substring(text, unit, min=least, max=least + more)
    if not expected:
        with pytest.raises(UnsatisfiableSchema):
            compile(spec, byte_vocabulary())
        return
    constraint = compile(spec, byte_vocabulary())
    everything = spans(text, "characters", 1, None)
    assert {one for one in everything if accepts(constraint, one)} == set(expected)
    assert {one: spec.parse(one).start for one in expected} == expected


def test_a_quote_inside_a_text() -> None:
    spec = 'He said: "' + gg.Named("quote", gg.Substring(TEXT, max=4)) + '".'
    constraint = compile(spec, VOCABULARY)
    check_constraint(constraint, VOCABULARY, walks=4, length=12)
    assert accepts(constraint, 'He said: "cat sat on".')
    assert not accepts(constraint, 'He said: "cat ran on".')
    quote = spec.parse('He said: "The cat ran:".')["quote"]
    assert (quote, quote.start) == ("The cat ran:", TEXT.index("The cat ran:"))


def test_an_excerpt_is_a_string_that_can_be_copied() -> None:
    excerpt = gg.Excerpt("cat", 4)
    for copied in (copy.copy(excerpt), copy.deepcopy(excerpt), pickle.loads(pickle.dumps(excerpt))):
        assert (copied, copied.start, copied.stop) == ("cat", 4, 7)


def test_a_source_of_100_kilobytes_is_read_once() -> None:
    text = " ".join(f"word{index % 977} {index * index % 1009}" for index in range(8000))
    assert len(text) > 80_000
    constraint = compile(gg.Substring(text), byte_vocabulary([b" word", b"word1", b"97 "]))
    state = constraint.start()
    state.mask()
    before = constraint.stats()["trie_nodes_visited"]
    assert before < 300
    assert state.advance_bytes(b"word5 25 word6 36") is not None
    assert state.advance_bytes(b"word5 25 word7") is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gg.Substring(b"a"), "must be a string"),  # type: ignore[arg-type]
        (lambda: gg.Substring("a", "sentences"), "'sentences' is not known"),  # type: ignore[arg-type]
        (lambda: gg.Substring("a", min=2, max=1), "from 2 to 1 words"),
        (lambda: gg.Substring("\ud800"), "UTF-8"),
    ],
)
def test_mistakes(make: Any, message: str) -> None:
    with pytest.raises(CompileError, match=message):
        make()
