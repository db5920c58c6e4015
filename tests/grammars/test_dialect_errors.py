"""GBNF and EBNF texts that are refused: the error names the place, shows it and says what to do."""

from __future__ import annotations

import random
import time

import pytest

import guidedgen as gg
from guidedgen.errors import GrammarSyntaxError, LimitExceeded
from guidedgen.grammars import ebnf_text, gbnf_text
from guidedgen.limits import Limits
from guidedgen.testing import byte_vocabulary

GBNF = [
    ('root ::= "a', 1, 10, "this text is never closed", "closing '\"'"),
    ('root ::= "a\nb ::= "c"', 2, 9, "this text is never closed", "begins in line 1 goes on in the next line"),
    ("root ::= [a", 1, 10, "this set is never closed", "closing ']'"),
    ("root ::= []", 1, 10, "this set is empty", r"[\]]"),
    ('root ::= foo\nfo ::= "a"', 1, 10, "rule 'foo' is not defined", "Did you mean 'fo'?"),
    ("root ::= foo", 1, 10, "rule 'foo' is not defined", 'quote it where it is meant literally: "foo"'),
    ('rot ::= "a"', 1, 1, "the start rule 'root' is not defined", "Did you mean 'rot'?"),
    ("", 1, 1, "the start rule 'root' is not defined", "the grammar has: none"),
    ('root ::= "a"\n\nroot ::= "b"', 3, 1, "rule 'root' is defined twice", "defined in line 1"),
    (r'root ::= "a\q"', 1, 12, r"unknown escape \q", r"\xHH"),
    (r'root ::= "\x4"', 1, 11, r"\x needs 2 hexadecimal digits", r"\xHH"),
    (r'root ::= "\U00110000"', 1, 11, "U+110000 is no character", "10FFFF"),
    (r"root ::= [\uD800-\uDFFF]", 1, 11, "U+D800 is no character", "halves of pairs"),
    ("root ::= [az-b]", 1, 12, "the range z-b runs backwards", "Turn it around"),
    ('root ::= "a"{3,2}', 1, 13, "the counts {3,2} run backwards", "The larger one comes last"),
    ('root ::= "a"{,2}', 1, 13, "these are no counts", "{0,5}"),
    ('root ::= ("a" | "b"', 1, 10, "'(' is never closed", "closing bracket"),
    ('root ::= ("a"\nb ::= "c"', 1, 10, "'(' is never closed", "closing bracket"),
    ('root ::= "a")', 1, 13, "this bracket was not opened", "counterpart"),
    ('root ::= | * "a"', 1, 12, "'*' has nothing before it", "Put it behind"),
    ("root ::= 'a'", 1, 10, 'unexpected "\'"', "double quotes"),
    ('root ::= "a" // x', 1, 14, "unexpected '/'", "Comments begin with '#'"),
    ('root ::= "a";', 1, 13, "unexpected ';'", "leave the semicolon out"),
    ('root = "a"', 1, 6, "'::=' is missing behind the rule name 'root'", "name ::= body"),
    ('"a" ::= "b"', 1, 1, "a rule should begin here", "name ::= body"),
    ('root ::= "a" b ::= "c"', 1, 14, "a second rule begins in this line", "new line"),
    ('root ::= "a" |\nb ::= "c"', 1, 14, "nothing follows '|'", 'Write ""'),
    ('root ::=\nb ::= "c"', 1, 1, "rule 'root' has no body", 'Write ""'),
    ("root ::= <x", 1, 10, "this is no token", "<[id]>"),
    ("root ::= !x", 1, 10, "this is no token", "!<[id]>"),
]
ISO = [
    ("a = 'x", 1, 5, "this text is not closed in its line", "closing '"),
    ("a = 'x\n'; b = 'y';", 1, 5, "this text is not closed in its line", "closing '"),
    ("(* (* *) a", 1, 1, "this comment is never closed", "'*)'"),
    ("a = ? x", 1, 5, "this special sequence is never closed", "'?'"),
    ("a = ? U+D800 ?;", 1, 5, "? U+D800 ? is no character", "D800"),
    ("a = ? U+42..U+41 ?;", 1, 5, "is no character", "smaller comes first"),
    ("a = b;", 1, 5, "rule 'b' is not defined", "Define it"),
    ("a = b c; b = 'x'; c = 'y';", 1, 5, "rule 'b c' is not defined", "Separate names by commas: b, c"),
    ("a = 'x'; a = 'y';", 1, 10, "rule 'a' is defined twice", "line 1"),
    ("a = 'x' 'y';", 1, 9, "a comma is missing", "','"),
    ("a = 'x'", 1, 1, "rule 'a' is never ended", "';'"),
    ("a = ('x' ;", 1, 5, "'(' is never closed", "closing bracket"),
    ("a = ['x') ;", 1, 9, "this bracket closes '['", "counterpart"),
    ("a = 'x'*;", 1, 8, "unexpected '*': a comma is missing", "','"),
    ("a = *'x';", 1, 5, "unexpected '*'", "{item}"),
    ("a = 3 'x';", 1, 7, "'*' is missing behind 3", "3 * item"),
    ("a = 3 *;", 1, 5, "nothing follows the number", "3 * item"),
    ("a = , 'x';", 1, 5, "nothing stands before ','", "Leave it out"),
    ("a = - 'x';", 1, 5, "'-' has nothing before it", "Put it behind"),
    ("a ::= 'x';", 1, 3, "'=' is missing behind the rule name 'a'", 'syntax="w3c"'),
    ("1 = 'x';", 1, 1, "a rule should begin here", "begin with a letter"),
]
W3C = [
    ("a ::= '\ud800'", 1, 8, "U+D800 is no character", "halves of pairs"),
    ("a ::= 'x", 1, 7, "this text is not closed in its line", "closing '"),
    ("a ::= [x", 1, 7, "this set is not closed in its line", "closing ']'"),
    ("a ::= []", 1, 7, "this set is empty", "#x5D"),
    ("a ::= [z-a]", 1, 8, "the range z-a runs backwards", "dash first"),
    ("a ::= #xD800", 1, 7, "#xD800 is no character", "10FFFF"),
    ("a ::= #y", 1, 7, "this is no character", "hexadecimal"),
    ("a ::= /* x", 1, 7, "this comment is never closed", "'*/'"),
    ("a ::= b\nc ::= 'x'", 1, 7, "rule 'b' is not defined", "Define it"),
    ("a ::= 'x' -", 1, 12, "nothing follows '-'", "A - B"),
    ("a ::= ('x' - | 'y')", 1, 14, "nothing follows '-'", "A - B"),
    ("a ::= ('x'", 1, 7, "'(' is never closed", "closing bracket"),
    ("a ::= 'x', 'y'", 1, 10, "unexpected ','", 'syntax="iso"'),
    ("a ::= 'x';", 1, 10, "unexpected ';'", "leave the semicolon out"),
    ("a = 'x'", 1, 1, "a rule name and '::=' should stand here", "name ::= body"),
    ("a ::=\nb ::= 'x'", 1, 1, "rule 'a' has no body", "''"),
    ("", 1, 1, "there is no rule", "name ::= body"),
]


