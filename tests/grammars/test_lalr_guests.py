"""What lark does not know in grammars for LALR: read where the parser expects it, as beside Earley's basic lexer."""

from __future__ import annotations

import random
from typing import Any

import pytest

import guidedgen as gg
from guidedgen.masks import allowed_tokens
from guidedgen.testing import accepts, byte_vocabulary, check_constraint

VOCABULARY = byte_vocabulary(
    [b"if", b"= 1", b"; ", b'{"a', b'": ', b"ab", b" b", b"12", b"no", b"te "], special=["<a>", "</a>"]
)
NATIVE = pytest.importorskip("guidedgen.kernel._native", reason="the native kernel is not built: run `make native`")

SCHEMA = (
    '{"type": "object", "properties": {"a": {"type": ["boolean", "null"]}}, '
    '"required": ["a"], "additionalProperties": false}'
)
LEXING = '\nNAME: /[a-z]+/\nNUMBER: /[0-9]+/\n%ignore " "\n'
# Without conflicts: the parser takes what the rules derive, so that Earley with the same lexer is an oracle.
GRAMMARS: dict[str, str] = {
    "json": f'start: pair (";" pair)*\npair: NAME "=" (%json {SCHEMA} | NUMBER)' + LEXING,
    "json at the end": f"start: NAME %json {SCHEMA}" + LEXING,
    "special tokens": 'start: item+\nitem: <a> NAME* </a> | NUMBER ";"' + LEXING,
    "first and last": 'start: <a> (NAME ";")* </a>' + LEXING,
    "operators": 'start: (WORD ";" | NUMBER "," NAME)+\nWORD: /[a-z]+/ & ~("if" | "no")' + LEXING,
    "few tokens": 'start: ("x" "=" thought ";" | NUMBER)+\nthought[max_tokens=3]: /[^;]*/' + LEXING,
    "few characters": 'start: (NAME "=" text ";")+\ntext[max_chars=4]: /[^;]+/' + LEXING,
    "a stop": 'start: (NAME ":" text "END" ";")+\ntext[stop="END"]: /[a-zA-Z]*/' + LEXING,
    "a suffix": 'start: (NAME ":" text NUMBER ";")+\ntext[suffix="."]: /.+/' + LEXING,
    "lazy": 'start: (NAME ":" text NUMBER ";")+\ntext[lazy]: /[a-z]*q/' + LEXING,
    "a rule of several": 'start: (NAME ":" text ";")+\ntext[max_chars=8]: "a" (NUMBER | "b")*' + LEXING,
    "one within another": 'start: (NAME ":" text ";")+\ntext[max_chars=8]: "a" inner\ninner[max_chars=3]: /[0-9]*/'
    + LEXING,
    "part of a text": 'start: (NAME ":" %regex {"substring_words": "to be or not to be"} ";")+' + LEXING,
    "letters of a text": 'start: (NAME ":" %regex {"substring_chars": "to be or"} ";")+' + LEXING,
    "side by side": f'start: (NAME ":" (%json {SCHEMA} | <a> | "0") ";")+' + LEXING,
    "helpers of a rule": 'start: start "+" text | NAME\ntext[max_chars=6]: ("a" | /[0-9]*/)* "."' + LEXING,
    "left recursion": 'start: start "+" part | part\npart: NAME | <a> start </a> | text\ntext[stop="!"]: "$" /[^$]*/'
    + LEXING,
}


def walk(states: list[Any], seed: int, steps: int = 25) -> None:
    """Random tokens under the masks of several kernels or parsers: they allow the same, and end at the same cost."""
    rng = random.Random(seed)
    for _ in range(steps):
        allowed = [allowed_tokens(state.mask()).tolist() for state in states]
        assert all(tokens == allowed[0] for tokens in allowed)
        assert len({state.accepting for state in states}) == 1
        assert len({len(state.shortest()) for state in states}) == 1
        if not allowed[0]:
            break
        likely = [token for token in allowed[0] if token >= 256 or 32 < token < 127]
        token = rng.choice(likely or allowed[0])
        states = [state.advance(token) for state in states]


