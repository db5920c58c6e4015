"""`guidedgen check` on grammars: how far a text goes, what was expected there, which rules are open, notes on rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import guidedgen as gg
from guidedgen import checking, cli
from guidedgen.testing import byte_vocabulary

Check = Callable[..., Any]
GRAMMARS = {
    "json.gbnf": r"""
root   ::= object
object ::= "{" ws (pair ("," ws pair)*)? "}" ws
pair   ::= string ":" ws value
value  ::= object | string | number | array
array  ::= "[" ws (value ("," ws value)*)? "]" ws
string ::= "\"" [^"\n]* "\"" ws
number ::= [0-9]+ ws
ws     ::= [ \n]*
unused ::= "x"
""",
    "json.ebnf": r"""
object ::= "{" ws (pair ("," ws pair)*)? "}" ws
pair   ::= string ":" ws value
value  ::= object | string | number | array
array  ::= "[" ws (value ("," ws value)*)? "]" ws
string ::= '"' [^"#xA]* '"' ws
number ::= [0-9]+ ws
ws     ::= (#x20 | #xA)*
unused ::= "x"
""",
    "json.lark": r"""
start: object
object: "{" (pair ("," pair)*)? "}"
pair: STRING ":" value
value: object | STRING | NUMBER | array
array: "[" (value ("," value)*)? "]"
STRING: /"[^"\n]*"/
NUMBER: /[0-9]+/
%ignore /[ \n]+/
unused: "x"
""",
}
TEXT = '{"é": [1,\n  {"bö": }'


@pytest.fixture
def check(tmp_path: Path) -> Check:
    def run(name: str, *arguments: str, text: str | None = None) -> Any:
        path = tmp_path / name
        path.write_text(GRAMMARS[name] if text is None else text, encoding="utf-8")
        return CliRunner().invoke(cli.app, ["check", str(path), *arguments])

    return run


@pytest.mark.parametrize("name", GRAMMARS)
def test_where_a_text_stops_fitting(check: Check, name: str) -> None:
    assert check(name, "--text", '{"a": 1}').exit_code == 0
    result = check(name, "--text", TEXT)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    place = lines.index("line 2, column 10:")
    assert lines[place + 1] == '    2 |   {"bö": }'
    assert lines[place + 2].index("^") == lines[place + 1].index("}")
    expected = next(line for line in lines if line.startswith("  expected: "))
    assert {"number", "string"} <= {word.strip(" ,").lower() for word in expected.split()}
    opened = next(line for line in lines if line.startswith("  open rules: "))
    assert opened.endswith("object > pair > value > array > value > object > pair")


@pytest.mark.parametrize("name", GRAMMARS)
def test_the_same_as_json_and_from_a_file(check: Check, name: str, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(TEXT.encode())
    told = json.loads(check(name, "--text-file", str(tmp_path / "text"), "--json").stdout)["text"]
    assert (told["accepted"], told["read"], told["line"], told["column"]) == (False, 21, 2, 10)
    assert [opened[-1] for opened in told["open"]] == ["pair"]
    assert told["labels"]


@pytest.mark.parametrize("name", GRAMMARS)
def test_rules_without_a_purpose_are_named(check: Check, name: str) -> None:
    result = check(name)
    assert result.exit_code == 0
    assert "unused" in result.stdout
    assert "never reached" in result.stdout
    assert "keywords:" not in result.stdout


def test_only_one_text_at_a_time(check: Check) -> None:
    assert check("json.gbnf", "--text", "x", "--explain", "y").exit_code == 2


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("x.gbnf", 'root ::= "a"\nb ::= [z-a]', "line 2, column 8"),
        ("x.ebnf", "a = 'b'\nc = 'd';", "line 2, column 1"),
        ("x.gbnf", "root ::= <no>", "no special token '<no>'"),
    ],
)
def test_errors_show_their_line(check: Check, name: str, text: str, place: str) -> None:
    result = check(name, text=text)
    assert result.exit_code == 1
    assert place in result.stderr
    assert "^" in result.stderr


@pytest.mark.parametrize(
    ("text", "opened"),
    [
        ("", {()}),
        ("1+", {("root", "sum")}),
        ("1+2", {("root", "sum", "product", "atom"), ("root", "sum", "product"), ("root", "sum")}),
        ("-", {("root", "sum", "product", "atom")}),
        ("2*(", {("root", "sum", "product", "atom")}),
        ("(1", {("root", "sum", "product", "atom", *("sum", "product", "atom")[:last]) for last in range(4)}),
        ("(1)", {("root", "sum", "product"), ("root", "sum")}),
    ],
)
def test_open_rules_of_every_reading(text: str, opened: set[tuple[str, ...]]) -> None:
    grammar = 'root ::= sum\nsum ::= sum "+" product | product\nproduct ::= product "*" atom | atom\n'
    grammar += 'atom ::= "-" atom | "(" sum ")" | [0-9]+'
    constraint = gg.compile(gg.Gbnf(grammar), byte_vocabulary())
    assert set(checking.accepts(constraint, text + "!").open) == opened


@pytest.mark.parametrize(
    ("text", "opened"),
    [
        ("", {()}),
        ("1+", {("start", "sum")}),
        ("1+2", {("start", "sum", "product", "atom"), ("start", "sum", "product")}),
        ("2*(", {("start", "sum", "product", "atom")}),
        ("(-1", {("start", "sum", "product", "atom", "sum", "product", "atom")}),
        ("(1)", {("start", "sum", "product")}),
        ("1,2,", {("start",)}),
    ],
)
def test_open_rules_of_an_automaton(text: str, opened: set[tuple[str, ...]]) -> None:
    grammar = 'start: sum ("," sum)*\nsum: sum "+" product | product\nproduct: product "*" atom | atom\n'
    grammar += 'atom: "-" atom | "(" sum ")" | /[0-9]+/\n%ignore " "'
    constraint = gg.compile(gg.Lark(grammar, parser="lalr"), byte_vocabulary())
    assert set(checking.accepts(constraint, text + "!").open) == opened


def test_a_rule_that_is_its_own_tail_is_open_as_often_as_it_was_begun() -> None:
    constraint = gg.compile(gg.Gbnf('root ::= "a" root | "b" "c"'), byte_vocabulary(), implementation="reference")
    assert checking.accepts(constraint, "aaab").open == (("root",) * 4,)


def test_special_tokens_in_a_grammar_do_not_matter_for_a_text() -> None:
    vocabulary = byte_vocabulary(special=["<x>"])
    constraint = gg.compile(gg.Gbnf('root ::= "a" inner <x>\ninner ::= "(" (inner | <x>) ")"'), vocabulary)
    assert checking.accepts(constraint, "a((").open == (("root", "inner", "inner"),)


DANGLING = 'start: s\ns: "if" s ["else" s] | NAME | %json {"const": 1}\nNAME: /[a-z]+/\n%ignore " "\n'


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--text", "if x else y"), 0),
        (("--parser", "lalr", "--text", "if x else 1"), 0),
        (("--parser", "lalr", "--lexer", "basic", "--text", "if if"), 1),
        (("--text", "if if"), 0),
    ],
)
def test_lark_grammars_are_read_by_the_parser_and_lexer_that_are_named(
    check: Check, arguments: tuple[str, ...], code: int
) -> None:
    assert bool(check("if.lark", *arguments, text=DANGLING).exit_code) == bool(code)


def test_what_is_ignored_is_called_by_its_text(check: Check) -> None:
    for arguments in ((), ("--parser", "lalr"), ("--lexer", "basic")):
        output = check("if.lark", *arguments, "--text", "if x!", text=DANGLING).output
        assert '" "' in output
        assert "__IGNORE" not in output


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("json.gbnf", ("--parser", "lalr"), "is no Lark grammar"),
        ("json.lark", ("--parser", "ll"), "the parser 'll' is not known"),
        ("json.lark", ("--parser", "lalr", "--lexer", "dynamic"), "does not go with LALR"),
    ],
)
def test_parsers_that_are_not_there_are_refused(check: Check, name: str, arguments: tuple[str, ...], told: str) -> None:
    result = check(name, *arguments)
    assert result.exit_code != 0
    assert told in result.output
