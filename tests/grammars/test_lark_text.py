"""Lark grammars: the same texts are accepted as by lark's own Earley parser with its complete dynamic lexer."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lark import Lark, LarkError

import guidedgen as gg
from guidedgen.errors import CompileError, UnsatisfiableSchema
from guidedgen.grammars import ir, lark_text
from guidedgen.testing import accepts as takes
from tests.grammars.lark_samples import SAMPLES
from tests.kernel.helpers import BYTES, accepts, compile_grammar


def mutations(samples: list[str], count: int) -> list[str]:
    """The samples, and copies with a character dropped, doubled, swapped or taken from another sample."""
    chance = random.Random(7)
    alphabet = sorted({char for text in samples for char in text})
    found = list(samples)
    for _ in range(count):
        text = list(chance.choice(found[: 3 * len(samples)]))
        place = chance.randrange(len(text) + 1)
        piece = chance.choice([[], [chance.choice(alphabet)], text[place : place + 2] * 2, text[:place]])
        found.append("".join(text[:place] + piece + text[place + chance.randrange(2) :])[:40])
    return found


def parses(parser: Lark, text: str) -> bool:
    try:
        parser.parse(text)
    except LarkError:
        return False
    return True


@pytest.mark.parametrize("name", SAMPLES)
def test_lark_accepts_the_same_texts(kernel: str, name: str) -> None:
    grammar, samples = SAMPLES[name]
    parser = Lark(grammar, parser="earley", lexer="dynamic_complete", ambiguity="resolve")
    compiled = compile_grammar(lark_text.parse(grammar), kernel)
    candidates = mutations(samples, 60)
    expected = {text: parses(parser, text) for text in candidates}
    assert {text: accepts(compiled, text.encode()) for text in candidates} == expected
    assert set(expected.values()) == {True, False}


LETTERS = st.sampled_from(['"a"', '"b"', "A", "B", "C", "r", "s", "t"])
BODIES = st.recursive(
    LETTERS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(" ".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda options: f"({' | '.join(options)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "~2", "~1..2"])).map(lambda pair: f"({pair[0]}){pair[1]}"),
        inner.map(lambda body: f"[{body}]"),
    ),
    max_leaves=4,
)
TERMINALS = 'A: /a+/\nB: "b" | "ab"\nC: "c" ["a"]\n'


@given(BODIES, BODIES, BODIES, st.sampled_from(["", '%ignore "-"\n']))
@settings(max_examples=60)
def test_generated_grammars(first: str, second: str, third: str, ignore: str) -> None:
    text = f'start: r | "b" start\nr: {first}\ns: {second} | "c"\nt: {third} | "a" t\n{TERMINALS}{ignore}'
    try:
        parser = Lark(text, parser="earley", lexer="dynamic_complete", ambiguity="resolve")
    except LarkError:  # colliding alternatives: both refuse
        with pytest.raises(CompileError):
            lark_text.parse(text)
        return
    candidates = mutations(["abc", "aab", "b", "", "ca-b", "cab"], 25)
    expected = {candidate for candidate in candidates if parses(parser, candidate)}
    try:
        compiled = compile_grammar(lark_text.parse(text), "reference")
    except UnsatisfiableSchema:
        assert expected == set()
        return
    assert {candidate for candidate in candidates if accepts(compiled, candidate.encode())} == expected


def test_rules_and_terminals_keep_their_names() -> None:
    grammar = lark_text.parse('start: pair\npair: KEY ":" KEY\nKEY: /[a-z]+/')
    pair = grammar.rules["pair"]
    assert isinstance(pair, ir.Sequence)
    assert [part.label for part in pair.parts if isinstance(part, ir.Terminal)] == ["KEY", '":"', "KEY"]
    assert pair.parts[0] is pair.parts[2]


def test_repeated_parts_become_repetitions() -> None:
    grammar = lark_text.parse('start: ("a" | "b")+')
    assert [type(body) for name, body in grammar.rules.items() if name != "start"] == [ir.Repetition]


def test_ignored_texts_stand_anywhere_between_terminals_but_not_inside(kernel: str) -> None:
    text = 'start: "let" NAME\nNAME: /[a-z]+/\n%ignore " "\n%ignore /#[^\\n]*\\n/'
    compiled = compile_grammar(lark_text.parse(text), kernel)
    good = ["letx", " let x ", "#c\n let#d\n #e\nx  ", "let x#f\n"]
    bad = ["l et x", "let x#f", "let", "let x y"]
    assert [text for text in good + bad if accepts(compiled, text.encode())] == good


@pytest.mark.parametrize("lexer", ["dynamic", "dynamic_complete", "basic"])
def test_ignored_texts_never_end_early(kernel: str, lexer: lark_text.EarleyLexer) -> None:
    text = "start: NAME\nNAME: /[a-z]+/\n%ignore /#[a-z]*/"
    parser = Lark(text, parser="earley", lexer=lexer)
    compiled = compile_grammar(lark_text.parse(text, lexer=lexer), kernel)
    for candidate in ("#a", "a#", "a#b", "#a#b", "a"):
        assert accepts(compiled, candidate.encode()) == parses(parser, candidate)


def test_terminals_may_match_less_than_they_could(kernel: str) -> None:
    compiled = compile_grammar(lark_text.parse("start: A A\nA: /a+/", lexer="dynamic_complete"), kernel)
    assert [count for count in range(5) if accepts(compiled, b"a" * count)] == [2, 3, 4]
    with pytest.raises(UnsatisfiableSchema):
        compile_grammar(lark_text.parse("start: A A\nA: /a+/"), kernel)


def test_terminals_may_match_nothing(kernel: str) -> None:
    compiled = compile_grammar(lark_text.parse('start: A "b" A\nA: /a*/'), kernel)
    assert [text for text in (b"b", b"ab", b"aba", b"a", b"") if accepts(compiled, text)] == [b"b", b"ab", b"aba"]


def test_imports_from_files(tmp_path: Path, kernel: str) -> None:
    (tmp_path / "units.lark").write_text('length: NUMBER UNIT\nUNIT: "cm" | "km"\n%import common.INT -> NUMBER\n')
    grammar = lark_text.parse("start: length+\n%import units.length", import_paths=[str(tmp_path)])
    compiled = compile_grammar(grammar, kernel)
    assert [text for text in (b"12cm", b"1km2cm", b"cm") if accepts(compiled, text)] == [b"12cm", b"1km2cm"]


def test_another_start_rule(kernel: str) -> None:
    compiled = compile_grammar(lark_text.parse('start: "a"\nother: "b" start', start="other"), kernel)
    assert [text for text in (b"a", b"ba", b"b") if accepts(compiled, text)] == [b"ba"]


def test_lint_names_what_is_not_used_or_odd() -> None:
    text = (
        'start: A B D\nA: /a*/\nB: C "b"\nC: "c"\nD: /(?!if)[a-z]/\nunused: "u"\nwaste{x}: x\nUNUSED: "v" // UNUSED\n'
        "MENTIONED: /m/\nOTHER: MENTIONED\n"
    )
    assert lark_text.lint(text) == (
        "rule unused is never reached",
        "rule waste is never reached",
        "terminal UNUSED is never used",
        "terminal OTHER is never used",
        "terminal A matches the empty text, which lark's own Earley parser refuses",
    )
    assert lark_text.lint('start: "a"') == ()


@pytest.mark.parametrize("parser", ["earley", "lalr"])
def test_files_are_imported_from_given_folders(tmp_path: Path, parser: Literal["earley", "lalr"]) -> None:
    (tmp_path / "units.lark").write_text('length: INT "mm"\n%import common.INT\n')
    grammar = gg.Lark("start: length+\n%import units.length\n", parser=parser, import_paths=(str(tmp_path),))
    assert takes(gg.compile(grammar, BYTES), "12mm3mm")
    (tmp_path / "units.lark").write_text('length: INT "cm"\n%import common.INT\n')
    assert takes(gg.compile(grammar, BYTES), "12cm")
    with pytest.raises(gg.GrammarSyntaxError, match="import path"):
        gg.compile(gg.Lark(grammar.text, parser=parser), BYTES)
