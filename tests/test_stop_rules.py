"""Free text and what ends it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guidedgen.constraint import AnyText, Deadline, MaxTokens, State, StopMatch, StopOn, allowed_tokens
from guidedgen.testing import byte_vocabulary, check_constraint
from guidedgen.vocabulary import Vocabulary

VOCABULARY = byte_vocabulary([b"ab", b"STOP", b"ST", b"OP!", b"\n\n"], special=["<tool>"], size=300)
RULES = {
    "any": AnyText(VOCABULARY),
    "max": MaxTokens(5, VOCABULARY),
    "stop": StopOn(["STOP", b"\n\n"], VOCABULARY),
    "deadline": Deadline(3600.0, VOCABULARY),
}


def walk(state: State | None, tokens: list[int]) -> State:
    for token in tokens:
        assert state is not None
        state = state.advance(token)
    assert state is not None
    return state


@pytest.mark.parametrize("name", RULES)
def test_the_laws_hold(name: str) -> None:
    check_constraint(RULES[name], VOCABULARY, walks=4, length=12)


@pytest.mark.parametrize("name", RULES)
def test_every_token_with_bytes_is_allowed_and_no_other(name: str) -> None:
    expected = [token for token in range(300) if VOCABULARY.token_bytes(token)]
    state = RULES[name].start()
    assert allowed_tokens(state.mask()).tolist() == expected == list(range(261))
    assert (state.accepting, state.done, state.forced()) == (True, None, ())
    assert [state.advance(token) for token in (-1, 261, 262, 299, 300)] == [None] * 5


def test_the_mask_of_a_caller_is_a_copy() -> None:
    state = AnyText(VOCABULARY).start()
    state.mask()[:] = 0
    assert len(allowed_tokens(state.mask())) == 261


def test_max_tokens_fires_at_its_number_and_stays() -> None:
    state: State | None = MaxTokens(3, VOCABULARY).start()
    fired = []
    for _ in range(5):
        assert state is not None
        state = state.advance(97)
        assert state is not None
        fired.append(state.done)
    assert fired == [None, None, "length", "length", "length"]
    assert len(allowed_tokens(state.mask())) == 261


def test_max_tokens_of_a_fork_counts_for_itself() -> None:
    start = MaxTokens(2, VOCABULARY).start()
    one = walk(start, [97])
    assert (walk(one, [98]).done, walk(one, [99]).done, one.done, start.done) == ("length", "length", None, None)


@pytest.mark.parametrize(
    ("strings", "tokens", "match"),
    [
        ("STOP", [257], StopMatch(b"STOP", 0, 4)),
        ("STOP", [97, 258, 259], StopMatch(b"STOP", 1, 5)),
        ("STOP", list(b"xSTSTOP"), StopMatch(b"STOP", 3, 7)),
        (["OP!", "TOP"], [257, 33], StopMatch(b"TOP", 1, 4)),
        ("é", [*"é".encode()], StopMatch("é".encode(), 0, 2)),
        ([b"\n\n"], [97, 10, 260], StopMatch(b"\n\n", 1, 3)),
        ("b", [97, 256, 97], StopMatch(b"b", 2, 3)),
    ],
)
def test_stop_strings_may_span_tokens(strings: str | list[str], tokens: list[int], match: StopMatch) -> None:
    state = walk(StopOn(strings, VOCABULARY).start(), tokens)
    assert (state.done, state.match) == ("stop", match)
    assert walk(state, [97]).match == match


def test_no_stop_before_the_string_is_complete() -> None:
    state = walk(StopOn("STOP", VOCABULARY).start(), [258, 79])
    assert (state.done, state.match) == (None, None)
    assert walk(state, [80]).done == "stop"
    assert walk(state, [81]).done is None


def test_a_token_without_bytes_interrupts_a_stop_string() -> None:
    state = (
        StopOn("STOP", VOCABULARY).start().observe(258).observe(VOCABULARY.special["<tool>"]).observe(79).observe(80)
    )
    assert (state.done, state.length) == (None, 4)


@given(text=st.lists(st.sampled_from([97, 98, 256, 83, 84, 79, 80, 257, 258, 259, 10, 260]), max_size=20))
def test_the_match_is_the_first_in_the_text(text: list[int]) -> None:
    state = walk(StopOn(["STOP", "ba", "\n\n"], VOCABULARY).start(), text)
    whole = VOCABULARY.decode_bytes(text)
    ends = sorted((whole.find(stop) + len(stop), stop) for stop in (b"STOP", b"ba", b"\n\n") if stop in whole)
    assert (state.match and (state.match.stop, state.match.text)) == (ends[0] if ends else None)


def test_a_deadline_fires_at_the_first_token_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    constraint = Deadline(10.0, VOCABULARY)
    start = constraint.start()
    now[0] = 109.9
    early = walk(start, [97])
    now[0] = 110.0
    assert (start.done, early.done, walk(early, [97]).done) == (None, None, "deadline")
    assert constraint.start().done is None
    late = walk(start, [97])
    now[0] = 0.0
    assert walk(late, [97]).done == "deadline"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: MaxTokens(0, VOCABULARY), r"MaxTokens\(0\)"),
        (lambda: MaxTokens(-3, VOCABULARY), r"MaxTokens\(-3\)"),
        (lambda: MaxTokens(1.5, VOCABULARY), r"MaxTokens\(1.5\)"),
        (lambda: MaxTokens(float("nan"), VOCABULARY), "whole number"),
        (lambda: StopOn([], VOCABULARY), "at least one"),
        (lambda: StopOn(["a", ""], VOCABULARY), "no empty one"),
        (lambda: StopOn("", VOCABULARY), "no empty one"),
        (lambda: Deadline(-1.0, VOCABULARY), r"Deadline\(-1.0\)"),
        (lambda: Deadline(float("nan"), VOCABULARY), r"Deadline\(nan\)"),
    ],
)
def test_rules_that_make_no_sense_are_refused(make, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        make()


def test_stop_strings_are_strings() -> None:
    with pytest.raises(TypeError):
        StopOn([3], VOCABULARY)  # type: ignore[list-item]


def test_a_large_vocabulary(shared) -> None:
    vocabulary = Vocabulary.from_file(shared / "data" / "tokenizers" / "llama3_1")
    stop = StopOn(["\n\n", "```"], vocabulary)
    check_constraint(stop, vocabulary, walks=2, length=6, samples=50)
    state = walk(stop.start(), vocabulary.encode("some text `` more ``"))
    assert state.done is None
    assert walk(state, vocabulary.encode("`\n")).match == StopMatch(b"```", 18, 21)