def caught(read: object, text: str, **options: object) -> GrammarSyntaxError:
    with pytest.raises(GrammarSyntaxError) as found:
        read(text, **options)  # type: ignore[operator]
    return found.value


@pytest.mark.parametrize(
    ("syntax", "text", "line", "column", "message", "hint"),
    [(syntax, *case) for syntax, cases in [("gbnf", GBNF), ("iso", ISO), ("w3c", W3C)] for case in cases],
)
def test_errors_name_the_place_and_the_remedy(
    syntax: str, text: str, line: int, column: int, message: str, hint: str
) -> None:
    error = caught(gbnf_text.parse, text) if syntax == "gbnf" else caught(ebnf_text.parse, text, syntax=syntax)
    assert message in error.reason
    assert (error.line, error.column) == (line, column)
    assert hint in str(error.hint)
    if text:
        shown = str(error).splitlines()
        assert shown[-2:] == [f"  {text.splitlines()[line - 1]}", "  " + " " * (column - 1) + "^"]


def test_the_mark_stands_below_its_column_behind_tabs_and_in_long_lines() -> None:
    shown = str(caught(gbnf_text.parse, 'root ::=\t\t"a" $')).splitlines()
    assert shown[-1] == "          \t\t    ^"
    shown = str(caught(gbnf_text.parse, f'root ::= "{"a" * 5000}" $ "{"b" * 5000}"')).splitlines()
    assert len(shown[-2]) < 150
    assert shown[-2][shown[-1].index("^")] == "$"


