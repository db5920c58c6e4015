"""Masks under a budget: against brute force on small vocabularies, as a game that nobody can lose, and at scale."""

from __future__ import annotations

import itertools
import json
import random
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guidedgen.constraint import fill_masks
from guidedgen.errors import UnsatisfiableSchema
from guidedgen.grammars import ir
from guidedgen.grammars.compile import compile
from guidedgen.grammars.specs import JsonSchema
from guidedgen.kernel import Compiled, InspectableState
from guidedgen.masks import allowed_tokens, mask_words
from guidedgen.vocabulary import Vocabulary
from tests.kernel.helpers import BYTES, byte_set, compile_grammar, text
from tests.kernel.naive import TooLarge, finite_language
from tests.kernel.strategies import examples, finite_grammars, recursive_grammars

# Special tokens are capital letters in the oracle's texts. No token can be read in two ways here.
TOKENS = [b"a", b"b", b"c", b"ab", b"ba", b"abc", b"cc", b"", b"", b""]
LETTER = {7: "S", 8: "T", 9: "N"}
SMALL = Vocabulary.from_tokens(TOKENS, special={"<s>": 7, "<t>": 8, "<n>": 9})
WIDE = Vocabulary.from_tokens(
    [bytes([byte]) for byte in range(256)] + [b"ab", b"abc", b"bc", b"ca", b"", b"", b""],
    special={"<s>": 260, "<t>": 261, "<n>": 262},
)


def read(token: int) -> str:
    return LETTER.get(token) or TOKENS[token].decode()


@cache
def fewest(word: str) -> int:
    """Tokens that spell a text, by trying every first token."""
    if not word:
        return 0
    return 1 + min(fewest(word[len(read(t)) :]) for t in range(len(TOKENS)) if word.startswith(read(t)))


def rank(word: str) -> list[tuple[bool, int]]:
    """The order in which texts of one length are preferred: small letters by their bytes, then special tokens by id."""
    ids = {letter: token for token, letter in LETTER.items()}
    return [(letter in ids, ids.get(letter, ord(letter))) for letter in word]


def need(written: str, language: frozenset[str]) -> int | None:
    """Tokens of the preferred one of the shortest completions; None where there is none."""
    ends = [word[len(written) :] for word in language if word.startswith(written)]
    return fewest(min(ends, key=lambda end: (len(end), rank(end)))) if ends else None


def within(state: InspectableState, budget: int | None) -> set[int]:
    return set(allowed_tokens(state.mask(budget)).tolist())


def compile_or_none(grammar: ir.Grammar, kernel: str, vocabulary: Vocabulary) -> Compiled | None:
    try:
        return compile_grammar(grammar, kernel, vocabulary)
    except UnsatisfiableSchema:
        return None


@given(grammar=finite_grammars())
@examples(40)
def test_every_budget_against_a_listed_language(kernel: str, grammar: ir.Grammar) -> None:
    try:
        language = finite_language(grammar, 24)
    except TooLarge:
        return
    compiled = compile_or_none(grammar, kernel, SMALL)
    if compiled is None or any(len(word) > 12 for word in language):
        return
    queue = [(compiled.start(), "")]
    for state, written in itertools.islice(queue, 40):
        assert len(state.shortest()) == need(written, language)
        after = {token: need(written + read(token), language) for token in range(len(TOKENS))}
        for budget in range(14):
            expected = {token for token, rest in after.items() if rest is not None and rest <= budget - 1}
            assert within(state, budget) == expected
        for token in within(state, None):
            following = state.advance(token)
            assert following is not None
            queue.append((following, written + read(token)))


def test_the_listed_languages_are_not_all_trivial(kernel: str) -> None:
    """What brute force finds on a grammar where the budget matters at every turn."""
    grammar = ir.Choice((text(b"ab"), text(b"ccccc"), ir.Sequence((text(b"b"), ir.SpecialToken("<s>"), text(b"abc")))))
    state = compile_grammar(grammar, kernel, SMALL).start()
    assert [within(state, n) for n in range(5)] == [set(), {3}, {0, 3}, {0, 1, 2, 3, 6}, {0, 1, 2, 3, 6}]


def play(compiled: Any, seed: int, spare: int) -> tuple[int, ...]:
    """Random tokens under a budget that goes down by one each time; the text must be complete at its end."""
    rng, state = random.Random(seed), compiled.start()
    budget = len(state.shortest()) + spare
    tokens = []
    while True:
        least = len(state.shortest())
        assert least <= budget
        allowed = within(state, budget)
        assert allowed or state.accepting
        assert allowed <= within(state, None)
        if not allowed or (state.accepting and rng.random() < 0.2):
            return tuple(tokens)
        worst = max(sorted(allowed), key=lambda token: (rest(state, token), rng.random()))  # the least helpful one
        token = worst if rng.random() < 0.7 else rng.choice(sorted(allowed))
        assert rest(state, token) <= budget - 1
        following = state.advance(token)
        assert following is not None
        state, budget = following, budget - 1
        tokens.append(token)


def rest(state: InspectableState, token: int) -> int:
    following = state.advance(token)
    assert following is not None
    return len(following.shortest())


