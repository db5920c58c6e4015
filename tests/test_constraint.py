"""AllOf and fill_masks: conjunction, stop rules that watch, forced tokens, joint dead ends, threads."""

from __future__ import annotations

import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guidedgen.constraint import (
    AllOf,
    AnyText,
    Constraint,
    Deadline,
    MaxTokens,
    Observer,
    State,
    StopOn,
    allowed_tokens,
    fill_masks,
    mask_words,
)
from guidedgen.masks import mask_of
from guidedgen.testing import ExplicitConstraint, accepts, byte_vocabulary, check_constraint

VOCABULARY = byte_vocabulary([b"ab", b"abc", b"bc", b"true", b"tr", b"ab"], special=["<tool>"])
TOOL = VOCABULARY.special["<tool>"]


def explicit(*texts: bytes) -> ExplicitConstraint:
    return ExplicitConstraint(frozenset(texts), VOCABULARY)


def tokens_of(state: State) -> list[int]:
    return allowed_tokens(state.mask()).tolist()


def walk(constraint: Constraint, *tokens: int) -> State:
    state: State | None = constraint.start()
    for token in tokens:
        assert state is not None
        state = state.advance(token)
    assert state is not None
    return state


class ToolState:
    """Allows the named token `<tool>`, then nothing: what a grammar does where it names a special token."""

    def __init__(self, called: bool = False) -> None:
        self.accepting, self.done = called, None

    def mask(self) -> np.ndarray:
        return mask_of(np.arange(VOCABULARY.size) == (-1 if self.accepting else TOOL))

    def fill(self, out: np.ndarray) -> None:
        out[:] = self.mask()

    def advance(self, token: int) -> ToolState | None:
        return ToolState(True) if token == TOOL and not self.accepting else None

    def forced(self) -> tuple[int, ...]:
        return () if self.accepting else (TOOL,)


TOOL_CALL = SimpleNamespace(vocab_size=VOCABULARY.size, start=ToolState)

TEXTS = st.lists(st.text("abc", max_size=4).map(str.encode), min_size=1, max_size=5)


def test_states_follow_the_protocol() -> None:
    assert isinstance(AllOf([explicit(b"a")]).start(), State)
    assert isinstance(AllOf([explicit(b"a")]), Constraint)
    assert isinstance(MaxTokens(1, VOCABULARY).start(), Observer)
    assert not isinstance(AllOf([explicit(b"a")]).start(), Observer)


def test_masks_are_anded_and_accepting_means_all() -> None:
    both = AllOf([explicit(b"ab", b"abc", b"x"), explicit(b"ab", b"abd", b"y")])
    assert tokens_of(both.start()) == [ord("a"), 256, 261]
    after = walk(both, ord("a"), ord("b"))
    assert (after.accepting, tokens_of(after)) == (True, [])
    assert walk(both, 256).accepting
    assert both.start().advance(ord("x")) is None
    assert not both.start().accepting


@given(first=TEXTS, second=TEXTS)
def test_the_conjunction_of_finite_sets_is_their_intersection(first: list[bytes], second: list[bytes]) -> None:
    both = AllOf([explicit(*first), explicit(*second)])
    for text in {*first, *second}:
        assert accepts(both, text, VOCABULARY) == (text in first and text in second)


@given(texts=TEXTS)
def test_one_part_behaves_as_that_part(texts: list[bytes]) -> None:
    check_constraint(AllOf([explicit(*texts)]), VOCABULARY, walks=1, length=4)


def test_the_laws_hold_with_stop_rules_in_any_order() -> None:
    grammar = explicit(b"abcabc", b"abtrue", b"c")
    parts = [MaxTokens(3, VOCABULARY), grammar, StopOn("ca", VOCABULARY), Deadline(3600, VOCABULARY)]
    check_constraint(AllOf(parts), VOCABULARY, walks=6)
    check_constraint(AllOf(parts[::-1]), VOCABULARY, walks=6)
    check_constraint(AllOf([AllOf(parts[:2]), AllOf(parts[2:])]), VOCABULARY, walks=3)
    check_constraint(AllOf([parts[0], parts[2]]), VOCABULARY, walks=3)


