"""Thoughts before a value: where they end, how long they may be, and which markers models have."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest

import guidedgen as gg
from guidedgen.errors import CompileError, ValidationFailed
from guidedgen.grammars.compile import compile
from guidedgen.grammars.thinking import Markers, markers_of
from guidedgen.testing import accepts, byte_vocabulary, check_constraint
from guidedgen.vocabulary import Vocabulary

PIECES = byte_vocabulary([b"<th", b"ink>", b"</", b"think>", b"\n\n", b"ab ", b"think>\n", b"</think>\n\n1"])


@pytest.mark.parametrize("most", [None, 0, 3])
@pytest.mark.parametrize("end", ["</think>", "aba", "aa"])
def test_the_laws_of_constraints(most: int | None, end: str, kernel: str) -> None:
    spec = gg.Thinking(gg.Regex("[0-9]{2}"), most, begin="<think>", end=end)
    constraint = compile(spec, PIECES, implementation=kernel)
    check_constraint(constraint, PIECES, walks=5, length=16, bytes_only=most is None)


@pytest.mark.parametrize("end", ["]", "aba", "aa", "a]"])
@pytest.mark.parametrize("most", [None, 50])
def test_thoughts_end_at_the_first_marker(end: str, most: int | None) -> None:
    spec = gg.Thinking(gg.Regex("1"), most, begin="[", end=end)
    start = compile(spec, byte_vocabulary()).start()
    for text in map("".join, itertools.product("ab]1", repeat=6)):
        after = start.advance_bytes(b"[" + text.encode())
        valid = (place := text.find(end)) >= 0 and text[place + len(end) :] == "1"
        assert (after is not None and after.accepting) == valid
        if valid:
            assert spec.parse("[" + text) == "1"
            assert spec.thoughts("[" + text) == text[:place]


def splits(pieces: tuple[bytes, ...], most: int) -> bool:
    """Whether the tokens are `[`, thoughts in so many tokens at most, `]`, and a digit."""
    text, ends = b"".join(pieces), list(itertools.accumulate(map(len, pieces)))
    found = re.fullmatch(rb"\[([^\]]*)\]1", text)
    if not found:
        return False
    first, last = found.span(1)
    return sum(end - len(piece) < last and end > first for piece, end in zip(pieces, ends, strict=True)) <= most


@pytest.mark.parametrize("most", [0, 1, 2])
def test_no_more_tokens_than_the_limit_have_a_part_in_the_thoughts(most: int, kernel: str) -> None:
    texts = [b"[", b"]", b"1", b"a", b"[a", b"a]", b"aa", b"]1"]
    vocabulary = Vocabulary.from_tokens([*texts, b""], eos=[len(texts)])
    spec = gg.Thinking(gg.Regex("1"), most, begin="[", end="]")
    start: Any = compile(spec, vocabulary, implementation=kernel).start()
    found = set[tuple[bytes, ...]]()
    waiting: list[tuple[tuple[int, ...], Any]] = [((), start)]
    while waiting:
        tokens, state = waiting.pop()
        if state.accepting:
            found.add(tuple(texts[token] for token in tokens))
        if len(tokens) < 5:
            waiting += [((*tokens, t), after) for t in range(len(texts)) if (after := state.advance(t)) is not None]
    every = (pieces for length in range(6) for pieces in itertools.product(texts, repeat=length))
    assert found == {pieces for pieces in every if splits(pieces, most)}


def test_special_tokens_are_markers_where_the_vocabulary_has_them(kernel: str) -> None:
    vocabulary = byte_vocabulary([b"ab"], special=["<think>", "</think>"])
    begin, end = vocabulary.special["<think>"], vocabulary.special["</think>"]
    spec = gg.Thinking(int, 3)
    constraint = compile(spec, vocabulary, implementation=kernel)
    check_constraint(constraint, vocabulary, walks=4, length=12, bytes_only=False)
    state = constraint.start()
    assert state.forced() == (begin,)
    for token in [begin, *b"a<", 256]:
        after = state.advance(token)
        assert after is not None
        state = after
    assert state.forced() == (end,)
    text = "\udcff<think>\udcfea<ab\udcff</think>\udcfe\n7"
    assert (spec.parse(text), spec.thoughts(text)) == (7, "a<ab")


def test_a_value_behind_the_thoughts() -> None:
    spec = gg.Thinking(dict[str, int])
    constraint = compile(spec, byte_vocabulary())
    text = '<think>\nIs it {"a": 2}? No.\n</think>\n\n{"a": 1}'
    assert accepts(constraint, text)
    assert spec.parse(text) == {"a": 1}
    assert spec.thoughts(text) == 'Is it {"a": 2}? No.'
    assert not accepts(constraint, '{"a": 1}')
    with pytest.raises(ValidationFailed):
        spec.parse('{"a": 1}')
    assert gg.Thinking(str).parse("<think>a</think> b c") == "b c"
    assert gg.Thinking().parse("<think></think>") == ""


HARMONY = Markers("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>")


@pytest.mark.parametrize(
    ("names", "template", "opening", "expected"),
    [
        (["<think>", "</think>", "<s>"], "", "", Markers("<think>", "</think>")),
        (["[THINK]", "[/THINK]"], "", "[INST]", Markers("[THINK]", "[/THINK]")),
        (["<|channel|>", "<|message|>", "<|end|>", "<|start|>"], "", "<|start|>assistant", HARMONY),
        (["<s>"], "{{ '<think>' }}{{ '</think>' }}", "<|assistant|><think>\n", Markers("<think>", "</think>", True)),
        (["<s>", "<|end|>"], "{{ messages }}", "", None),
    ],
)
def test_the_markers_of_models(names: list[str], template: str, opening: str, expected: Markers | None) -> None:
    assert markers_of(names, template, opening) == expected


def test_settled_markers() -> None:
    own = Markers("[THINK]", "[/THINK]", True)
    assert gg.Thinking(int).settled(own).markers == own
    assert gg.Thinking(int, opened=False).settled(own).markers == Markers("[THINK]", "[/THINK]")
    given = gg.Thinking(int, begin="<a>", end="</a>")
    assert given.settled(own) == given
    assert gg.Thinking(int).settled(None).markers == Markers("<think>", "</think>")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gg.Thinking(int, -1), "no number of tokens"),
        (lambda: gg.Thinking(int, begin="<a>"), "both markers"),
        (lambda: gg.Thinking(int, begin="<a>", end=""), "no marker"),
    ],
)
def test_mistakes(make: Any, message: str) -> None:
    with pytest.raises(CompileError, match=message):
        make()