@pytest.mark.parametrize("lexer", ["contextual", "basic"])
@pytest.mark.parametrize("name", GRAMMARS)
def test_both_kernels_allow_the_same(name: str, lexer: Any) -> None:
    spec = gg.Lark(GRAMMARS[name], parser="lalr", lexer=lexer)
    constraints = [gg.compile(spec, VOCABULARY, implementation=kernel) for kernel in ("native", "reference")]
    for seed in range(3):
        walk([constraint.start() for constraint in constraints], seed)


@pytest.mark.parametrize("name", GRAMMARS)
def test_without_conflicts_earley_with_the_same_lexer_allows_the_same(name: str) -> None:
    specs = [gg.Lark(GRAMMARS[name], parser="lalr", lexer="basic"), gg.Lark(GRAMMARS[name], lexer="basic")]
    constraints = [gg.compile(spec, VOCABULARY) for spec in specs]
    for seed in range(8):
        walk([constraint.start() for constraint in constraints], seed, steps=40)


@pytest.mark.parametrize("name", [name for name in GRAMMARS if name != "few tokens"])  # which depends on the tokens
def test_constraints_keep_the_laws(name: str) -> None:
    check_constraint(gg.compile(gg.Lark(GRAMMARS[name], parser="lalr"), VOCABULARY), VOCABULARY)


@pytest.mark.parametrize("name", ["first and last", "json at the end", "few tokens", "left recursion"])
def test_within_another_output_both_kernels_allow_the_same(name: str) -> None:
    spec = gg.Sequence("(", gg.Lark(GRAMMARS[name], parser="lalr"), ")")
    constraints = [gg.compile(spec, VOCABULARY, implementation=kernel) for kernel in ("native", "reference")]
    for seed in range(4):
        walk([constraint.start() for constraint in constraints], seed)


CONFLICT = (
    'start: statement*\nstatement: "if" NAME statement ["else" statement] | text ";"\ntext[max_chars=5]: /[0-9 ]+/'
)


def test_conflicts_are_resolved_around_guests(kernel: str) -> None:
    spec = gg.Lark(CONFLICT + LEXING, parser="lalr")
    constraint = gg.compile(spec, VOCABULARY, implementation=kernel)
    texts = {"if a if b 1; else 2;": True, "if a 1 2; else 123456;": False, "else 1;": False, "12;if a 1;": True}
    assert {text: accepts(constraint, text) for text in texts} == texts


def test_contextual_lexers_read_what_stands_beside_a_guest(kernel: str) -> None:
    """Where "on" is no keyword it is a name; a text of a guest competes with neither."""
    grammar = (
        'start: "set" NAME "=" (WORD | "on" | <a>) ";"\nWORD: /[a-z]+/ & ~("if" | "x")\nNAME: /[a-z]+/\n%ignore " "'
    )
    constraint = gg.compile(gg.Lark(grammar, parser="lalr"), VOCABULARY, implementation=kernel)
    texts = {"set on = on;": True, "set set = if;": False, "set a = b;": True, "seta=b;": True, "set a=bc d;": False}
    assert {text: accepts(constraint, text) for text in texts} == texts


def test_blocks_may_hold_guests(kernel: str) -> None:
    grammar = r"""
    start: (_NL | statement)*
    statement: NAME ":" note _NL | "if" NAME ":" _NL _INDENT statement+ _DEDENT | "call" %json {"enum": [1, 22]} _NL
    note[max_chars=6]: /[^\n]*/
    NAME: /[a-z]+/
    _NL: /(\r?\n[\t ]*)+/
    %ignore " "
    %declare _INDENT _DEDENT
    """
    spec = gg.Lark(grammar, parser="lalr", indent=gg.Indentation(newline="_NL"))
    constraint = gg.compile(spec, VOCABULARY, implementation=kernel)
    texts = {
        "a:note\n": True,
        "a:\n": True,
        "if b:\n  a: so it\n  call 22\nc:x\n": True,
        "if b:\n  a:so\n c:so\n": False,
        "call 3\n": False,
        "a:far too long\n": False,
    }
    assert {text: accepts(constraint, text) for text in texts} == texts


