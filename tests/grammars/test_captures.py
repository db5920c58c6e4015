"""Captures of finished texts. Oracle: `re` groups where grammars are regular, and texts that are written with marks."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import guidedgen as gg
from guidedgen.grammars.marked_text import decode, visible_bytes
from guidedgen.testing import byte_vocabulary

VOCABULARY = byte_vocabulary(special=["<|call|>", "<think>"])


def captures(grammar: str, text: str, kernel: str = "native", **options: Any) -> dict[str, str | list[str]]:
    constraint = gg.compile(gg.Lark(grammar, **options), VOCABULARY, implementation=kernel)
    return constraint.captures(text)


@pytest.mark.parametrize(
    ("grammar", "text", "expected"),
    [
        (
            'start: name " is " age\nname[capture]: /[a-z]+/\nage[capture="years"]: /[0-9]+/',
            "bob is 12",
            {"name": "bob", "years": "12"},
        ),
        ('start: item ("," item)*\nitem[capture]: /[a-z ]+/', "a,b c,d", {"item": ["a", "b c", "d"]}),
        ('start: item+\nitem[capture]: "x"', "x", {"item": ["x"]}),
        ('start: [item] "."\nitem[capture]: "x"', ".", {}),
        ('start: (item ",")* "."\nitem[capture]: "x"', ".", {"item": []}),
        ('start: t "x"\nt[suffix="<end>", capture, stop_capture="e"]: /.*/', "foo<end>x", {"t": "foo", "e": "<end>"}),
        ('start: t "."\nt[stop=".", capture]: /.*/', "foo.", {"t": "foo"}),
        # recursion from either side, and captures in captures
        ('start: e\ne: e "+" n | n\nn[capture]: /[0-9]+/', "1+22+3", {"n": ["1", "22", "3"]}),
        ('start: w\nw[capture]: "(" w ")" | /[0-9]/', "((2))", {"w": ["((2))", "(2)", "2"]}),
        # what JSON and ignored texts take
        (
            'start: "f(" arg ")" call?\n%ignore " "\narg[capture]: %json {"type": "object"}\ncall[capture="c"]: e\n'
            'e: e "+" /[0-9]+/ | /[0-9]+/',
            'f( {"a": [1, 2]} ) 1 + 22 ',
            {"arg": '{"a": [1, 2]}', "c": "1 + 22"},
        ),
        ('start: j j\nj[capture]: %json {"type": "integer"}', "123", {"j": ["12", "3"]}),
        # the alternative that comes first, and as much as possible from the left
        ("start: x y\nx[capture]: /a*/\ny[capture]: /a*/", "aaa", {"x": "aaa", "y": ""}),
        ("start: x | y\nx[capture]: /[ab]+/\ny[capture]: /[bc]+/", "bb", {"x": "bb"}),
        ("start: x | y\nx[capture]: /[ab]+/\ny[capture]: /[bc]+/", "bc", {"y": "bc"}),
        # rules that may be empty, and that lead to themselves
        ('start: a "x"\na[capture]: a | "y" | ', "yx", {"a": ["y"]}),
        ("start: a* b\na[capture]: /x?/\nb: /y/", "xxy", {"a": ["x", "x"]}),
        ('start: w "!"\nw[max_tokens=1, capture]: /é*/', "éé!", {"w": "éé"}),
    ],
)
def test_captures(grammar: str, text: str, expected: dict[str, Any], kernel: str) -> None:
    assert captures(grammar, text, kernel) == expected


def test_special_tokens_stand_between_parts(kernel: str) -> None:
    grammar = "start: <think> t (<|call|> | <think>) u <[^1]>\nt[capture]: /[a-z]*/\nu[capture]: /[a-z]+/"
    call, think = VOCABULARY.special["<|call|>"], VOCABULARY.special["<think>"]
    tokens = [think, *b"hallo", call, *b"ab", think]
    text = decode(visible_bytes(VOCABULARY, tokens))
    assert captures(grammar, text, kernel) == {"t": "hallo", "u": "ab"}


def test_a_text_that_is_none_of_the_grammar_is_refused(kernel: str) -> None:
    with pytest.raises(gg.ValidationFailed, match="none of the grammar"):
        captures("start: a\na[capture]: /x/", "y", kernel)


def test_grammars_without_captures_have_none(kernel: str) -> None:
    assert captures('start: "x"', "y", kernel) == {}
    assert gg.compile(gg.JsonSchema({}), VOCABULARY, implementation=kernel).captures("1") == {}


@given(st.lists(st.tuples(st.from_regex("[a-c]{0,3}", fullmatch=True), st.from_regex("[0-9]{1,2}", fullmatch=True))))
def test_like_groups_of_a_regular_expression(pairs: list[tuple[str, str]]) -> None:
    text = "".join(f"{key}={value};" for key, value in pairs)
    grammar = 'start: (key "=" value ";")*\nkey[capture]: /[a-c]*/\nvalue[capture]: /[0-9]+/'
    found = captures(grammar, text)
    assert found == {
        "key": re.findall(r"([a-c]*)=", text),
        "value": re.findall(r"=([0-9]+)", text),
    }


def test_long_texts_take_time_in_proportion() -> None:
    grammar = 'start: line+\nline: k "=" v "\\n"\nk[capture]: /[a-z]+/\nv[capture]: /[0-9]+/'
    constraint = gg.compile(gg.Lark(grammar), VOCABULARY)
    begin = time.process_time()
    assert len(constraint.captures("abc=123\n" * 1_000)["k"]) == 1_000
    assert time.process_time() - begin < 5


def test_nesting_is_no_recursion_of_ours() -> None:
    depth = 2_000
    found = captures('start: w\nw: "(" w ")" | n\nn[capture]: "x"', "(" * depth + "x" + ")" * depth)
    assert found == {"n": "x"}


ASSIGNMENTS = """
start: assignment (";" assignment)*
assignment: name "=" value
name[capture]: NAME
value[capture]: NUMBER | NAME | "if"
NAME: /[a-z]+/
NUMBER: /[0-9]+/
%ignore " "
"""


@pytest.mark.parametrize("lexer", ["auto", "basic"])
@pytest.mark.parametrize("parser", ["earley", "lalr"])
def test_whichever_parser_reads_the_text(parser: str, lexer: str, kernel: str) -> None:
    found = captures(ASSIGNMENTS, "a = 1; bb=c ;d=if", kernel, parser=parser, lexer=lexer)
    assert found == {"name": ["a", "bb", "d"], "value": ["1", "c", "if"]}


def test_captures_of_an_automaton_have_to_be_at_the_top() -> None:
    inner = gg.Lark('start: a\na[capture]: "x"', parser="lalr")
    with pytest.raises(gg.UnsupportedFeature, match="LALR grammar with captures"):
        gg.compile(gg.Sequence(inner, "!"), VOCABULARY)
    blocks = gg.Lark(
        "start: a _NL [_INDENT a _NL _DEDENT]\na[capture]: /x/\n_NL: /\\n */\n%declare _INDENT _DEDENT",
        parser="lalr",
        indent=gg.Indentation(newline="_NL", open=(), close=()),
    )
    with pytest.raises(gg.UnsupportedFeature, match="capture does not go with indentation"):
        gg.compile(blocks, VOCABULARY)


def test_a_terminal_that_something_must_follow_can_be_captured(kernel: str) -> None:
    found = captures("start: name rest\nname[capture]: /[a-z]+(?=\\()/\nrest: /.*/", "abc(d)", kernel)
    assert found == {"name": "abc"}
