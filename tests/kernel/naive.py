"""Independent oracles for small grammars: slow, obvious, and sharing no code with the kernels.

A text is a Python string over the letters a, b, c, in which special tokens stand as one capital letter each.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from functools import cache

import numpy as np

from guidedgen.grammars import ir
from guidedgen.vocabulary import Vocabulary

LETTERS = "abc"
SPECIAL = {"S": 7, "T": 8, "N": 9}  # letter of a special token in a text -> id; N also has bytes
TOKENS = [b"a", b"b", b"c", b"ab", b"ba", b"abc", b"ab", b"", b"", b"ca", b""]  # 6 repeats 3, 10 is padding

VOCABULARY = Vocabulary.from_tokens(TOKENS, special={"<s>": 7, "<t>": 8, "<n>": 9}, size=len(TOKENS))
NAMES = {"<s>": "S", "<t>": "T", "<n>": "N"}


MOST_WORDS = 100_000
MARGIN = 4


class TooLarge(Exception):
    """A language has too many words to list."""


def readings(token: int) -> list[str]:
    """The texts that a token can stand for."""
    named = [letter for letter, number in SPECIAL.items() if number == token]
    return named + ([TOKENS[token].decode()] if TOKENS[token] else [])


def words(longest: int) -> Iterator[str]:
    """Every word of letters up to a length."""
    for length in range(longest + 1):
        yield from map("".join, itertools.product(LETTERS, repeat=length))


def expression_language(node: ir.Expression, longest: int) -> frozenset[str]:
    """The words of an expression up to a length, by the set-theoretic meaning of its operators."""
    match node:
        case ir.Nothing():
            return frozenset()
        case ir.Epsilon():
            return frozenset({""})
        case ir.ByteSet(mask):
            return frozenset(letter for letter in LETTERS if mask >> ord(letter) & 1 and longest >= 1)
        case ir.Literal(text):
            return frozenset({text.decode()} if len(text) <= longest else ())
        case ir.Concat(parts):
            return _product([expression_language(part, longest) for part in parts], longest)
        case ir.Union(options):
            return frozenset().union(*(expression_language(option, longest) for option in options))
        case ir.Intersection(parts):
            return _intersection(parts, longest)
        case ir.Complement(inner):
            return frozenset(words(longest)) - expression_language(inner, longest)
        case ir.Repeat(inner, low, high):
            return _powers(expression_language(inner, longest), low, high, longest)


def _intersection(parts: tuple[ir.Expression, ...], longest: int) -> frozenset[str]:
    """Complements are taken away last: as sets of their own they are far larger than the result."""
    negative = [part.inner for part in parts if isinstance(part, ir.Complement)]
    positive = [expression_language(part, longest) for part in parts if not isinstance(part, ir.Complement)]
    result = frozenset.intersection(*positive) if positive else frozenset(words(longest))
    return result.difference(*(expression_language(part, longest) for part in negative))


def _product(languages: list[frozenset[str]], longest: int) -> frozenset[str]:
    result = frozenset({""})
    for language in languages:
        if len(result) * len(language) > MOST_WORDS:
            raise TooLarge
        result = frozenset(x + y for x in result for y in language if len(x) + len(y) <= longest)
    return result


def _powers(language: frozenset[str], low: int, high: int | None, longest: int) -> frozenset[str]:
    power = _product([language] * low, longest)
    result = power
    for _ in range(low, longest + low + 1 if high is None else high):
        power = _product([power, language], longest)
        if power <= result:
            break
        result |= power
    return result


def finite_language(grammar: ir.Grammar, longest: int) -> frozenset[str]:
    """The texts of a grammar without recursion, up to a length."""

    @cache
    def language(node: ir.Node) -> frozenset[str]:
        match node:
            case ir.Terminal(expression):
                return expression_language(expression, longest)
            case ir.Sequence(parts):
                return _product([language(part) for part in parts], longest)
            case ir.Choice(options):
                return frozenset().union(*(language(option) for option in options))
            case ir.Repetition(inner, low, high):
                return _powers(language(inner), low, high, longest)
            case ir.Reference(name):
                return language(grammar.rules[name])
            case ir.SpecialToken(name):
                return frozenset({NAMES[name]})
            case ir.Unordered():
                most = len(node.members) if node.rest is None else node.high
                assert most is not None
                return frozenset().union(
                    *(_product([language(part) for part in parts], longest) for parts in arrangements(node, most))
                )

    return language(grammar.start)


def arrangements(node: ir.Unordered, most: int) -> Iterator[tuple[ir.Node, ...]]:
    """Every order of items with their separators, up to a number of items."""
    needed = {place for place, member in enumerate(node.members) if member.required}
    options = [*range(len(node.members)), *([] if node.rest is None else [None])]
    for count in range(node.low, (most if node.high is None else min(most, node.high)) + 1):
        for picked in itertools.product(options, repeat=count):
            members = [place for place in picked if place is not None]
            if len(set(members)) == len(members) and needed <= set(members):
                yield _separated(node, picked)


def _separated(node: ir.Unordered, picked: tuple[int | None, ...]) -> tuple[ir.Node, ...]:
    items = [node.rest if place is None else node.members[place].node for place in picked]
    return tuple(part for item in items for part in (node.separator, item) if part is not None)[1:]


class PrefixOracle:
    """Whether a text can be completed, or is complete, for any grammar whose terminals are free of AND and NOT.

    The grammar is intersected with an automaton that reads the text and then anything (Bar-Hillel, Perles, Shamir
    1961): for every node, the pairs (i, j) such that some text of the node leads from i to j, as a least fixed point of
    boolean matrices. Positions of the text are the automaton's states; with `then_anything` the last one loops.

    What a terminal can do beyond the end of the text is found by trying every word of up to `MARGIN` letters behind it.
    An expression free of AND and NOT with k letters has an automaton of k + 1 states (Glushkov), so a prefix that can
    be completed at all can be completed with k more letters: terminals may have `MARGIN` letters, repetitions unrolled.
    """

    def __init__(self, grammar: ir.Grammar, text: str, *, then_anything: bool) -> None:
        self._grammar = grammar
        self._text = text
        self._size = len(text) + 1
        self._open = then_anything
        self._terminals: dict[ir.Terminal, np.ndarray] = {}
        self._rules = {name: np.zeros((self._size, self._size), dtype=bool) for name in grammar.rules}
        self._solve()

    def holds(self) -> bool:
        """The answer."""
        return bool(self._relation(self._grammar.start)[0, -1])

    def _solve(self) -> None:
        while True:
            new = {name: self._relation(body) for name, body in self._grammar.rules.items()}
            if all(np.array_equal(new[name], self._rules[name]) for name in new):
                return
            self._rules = new

    def _relation(self, node: ir.Node) -> np.ndarray:
        nothing = np.zeros((self._size, self._size), dtype=bool)
        unchanged = np.eye(self._size, dtype=bool)
        match node:
            case ir.Terminal(expression):
                if node not in self._terminals:
                    self._terminals[node] = self._moves(expression)
                return self._terminals[node]
            case ir.SpecialToken(name):
                return self._special_moves(NAMES[name])
            case ir.Reference(name):
                return self._rules[name]
            case ir.Sequence(parts):
                result = unchanged
                for part in parts:
                    result = result @ self._relation(part)
                return result
            case ir.Choice(options):
                result = nothing
                for option in options:
                    result = result | self._relation(option)
                return result
            case ir.Repetition(inner, low, high):
                return self._repeated(self._relation(inner), low, high)
            case ir.Unordered():
                return self._in_any_order(node)

    def _repeated(self, once: np.ndarray, low: int, high: int | None) -> np.ndarray:
        power = np.linalg.matrix_power(once.astype(np.int64), 0).astype(bool)
        for _ in range(low):
            power = power @ once
        result = power
        for _ in range(self._size if high is None else high - low):
            result = result | result @ once
        return result

    def _in_any_order(self, node: ir.Unordered) -> np.ndarray:
        """By number of items and set of members that came; every item but those at the end moves on in the text."""
        needed = {place for place, member in enumerate(node.members) if member.required}
        most = self._size + node.low + len(node.members)
        separator = self._relation(node.separator)
        items = [(place, self._relation(member.node)) for place, member in enumerate(node.members)]
        rest = None if node.rest is None else self._relation(node.rest)
        layer = {frozenset[int](): np.eye(self._size, dtype=bool)}
        result = np.zeros((self._size, self._size), dtype=bool)
        for count in range((most if node.high is None else min(most, node.high)) + 1):
            following: dict[frozenset[int], np.ndarray] = {}
            for seen, reached in layer.items():
                if count >= node.low and needed <= seen:
                    result = result | reached
                start = reached @ separator if count else reached
                steps = [(seen | {place}, item) for place, item in items if place not in seen]
                for target, item in [*steps, *([] if rest is None else [(seen, rest)])]:
                    following[target] = following.get(target, False) | start @ item
            layer = following
        return result

    def _moves(self, expression: ir.Expression) -> np.ndarray:
        moves = np.zeros((self._size, self._size), dtype=bool)
        for start, end in itertools.combinations_with_replacement(range(self._size), 2):
            moves[start, end] = fully_matches(expression, self._text[start:end])
        if self._open:
            moves[:, -1] |= [can_continue(expression, self._text[start:]) for start in range(self._size)]
        return moves

    def _special_moves(self, letter: str) -> np.ndarray:
        moves = np.zeros((self._size, self._size), dtype=bool)
        for start in range(self._size - 1):
            moves[start, start + 1] = self._text[start] == letter
        moves[-1, -1] = self._open
        return moves


@cache
def fully_matches(expression: ir.Expression, word: str) -> bool:
    """Whether an expression free of AND and NOT contains a word."""
    return python_pattern(expression).fullmatch(word) is not None


@cache
def can_continue(expression: ir.Expression, word: str) -> bool:
    """Whether some word of up to MARGIN letters continues `word` to one of the expression's."""
    return any(fully_matches(expression, word + more) for more in words(MARGIN))


@cache
def python_pattern(node: ir.Expression) -> re.Pattern[str]:
    """An expression free of AND and NOT as a pattern of Python's `re`."""
    return re.compile(_pattern(node))


def _pattern(node: ir.Expression) -> str:
    match node:
        case ir.Nothing():
            return "(?!)"
        case ir.Epsilon():
            return "(?:)"
        case ir.ByteSet(mask):
            letters = [letter for letter in LETTERS if mask >> ord(letter) & 1]
            return f"[{''.join(letters)}]" if letters else "(?!)"
        case ir.Literal(text):
            return f"(?:{text.decode()})"
        case ir.Concat(parts):
            return f"(?:{''.join(map(_pattern, parts))})"
        case ir.Union(options):
            return f"(?:{'|'.join(map(_pattern, options))})" if options else "(?!)"
        case ir.Repeat(inner, low, high):
            return f"(?:{_pattern(inner)}){{{low},{'' if high is None else high}}}"
        case _:
            raise AssertionError(f"{node} has no counterpart in `re`")
