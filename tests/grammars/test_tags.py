"""Free text with tags in it, against a definition by regular expressions; counts, order and markers."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import guidedgen as gg
from guidedgen.constraint import State
from guidedgen.errors import CompileError, ValidationFailed
from guidedgen.grammars.compile import compile
from guidedgen.limits import Limits
from guidedgen.testing import accepts, byte_vocabulary, check_constraint

PIECES = byte_vocabulary([b"<a", b"a>", b"<<", b">1", b"1<", b"<a>1", b"b<", b"</", b"ab"])


@dataclass(frozen=True)
class Oracle:
    """What a text with tags is, straight from the definition. Contents are patterns without any ambiguous end."""

    tags: dict[str, tuple[str, str]]  # begin -> content as a pattern, end
    triggers: tuple[str, ...] = ()
    text: str = "(?s:.*)"

    def fired(self, text: str) -> tuple[str, int] | None:
        """The trigger that is complete first, the longest of several."""
        for end in range(len(text) + 1):
            done = [trigger for trigger in self.triggers or self.tags if text[:end].endswith(trigger)]
            if done:
                return max(done, key=len), end
        return None

    def readings(self, text: str) -> Iterator[tuple[Any, ...]]:
        """Every way to read a text, as its segments."""
        found = self.fired(text)
        if found is None:
            if re.fullmatch(self.text, text):
                yield (text,) if text else ()
            return
        trigger, end = found
        free = text[: end - len(trigger)]
        if not re.fullmatch(self.text, free):
            return
        for begin, (content, close) in self.tags.items():
            if not begin.startswith(trigger) or not text[len(free) :].startswith(begin):
                continue
            rest = text[len(free) + len(begin) :]
            for stop in range(len(rest) + 1):
                if re.fullmatch(content, rest[:stop]) and rest[stop:].startswith(close):
                    head = (free,) if free else ()
                    for more in self.readings(rest[stop + len(close) :]):
                        yield (*head, (begin, rest[:stop]), *more)


CASES = {
    "one tag": (gg.Tags([gg.Tag("<a>", gg.Regex("1*"), ">")]), Oracle({"<a>": ("1*", ">")}), "<a>1"),
    "a begin that begins another": (
        gg.Tags([gg.Tag("<a", gg.Regex("1"), ""), gg.Tag("<ab", gg.Regex("1?"), ">")]),
        Oracle({"<ab": ("1?", ">"), "<a": ("1", "")}),
        "<ab>1",
    ),
    "a trigger at the end of another": (
        gg.Tags([gg.Tag("a<", gg.Regex("1"), ""), gg.Tag("<", gg.Regex("b"), ""), gg.Tag("ba<", gg.Regex("a"), "")]),
        Oracle({"a<": ("1", ""), "<": ("b", ""), "ba<": ("a", "")}),
        "ab<1",
    ),
    "a trigger that overlaps itself": (
        gg.Tags([gg.Tag("aba", gg.Regex("1"), "")]),
        Oracle({"aba": ("1", "")}),
        "ab1",
    ),
    "triggers shorter than begins": (
        gg.Tags([gg.Tag("<a>", gg.Regex("1"), ""), gg.Tag("<b", gg.Regex("a*"), ">")], triggers=["<"]),
        Oracle({"<a>": ("1", ""), "<b": ("a*", ">")}, triggers=("<",)),
        "<ab>1",
    ),
    "free text of some form": (
        gg.Tags([gg.Tag("<a", gg.Regex("1"), ">")], text=gg.Regex("(a|<|b)*")),
        Oracle({"<a": ("1", ">")}, text="(a|<|b)*"),
        "<ab>1",
    ),
    "no free text": (
        gg.Tags([gg.Tag("<a", gg.Regex("1"), ">"), gg.Tag("b", gg.Regex("a*"), "")], text=False),
        Oracle({"<a": ("1", ">"), "b": ("a*", "")}, text=""),
        "<ab>1",
    ),
    "free text in a tag": (
        gg.Tags([gg.Tag("<", None, ">>")]),
        Oracle({"<": ("(?:(?!>>).)*(?!>)|", ">>")}),
        "<a>",
    ),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_tags_are_what_the_definition_says(name: str, kernel: str) -> None:
    spec, oracle, alphabet = CASES[name]
    longest = {"native": {3: 7, 4: 6, 5: 6}, "reference": {3: 6, 4: 5, 5: 4}}[kernel][len(alphabet)]
    start = compile(spec, byte_vocabulary(), implementation=kernel).start()
    wrong = [
        text
        for length in range(longest + 1)
        for text in map("".join, itertools.product(alphabet, repeat=length))
        if _reads(start, text) != any(True for _ in oracle.readings(text))
    ]
    assert wrong == []


@pytest.mark.parametrize("name", sorted(CASES))
def test_segments_are_a_reading_of_the_definition(name: str) -> None:
    spec, oracle, alphabet = CASES[name]
    begins = {tag.name: tag.begin for tag in spec.tags}
    for text in map("".join, itertools.product(alphabet, repeat=5)):
        readings = list(oracle.readings(text))
        if not readings:
            with pytest.raises(ValidationFailed):
                spec.parse(text)
            continue
        segments = tuple(
            segment if isinstance(segment, str) else (begins[segment.name], segment.text)
            for segment in spec.parse(text)
        )
        assert segments in readings


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_laws_of_constraints(name: str, kernel: str) -> None:
    check_constraint(compile(CASES[name][0], PIECES, implementation=kernel), PIECES, walks=4, length=16)


def test_free_text_has_no_trigger_wherever_tokens_are_cut() -> None:
    spec = gg.Tags([gg.Tag("<tool>", gg.Regex("[0-9]+"), "</tool>")])
    vocabulary = byte_vocabulary([b"a <to", b"ol", b"ol> x", b"ol>4", b">2</tool> b"])
    state: State | None = compile(spec, vocabulary).start()
    state = state and state.advance(vocabulary.encode("a <to")[0])
    state = state and state.advance(vocabulary.encode("ol")[0])
    assert state is not None
    allowed = {vocabulary.token_bytes(token) for token in range(256, 262) if state.advance(token) is not None}
    assert allowed == {b"a <to", b"ol", b"ol> x", b"ol>4", b">2</tool> b"}
    after = state.advance(vocabulary.encode(">")[0])
    assert after is not None
    assert not after.accepting
    assert after.advance(ord(" ")) is None


COUNTS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {}, ".*"),
    ({"at_least": 1}, {}, ".*x.*"),
    ({"at_most": 1}, {}, "y*x?y*"),
    ({"at_least": 1, "at_most": 2}, {"at_most": 0}, "xx?"),
    ({}, {"at_least": 2}, "x*(yx*){2,}"),
]
TOTALS: list[tuple[dict[str, Any], str]] = [
    ({}, ".*"),
    ({"at_least": 1, "at_most": 2}, ".{1,2}"),
    ({"order": True}, "x*y*"),
    ({"stop": "x"}, "y*x?"),
    ({"stop": ["x", "y"], "at_least": 1}, "."),
]


@pytest.mark.parametrize(("total", "pattern"), TOTALS)
@pytest.mark.parametrize(("first", "second", "counted"), COUNTS)
def test_counts_and_order(
    first: dict[str, Any], second: dict[str, Any], counted: str, total: dict[str, Any], pattern: str, kernel: str
) -> None:
    spec = gg.Tags([gg.Tag("x", "", ".", **first), gg.Tag("y", "", ".", **second)], text=False, **total)
    texts = ["".join(text) for length in range(5) for text in itertools.product("xy", repeat=length)]
    expected = [text for text in texts if re.fullmatch(counted, text) and re.fullmatch(pattern, text)]
    if not expected:
        with pytest.raises(gg.UnsatisfiableSchema):
            compile(spec, byte_vocabulary(), implementation=kernel)
        return
    start = compile(spec, byte_vocabulary(), implementation=kernel).start()
    assert [text for text in texts if _reads(start, text.replace("x", "x.").replace("y", "y."))] == expected
    parsed = [spec.parse(text.replace("x", "x.").replace("y", "y.")) for text in expected]
    assert ["".join(tag.name for tag in segments.tags) for segments in parsed] == expected


def test_a_tag_that_may_not_come_any_more_is_no_free_text_either() -> None:
    constraint = compile(gg.Tags([gg.Tag("<a>", int, "</a>", at_most=1)]), byte_vocabulary())
    assert accepts(constraint, "x<a>1</a> <a")
    assert not accepts(constraint, "x<a>1</a> <a>")
    assert not accepts(constraint, "x<a>1</a> <a>2</a>")


def test_special_tokens_as_markers(kernel: str) -> None:
    vocabulary = byte_vocabulary(special=["<|call|>", "<|end|>"])
    call, end = vocabulary.special["<|call|>"], vocabulary.special["<|end|>"]
    spec = gg.Tags([gg.Tag("<|call|>", int, "<|end|>"), gg.Tag("go:<|call|>", None, "!<|end|>", name="go")], order=True)
    constraint = compile(spec, vocabulary, implementation=kernel)
    check_constraint(constraint, vocabulary, walks=4, length=16, bytes_only=False)
    state: State | None = constraint.start()
    for token in [*b"hi", call, *b"12", end, *b"go:", call, *b"a<b!", end, *b"."]:
        assert state is not None
        state = state.advance(token)
    assert state is not None
    assert state.accepting
    marked = "hi\udcff<|call|>\udcfe12\udcff<|end|>\udcfego:\udcff<|call|>\udcfea<b!\udcff<|end|>\udcfe."
    segments = ("hi", gg.Tagged("call", 12, "12"), gg.Tagged("go", "a<b", "a<b"), ".")
    assert spec.parse(marked).segments == segments
    assert spec.parse("hi<|call|>12<|end|>go:<|call|>a<b!<|end|>.").segments == segments
    assert not accepts(constraint, "hi<|call|>12<|end|>")


def test_segments() -> None:
    spec = gg.Tags([gg.Tag("<n>", int, "</n>"), gg.Tag("<who>", None, "</who>")])
    segments = spec.parse("a<n>1</n>b<who>Ann</who><n>2</n>")
    assert segments.text == "ab"
    assert segments.values("n") == [1, 2]
    assert [tag.name for tag in segments.tags] == ["n", "who", "n"]
    assert segments[1] == gg.Tagged("n", 1, "1")
    assert len(segments) == 5
    assert list(segments)[-1] == gg.Tagged("n", 2, "2")


def test_a_schema_inside_a_tag(kernel: str) -> None:
    schema = {
        "type": "object",
        "properties": {"q": {"type": "string"}},
        "required": ["q"],
        "additionalProperties": False,
    }
    spec = gg.Tags([gg.Tag("<search>", gg.JsonSchema(schema), "</search>")], at_least=1)
    constraint = compile(spec, byte_vocabulary(), implementation=kernel)
    text = 'Let me look: <search>{"q": "</search>"}</search> done'
    assert accepts(constraint, text)
    assert not accepts(constraint, 'Let me look: <search>{"p": ""}</search>')
    assert not accepts(constraint, "Let me look")
    assert spec.parse(text).values("search") == [{"q": "</search>"}]
    assert constraint.report.exact


@given(
    st.lists(st.text("<>ab", min_size=1, max_size=3), min_size=1, max_size=3, unique=True), st.text("<>ab1", max_size=9)
)
@settings(max_examples=60)
def test_random_triggers(begins: list[str], text: str) -> None:
    try:
        spec = gg.Tags([gg.Tag(begin, gg.Regex("1"), "", name=begin) for begin in begins])
    except CompileError:
        return
    oracle = Oracle(dict.fromkeys(begins, ("1", "")))
    start = compile(spec, byte_vocabulary()).start()
    assert _reads(start, text) == any(True for _ in oracle.readings(text))


BAD: list[tuple[Any, str]] = [
    (lambda: gg.Tags([]), "needs a list of Tag"),
    (lambda: gg.Tag("", int, "x"), "needs a begin"),
    (lambda: gg.Tag("<a>"), "nothing ends"),
    (lambda: gg.Tag("<a>", int, at_least=2, at_most=1), "at least 2 and at most 1"),
    (lambda: gg.Tags([gg.Tag("<a>", int), gg.Tag("<b>", int, name="a")]), "are called 'a'"),
    (lambda: gg.Tags([gg.Tag("<a>", int), gg.Tag("<a>", int, name="b")]), "begin with '<a>'"),
    (lambda: gg.Tags([gg.Tag("<a>", int)], triggers=["<b"]), "no trigger begins"),
    (lambda: gg.Tags([gg.Tag("x<a>", int), gg.Tag("<", int)]), "another trigger is inside"),
    (lambda: gg.Tags([gg.Tag("<a>", int)], stop="b"), "no tag is called 'b'"),
    (lambda: gg.Tags([gg.Tag("<a>", int)], at_least=-1), "at least -1"),
    (lambda: compile(gg.Tags([gg.Tag("<", int)], text=gg.Lark('start: "a" start | "b"')), PIECES), "regular"),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_mistakes(make: Any, message: str) -> None:
    with pytest.raises(CompileError, match=message):
        make()


def _reads(start: Any, text: str) -> bool:
    after = start.advance_bytes(text.encode())
    return after is not None and bool(after.accepting)


def test_counts_that_multiply_end_in_a_limit() -> None:
    spec = gg.Tags([gg.Tag(f"<{index}>", "", ".", at_most=3) for index in range(30)])
    with pytest.raises(gg.LimitExceeded, match="symbols"):
        compile(spec, byte_vocabulary(), limits=Limits(symbols=10_000))


def test_many_tags_share_what_is_free_text() -> None:
    """A hundred tags with schemas: one lexeme of free text for each trigger, and one state."""
    schema = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}
    tags = [gg.Tag(f"<tool_{index}>", gg.JsonSchema(schema), "</tool>") for index in range(100)]
    spec = gg.Tags(tags, triggers=["<tool_"])
    constraint = compile(spec, byte_vocabulary())
    state = constraint.start()
    state.mask()
    assert constraint.stats()["nonterminals"] < 1000
    assert accepts(constraint, 'a <tool_7>{"q": "x"}</tool> b <tool_99>{"q": ""}</tool>')
    assert not accepts(constraint, "a <tool_100>")
