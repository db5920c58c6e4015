"""Lark text beyond lark's: each extension on both kernels, with the laws, and errors that name the place."""

from __future__ import annotations

import contextlib
import itertools
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import guidedgen as gg
from guidedgen.grammars import lark_text
from guidedgen.grammars.lark_extensions import extend
from guidedgen.masks import allowed_tokens
from guidedgen.testing import accepts, byte_vocabulary, check_constraint

VOCABULARY = byte_vocabulary([b"ab", b'{"', b"<end>", b"d>", b"aa"], special=["<|call|>", "<think>"])


def compiled(text: str, kernel: str, **options: Any) -> Any:
    return gg.compile(gg.Lark(text, **options), VOCABULARY, implementation=kernel)


EXAMPLES: dict[str, tuple[str, dict[str, Any], list[str], list[str]]] = {
    "JSON": (
        'start: "call " f | "say " g\nf: %json {\n "type": "object",\n "properties": {"city": {"type": "string"}},\n'
        ' "required": ["city"]\n} | "none"\ng: %json {"type": "boolean"}  // the end',
        {},
        ['call {"city": "x"}', "call none", "say true"],
        ["call {}", "say 1"],
    ),
    "JSON as it is laid out elsewhere": (
        'start: %json {"type": "array"} "!"',
        {"json": {"whitespace": "flexible"}},
        ["[1,2]!", "[ 1 ,2]!"],
        ["[1,2]"],
    ),
    "and, not": (
        "start: L\nL: /[a-z ]*/ & ~/(?s:.*)  (?s:.*)/",
        {},
        ["a b", "abc", ""],
        ["a  b", "A"],
    ),
    "all but a few words": (
        'start: (NAME " ")+\nNAME: WORD & ~("if" | "else")\nWORD: /[a-z]{1,5}/',
        {},
        ["ab ", "iff els "],
        ["if ", "a else "],
    ),
    "not, repeated": ('start: N\nN: (~/a*/ & /[ab]/)~2..3 | "c"+ & /.{2}/', {}, ["bb", "bbb", "cc"], ["ab", "b", "c"]),
    "of terminals that lark reads": (
        'start: X\nX: Y & Z "!"?\nY: Z | "q"\nZ: /[p-r]/i | "0".."3"',
        {},
        ["Q", "q", "2"],
        ["2!", "!", "s"],
    ),
    "lazy": ('start: w "x"\nw[lazy]: /.*<end>/', {}, ["foo<end>x"], ["foo<end>a<end>x", "foox"]),
    "suffix": ('start: w w\nw[suffix="<end>"]: /.*/', {}, ["a<end>b<end>"], ["a<end>", "a<end>b<end>c<end>"]),
    "suffix by a pattern": ('start: w "!"\nw[suffix=/[.;]/]: /[^!]*/', {}, ["ab;!", ".!"], ["a;b;!", "ab!"]),
    "stop": ('start: w "<end>" w\nw[stop="<end>"]: /(.|\\n)*/', {}, ["a<end>b", "<end>"], ["a<end>b<end>"]),
    "stop that overlaps itself": (
        'start: w "aa"\nw[stop="aa"]: /[ab]*/',
        {},
        ["baa", "abaa", "aa"],
        ["aaa", "abaaa", "baabaa"],
    ),
    "stop by a terminal": ('start: w\nw[stop=END]: /[a-c]*/\nEND: "b" | "cc"', {}, ["aca", ""], ["ab", "acc"]),
    "characters": ('start: w "."\nw[max_chars=3]: "é"* | "ab"', {}, ["ééé.", "ab."], ["éééé."]),
    "repetition in braces": (
        'start: "a"{2,3} b{2,} c{1,} d{,2} ("x" "y"){0,}\nb: "b"\nc: "c" "!"{0}\nd: "d"',
        {},
        ["aabbc", "aaabbbcddxyxy"],
        ["abbc", "aabc", "aabbcddd", "aabbcx"],
    ),
    "names with hyphens": ('start: my-rule "-"\nmy-rule: "x" -> an_alias', {}, ["x-"], ["x"]),
    "words of a text": (
        'start: "q: " %regex {"substring_words": "foo bar. baz"}',
        {},
        ["q: foo", "q: bar. ", "q: ", "q: foo bar. baz"],
        ["q: fo", "q: foo baz"],
    ),
    "characters of a text": ('start: S\nS: "<" %regex {"substring_chars": "abc"} ">"', {}, ["<bc>", "<>"], ["<ac>"]),
    "given terminals": (
        '%declare PERSON, AGE\nstart: "hi " PERSON ("," PERSON)* " " AGE'.replace(",", "", 1),
        {"terminals": {"PERSON": ["bob", "al"], "AGE": gg.Regex("[1-9][0-9]?")}},
        ["hi bob,al 12", "hi al 9"],
        ["hi x 1", "hi bob 012"],
    ),
    "between ignored texts": (
        '%ignore /[ \\t]+/\n%llguidance {"no_forcing": true}\nstart: a b\n'
        'a[max_chars=2]: "x"+\nb: %json {"type": "integer"}',
        {},
        ["xx 12", " x 1 "],
        ["xxx 1", "x"],
    ),
    "ignored by operators": ("%ignore / +/ & ~/   /\nstart: A B\nA: /a/\nB: /b/", {}, ["ab", "a b", "a  b"], ["a,b"]),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_texts_and_laws(name: str, kernel: str) -> None:
    text, options, good, bad = EXAMPLES[name]
    constraint = compiled(text, kernel, **options)
    wanted = {**dict.fromkeys(good, True), **dict.fromkeys(bad, False)}
    assert {given: accepts(constraint, given, VOCABULARY) for given in wanted} == wanted
    check_constraint(constraint, VOCABULARY, walks=4)


def test_parts_of_a_long_text() -> None:
    text = "".join(chr(97 + (index * index + index // 7) % 26) for index in range(20_000))
    constraint = compiled('start: "<" %regex {"substring_chars": "' + text + '"} ">"', "native")
    assert accepts(constraint, f"<{text[3_000:3_100]}>", VOCABULARY)
    assert not accepts(constraint, f"<{text[3_000:3_100]}!>", VOCABULARY)
    assert accepts(constraint, "<>", VOCABULARY)
    with pytest.raises(gg.UnsupportedFeature, match="over 2500 chunks"):
        compiled('start: %regex {"substring_words": "' + "a" + " b" * 1_249 + '."} "x"', "native")


def test_special_tokens(kernel: str) -> None:
    call, think = VOCABULARY.special["<|call|>"], VOCABULARY.special["<think>"]
    constraint = compiled(f"start: <|call|> /x/ <[{call}-{think}]> y?\ny: <[^{call}]> <think>", kernel)
    state = constraint.start()
    for token, following in ((call, [ord("x")]), (ord("x"), [call, think])):
        assert allowed_tokens(state.mask()).tolist() == [token] if state is constraint.start() else True
        state = state.advance(token)
        assert allowed_tokens(state.mask()).tolist() == following
    state = state.advance(think)
    assert state.accepting
    allowed = set(allowed_tokens(state.mask()).tolist())
    assert allowed == set(range(256 + 5)) | {think}  # everything but the one that is excluded, and the end
    check_constraint(constraint, VOCABULARY, walks=4)


def test_an_unknown_special_token_is_refused_with_those_that_there_are(kernel: str) -> None:
    with pytest.raises(gg.CompileError, match=r"no special token '<\|quit\|>'.*<\|call\|>, <think>"):
        compiled("start: <|quit|>", kernel)


def test_limits_on_tokens(kernel: str) -> None:
    constraint = compiled('start: w "."\nw[max_tokens=2]: /[a-z]*/', kernel)
    check_constraint(constraint, VOCABULARY, bytes_only=False)
    state = constraint.start().advance(256).advance(ord("c"))
    assert allowed_tokens(state.mask()).tolist() == [ord(".")]


@pytest.mark.parametrize("stop", ["ab", "aa", "aba", "bb", "a"])
@pytest.mark.parametrize("pattern", ["[ab]*", "a*b?a*", "(ab)*a?"])
def test_stop_and_suffix_end_at_the_first_chance(pattern: str, stop: str) -> None:
    """Oracle: search for the shortest text that ends with the stop."""
    body = compiled(f'start: w\nw[stop="{stop}"]: /{pattern}/', "native")
    whole = compiled(f'start: w\nw[suffix="{stop}"]: /{pattern}/', "native")
    for length in range(6):
        for letters in itertools.product("ab", repeat=length):
            text = "".join(letters)
            first = next((end for end in range(len(text) + 1) if _ends(pattern, stop, text[:end])), None)
            assert accepts(whole, text, VOCABULARY) == (first == len(text)), text
            longer = text + stop
            ends = [end for end in range(len(longer) + 1) if _ends(pattern, stop, longer[:end])]
            wanted = bool(ends) and ends[0] == len(longer)
            assert accepts(body, text, VOCABULARY) == wanted, text


def _ends(pattern: str, stop: str, text: str) -> bool:
    return text.endswith(stop) and re.fullmatch(pattern, text[: len(text) - len(stop)]) is not None


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ('start: "x" %json {"a": }', 1, 24, "%json: Expecting value"),
        ('start: %json {\n  "a": tru\n}', 2, 8, "%json: Expecting value"),
        ("start: %json", 1, 13, "%json: Expecting value"),
        ('start: "a"\nx: A & B\nA: "a"\nB: "b"', 2, 6, "& stands in terminals only"),
        ('start: x\nx[foo=1]: "a"', 2, 3, "the attribute 'foo' is not known"),
        ('start: x\nx[max_tokens="a"]: "a"', 2, 14, "max_tokens must be a number"),
        ('start: x\nx[stop]: "a"', 2, 3, "stop must be a terminal"),
        ('start: x\nx[lazy, lazy]: "a"', 2, 9, "'lazy' was not expected"),
        ('start: x\nx[lazy capture]: "a"', 2, 8, "'capture' was not expected"),
        ('start: x\nx[stop="a", suffix="b"]: "a"', 2, 3, "a rule has stop and suffix"),
        ('start: x\nx[stop="a", stop_capture="s"]: "a"', 2, 3, "stop_capture needs a suffix"),
        ("start: <[5-1]>", 1, 8, "<[5-1]> names no tokens"),
        ('start: A\nA: B & "x"', 2, 4, "terminal B is not defined"),
        ("start: A\nA: ~A", 1, 8, "terminal A is made of itself"),
        ("start: A\nA: %json {}", 2, 4, "%json cannot stand in a terminal"),
        ("start: A\nA: <|call|>", 2, 4, "<|call|> cannot stand in a terminal"),
        ('start: A\nA: "x" & | "y"', 2, 10, "'|' was not expected"),
        ('start: A\nA: "x" & ("y"', 2, 14, "the end of the terminal was not expected"),
        ("start: A\nA: /x/ & /(/", 2, 10, "a pattern: invalid regular expression: missing )"),
        ('start: A\nA: /x/ & %regex {"other": 1}', 2, 10, "%regex says something unknown"),
        ('start: A\nA: %regex {"substring_chars": 1}', 2, 4, "substring_chars must be a string"),
        ('start: a-b a_b\na-b: "x"\na_b: "y"', 3, 1, "differ in a hyphen only"),
        # lark's own errors, behind and below extensions
        ('start: %json {"type": "object"} missing', 1, 33, "'missing' used but not defined"),
        ('\nstart: %json {\n"type": "object"\n} %json {} "x', 4, 12, "Unexpected input"),
        ('start: x{2,} y\nx[capture]: "x"\ny: "z" -> Z', 3, 11, "Unexpected token"),
        ('start: A\nA: "x" & /y/\n\nstart: "b"', 4, 1, "defined more than once"),
    ],
)
def test_errors_name_line_and_column_of_the_text_that_was_given(
    text: str, line: int, column: int, message: str
) -> None:
    with pytest.raises(gg.GrammarSyntaxError, match=re.escape(message)) as caught:
        lark_text.parse(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert caught.value.source == text
    assert caught.value.hint


BESIDE = """
start: "say" NAME PLACE? | call <|call|>
call: "call" %json {"type": "integer"}
NAME: /[a-z]+/
PLACE: /[A-Z]+/ & ~("HERE" | "THERE")
%ignore " "
%ignore SHOUT
SHOUT: /!+/ & ~"!!"
"""


def test_extensions_stand_beside_terminals_that_compete(kernel: str) -> None:
    """Under lexer="basic" a name is never "say"; JSON, special tokens, and what has operators are read all the same."""
    constraint = compiled(BESIDE, kernel, lexer="basic")
    check_constraint(constraint, VOCABULARY)
    texts = ["say x", "say say", "sayx", "say x!ROME", "say x HERE", "say x!!!HERES"]
    assert [accepts(constraint, text) for text in texts] == [True, False, False, True, False, True]
    state = constraint.start().advance_bytes(b"call 12")
    assert state is not None
    assert not state.accepting
    assert state.advance(VOCABULARY.special["<|call|>"]).accepting


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('%lark {}\nstart: "a"', "%lark is not supported"),
        ('%llguidance {"allow_invalid_utf8": true}\nstart: "a"', "'allow_invalid_utf8' of %llguidance"),
        (
            'start: x\nx[max_tokens=3]: "(" x ")" | "a"',
            "rule 'x' with max_tokens cannot stand on the recursive rule 'x'",
        ),
        ("start: x\nx[suffix=/b/]: %json {}", "rule 'x' with suffix needs plain text, and this is JSON"),
        ("start: x\nx[max_chars=2]: <|call|>", "rule 'x' with max_chars needs plain text, and this is a special token"),
        ('start: A\n%declare B\nA: B "x"', "the declare'd terminal B stands in another"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(gg.UnsupportedFeature, match=re.escape(message)) as caught:
        lark_text.parse(text)
    assert caught.value.hint


def test_given_terminals_have_to_be_declared() -> None:
    with pytest.raises(gg.CompileError, match=r"the grammar declares no terminal 'NAME'.*%declare NAME"):
        gg.compile(gg.Lark('start: "x"', terminals={"NAME": ["a"]}), VOCABULARY)


PLAIN = [
    '// comment <|x|> & ~ {2}\nstart: "<|x|>" /<[1]>&~{2}\\//  // %json {\n     | "a"~2..3 "\\"" b{"x", "y"}\n'
    'b{p, q}: p [q] -> two\n%import common.INT -> N\n%ignore " "',
    'start.2: (A|B)+ # a comment: %regex {\n?a_b : "x"i\nA.3: "a" | /b/i\nB: A~3 "c".."d"',
]


@pytest.mark.parametrize("text", PLAIN)
def test_plain_lark_is_left_alone(text: str) -> None:
    assert extend(text).text == text


@given(st.text(alphabet='ab:|"/~&<>[]{}%\\\n ,2-', max_size=40))
def test_reading_any_text_ends_in_a_grammar_or_a_typed_error(text: str) -> None:
    with contextlib.suppress(gg.CompileError):
        lark_text.parse(text)


@given(st.text(alphabet="ab:|;\n (){}x\\", max_size=60))
def test_plain_text_is_never_changed(text: str) -> None:
    assert extend(text).text == text


@pytest.mark.parametrize(
    "text",
    [
        "start: A0\n" + "\n".join(f"A{i}: A{i + 1} & /a*/" for i in range(3_000)) + '\nA3000: "a"',
        "start: A\nA: " + "(" * 5_000 + '"a" & "a"' + ")" * 5_000,
        "start: A\nA: " + "~" * 5_000 + '"a"',
        "start: r0\nr0[max_chars=3]: r1\n"
        + "\n".join(f'r{i}: r{i + 1} "a"?' for i in range(1, 2_000))
        + '\nr2000: "a"',
        "start: " + "%json 1 " * 2_000 + "\nx: %json " + "[" * 100_000,
        'start: "a"{2,}' + "{2,}" * 2_000,
    ],
    ids=["chain of terminals", "brackets", "complements", "chain of rules", "JSON", "repetitions"],
)
def test_hostile_texts_end_in_typed_errors_soon(text: str) -> None:
    begin = time.process_time()
    with contextlib.suppress(gg.CompileError, gg.LimitExceeded):
        gg.compile(gg.Lark(text), VOCABULARY)
    assert time.process_time() - begin < 20
