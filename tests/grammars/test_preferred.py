"""Preferred texts of Python patterns: against `re.match` on every short text."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable

import pytest

from guidedgen.errors import UnsatisfiableSchema, UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import ir
from guidedgen.grammars.preferred import Preferred, preferred
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
    (r"(?!(?:b|a)c)a|b", "abc"),
]


def taken_as_promised(text: str, found: Preferred, of: Callable[[cr.Regex], set[str]]) -> list[str]:
    """The same where something has to follow."""
    plain = [] if text in of(found.unmet) else taken(text, of(found.texts), of(found.broken))
    return plain + [
        text[:end]
        for way in found.ways
        for end in range(1, len(text) + 1)
        if text[:end] in of(way.texts) and follows(text[end:], of(way.broken), of(way.unmet))
    ]


def follows(rest: str, broken: set[str], unmet: set[str]) -> bool:
    return rest not in unmet and not any(rest.startswith(bad) for bad in broken if bad)


PROMISES = [
    (r"a+(?=b)", "ab"),
    (r"a+(?=ab)", "abc"),
    (r"[ab]*?(?=ba)", "abc"),
    (r"[ab]+?(?=c|$)", "abc"),
    (r'".*?"(?=\s*:)', '"a: '),
    (r"a(?=b)|bc(?!c)", "abc"),
    (r"(?=[ab]{3})a|b", "abc"),
    (r"a(?=b)(?!bc)", "abc"),
    (r"a\w*(?=-)", "ab-"),
    (r"[^c]*(?=c)", "abc"),
    (r"(?=.*c)(?=.*b)a+", "abc"),
    (r"a{1,2}(?=a{2}b)", "ab"),
    (r"(?!if\b)[a-z]+", "if-"),
    (r".+(?=,)", "a,\n"),
    (r"a+(?=a)", "ab"),
    (r"0(?:_?0)*(?![1-9])|[1-9](?:_?[0-9])*", "01_"),
    (r"a?b*(?=b*a)", "abc"),
    (r"a+(?!\.)", "ab."),
    (r"ab?(?!c)", "abc"),
]


@pytest.mark.parametrize(("pattern", "letters"), PROMISES)
def test_tests_of_what_must_follow(pattern: str, letters: str) -> None:
    assert check_promises(pattern, letters)


def test_random_tests_of_what_must_follow() -> None:
    rng = random.Random(11)
    enforced = 0
    for _ in range(150):
        before, ahead, after = (pattern_of(rng, depth) for depth in (2, 1, 1))
        place = rng.random()
        pattern = f"(?:{before})(?={ahead})" + (f"(?:{after})" if place < 0.2 else "(?!cb)" if place < 0.3 else "")
        enforced += check_promises(pattern if place < 0.9 else f"(?={ahead}){before}", "abc")
    assert enforced > 50


def check_promises(pattern: str, letters: str) -> bool:
    """Whether the pattern is enforced."""
    words = ["".join(word) for length in range(6) for word in itertools.product(letters, repeat=length)]
    known: dict[cr.Regex, set[str]] = {}

    def of(language: cr.Regex) -> set[str]:
        if language not in known:
            known[language] = listed(language, words)
        return known[language]

    try:
        found = preferred(pattern, limits=LIMITS)
    except UnsupportedFeature:
        return False
    compiled = re.compile(pattern)
    for word in words:
        match = compiled.match(word)
        assert taken_as_promised(word, found, of) == ([match[0]] if match and match[0] else []), (pattern, word)
    return found.looks_for_more


@pytest.mark.parametrize(("pattern", "letters"), CASES)
def test_tests_of_what_follows_are_obligations(pattern: str, letters: str) -> None:
    found = preferred(pattern, limits=LIMITS)
    words = ["".join(word) for length in range(6) for word in itertools.product(letters, repeat=length)]
    compiled = re.compile(pattern)
    language, broken = (listed(part, words) for part in (found.texts, found.broken))
    for word in words:
        match = compiled.match(word)
        assert taken(word, language, broken) == ([match[0]] if match else [])


@pytest.mark.parametrize("pattern", [r"\b[a-z]*", r"(?:a|b?)*c"])
def test_what_is_not_an_obligation_is_refused(pattern: str) -> None:
    with pytest.raises(UnsupportedFeature):
        preferred(pattern, limits=LIMITS)


def test_patterns_that_no_text_goes_on_from_are_known_to_be_alone() -> None:
    assert preferred("[a-z]{3}", limits=LIMITS).alone
    assert preferred('"[^"]*"', limits=LIMITS).alone
    assert not preferred("[a-z]+", limits=LIMITS).alone