def test_declared_terminals_stand_for_anything(kernel: str) -> None:
    grammar = 'start: (NAME "=" VALUE ";" | PERSON)*\n%declare VALUE PERSON' + LEXING
    given = {"VALUE": gg.Integer(ge=5, le=12), "PERSON": ["Ada", "Grace"]}
    constraint = gg.compile(gg.Lark(grammar, parser="lalr", terminals=given), VOCABULARY, implementation=kernel)
    texts = {"a = 7; Ada Grace": True, "a=13;": False, "AdaGrace": True, "Adam": False}
    assert {text: accepts(constraint, text) for text in texts} == texts


def test_declared_terminals_may_be_empty(kernel: str) -> None:
    grammar = 'start: (NAME "=" VALUE ";")*\n%declare VALUE' + LEXING
    spec = gg.Lark(grammar, parser="lalr", terminals={"VALUE": ["on", "", "of"]})
    constraint = gg.compile(spec, VOCABULARY, implementation=kernel)
    texts = {"a = on;b=; c=of;": True, "a=o;": False, "a= ;": True}
    assert {text: accepts(constraint, text) for text in texts} == texts


def test_functions_answer_for_declared_terminals() -> None:
    fields = {"user.": ["name", "mail"], "user.name=1;user.": ["age"]}
    grammar = 'start: ("user" "." FIELD "=" NUMBER ";")+\n%declare FIELD\nNUMBER: /[0-9]+/'
    spec = gg.Lark(grammar, parser="lalr", terminals={"FIELD": lambda text: fields[text]})
    state: Any = gg.compile(spec, VOCABULARY).start().advance_bytes(b"user.")
    assert [chr(token) for token in range(256) if state.advance(token)] == ["m", "n"]
    state = state.advance_bytes(b"name=1;user.")
    assert [chr(token) for token in range(256) if state.advance(token)] == ["a"]


def test_captures_of_rules_with_limits() -> None:
    grammar = (
        f'start: NAME "=" note ";" call\nnote[capture, max_chars=9]: /[^;]*/\ncall[capture]: %json {SCHEMA}' + LEXING
    )
    constraint = gg.compile(gg.Lark(grammar, parser="lalr"), VOCABULARY)
    assert constraint.captures('a = b c; {"a": null}') == {"note": "b c", "call": '{"a": null}'}


@pytest.mark.parametrize(
    ("grammar", "terminals", "match"),
    [
        ('start: "a"\n%ignore I\nI: " " & /./', {}, r"%ignore of a terminal with & or ~"),
        ('start: "a" X\n%declare X', {"X": gg.Repeat("b", min=0, max=2)}, r"X may be empty"),
        ('start: "a" X\n%declare X', {"X": gg.Lark('start: "b"', parser="lalr")}, r"LALR grammar within another"),
        ('start: x\nx[max_chars=3]: "a" x | "b"', {}, r"recursive rule 'x'"),
    ],
)
def test_what_is_refused_says_what_to_do(grammar: str, terminals: dict[str, Any], match: str) -> None:
    with pytest.raises(gg.UnsupportedFeature, match=match):
        gg.compile(gg.Lark(grammar, parser="lalr", terminals=terminals), VOCABULARY)


def test_a_guest_without_any_text_is_refused(kernel: str) -> None:
    with pytest.raises(gg.CompileError, match=r"no text"):
        gg.compile(gg.Lark('start: "a" | A\nA: "b" & "c"', parser="lalr"), VOCABULARY, implementation=kernel)