@given(grammar=recursive_grammars(leaves=8), seed=st.integers(0, 99), spare=st.integers(0, 6))
@examples(40)
def test_whoever_stays_within_the_budget_ends_in_time(kernel: str, grammar: ir.Grammar, seed: int, spare: int) -> None:
    compiled = compile_or_none(grammar, kernel, WIDE)
    if compiled is not None:
        play(compiled, seed, spare)


@given(grammar=recursive_grammars(leaves=8), seed=st.integers(0, 99))
@examples(40)
def test_both_kernels_agree_on_every_budget(grammar: ir.Grammar, seed: int) -> None:
    compiled = [compile_or_none(grammar, kernel, WIDE) for kernel in ("native", "reference")]
    if compiled[0] is None or compiled[1] is None:
        assert compiled == [None, None]
        return
    rng = random.Random(seed)
    native, reference = compiled[0].start(), compiled[1].start()
    for _ in range(6):
        assert len(native.shortest()) == len(reference.shortest())
        least = len(native.shortest())
        for budget in (0, 1, least, least + 1, least + 3, least + 9, 10**6):
            assert within(native, budget) == within(reference, budget)
        tokens = sorted(within(native, None))
        if not tokens:
            return
        token = rng.choice(tokens)
        after = native.advance(token), reference.advance(token)
        assert after[0] is not None
        assert after[1] is not None
        native, reference = after


PLAIN = ir.ByteSet(sum(1 << byte for byte in range(0x20, 0x7F) if byte not in b'"\\'))
LEAD, TAIL = ir.ByteSet(sum(1 << byte for byte in range(0xC2, 0xE0))), ir.ByteSet(((1 << 64) - 1) << 0x80)
ESCAPE = ir.Concat((ir.Literal(b"\\u"), ir.Repeat(byte_set(b"09af"), 4, 4)))
CHARACTER = ir.Union((PLAIN, ir.Concat((LEAD, TAIL)), ESCAPE))
OPENINGS = (b"", b"[", b'["', b'["ab', b'["a\\u', b'["\xc3', b"[12", b'[["a", ["', b'[{"dear": "abc', b'["a", ')


def string(low: int, high: int | None) -> ir.Terminal:
    return ir.Terminal(ir.Concat((ir.Literal(b'"'), ir.Repeat(CHARACTER, low, high), ir.Literal(b'"'))))


def listed(low: int = 0) -> ir.Grammar:
    """Nested lists of strings, an optional expensive member, and numbers."""
    dear = ir.Sequence((text(b'{"dear": '), string(30, None), text(b', "more": '), string(5, 9), text(b"}")))
    number = ir.Terminal(ir.Concat((byte_set(b"123456789"), ir.Repeat(byte_set(b"0123456789"), 0, None))))
    value = ir.Choice((ir.Reference("list"), string(0, None), string(2, 40), dear, number))
    more = ir.Repetition(ir.Sequence((text(b", "), value)), low, None)
    return ir.Grammar(start=ir.Reference("list"), rules={"list": ir.Sequence((text(b"["), value, more, text(b"]")))})


def words(count: int) -> Vocabulary:
    rng = random.Random(5)
    letters = "abcdef 09,[]{}\":\\u'é"
    made = {"".join(rng.choices(letters, k=rng.randint(2, 7))).encode() for _ in range(count)}
    cut = {"é".encode()[:1] + b"", b"a\xc3", b"ab\xc3", b'", "', b'"]', b'[["', b'{"dear": "', b"000", b"aaaa"}
    singles = [bytes([byte]) for byte in range(256)]
    return Vocabulary.from_tokens(singles + sorted((made | cut) - set(singles)))


@pytest.mark.parametrize("low", [0, 2])
def test_realistic_structures_end_in_time(kernel: str, low: int) -> None:
    vocabulary = words(400)
    compiled = compile_grammar(listed(low), kernel, vocabulary)
    lengths = [len(play(compiled, seed, spare)) for seed, spare in enumerate([0, 1, 2, 5, 9, 17, 40])]
    assert max(lengths) > 12


def test_masks_of_a_large_vocabulary_token_by_token(kernel: str) -> None:
    """Every token of every mask against `shortest`, with content classes and crossings in play."""
    vocabulary = words(3000 if kernel == "native" else 200)
    compiled = compile_grammar(listed(), kernel, vocabulary)
    checked = 0
    for opening in (
        b"",
        b"[",
        b'["',
        b'["ab',
        b'["a\\u',
        b'["\xc3',
        b"[12",
        b'[["a", ["',
        b'[{"dear": "abc',
        b'["a", ',
    ):
        state = compiled.start().advance_bytes(opening)
        assert state is not None
        costs = {token: rest(state, token) for token in within(state, None)}
        for budget in (1, 2, 3, 5, 8, 13, 21, 34, 60):
            assert within(state, budget) == {token for token, cost in costs.items() if cost <= budget - 1}
            checked += len(costs)
    assert checked > 2000


