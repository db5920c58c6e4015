"""Bytes that no token of a vocabulary has are in no text: what needs one does not exist, and no mask leads there."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st

import guidedgen as gg
from guidedgen.errors import UnsatisfiableSchema
from guidedgen.grammars import ir
from guidedgen.grammars.lower import lower
from guidedgen.kernel import InspectableState, compile_table
from guidedgen.kernel.reference.automata import span_automaton, word_automaton
from guidedgen.limits import Limits
from guidedgen.vocabulary import Vocabulary
from tests.kernel.helpers import allowed, compile_grammar, text
from tests.kernel.naive import TOKENS, TooLarge, finite_language
from tests.kernel.strategies import examples, expressions, finite_grammars, recursive_grammars
from tests.kernel.test_differential import PIECES, compare, compile_both, walk_both

LETTERS = "abc"
NAMES = {"S": "<s>", "T": "<t>", "N": "<n>"}  # as `naive.py` writes special tokens in texts
LONGEST = 30

absent_letters = st.sets(st.sampled_from(LETTERS), min_size=1, max_size=2).map("".join)


def without(absent: str | bytes, pieces: list[str] = PIECES, *, every: bytes = bytes(range(256))) -> Vocabulary:
    """Each byte but those that are absent, and what pieces can be made of them; three special tokens."""
    gone = absent.encode() if isinstance(absent, str) else absent
    tokens = [bytes([byte]) for byte in every if byte not in gone]
    tokens += [piece.encode() for piece in pieces if not set(piece.encode()) & set(gone)]
    special = {name: len(tokens) + number for number, name in enumerate(NAMES.values())}
    return Vocabulary.from_tokens([*tokens, b"", b"", b""], special=special)


def of_letters(absent: str) -> Vocabulary:
    return without(absent, [token.decode() for token in TOKENS if len(token) > 1], every=b"abc")


def ends(state: InspectableState) -> bool:
    """Whether the shortest completion is one."""
    end: InspectableState | None = state
    for token in state.shortest():
        assert end is not None
        end = end.advance(token)
    return end is not None and end.accepting


@given(grammar=finite_grammars(), absent=absent_letters)
@examples(70)
def test_masks_are_those_of_the_texts_that_can_be_written(kernel: str, grammar: ir.Grammar, absent: str) -> None:
    """The whole language is listed by an oracle of its own, and the texts with absent letters are crossed out."""
    try:
        words = finite_language(grammar, LONGEST)
    except TooLarge:
        reject()
    language = {word for word in words if not set(word) & set(absent)}
    assume(len(words) <= 400)
    assume(all(len(word) < LONGEST for word in words))
    vocabulary = of_letters(absent)
    try:
        start = compile_grammar(grammar, kernel, vocabulary).start()
    except UnsatisfiableSchema:
        assert not language
        return
    written = [vocabulary.token_bytes(token).decode() for token in range(vocabulary.size)]
    for letter, name in NAMES.items():
        written[vocabulary.special[name]] = letter
    queue = deque([(start, "")])
    for _ in range(40):
        if not queue:
            return
        state, so_far = queue.popleft()
        expected = {token for token, more in enumerate(written) if any(w.startswith(so_far + more) for w in language)}
        assert allowed(state, vocabulary) == expected
        assert state.accepting == (so_far in language)
        least = min(len(word) - len(so_far) for word in language if word.startswith(so_far))
        assert sum(len(written[token]) for token in state.shortest()) == least
        assert ends(state)
        for token in expected:
            following = state.advance(token)
            assert following is not None
            queue.append((following, so_far + written[token]))


@given(grammar=recursive_grammars(leaves=8), absent=absent_letters, seed=st.integers(0, 99))
@examples(60)
def test_both_kernels_agree_on_grammars(grammar: ir.Grammar, absent: str, seed: int) -> None:
    vocabulary = without(absent)
    walk_both(compile_both(grammar, vocabulary), vocabulary, random.Random(seed), 8)


@given(expression=expressions(boolean=True, endless=True, leaves=15), absent=absent_letters, seed=st.integers(0, 99))
@examples(60)
def test_both_kernels_agree_on_expressions(expression: ir.Expression, absent: str, seed: int) -> None:
    vocabulary = without(absent)
    walk_both(compile_both(ir.Terminal(expression), vocabulary), vocabulary, random.Random(seed), 8)


def test_a_complement_is_among_the_texts_that_can_be_written(kernel: str) -> None:
    """Two bytes that are not "aa": where only a and b are written, one of three texts."""
    two = ir.Repeat(ir.ByteSet((1 << 256) - 1), 2, 2)
    other = ir.Terminal(ir.Intersection((two, ir.Complement(ir.Literal(b"aa")), ir.Complement(ir.Literal(b"bb")))))
    vocabulary = Vocabulary.from_tokens([b"a", b"b"])
    state = compile_grammar(other, kernel, vocabulary).start()
    assert allowed(state, vocabulary) == {0, 1}
    after = state.advance(0)
    assert after is not None
    assert after.forced() == (1,)


@pytest.mark.parametrize("absent", [b"q", b"b", b"c"])
def test_words_of_automata(kernel: str, absent: bytes) -> None:
    listed = [b"ab", b"ac", b"aqb"]
    table = word_automaton(listed, 100)
    grammar = ir.Grammar(start=ir.Terminal(ir.Automaton(table)))
    vocabulary = without(absent, [])
    compiled = compile_table(lower(grammar, special={}, limits=Limits()), vocabulary, implementation=kernel)
    taken = {word for word in listed if not set(word) & set(absent)}
    found, waiting = set(), [(b"", compiled.start())]
    while waiting:
        so_far, state = waiting.pop()
        found |= {so_far} if state.accepting else set()
        tokens = allowed(state, vocabulary)
        assert tokens or state.accepting
        waiting += [
            (so_far + vocabulary.token_bytes(t), after) for t in tokens if (after := state.advance(t)) is not None
        ]
    assert found == taken


def test_spans_of_a_text_end_before_what_cannot_be_written(kernel: str) -> None:
    table = span_automaton(b"one two six", 1, 1, -1, 1000)
    grammar = ir.Grammar(start=ir.Terminal(ir.Automaton(table)))
    vocabulary = without("w")
    compiled = compile_table(lower(grammar, special={}, limits=Limits()), vocabulary, implementation=kernel)
    assert compiled.start().advance_bytes(b"one ") is None  # "two" has to follow
    state = compiled.start().advance_bytes(b"one")
    assert state is not None
    assert allowed(state, vocabulary) == set()
    assert state.accepting


@pytest.mark.parametrize("lexer", ["dynamic", "basic", "contextual"])
def test_lark_grammars_with_letters_that_cannot_be_written(kernel: str, lexer: Any) -> None:
    grammar = r"""
        start: item ("," item)*
        item: NAME | "(" start ")" | "[" start "]" | "if" NAME
        NAME: /[a-z]+/
        %ignore " "
    """
    for absent in ("]", "f", ",", "]f "):
        vocabulary = without(absent)
        parser = "earley" if lexer == "dynamic" else "lalr"
        start = gg.compile(gg.Lark(grammar, parser=parser, lexer=lexer), vocabulary, implementation=kernel).start()
        state: InspectableState | None = start
        choose = random.Random(absent)
        for _ in range(12):
            assert state is not None
            tokens = allowed(state, vocabulary)
            assert ends(state)
            if not tokens:
                break
            assert not any(set(vocabulary.token_bytes(token)) & set(absent.encode()) for token in tokens)
            state = state.advance(choose.choice(sorted(tokens)))
        assert (start.advance_bytes(b"[") is None) == ("]" in absent)


def test_only_what_has_no_text_left_is_refused(kernel: str) -> None:
    vocabulary = without("bc")
    choice = ir.Choice((text(b"ab"), text(b"ac"), text(b"aa")))
    state = compile_grammar(choice, kernel, vocabulary).start()
    assert ends(state)
    with pytest.raises(UnsatisfiableSchema):
        compile_grammar(ir.Choice((text(b"ab"), text(b"ac"))), kernel, vocabulary)


def test_budgets_count_bytes_that_are_tokens(kernel: str) -> None:
    """Other bytes may be missing: n bytes are n tokens at most."""
    vocabulary = without("c", ["aa"])
    assert vocabulary.spells_text
    state = compile_grammar(ir.Choice((text(b"acb"), text(b"aab"))), kernel, vocabulary).start()
    tokens = [vocabulary.token_bytes(token) for token in allowed(state, vocabulary)]
    assert sorted(tokens) == [b"a", b"aa"]
    within = state.mask(2)
    kept = {token for token in range(vocabulary.size) if within[token >> 5] >> (token & 31) & 1}
    assert [vocabulary.token_bytes(token) for token in kept] == [b"aa"]


def test_the_kernels_agree_along_texts_of_a_vocabulary_with_gaps() -> None:
    """With what SmolLM2 lacks, on text with characters that cannot be written."""
    vocabulary = without(b"\x04\x06\x13\x14\x16\x1d\xf1\xf2")
    character = ir.Union(
        (
            ir.ByteSet((1 << 128) - 1),
            ir.Concat((ir.ByteSet(((1 << 3) - 1) << 0xF1), *[ir.ByteSet(((1 << 64) - 1) << 0x80)] * 3)),
            ir.Concat((ir.Literal(b"\xf1"), ir.Literal(b"x"))),
        )
    )
    both = compile_both(ir.Terminal(ir.Concat((ir.Repeat(character, 1, 4), ir.Literal(b"!")))), vocabulary)
    assert both is not None
    states = both[0].start(), both[1].start()
    compare(*states, vocabulary)
    for state in states:
        assert state.advance_bytes(b"\xf1") is None
        assert state.advance_bytes(b"a\x04") is None
        assert state.advance_bytes(b"\xf3\x80\x80\x80") is not None