@pytest.mark.parametrize(
    ("text", "limits", "name"),
    [
        ("root ::= " + "(" * 501 + '"a"' + ")" * 501, Limits(), "depth"),
        ('root ::= "a"' + " " * 90, Limits(schema_bytes=50), "schema_bytes"),
        ('root ::= "a"{1,300}', Limits(repeat=200), "repeat"),
        (
            "\n".join(f'r{i} ::= "{i}" r{i + 1}* r{i}?' for i in range(99)) + '\nr99 ::= "x"',
            Limits(symbols=90),
            "symbols",
        ),
    ],
)
def test_hostile_grammars_reach_a_limit(text: str, limits: Limits, name: str) -> None:
    start = "root" if "root" in text else "r0"
    with pytest.raises(LimitExceeded) as found:
        gg.compile(gg.Gbnf(text, start=start), byte_vocabulary(), limits=limits)
    assert found.value.limit == name


def test_rules_that_double_do_not_explode() -> None:
    text = "root ::= r0\n" + "".join(f"r{i} ::= r{i + 1} r{i + 1}\n" for i in range(200)) + 'r200 ::= "x"\n'
    began = time.process_time()
    grammar = gbnf_text.parse(text)
    assert len(grammar.rules) > 100
    assert time.process_time() - began < 5
    rules = "".join(f"r{i} = r{i + 1}, r{i + 1};\n" for i in range(200))
    with pytest.raises(LimitExceeded, match="exception"):
        ebnf_text.parse(f"root = r0 - 'x';\n{rules}r200 = 'x';")


def test_a_large_grammar_is_read_in_time() -> None:
    rules = "".join(f'r{i} ::= "key{i}" ws (r{(i * 7) % 5000} | "x"){{0,3}}\n' for i in range(5000))
    began = time.process_time()
    gbnf_text.parse(f"root ::= r0\n{rules}ws ::= [ \\n]*\n")
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (
            gg.Gbnf('root ::= a\na ::= "x"\nb ::= c\nc ::= "y"\nd ::= d "z"'),
            {"b": "never reached: no other", "c": "never reached: only rules", "d": "never reached: no other"},
        ),
        (gg.Gbnf('root ::= "x" | loop\nloop ::= "a" loop'), {"loop": "line 2: gives no text"}),
        (gg.Ebnf("a = 'x' | b; b = '(', b, ')'; c = b;"), {"b": "line 1: gives no text", "c": "gives no text"}),
        (gg.Ebnf("a ::= b*\nb ::= 'x'\nc ::= 'y'"), {"c": "line 3: never reached"}),
        (gg.Gbnf('root ::= a*\na ::= "x" | root'), {}),
    ],
)
def test_rules_that_serve_no_purpose_are_reported(spec: gg.Gbnf | gg.Ebnf, told: dict[str, str]) -> None:
    report = gg.compile(spec, byte_vocabulary()).report
    assert {entry.keyword for entry in report.warnings} == set(told)
    for entry in report.warnings:
        assert told[entry.keyword] in entry.note
    assert report.exact


MUTATED = [
    (gbnf_text.parse, 'root ::= "a\\n" ([^b-d] | x){1,3} <t> # c\nx ::= root? .* !<[3]>\n'),
    (ebnf_text.parse, "a b = 2 * 'x', { c }- | [ \"y\" ] - ? U+41..U+5A ? ; (* n *) c = (a b | '') ."),
    (ebnf_text.parse, "[1] a ::= 'x' (b - #x41)* | [^a-z#x20]+ /* n */\nb ::= \"y\"? a [wfc: q]\n"),
]


@pytest.mark.parametrize(("read", "text"), MUTATED)
def test_no_text_ends_in_anything_but_a_grammar_or_a_typed_error(read: object, text: str) -> None:
    chance = random.Random(3)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(1500):
        changed = list(text)
        for _ in range(chance.randrange(1, 4)):
            place = chance.randrange(len(changed))
            changed[place : place + chance.randrange(3)] = chance.choice(
                ["", "(", "]", '"', "-", "{9}", "\n", "\ud800", "\\", "::=", "*"]
            )
        try:
            read("".join(changed))  # type: ignore[operator]
            outcomes["read"] += 1
        except (gg.CompileError, LimitExceeded):
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 0
