"""Kinds of context-free grammars that parsers get wrong, each against its language in plain words."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from guidedgen.errors import UnsatisfiableSchema
from guidedgen.grammars import ir
from tests.kernel.helpers import BYTES, accepts, after, allowed, byte_set, compile_grammar, text

A, B, C, EMPTY = text(b"a"), text(b"b"), text(b"c"), ir.Sequence(())
S, T = ir.Reference("s"), ir.Reference("t")


def rules(**bodies: ir.Node) -> ir.Grammar:
    return ir.Grammar(start=S, rules=bodies)


def choice(*options: ir.Node) -> ir.Choice:
    return ir.Choice(options)


def sequence(*parts: ir.Node) -> ir.Sequence:
    return ir.Sequence(parts)


def only(letters: str) -> Callable[[str], bool]:
    return lambda word: set(word) <= set(letters)


def balanced(word: str) -> bool:
    """a opens, b closes."""
    heights = list(itertools.accumulate(1 if letter == "a" else -1 for letter in word))
    return set(word) <= {"a", "b"} and all(height >= 0 for height in heights) and (not heights or heights[-1] == 0)


CASES: dict[str, tuple[ir.Grammar, Callable[[str], bool]]] = {
    "left recursion": (rules(s=choice(sequence(S, A), B)), lambda w: w[:1] == "b" and only("a")(w[1:])),
    "right recursion": (rules(s=choice(sequence(A, S), B)), lambda w: w[-1:] == "b" and only("a")(w[:-1])),
    "middle recursion": (
        rules(s=choice(sequence(A, S, B), C)),
        lambda w: w == "a" * (len(w) // 2) + "c" + "b" * (len(w) // 2),
    ),
    "hidden left recursion": (
        rules(s=choice(sequence(T, S, A), B), t=choice(EMPTY, C)),
        lambda w: (
            "b" in w
            and only("c")(w[: w.index("b")])
            and only("a")(w[w.index("b") + 1 :])
            and w.index("b") <= len(w) - w.index("b") - 1
        ),
    ),
    "indirect left recursion": (
        rules(s=choice(sequence(T, A), C), t=choice(sequence(S, B), sequence(S, C))),
        lambda w: w[:1] == "c" and len(w) % 2 == 1 and all(w[i : i + 2] in ("ba", "ca") for i in range(1, len(w), 2)),
    ),
    "ambiguous": (rules(s=choice(sequence(S, S), A)), lambda w: only("a")(w) and w != ""),
    "ambiguous, with empty": (rules(s=choice(sequence(S, S), A, EMPTY)), only("a")),
    "cycle": (rules(s=choice(S, A)), lambda w: w == "a"),
    "long cycle": (rules(s=choice(T, B), t=choice(S, A)), lambda w: w in ("a", "b")),
    "cycle through empty": (rules(s=choice(sequence(T, S, T), A), t=EMPTY), lambda w: w == "a"),
    "everything nullable": (
        rules(s=sequence(T, T, T), t=choice(EMPTY, A, B)),
        lambda w: only("ab")(w) and len(w) <= 3,
    ),
    "nullable in the middle": (
        rules(s=sequence(A, T, T, B), t=choice(EMPTY, C)),
        lambda w: w in ("ab", "acb", "accb"),
    ),
    "balanced": (rules(s=choice(EMPTY, sequence(A, S, B, S))), balanced),
    "palindromes": (
        rules(s=choice(EMPTY, A, B, sequence(A, S, A), sequence(B, S, B))),
        lambda w: only("ab")(w) and w == w[::-1],
    ),
    "empty only": (rules(s=EMPTY), lambda w: w == ""),
    "empty by many ways": (rules(s=sequence(T, T), t=choice(EMPTY, T, sequence(T, T))), lambda w: w == ""),
    "unproductive option": (rules(s=choice(A, sequence(B, T)), t=sequence(C, T)), lambda w: w == "a"),
    "unproductive optional": (rules(s=sequence(ir.Repetition(T, 0, None), A), t=choice()), lambda w: w == "a"),
    "nested repetition": (
        rules(s=ir.Repetition(ir.Repetition(A, 0, None), 0, None)),
        only("a"),
    ),
    "counted": (rules(s=ir.Repetition(choice(A, B), 2, 4)), lambda w: only("ab")(w) and 2 <= len(w) <= 4),
    "counted, nullable": (rules(s=ir.Repetition(choice(A, EMPTY), 3, 5)), lambda w: only("a")(w) and len(w) <= 5),
    "repetition then the same": (
        rules(s=sequence(ir.Repetition(A, 0, None), A, A)),
        lambda w: only("a")(w) and len(w) >= 2,
    ),
    "terminals of different lengths": (
        rules(s=ir.Repetition(choice(text(b"aa"), text(b"aaa")), 1, None)),
        lambda w: only("a")(w) and len(w) >= 2,
    ),
    "terminal that may be empty": (
        rules(s=sequence(A, ir.Terminal(ir.Repeat(byte_set(b"b"), 0, None)), C)),
        lambda w: w[:1] == "a" and w[-1:] == "c" and len(w) >= 2 and only("b")(w[1:-1]),
    ),
    "adjacent terminals that overlap": (
        rules(s=sequence(*[ir.Terminal(ir.Repeat(byte_set(b"ab"), 1, None))] * 3)),
        lambda w: only("ab")(w) and len(w) >= 3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_language_and_prefixes_up_to_seven_letters(kernel: str, name: str) -> None:
    grammar, belongs = CASES[name]
    compiled = compile_grammar(grammar, kernel)
    longest = 7
    members = {
        word
        for length in range(longest + 1)
        for word in map("".join, itertools.product("abc", repeat=length))
        if belongs(word)
    }
    prefixes = {word[:end] for word in members for end in range(len(word) + 1)}
    layer = {"": compiled.start()}
    for length in range(longest + 1):
        assert {word for word, state in layer.items() if state.accepting} == {w for w in members if len(w) == length}
        # In each of the languages above a prefix of three letters has a completion within seven.
        if length <= 3:
            assert set(layer) == {word for word in prefixes if len(word) == length}
        following = {
            word + letter: state.advance_bytes(letter.encode())
            for word, state in layer.items()
            for letter in "abc"
        }  # fmt: skip
        layer = {word: state for word, state in following.items() if state is not None}


@pytest.mark.parametrize(
    "grammar",
    [
        rules(s=S),
        rules(s=sequence(A, S)),
        rules(s=choice()),
        rules(s=ir.Repetition(T, 1, None), t=T),
        rules(s=ir.Terminal(ir.Nothing())),
        rules(s=ir.Terminal(ir.Intersection((ir.Literal(b"a"), ir.Literal(b"b"))))),
        rules(s=sequence(A, ir.Terminal(ir.ByteSet(0)))),
        rules(s=ir.Terminal(ir.Complement(ir.Repeat(byte_set(bytes(range(256))), 0, None)))),
    ],
)
def test_empty_languages_are_refused(kernel: str, grammar: ir.Grammar) -> None:
    with pytest.raises(UnsatisfiableSchema):
        compile_grammar(grammar, kernel)


@pytest.mark.parametrize("low", [0, 5, 10_000])
def test_huge_counts_are_not_unrolled(kernel: str, low: int) -> None:
    """Work grows with the text, not with the counts: the caches stay small after three letters."""
    symbols = compile_grammar(ir.Repetition(sequence(A, B), low, 10_000), kernel)
    lexeme = compile_grammar(ir.Terminal(ir.Repeat(ir.Literal(b"ab"), low, 10_000)), kernel)
    for compiled in (symbols, lexeme):
        assert compiled.start().accepting == (low == 0)
        assert accepts(compiled, b"ababab") == (low == 0)
        assert after(compiled, b"abaa") is None
        assert compiled.stats()["rows"] < 20
        assert compiled.stats()["positions"] < 20


def test_counts_are_exact_at_their_ends(kernel: str) -> None:
    compiled = compile_grammar(ir.Terminal(ir.Repeat(byte_set(b"ab"), 1_000, 1_002)), kernel)
    assert [accepts(compiled, b"a" * count) for count in (999, 1_000, 1_002)] == [False, True, True]
    assert after(compiled, b"a" * 1_003) is None
    assert allowed(after(compiled, b"a" * 1_002), BYTES) == set()


def test_ambiguity_stays_polynomial(kernel: str) -> None:
    """Two hundred letters have more derivations than there are atoms; the number of rows must not follow it."""
    grammar = rules(s=choice(sequence(S, S), text(b"a"), text(b"aa"), EMPTY))
    compiled = compile_grammar(grammar, kernel)
    assert accepts(compiled, b"a" * 200)
    assert compiled.stats()["rows"] < 2_000
