"""Preferred texts of Python patterns: against `re.match` on every short text."""

from __future__ import annotations

import itertools
import random
import re

import pytest

from guidedgen.errors import UnsatisfiableSchema, UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import ir
from guidedgen.grammars.preferred import preferred
from guidedgen.limits import Limits
from tests.kernel.helpers import accepts, compile_grammar

LIMITS = Limits()
_ATOMS = ["a", "b", "c", "[ab]", "[^a]", "ab"]
_MARKS = ["*", "+", "?", "{1,2}", "{2}", "*?", "+?", "??"]


def pattern_of(rng: random.Random, depth: int) -> str:
    kind = rng.random()
    if depth == 0 or kind < 0.3:
        return rng.choice(_ATOMS)
    if kind < 0.55:
        return "".join(pattern_of(rng, depth - 1) for _ in range(rng.randint(1, 3)))
    if kind < 0.75:
        return f"(?:{'|'.join(pattern_of(rng, depth - 1) for _ in range(rng.randint(2, 3)))})"
    return f"(?:{pattern_of(rng, depth - 1)}){rng.choice(_MARKS)}"


def listed(language: cr.Regex, words: list[str]) -> set[str]:
    """Those of the words that are in a language."""
    try:
        compiled = compile_grammar(ir.Terminal(cr.to_utf8(language)), "reference")
    except UnsatisfiableSchema:
        return set()
    return {word for word in words if accepts(compiled, word.encode())}


def test_random_patterns_prefer_what_re_takes_where_nothing_follows() -> None:
    words = ["".join(letters) for length in range(5) for letters in itertools.product("abc", repeat=length)]
    rng = random.Random(5)
    cut = refused = 0
    for _ in range(150):
        pattern = pattern_of(rng, 3)
        compiled = re.compile(pattern)
        expected = {word for word in words if (found := compiled.match(word)) and found.end() == len(word)}
        try:
            found = preferred(pattern, limits=LIMITS)
        except UnsupportedFeature:
            refused += 1
            continue
        assert listed(found.texts, words) == expected, pattern
        cut += expected != {word for word in words if compiled.fullmatch(word)}
    assert cut > 15
    assert refused < 20


def taken(text: str, language: set[str], broken: set[str]) -> list[str]:
    """What a lexer takes of a text, by the definition in docs/concepts/lexing.md."""
    beginnings = [text[:end] for end in range(1, len(text) + 1)]
    ends = [len(word) for word in beginnings if word in language]
    bad = [len(word) for word in beginnings if word in language or word in broken]
    return [text[:end] for end in ends if all(other <= end for other in bad)]


CASES = [
    (r"ab\b", "ab."),
    (r"a(?!b)", "ab"),
    (r"(?!(ab|b)\b)[ab]\w*", "ab."),
    (r"(?m:a.*$)", "ab\n"),
    (r'"(?!"").*?"', '"a\n'),
    (r'(?:"(?!"").*?(?<!\\)(\\\\)*?"|b(?!bb).*?(?<!\\)(\\\\)*?b)', '"\\b'),
    (r'".*?(?<!\\)(\\\\)*?"a?', '"\\a'),
    (r"b\*(?:(?!\*b).)*\*b", "b*a"),
    (r"(?=[ab]{1,3}c)a*(?:a|ab)c(?:ab|a)*", "abc"),
    (r"(?:a|b)\b", "ab."),
    (r"a\Z", "ab"),
    (r"\w+\b", "ab."),
    (r"a|a(?!b)b", "ab"),
]


@pytest.mark.parametrize(("pattern", "letters"), CASES)
def test_tests_of_what_follows_are_obligations(pattern: str, letters: str) -> None:
    found = preferred(pattern, limits=LIMITS)
    words = ["".join(word) for length in range(6) for word in itertools.product(letters, repeat=length)]
    compiled = re.compile(pattern)
    language, broken = (listed(part, words) for part in (found.texts, found.broken))
    for word in words:
        match = compiled.match(word)
        assert taken(word, language, broken) == ([match[0]] if match else [])


@pytest.mark.parametrize(
    "pattern", [r"a(?=b)", r"\bif", r"(?<=a)b", r"[0-9]+(?!\.)", r"(?!if\b)[a-z]+", r"ab?(?!c)", r"(?:a|b?)*c"]
)
def test_what_is_not_an_obligation_is_refused(pattern: str) -> None:
    with pytest.raises(UnsupportedFeature):
        preferred(pattern, limits=LIMITS)


def test_patterns_that_no_text_goes_on_from_are_known_to_be_alone() -> None:
    assert preferred("[a-z]{3}", limits=LIMITS).alone
    assert preferred('"[^"]*"', limits=LIMITS).alone
    assert not preferred("[a-z]+", limits=LIMITS).alone
