"""Terminals that look around, under all parsers and lexers: accepted if and only if lark parses; all prefixes end."""

from __future__ import annotations

import itertools
import random
import sys
from typing import Any

import pytest
from lark import Lark
from lark.exceptions import LarkError

import guidedgen as gg
from guidedgen.errors import GrammarSyntaxError, LimitExceeded, UnsatisfiableSchema, UnsupportedFeature
from guidedgen.grammars import ir, lark_lalr, lark_text
from guidedgen.kernel import Compiled
from guidedgen.limits import Limits
from guidedgen.testing import byte_vocabulary, check_constraint
from tests.grammars.test_lark_lexing import grammar_of, walked
from tests.grammars.test_lark_text import parses
from tests.kernel.helpers import BYTES, accepts, compile_grammar

WAYS = [
    ("earley", "dynamic"),
    ("earley", "dynamic_complete"),
    ("earley", "basic"),
    ("lalr", "contextual"),
    ("lalr", "basic"),
]
FEW = {"native": Limits(states=20_000, steps=3_000_000), "reference": Limits(states=1_500)}
PLAIN = ["a", "ab", "a+", "[ab]+", "a|ab", "(?:ab)+", "c", "bb?c", "[bc]"]
BEFORE = [r"\ba", r"\bab\b", "(?<=a)b", "(?<!a)b", "(?<![ab])c", r"\Bb", "(?<=ab)c", "(?<!ab)a", "(?<=[ab]c)a+"]
BEFORE += ["(?<!ba)[ab]+", "a(?<=ba)b?", "[ab](?<!aa)c?", r"a?\bb", "(?:^|c)a", "(?<=^a)b", r"(?<!\bab)c", "a|(?<=c)b"]
BEHIND = ["a(?=b)", "a+(?=b)", "[ab]+?(?=c)", "(?=ab)[ab]", "b(?=a|$)", "a(?=-|c)", "[ab]+(?= )", "a(?=b+c)"]
BEHIND += ["(?=a*c)[abc]+", "[ab]+(?=c|$)", "a+(?!bc)", "(?!ab)[ab]+", "(?=.b)[ab]c?", "(?<=a)b(?=c)", "(?<!a)b(?!c)"]


def translated(grammar: str, parser: str, lexer: Any, **options: Any) -> ir.Grammar:
    if parser == "earley":
        return lark_text.parse(grammar, lexer=lexer, **options)
    return lark_lalr.parse(grammar, lexer=lexer, **options)


def texts_of(letters: str, rng: random.Random, count: int) -> list[str]:
    short = ["".join(word) for length in range(4) for word in itertools.product(letters, repeat=length)]
    return short + ["".join(rng.choices(letters, k=rng.randint(4, 7))) for _ in range(count)]


def compare(grammar: str, parser: Any, lexer: Any, kernel: str, rng: random.Random) -> int:
    """Returns how many texts were accepted; -1 where the grammar was not compared."""
    texts = texts_of("abc -" if "%ignore" in grammar else "abc", rng, 60)
    try:
        known = Lark(grammar, parser=parser, lexer=lexer)
        expected = {text: parses(known, text) for text in texts}
    except (LarkError, RuntimeError, AssertionError):  # also faults of lark's own
        return -1
    try:
        compiled = compile_grammar(translated(grammar, parser, lexer), kernel, limits=FEW[kernel])
        accepted = {text: accepts(compiled, text.encode()) for text in texts}
        written = walked(compiled, rng)
    except UnsatisfiableSchema:
        accepted, written = dict.fromkeys(texts, False), []
    except (UnsupportedFeature, LimitExceeded, GrammarSyntaxError):
        return -1
    assert accepted == expected, (grammar, parser, lexer)
    assert [text for text in written if not parses(known, text)] == []
    return sum(expected.values())


def compare_many(kernel: str, seed: int, count: int) -> list[int]:
    rng = random.Random(seed)
    grammars = [grammar_of(rng, [*PLAIN, *BEFORE, *BEHIND]) for _ in range(count)]
    return [compare(grammar, *way, kernel, random.Random(seed)) for grammar in grammars for way in WAYS]


def test_random_grammars(kernel: str) -> None:
    counts = compare_many(kernel, 5, 14 if kernel == "native" else 5)
    assert sum(count > 0 for count in counts) > (40 if kernel == "native" else 10)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_many_random_grammars(kernel: str) -> None:
    counts = compare_many(kernel, 77, 300)
    assert sum(count > 0 for count in counts) > 900


