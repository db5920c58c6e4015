"""native == reference: masks, acceptance, forced tokens and the length of shortest completions along random walks."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guidedgen.errors import UnsatisfiableSchema
from guidedgen.grammars import ir
from guidedgen.kernel import Compiled, InspectableState
from guidedgen.vocabulary import Vocabulary
from tests.kernel.helpers import BYTES, allowed, byte_set, compile_grammar, text
from tests.kernel.naive import VOCABULARY
from tests.kernel.strategies import examples, expressions, finite_grammars, recursive_grammars

pytest.importorskip("guidedgen.kernel._native", reason="the native kernel is not built: run `make native`")

# Tokens as byte-level BPE makes them: bytes, pieces of words with and without a space, runs, punctuation that crosses
# the ends of JSON lexemes, parts of UTF-8 characters.
PIECES = [
    *("the", "ing", " a", " be", "able", "false", "true", "null", "nul", "name", "na", "abc", "ab", "bc", "ba", "aa"),
    *('"', '":', '": ', '", "', '"}', '"},', '"]', '{"', '[{"', "],", ", ", ",", ": ", "  ", "    ", "ccc"),
    *("\\n", '\\"', "\\\\", "\\u", "00", "12", "123", "1.", ".5", "e+", "-1", "é", "日", "日本", "🙂", "…"),
]
REALISTIC = Vocabulary.from_tokens(
    [bytes([byte]) for byte in range(256)]
    + [piece.encode() for piece in PIECES]
    + [b"\xe6\x97", b"\x9f\x99", b"\xf0\x9f", b"", b""],
    special={"<s>": 256 + len(PIECES) + 3, "<t>": 256 + len(PIECES) + 4, "<n>": ord("q")},
)


def compile_both(grammar: ir.Grammar | ir.Node, vocabulary: Vocabulary) -> tuple[Compiled, Compiled] | None:
    """Both kernels' view of a grammar, or None where both find that it produces nothing."""
    refusals = 0
    compiled = []
    for kernel in ("native", "reference"):
        try:
            compiled.append(compile_grammar(grammar, kernel, vocabulary))
        except UnsatisfiableSchema:
            refusals += 1
    assert refusals in (0, 2)
    return (compiled[0], compiled[1]) if compiled else None


def compare(native: InspectableState, reference: InspectableState, vocabulary: Vocabulary) -> None:
    assert allowed(native, vocabulary) == allowed(reference, vocabulary)
    assert native.accepting == reference.accepting
    assert native.forced() == reference.forced()
    assert native.allowed_bytes() == reference.allowed_bytes()
    assert native.labels() == reference.labels()
    lengths = []
    for state in (native, reference):
        tokens = state.shortest()
        lengths.append(sum(len(vocabulary.token_bytes(token)) or 1 for token in tokens))
        end: InspectableState | None = state
        for token in tokens:
            assert end is not None
            end = end.advance(token)
        assert end is not None
        assert end.accepting
    assert lengths[0] == lengths[1]


def walk_both(both: tuple[Compiled, Compiled] | None, vocabulary: Vocabulary, rng: random.Random, steps: int) -> int:
    """Walk both kernels along the same random tokens, longer ones preferred; returns how many were compared."""
    if both is None:
        return 0
    native, reference = both[0].start(), both[1].start()
    for step in range(steps):
        compare(native, reference, vocabulary)
        tokens = sorted(allowed(reference, vocabulary))
        if not tokens:
            return step
        sample = rng.sample(tokens, min(3, len(tokens)))
        token = max(sample, key=lambda token: len(vocabulary.token_bytes(token)))
        after = native.advance(token), reference.advance(token)
        assert after[0] is not None
        assert after[1] is not None
        native, reference = after
    return steps


@given(grammar=finite_grammars(), seed=st.integers(0, 99))
@examples(200)
def test_finite_grammars(grammar: ir.Grammar, seed: int) -> None:
    walk_both(compile_both(grammar, VOCABULARY), VOCABULARY, random.Random(seed), 8)


@given(grammar=recursive_grammars(leaves=8), seed=st.integers(0, 99))
@examples(300)
def test_recursive_grammars(grammar: ir.Grammar, seed: int) -> None:
    walk_both(compile_both(grammar, REALISTIC), REALISTIC, random.Random(seed), 10)


@given(expression=expressions(boolean=True, endless=True, leaves=15), seed=st.integers(0, 99))
@examples(300)
def test_expressions(expression: ir.Expression, seed: int) -> None:
    walk_both(compile_both(ir.Terminal(expression), REALISTIC), REALISTIC, random.Random(seed), 10)


def union(*options: ir.Expression) -> ir.Expression:
    return ir.Union(options)


def concat(*parts: ir.Expression) -> ir.Expression:
    return ir.Concat(parts)


def between(first: int, last: int) -> ir.Expression:
    return byte_set(bytes(range(first, last + 1)))


CONTINUATION = between(0x80, 0xBF)
NON_ASCII = union(
    concat(between(0xC2, 0xDF), CONTINUATION),
    concat(between(0xE1, 0xEC), CONTINUATION, CONTINUATION),
    concat(byte_set(b"\xf0"), between(0x90, 0xBF), CONTINUATION, CONTINUATION),
)
HEX = byte_set(b"0123456789abcdefABCDEF")
ESCAPE = concat(ir.Literal(b"\\"), union(byte_set(b'"\\/bfnrt'), concat(ir.Literal(b"u"), ir.Repeat(HEX, 4, 4))))
PLAIN = byte_set(bytes(set(range(0x20, 0x80)) - set(b'"\\')))
CHARACTER = union(PLAIN, ESCAPE, NON_ASCII)
DIGITS = ir.Repeat(between(ord("0"), ord("9")), 0, None)