def test_stop_rules_leave_the_mask_of_a_grammar_alone() -> None:
    limited = AllOf([TOOL_CALL, MaxTokens(5, VOCABULARY), StopOn("x", VOCABULARY)])
    state = limited.start()
    assert tokens_of(state) == [TOOL]
    assert state.forced() == (TOOL,)
    after = state.advance(TOOL)
    assert after is not None
    assert (after.accepting, after.done, tokens_of(after)) == (True, None, [])


def test_stop_rules_alone_are_free_text() -> None:
    state = AllOf([StopOn("x", VOCABULARY), MaxTokens(2, VOCABULARY)]).start()
    assert tokens_of(state) == tokens_of(AnyText(VOCABULARY).start())
    assert state.advance(TOOL) is None
    assert walk(AllOf([StopOn("x", VOCABULARY), MaxTokens(2, VOCABULARY)]), 97, 97).done == "length"


def test_done_is_that_of_the_first_part_that_fired() -> None:
    parts = [StopOn("b", VOCABULARY), MaxTokens(2, VOCABULARY)]
    assert walk(AllOf(parts), 97, 98).done == "stop"
    assert walk(AllOf(parts[::-1]), 97, 98).done == "length"
    assert walk(AllOf(parts), 98).done == "stop"
    assert walk(AllOf(parts), 97).done is None


def test_the_mask_does_not_change_when_a_rule_fires() -> None:
    state = walk(AllOf([explicit(b"abc"), MaxTokens(1, VOCABULARY)]), ord("a"))
    assert (state.done, state.accepting, tokens_of(state)) == ("length", False, [ord("b"), 258])


LETTERS = byte_vocabulary(special=["<tool>"])  # single bytes only, so that texts force tokens


def letters(*texts: bytes) -> ExplicitConstraint:
    return ExplicitConstraint(frozenset(texts), LETTERS)


def test_forced_tokens_of_a_conjunction() -> None:
    assert AllOf([letters(b"abc"), AnyText(LETTERS)]).start().forced() == tuple(b"abc")
    assert AllOf([letters(b"abc"), MaxTokens(2, LETTERS)]).start().forced() == tuple(b"ab")
    assert AllOf([letters(b"abc"), StopOn("b", LETTERS)]).start().forced() == tuple(b"ab")
    assert AllOf([letters(b"abc", b"x"), letters(b"abc", b"y")]).start().forced() == ()
    assert AllOf([letters(b"abcd", b"abx"), letters(b"abcd", b"abcy")]).start().forced() == tuple(b"abcd")
    assert AllOf([letters(b"abc"), letters(b"abd")]).start().forced() == tuple(b"ab")
    assert AllOf([letters(b"abc"), letters(b"xbc")]).start().forced() == ()
    assert walk(AllOf([letters(b"abc"), MaxTokens(1, LETTERS)]), ord("a")).forced() == ()


@given(first=TEXTS, second=TEXTS)
def test_forced_tokens_are_the_only_ones(first: list[bytes], second: list[bytes]) -> None:
    state: State | None = AllOf([letters(*first), letters(*second)]).start()
    assert state is not None
    for token in state.forced():
        assert state is not None
        assert (allowed_tokens(state.mask()).tolist(), state.accepting) == ([token], False)
        state = state.advance(token)


def test_parts_may_be_stuck_together() -> None:
    state = walk(AllOf([explicit(b"ax"), explicit(b"ay")]), ord("a"))
    assert (tokens_of(state), state.accepting, state.forced()) == ([], False, ())


def test_nested_conjunctions_are_flattened() -> None:
    one, two, three = explicit(b"a"), explicit(b"b"), MaxTokens(1, VOCABULARY)
    assert AllOf([AllOf([one, two]), three]).parts == (one, two, three)


@pytest.mark.parametrize("parts", [[], [explicit(b"a"), AnyText(byte_vocabulary())]])
def test_nothing_or_different_vocabularies_cannot_be_combined(parts: list[Constraint]) -> None:
    with pytest.raises(ValueError, match="AllOf needs parts over one vocabulary"):
        AllOf(parts)