def check_words(compiled: Compiled, known: Lark, letters: str, longest: int) -> None:
    layer = {"": compiled.start()}
    for length in range(longest + 1):
        for word in map("".join, itertools.product(letters, repeat=length)):
            assert (word in layer and layer[word].accepting) == parses(known, word), word
        for word, state in layer.items():
            assert parses(known, word + bytes(state.shortest()).decode()), word
        steps = ((word + letter, state.advance(ord(letter))) for word, state in layer.items() for letter in letters)
        layer = {word: state for word, state in steps if state is not None}


FACTS = {
    "a test of characters that the terminal and what stands before it have together": (
        'start: ("x" | "y") A\nA: /a(?<=xa)b/',
        "abxy",
    ),
    "several characters before": ('start: ("x" | "a" | "b")* A "."\nA: /(?<!ab)c/\n%ignore "-"', "abxc.-"),
    "the start of the text": ('start: A+ "b"?\nA: /^a|(?<=b)a|(?<=a)ba/', "ab"),
    "a line's start": ('start: (A | B | "\\n")+\nA: /^a/m\nB: /(?<=a)a/', "ab\n"),
    "what must follow": ("start: (A | B | C)+\nA: /a+(?=b)/\nB: /b/\nC: /a+c/", "abc"),
    "what must follow, far ahead": ("start: (A | B | C)+\nA: /a(?=b+c)/\nB: /b+/\nC: /c|a/", "abc"),
    "what must follow, or the end": ('start: A (B A)*\nA: /a(?=b|$)/\nB: "b"', "ab"),
    "an earlier terminal that is given up for what follows": ("start: (A | B)+\nA.1: /a+(?=c)/\nB: /[abc]/", "abc"),
    "a keyword between boundaries": ("start: (OF | NAME | N)+\nOF.1: /\\bof\\b/\nNAME: /[of]+/\nN: /1+/", "of1"),
    "what is ignored looks around": ('start: ("a" | "b")+\n%ignore /(?<=a)c+/\n%ignore /-(?=b)/', "abc-"),
    "all of a text is held to a test within": ("start: (A | B)+\nA.2: /(?=a*c)[abc]+/\nB: /[ab]/", "abc"),
}


@pytest.mark.parametrize(("parser", "lexer"), WAYS)
@pytest.mark.parametrize("name", FACTS)
def test_facts(kernel: str, parser: Any, lexer: Any, name: str) -> None:
    grammar, letters = FACTS[name]
    known = Lark(grammar, parser=parser, lexer=lexer)
    longest = 4 if kernel == "native" else 3
    check_words(compile_grammar(translated(grammar, parser, lexer), kernel), known, letters, longest)


OPERATORS = r"""
start: statement+
statement: NAME "=" sum ";"
?sum: sum MINUS atom | atom
?atom: NUMBER | NAME | CALL "(" sum ")"
CALL.1: /[a-z]+(?=\()/
NAME: /[a-z]+/
NUMBER: /-?[0-9]+(?![a-z0-9])/
MINUS: /(?<=[a-z0-9)])-|(?<=[a-z0-9)] )-/
%ignore " "
"""


@pytest.mark.parametrize(("parser", "lexer"), [("earley", "dynamic"), ("lalr", "contextual")])
def test_laws(kernel: str, parser: Any, lexer: Any) -> None:
    """A minus that the text before tells from a sign, and names that are called."""
    vocabulary = byte_vocabulary([b"f(", b"a-", b" -", b"-1", b"=a", b"(-", b")-", b"1;a"])
    constraint = gg.compile(gg.Lark(OPERATORS, parser=parser, lexer=lexer), vocabulary, implementation=kernel)
    check_constraint(constraint, vocabulary, walks=1, length=5)
    known = Lark(OPERATORS, parser=parser, lexer=lexer)
    texts = ["a=1;", "a=f(b);", "a=f (b);", "a=f;", "a=1-1;", "a=1 -1;", "a=1 - 1;", "a=-1;", "a=f(1)-2;", "a=1-f(-2);"]
    texts += ["a=(1);", "a=1x;", "a=1 x;", "a=b-1;", "a= - b;", "f=f(f(f));"]
    expected = {text: parses(known, text) for text in texts}
    assert {text: gg.testing.accepts(constraint, text) for text in texts} == expected
    assert set(expected.values()) == {True, False}