def string(low: int = 0, high: int | None = None) -> ir.Expression:
    return concat(ir.Literal(b'"'), ir.Repeat(CHARACTER, low, high), ir.Literal(b'"'))


INTEGER = concat(
    ir.Repeat(ir.Literal(b"-"), 0, 1), union(ir.Literal(b"0"), concat(between(ord("1"), ord("9")), DIGITS))
)
NUMBER = concat(
    INTEGER,
    ir.Repeat(concat(ir.Literal(b"."), between(ord("0"), ord("9")), DIGITS), 0, 1),
    ir.Repeat(concat(byte_set(b"eE"), ir.Repeat(byte_set(b"+-"), 0, 1), between(ord("0"), ord("9")), DIGITS), 0, 1),
)
SPACE = ir.Terminal(ir.Repeat(byte_set(b" \n\t"), 0, None))
UNUSUAL_KEY = ir.Intersection((string(), ir.Complement(union(ir.Literal(b'"name"'), ir.Literal(b'"tags"')))))


def pair(key: ir.Expression, value: ir.Node) -> ir.Node:
    return ir.Sequence((ir.Terminal(key), text(b":"), SPACE, value))


def listed(opening: bytes, item: ir.Node, closing: bytes, low: int = 0, high: int | None = None) -> ir.Node:
    more = ir.Repetition(ir.Sequence((text(b","), SPACE, item)), max(low - 1, 0), None if high is None else high - 1)
    items = ir.Sequence((item, more))
    return ir.Sequence((text(opening), SPACE, items if low else ir.Repetition(items, 0, 1), SPACE, text(closing)))


VALUE = ir.Reference("value")
JSON = ir.Grammar(
    start=VALUE,
    rules={
        "value": ir.Choice(
            (
                listed(b"{", pair(string(), VALUE), b"}"),
                listed(b"[", VALUE, b"]"),
                ir.Terminal(string()),
                ir.Terminal(NUMBER),
                ir.Terminal(union(*map(ir.Literal, (b"true", b"false", b"null")))),
            )
        )
    },
)
ENUM = union(*(ir.Literal(f'"{word}"'.encode()) for word in PIECES if word.isalpha()))
RECORD = ir.Grammar(
    start=ir.Sequence(
        (
            text(b'{"name": '),
            ir.Terminal(string(2, 12)),
            text(b", "),
            pair(ir.Literal(b'"tags"'), listed(b"[", ir.Terminal(ENUM), b"]", 1, 4)),
            text(b", "),
            pair(UNUSUAL_KEY, ir.Choice((ir.Terminal(INTEGER), VALUE))),
            text(b"}"),
        )
    ),
    rules=JSON.rules,
)
TOTAL, PRODUCT, ATOM = ir.Reference("total"), ir.Reference("product"), ir.Reference("atom")
SUM = ir.Grammar(
    start=TOTAL,
    rules={
        "total": ir.Choice((PRODUCT, ir.Sequence((TOTAL, text(b"+"), PRODUCT)))),
        "product": ir.Choice((ATOM, ir.Sequence((PRODUCT, text(b"*"), ATOM)))),
        "atom": ir.Choice((ir.Terminal(INTEGER), listed(b"(", TOTAL, b")", 1, 1), ir.SpecialToken("<s>"))),
    },
)


REALISTIC_CASES: list[tuple[str, ir.Grammar | ir.Node, Vocabulary, int]] = [
    ("json", JSON, BYTES, 100),
    ("json", JSON, REALISTIC, 100),
    ("record", RECORD, BYTES, 100),
    ("record", RECORD, REALISTIC, 100),
    ("sum", SUM, REALISTIC, 100),
    ("enum", ir.Terminal(ENUM), BYTES, 30),
    ("enum", ir.Terminal(ENUM), REALISTIC, 30),
]


@pytest.mark.parametrize(("name", "grammar", "vocabulary", "least"), REALISTIC_CASES)
def test_realistic_grammars(name: str, grammar: ir.Grammar | ir.Node, vocabulary: Vocabulary, least: int) -> None:
    both = compile_both(grammar, vocabulary)
    assert sum(walk_both(both, vocabulary, random.Random(seed), 25) for seed in range(12)) > least


@pytest.mark.slow
@pytest.mark.timeout(900)
@given(grammar=recursive_grammars(leaves=10), seed=st.integers(0, 999))
@examples(2_000)
def test_many_recursive_grammars(grammar: ir.Grammar, seed: int) -> None:
    walk_both(compile_both(grammar, REALISTIC), REALISTIC, random.Random(seed), 12)


@pytest.mark.slow
@pytest.mark.timeout(900)
@given(expression=expressions(boolean=True, endless=True, leaves=25), seed=st.integers(0, 999))
@examples(5_000)
def test_many_expressions(expression: ir.Expression, seed: int) -> None:
    walk_both(compile_both(ir.Terminal(expression), REALISTIC), REALISTIC, random.Random(seed), 12)