def test_tokens_that_do_not_exist_are_refused() -> None:
    state = AllOf([explicit(b"a"), MaxTokens(1, VOCABULARY)]).start()
    assert [state.advance(token) for token in (-1, VOCABULARY.size, 10**12)] == [None] * 3


def test_fill_masks_of_mixed_states() -> None:
    states = [
        explicit(b"abc").start(),
        AllOf([explicit(b"ab", b"c"), explicit(b"ab")]).start(),
        AllOf([MaxTokens(1, VOCABULARY), explicit(b"b")]).start(),
        AnyText(VOCABULARY).start(),
    ]
    out = np.full((4, mask_words(VOCABULARY.size)), 7, dtype=np.int32)
    fill_masks(states, out, threads=2)
    assert [row.tolist() for row in out] == [state.mask().tolist() for state in states]


def test_fill_masks_of_nothing() -> None:
    fill_masks([], np.empty((0, 9), dtype=np.int32))


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((1, 9), np.int32), np.zeros((2, 9), np.int64), np.zeros(9, np.int32), np.zeros((2, 8), np.int32)],
)
def test_fill_masks_refuses_other_arrays(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="int32"):
        fill_masks([explicit(b"a").start()] * 2, wrong)


def test_fill_masks_needs_a_thread() -> None:
    with pytest.raises(ValueError, match="threads=0"):
        fill_masks([], np.empty((0, 9), dtype=np.int32), threads=0)


def test_native_states_are_filled_in_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for the extension: the first parts go down together, the others are ANDed after."""
    calls: list[tuple[int, int]] = []

    class Native(ToolState):
        pass

    def fill(states: list[Native], out: np.ndarray, threads: int) -> None:
        calls.append((len(states), threads))
        for state, row in zip(states, out, strict=True):
            state.fill(row)

    module = SimpleNamespace(State=Native, fill_masks=fill)
    monkeypatch.setitem(sys.modules, "guidedgen.kernel._native", module)
    native = SimpleNamespace(vocab_size=VOCABULARY.size, start=Native)
    states = [Native(), AllOf([MaxTokens(1, VOCABULARY), native]).start(), AllOf([native, explicit(b"a")]).start()]
    out = np.full((3, mask_words(VOCABULARY.size)), -1, dtype=np.int32)
    fill_masks(states, out, threads=2)
    assert calls == [(3, 2)]
    assert [allowed_tokens(row).tolist() for row in out] == [[TOOL], [TOOL], []]
    fill_masks([*states, explicit(b"a").start()], np.zeros((4, len(out[0])), dtype=np.int32))
    assert calls == [(3, 2)]


def test_a_shared_state_is_filled_by_many_threads() -> None:
    state = AllOf([explicit(b"ab", b"c", b"true"), explicit(b"ab", b"true"), MaxTokens(9, VOCABULARY)]).start()
    expected, wrong = state.mask().tolist(), []

    def fill() -> None:
        out = np.empty(mask_words(VOCABULARY.size), dtype=np.int32)
        for _ in range(20):
            state.fill(out)
            if out.tolist() != expected:
                wrong.append(out.tolist())

    threads = [threading.Thread(target=fill) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_conjunction_inside_somebody_elses_wrapper() -> None:
    """The inner conjunction needs a buffer while the outer one is using its own."""

    class Wrapper:
        def __init__(self, state: State) -> None:
            self.state, self.accepting, self.done = state, state.accepting, state.done

        def fill(self, out: np.ndarray) -> None:
            self.state.fill(out)

    inner = AllOf([explicit(b"ab", b"c"), explicit(b"ab", b"b")])
    wrapped = SimpleNamespace(vocab_size=VOCABULARY.size, start=lambda: Wrapper(inner.start()))
    state = AllOf([explicit(b"ab", b"c", b"b"), wrapped]).start()
    assert tokens_of(state) == [ord("a"), 256, 261]
