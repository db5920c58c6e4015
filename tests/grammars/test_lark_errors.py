"""Lark texts that are refused: the error names the place and what to do."""

from __future__ import annotations

import re

import pytest

from guidedgen.errors import GrammarSyntaxError, LimitExceeded, UnsupportedFeature
from guidedgen.grammars import lark_text
from guidedgen.limits import Limits


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ('start: "a', 1, 8, "Unexpected input"),
        ('start: "a"\nother: (\n', 2, 9, "Expecting a value"),
        ('start: "a" ->\n', 1, 14, "Alias expects lowercase name"),
        ("start: missing", 1, 8, "'missing' used but not defined"),
        ("start: A\nA: MISSING", 2, 4, "not defined: MISSING"),
        ('start: "a"\nstart: "b"', 2, 1, "defined more than once"),
        ('other: "a"', 1, 1, "start rule 'start' is not defined"),
        ('start: "a"\n%import nowhere.NAME', 2, 9, "cannot import nowhere.lark"),
        ("start: A\nA: B\nB: A", 2, 1, "Recursion in terminal 'A'"),
        ("start: A\nA: /(/", 2, 1, "terminal A: invalid regular expression: missing )"),
        ('start: A\n%ignore " "\n%ignore WS\nA: "a"', 3, 9, "marked to ignore but were not defined"),
        ("start: a{B}\nB: /b/\n", 1, 8, "Template 'a' used but not defined"),
        ('start: a{"x", "y"}\na{p}: p', 2, 1, "Wrong number of template arguments"),
    ],
)
def test_syntax_errors_name_line_and_column(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(GrammarSyntaxError, match=re.escape(message)) as caught:
        lark_text.parse(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    shown = str(caught.value).splitlines()
    assert shown[-2:] == [f"  {text.splitlines()[line - 1]}", "  " + " " * (column - 1) + "^"]
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "line", "column", "message", "hint"),
    [
        ('start: "a" "b', 1, 12, "a text is never closed in its line", "closing quote"),
        ("start: /a", 1, 8, "a pattern is never closed in its line", "closing slash"),
        ("start: 'a'", 1, 8, "unexpected quote", "double quotes"),
        ('start: "a";', 1, 11, "unexpected ';'", "leave the semicolon out"),
        ('start = "a"', 1, 7, "unexpected '='", "name: body"),
        ('start: ("(" "a"\n', 1, 8, "'(' is never closed", "closing bracket"),
        ('start: "a" )', 1, 12, "this bracket was not opened", "Quote it"),
        ('start: "a" ~ ~', 1, 14, "Unexpected token '~'", "Quote it"),
        ('start: "a" ::= "b"', 1, 12, "Unexpected colon", "gg.Gbnf"),
        ('Start: "a"', 1, 2, "missing colon", "lower case"),
        ('start: missing\nmising: "x"', 1, 8, "'missing' used but not defined", "Did you mean 'mising'?"),
        ('start: A\nA: MISSING\nMISING: "x"', 2, 4, "not defined: MISSING", "Did you mean 'MISING'?"),
        ("start: WORD\n%import common.WORDS -> WORDS", 1, 8, "used but not defined", "Did you mean 'WORDS'?"),
        ('A: "a"\nB: A\nA: "b"\nstart: B', 3, 1, "defined more than once", "defined in line 1"),
        (r'start: "a" "\xZ1"', 1, 13, "bad escape", r"\xHH"),
        ('start: "b" "a"~3..2', 1, 15, "run backwards", "larger one comes last"),
        ("start: /[z-a]/", 1, 8, "bad character range z-a", "Correct the pattern"),
        ('start: "b" "z".."a"', 1, 12, "bad character range z-a", "Correct the pattern"),
        ('start: "a" -> Foo', 1, 15, "Alias expects", "lower case"),
    ],
)
def test_hints_say_what_to_do(text: str, line: int, column: int, message: str, hint: str) -> None:
    with pytest.raises(GrammarSyntaxError) as caught:
        lark_text.parse(text)
    assert message in caught.value.reason
    assert (caught.value.line, caught.value.column) == (line, column)
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize("text", ['start: "a"~3..2', 'start: A\nA: ""', r'start: "\x"', "%ignore", "", "start"])
def test_other_syntax_errors_have_a_type(text: str) -> None:
    with pytest.raises(GrammarSyntaxError):
        lark_text.parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("start: A\n%declare A", "terminal A is declared but has no pattern"),
        ('start: A\n%declare B\nA: B "x"', "declare'd terminal"),
        ("start: rule\n%declare rule", "rule 'rule' is declared"),
        ("start: A\nA: /(a)\\1/", "terminal A: regular expression '(a)\\\\1', column 4: a backreference"),
        ("start: A\nA: /(?<=ab)c?/", "terminal A: regular expression '(?<=ab)c?', column 1: a test of the text before"),
        (
            "start: A\nA: /(?:a|ab)+(?=a)/",
            "terminal A: regular expression '(?:a|ab)+(?=a)', column 10: a test of what must follow",
        ),
        ("start: A\nA: /(?:a|b?)*c/", "terminal A: "),
        ('start: a{"x"}\na{t}: "q" a{b{t}}\nb{t}: t', "template 'a'"),
    ],
)
def test_what_cannot_be_enforced_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(UnsupportedFeature, match=re.escape(message)) as caught:
        lark_text.parse(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "limits", "name"),
    [
        ("start: " + '"a"? ' * 40, Limits(), "symbols"),
        ("start: " + "[(" * 20 + '"a"' + '"b"? "c"?)]' * 20, Limits(), "symbols"),
        ("start: " + "(" * 501 + '"a"' + ")" * 501, Limits(), "depth"),
        ("start: " + "[(" * 3 + '"("' + ")]" * 3, Limits(depth=5), "depth"),
        ('start: "a"' + " " * 90, Limits(schema_bytes=50), "schema_bytes"),
    ],
)
def test_hostile_grammars_reach_a_limit(text: str, limits: Limits, name: str) -> None:
    with pytest.raises(LimitExceeded) as caught:
        lark_text.parse(text, limits=limits)
    assert caught.value.limit == name
