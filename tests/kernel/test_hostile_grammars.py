"""Grammars that would take for ever or all memory: quick where they can be, a named error where they cannot."""

from __future__ import annotations

import pytest

from guidedgen.errors import DeadEnd, LimitExceeded
from guidedgen.grammars import ir
from guidedgen.limits import Limits
from guidedgen.vocabulary import Vocabulary
from tests.kernel.helpers import BYTES, accepts, allowed, byte_set, compile_grammar, text

MOST = 2**31 - 1
ANYTHING = ir.Repeat(ir.ByteSet((1 << 256) - 1), 0, None)


def test_parts_that_are_shared_at_every_level(kernel: str) -> None:
    """Each level has the one below twice: what a counted repetition with a lookahead is written out as."""
    rest: ir.Expression = ir.Literal(b"1")
    for _ in range(60):
        ahead = ir.Intersection((rest, ir.Concat((byte_set(b"1b"), ANYTHING))))
        rest = ir.Union((ahead, ir.Concat((ir.Repeat(ir.Literal(b"b"), 0, 1), rest))))
    compiled = compile_grammar(ir.Terminal(rest), kernel)
    assert [accepts(compiled, b"b" * count + b"1") for count in (0, 1, 60, 61)] == [True, True, True, False]


def test_completions_too_long_to_write(kernel: str) -> None:
    node: ir.Node = text(b"a")
    for _ in range(3):
        node = ir.Sequence((text(b"["), ir.Repetition(node, MOST, None), text(b"]")))
        state = compile_grammar(node, kernel).start()
        for _ in range(2):  # the second call must not be misled by what the first one left
            with pytest.raises(LimitExceeded):
                state.shortest()
        assert allowed(state, BYTES) == {ord("[")}


def test_a_terminal_whose_length_cannot_be_found_stays_unknown() -> None:
    hidden = ir.Intersection(tuple(ir.Repeat(ir.Literal(b"b" * count), 1, None) for count in (7, 11, 13)))
    plain = ir.Concat((ir.Repeat(ir.Literal(b"b"), 0, None), ir.Repeat(ir.Literal(b"a"), 10_000, None)))
    long = ir.Union((plain, hidden))  # that there is a text is seen at once, not which is the shortest
    node = ir.Sequence((text(b"["), ir.Terminal(long), text(b"]")))
    state = compile_grammar(node, "native", limits=Limits(states=50)).start()
    for _ in range(2):
        with pytest.raises(LimitExceeded, match="states"):
            state.shortest()


def test_a_vocabulary_that_cannot_spell_the_completion(kernel: str) -> None:
    vocabulary = Vocabulary.from_tokens([b"a", b"c", b"bc"])
    state = compile_grammar(text(b"ab"), kernel, vocabulary).start()
    with pytest.raises(DeadEnd, match="cannot spell b'ab'"):
        state.shortest()


def test_small_step_limits_name_themselves() -> None:
    word = ir.Repeat(byte_set(b"abc"), 0, None)
    parts = tuple(ir.Concat((word, byte_set(b"a"), ir.Repeat(byte_set(b"abc"), n, n), word)) for n in range(12))
    with pytest.raises(LimitExceeded, match="steps"):
        compile_grammar(ir.Terminal(ir.Intersection(parts)), "native", limits=Limits(steps=100)).start().mask()


def test_nesting_of_expressions_is_limited() -> None:
    """Each level is an expression of its own: no law flattens a repetition of a choice."""

    def nested(levels: int) -> ir.Terminal:
        inner: ir.Expression = ir.Literal(b"a")
        for level in range(levels):
            inner = ir.Repeat(ir.Union((inner, ir.Concat((ir.Literal(b"b"), ir.Literal(b"c" * (level + 1)))))), 1, 2)
        return ir.Terminal(inner)

    for limits, levels in ((Limits(), 400), (Limits(depth=2), 8)):
        assert compile_grammar(nested(levels), "native", limits=limits).start().advance_bytes(b"a") is not None
    for limits, levels in ((Limits(depth=2), 400), (Limits(depth=10**9), 8_000)):
        with pytest.raises(LimitExceeded, match="depth=") as caught:
            compile_grammar(nested(levels), "native", limits=limits).start().advance_bytes(b"a")
        assert caught.value.value == limits.depth


def test_limits_beyond_machine_numbers(kernel: str) -> None:
    limits = Limits(steps=2**70, states=2**70, expressions=2**70, cache_bytes=2**70)
    assert accepts(compile_grammar(text(b"a"), kernel, limits=limits), b"a")


def test_a_tiny_cache_refuses_no_ordinary_search(kernel: str) -> None:
    both = ir.Intersection((ir.Concat((ANYTHING, ir.Literal(b"ab"))), ir.Repeat(byte_set(b"abc"), 5, None)))
    state = compile_grammar(ir.Terminal(both), kernel, limits=Limits(cache_bytes=1)).start()
    assert len(state.shortest()) == 5


def test_texts_with_very_many_readings() -> None:
    rules = {"s": ir.Choice((ir.Sequence((ir.Reference("s"), ir.Reference("s"))), text(b"a"), ir.Sequence(())))}
    compiled = compile_grammar(ir.Grammar(start=ir.Reference("s"), rules=rules), "native")
    assert accepts(compiled, b"a" * 150)


def test_long_literals_before_large_counts_need_no_depth(kernel: str) -> None:
    counted = ir.Repeat(byte_set(b"bc"), 0, 5_000)
    compiled = compile_grammar(ir.Terminal(ir.Concat((ir.Literal(b"a" * 12_000), counted))), kernel)
    assert allowed(compiled.start(), BYTES) == {ord("a")}


def test_long_common_prefixes_need_no_depth(kernel: str) -> None:
    words = tuple(ir.Literal(b"a" * 12_000 + end) for end in (b"b", b"c", b"bd"))
    compiled = compile_grammar(ir.Terminal(ir.Union(words)), kernel)
    assert [accepts(compiled, b"a" * 12_000 + end) for end in (b"b", b"c", b"bd", b"")] == [True, True, True, False]