def test_blocks_with_terminals_that_look_around() -> None:
    """Newlines that are columns are told by scanners, too."""
    pytest.importorskip("guidedgen.kernel._native", reason="the native kernel is not built: run `make native`")
    text = 'start: (NAME _NL | NAME ":" _NL _INDENT start _DEDENT)+\nNAME: /\\b[a-z]+(?=[:\\n])/\n_NL: /(\\n *)+/\n'
    text += "%declare _INDENT _DEDENT\n"
    grammar = gg.Lark(text, parser="lalr", indent=gg.Indentation(newline="_NL", deepest=4))
    constraint = gg.compile(grammar, BYTES)
    texts = ["a\n", "a", "a:\n  b\n", "a:\n  b\n  c\nd\n", "a:\nb\n", "a:\n b\n  c\n"]
    expected = dict(zip(texts, [True, False, True, True, False, False], strict=True))
    assert {text: gg.testing.accepts(constraint, text) for text in expected} == expected


@pytest.mark.parametrize("lexer", ["basic", "contextual"])
def test_terminals_of_rules_that_nothing_reaches_compete(kernel: str, lexer: Any) -> None:
    """lark keeps rules that mention each other."""
    grammar = 'start: "a"\nr: s\ns: (r | D) | "c"\nD.2: /a+b|a/\n'
    for parser in ("earley", "lalr") if lexer == "basic" else ("lalr",):
        known = Lark(grammar, parser=parser, lexer=lexer)
        try:
            compiled = compile_grammar(translated(grammar, parser, lexer), kernel)
        except UnsatisfiableSchema:
            assert not any(parses(known, word) for word in ("a", "ab", "c"))
            continue
        assert [accepts(compiled, word) for word in (b"a", b"c")] == [parses(known, "a"), parses(known, "c")]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("start: A %json {}\nA: /\\bb/", {}, "beside JSON"),
        ("start: A %json {}\nA: /\\bb/", {"parser": "lalr"}, "beside JSON"),
        ('start: "a" A\nA: /(?<=a.{7})b/', {}, "look at too much of it"),
        ("start: A\nA: /a(?=(?<=xa)b)b/", {}, "lookbehind over several characters inside a group"),
        ('start: A "b"\nA: /a+(?=a|b)/', {"lexer": "dynamic_complete"}, "which shorter texts of it need not keep to"),
    ],
)
def test_what_is_refused(text: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UnsupportedFeature, match=message) as caught:
        gg.compile(gg.Lark(text, **options), BYTES)
    assert caught.value.hint


ATOMIC = ["a?+b", "(?>a|ab)b*", "a++b?", "(?>ab|a)c", "a++a|c", "c(?>[^ac]|ca)*+a", "a(?>b*)c?", "[ab]*+c"]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="possessive quantifiers came with Python 3.11")
@pytest.mark.parametrize(("parser", "lexer"), WAYS)
def test_atomic_groups_and_possessive_quantifiers(parser: Any, lexer: Any) -> None:
    pytest.importorskip("guidedgen.kernel._native", reason="the native kernel is not built: run `make native`")
    for pattern in ATOMIC:
        grammar = f'start: A "a"? "b"?\nA: /{pattern}/'
        known = Lark(grammar, parser=parser, lexer=lexer)
        check_words(compile_grammar(translated(grammar, parser, lexer), "native"), known, "abc", 4)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="possessive quantifiers came with Python 3.11")
@pytest.mark.parametrize("pattern", ["(?:a|ab)*+b", "(?>a+b?)b", "(?:ab)++a?"])
def test_what_gives_nothing_back_in_ways_that_are_not_found_out_is_refused(pattern: str) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        lark_text.parse(f'start: A "b"\nA: /{pattern}/')
    assert caught.value.hint


@pytest.mark.parametrize(("parser", "lexer"), [("earley", "dynamic"), ("earley", "basic"), *WAYS[3:]])
def test_boundaries_that_only_ask_for_what_follows(kernel: str, parser: Any, lexer: Any) -> None:
    for pattern, letters in (("[ab]+\\b(?!:)", "ab: "), ("\\b[ab]+\\b(?= a)", "ab ")):
        grammar = f"start: (A | S)+\nA: /{pattern}/\nS: / |:|a/"
        known = Lark(grammar, parser=parser, lexer=lexer)
        check_words(compile_grammar(translated(grammar, parser, lexer), kernel), known, letters, 3)
