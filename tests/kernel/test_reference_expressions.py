"""The laws of the reference kernel's expressions: what is equal by them is one object, so that derivatives stay few."""

from __future__ import annotations

import pytest

from guidedgen.errors import LimitExceeded
from guidedgen.kernel.reference.derivatives import Derivatives
from guidedgen.kernel.reference.expressions import ANY_BYTE, Expression, Expressions, Op
from guidedgen.kernel.reference.lexeme import Lexemes


@pytest.fixture
def make() -> Expressions:
    return Expressions(limit=10_000)


def letter(make: Expressions, name: str) -> Expression:
    return make.literal(name.encode())


def test_unions(make: Expressions) -> None:
    a, b, ab = letter(make, "a"), letter(make, "b"), letter(make, "ab")
    assert make.union((a, ab)) is make.union((ab, a, make.empty, ab))
    assert make.union((a, make.union((b, ab)))) is make.union((make.union((a, b)), ab))
    assert make.union(()) is make.empty
    assert make.union((ab,)) is ab
    assert make.union((ab, make.all)) is make.all
    assert make.union((ab, make.complement(ab))) is make.all
    assert make.union((a, b)) is make.byte_set(0b11 << ord("a"))
    optional = make.repeat(ab, 0, 1)
    assert make.union((make.epsilon, optional)) is optional


def test_intersections(make: Expressions) -> None:
    a, ab = make.repeat(letter(make, "a"), 0, None), letter(make, "ab")
    assert make.intersection((a, ab)) is make.intersection((ab, a, make.all))
    assert make.intersection(()) is make.all
    assert make.intersection((ab, make.empty)) is make.empty
    assert make.intersection((ab, make.complement(ab))) is make.empty
    assert make.intersection((a, make.epsilon)) is make.epsilon
    assert make.intersection((ab, make.epsilon)) is make.empty
    assert make.intersection((make.byte_set(0b110), make.byte_set(0b011))) is make.byte_set(0b010)
    one_byte = make.byte_set(ANY_BYTE)
    assert set(make.intersection((a, one_byte)).args) == {a, one_byte}  # "any byte" is no "anything"


def test_complements(make: Expressions) -> None:
    ab = letter(make, "ab")
    assert make.complement(make.complement(ab)) is ab
    assert make.complement(make.empty) is make.all
    assert make.complement(make.all) is make.empty
    assert make.all is make.repeat(make.byte_set(ANY_BYTE), 0, None)


def test_concatenations(make: Expressions) -> None:
    a, b, star = letter(make, "a"), letter(make, "b"), make.repeat(letter(make, "c"), 0, None)
    assert make.concat(make.concat(a, star), b) is make.concat(a, make.concat(star, b))
    assert make.concat(a, b) is make.literal(b"ab")
    assert make.concat(make.concat(star, a), b) is make.concat(star, make.literal(b"ab"))
    assert make.concat(make.epsilon, star) is star
    assert make.concat(star, make.epsilon) is star
    assert make.concat(star, make.empty) is make.empty
    assert make.concat(star, star) is star
    assert make.concat(make.repeat(a, 1, 2), make.repeat(a, 3, None)) is make.repeat(a, 4, None)


def test_repetitions(make: Expressions) -> None:
    a = letter(make, "a")
    star = make.repeat(a, 0, None)
    assert make.repeat(a, 1, 1) is a
    assert make.repeat(a, 0, 0) is make.epsilon
    assert make.repeat(star, 3, 5) is star
    assert make.repeat(make.empty, 0, 5) is make.epsilon
    assert make.repeat(make.empty, 1, 5) is make.empty
    assert make.repeat(make.epsilon, 2, None) is make.epsilon
    assert make.union((make.repeat(a, 0, 3), make.repeat(a, 2, 5))) is make.repeat(a, 0, 5)
    assert make.union((make.repeat(a, 0, 1), make.repeat(a, 3, 5))).op is Op.OR


def test_words_are_entered_without_being_copied(make: Expressions) -> None:
    words = [f"{number:05}".encode() for number in range(5_000)]
    everything = make.union(map(make.literal, words))
    before = len(make)
    derivatives = Derivatives(make)
    state = everything
    for byte in b"0123":
        state = derivatives.after(state, byte)
    assert state is not make.empty
    assert len(make) <= before + 4
    assert derivatives.after(state, ord("9")) is make.epsilon


def test_counts_are_lowered_not_unrolled(make: Expressions) -> None:
    derivatives = Derivatives(make)
    a = letter(make, "a")
    assert derivatives.after(make.repeat(a, 5, 10_000), ord("a")) is make.repeat(a, 4, 9_999)


def test_ambiguous_counts_stay_few(make: Expressions) -> None:
    """Without the merging of counts the derivatives of (a*b*){0,50} have up to fifty members."""
    block = make.concat(make.repeat(letter(make, "a"), 0, None), make.repeat(letter(make, "b"), 0, None))
    derivatives = Derivatives(make)
    state = make.repeat(block, 0, 50)
    for byte in b"abab" * 10:
        state = derivatives.after(state, byte)
        assert len(state.args) <= 4


def test_distances_through_intersections(make: Expressions) -> None:
    lexemes = Lexemes(Derivatives(make), make, limit=10_000)
    twos, threes = (make.repeat(make.literal(b"a" * count), 1, None) for count in (2, 3))
    both = make.intersection((twos, threes))
    assert lexemes.distance(both) == 6
    assert lexemes.nearer_bytes(both, 6) == 1 << ord("a")
    assert lexemes.distance(make.intersection((both, make.repeat(letter(make, "a"), 0, 5)))) == float("inf")


def test_searches_are_limited(make: Expressions) -> None:
    lexemes = Lexemes(Derivatives(make), make, limit=50)
    periods = [make.repeat(make.literal(b"a" * count), 1, None) for count in (7, 11, 13)]
    with pytest.raises(LimitExceeded, match="states"):
        lexemes.distance(make.intersection(periods))