def test_a_large_budget_changes_nothing(kernel: str) -> None:
    compiled = compile_grammar(listed(), kernel, words(200))
    for opening in (b"", b'["ab', b'[{"dear": "abc'):
        state = compiled.start().advance_bytes(opening)
        assert state is not None
        assert within(state, 10**30) == within(state, 5000) == within(state, None)


@pytest.mark.parametrize("budget", [-1, -(10**30)])
def test_negative_budgets_are_refused(kernel: str, budget: int) -> None:
    state = compile_grammar(text(b"ab"), kernel).start()
    out = np.zeros(mask_words(256), np.int32)
    with pytest.raises(ValueError, match="budget"):
        state.fill(out, budget)
    with pytest.raises(ValueError, match="budget"):
        state.mask(budget)
    with pytest.raises(TypeError):
        state.mask("3")  # type: ignore[arg-type]


def test_a_batch_takes_a_budget_for_each_state(kernel: str) -> None:
    grammar = ir.Choice((text(b"ab"), text(b"ccccc")))
    state = compile_grammar(grammar, kernel, SMALL).start()
    out = np.zeros((4, mask_words(len(TOKENS))), np.int32)
    fill_masks([state] * 4, out, threads=2, budgets=[None, 1, 2, 0])
    assert [set(allowed_tokens(row).tolist()) for row in out] == [{0, 2, 3, 6}, {3}, {0, 3}, set()]
    with pytest.raises(ValueError, match="3 budgets for 4 states"):
        fill_masks([state] * 4, out, budgets=[None] * 3)


def test_completions_that_no_tokens_spell_are_out_of_budget(kernel: str) -> None:
    vocabulary = Vocabulary.from_tokens([b"a", b"c", b"dd", b"bx"])
    grammar = ir.Choice((text(b"ab"), text(b"caaa"), text(b"cdd")))
    state = compile_grammar(grammar, kernel, vocabulary).start()
    assert within(state, None) == {0, 1}
    assert within(state, 2) == {1}
    assert within(state, 100) == {1}


def test_bytes_are_no_bound_where_they_are_no_tokens(kernel: str) -> None:
    """Two texts of one length; the preferred one has fewer tokens than bytes, the other one cannot be spelled."""
    vocabulary = Vocabulary.from_tokens([b"x", b"aaaa", b"zy"])
    grammar = ir.Sequence((text(b"x"), ir.Choice((text(b"aaaa"), text(b"zzzz")))))
    state = compile_grammar(grammar, kernel, vocabulary).start()
    assert [within(state, budget) for budget in (1, 2)] == [set(), {0}]


def test_the_way_to_a_position_does_not_change_its_completion(kernel: str) -> None:
    grammar = ir.Repetition(ir.Choice((text(b"ab"), text(b"ba"), text(b"cc"))), 2, 3)
    start = compile_grammar(grammar, kernel, SMALL).start()
    first, second = start.advance_bytes(b"abc"), start.advance_bytes(b"ccc")
    assert first is not None
    assert second is not None
    assert first.shortest() == second.shortest() == (2,)
    assert BYTES.size == 256


@pytest.mark.slow
@given(grammar=recursive_grammars(leaves=12), seed=st.integers(0, 10_000), spare=st.integers(0, 9))
@examples(1500)
def test_many_games_end_in_time(kernel: str, grammar: ir.Grammar, seed: int, spare: int) -> None:
    compiled = compile_or_none(grammar, kernel, WIDE)
    if compiled is not None:
        play(compiled, seed, spare)


SCHEMAS = {
    "not": {"not": {"items": {"type": "integer"}}},
    "multiples": {"type": "array", "items": {"type": "number", "multipleOf": 0.07, "minimum": 5}, "minItems": 2},
    "enum": {"enum": ["abc", 17, [1, "x"], {"a": None}]},
    "object": {
        "properties": {"a": {"type": "string", "minLength": 5}, "b": {"minItems": 2}, "c": {"const": 1}},
        "required": ["a", "c"],
        "additionalProperties": {"type": "boolean"},
    },
    "count": {"type": "object", "minProperties": 2, "propertyNames": {"pattern": "^[ab]+$"}},
    "choice": {"oneOf": [{"type": "integer", "minimum": 1000}, {"type": "string", "pattern": "^(ab|cd){3}$"}]},
    "condition": {"type": "array", "if": {"minItems": 1}, "then": {"minItems": 3}, "items": {"type": "null"}},
    "contains": {"type": "array", "contains": {"type": "string", "minLength": 3}, "minContains": 2},
    "format": {"type": "string", "format": "date"},
    "anything": True,
    "many numbers": {"type": "object", "minProperties": 3, "additionalProperties": {"type": "integer", "minimum": 1}},
}  # fmt: skip


@pytest.mark.parametrize("order", ["schema", "any"])
@pytest.mark.parametrize("name", SCHEMAS)
def test_json_ends_in_time(name: str, order: str) -> None:
    vocabulary = words(150)
    constraint = compile(JsonSchema(SCHEMAS[name], property_order=order), vocabulary, implementation="native")
    for seed, spare in enumerate((0, 1, 3, 12)):
        written = vocabulary.decode_bytes(play(constraint, seed, spare))
        json.loads(written)
