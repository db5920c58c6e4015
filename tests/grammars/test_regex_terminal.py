"""Patterns inside a longer text: lazy quantifiers as `re.match` reads them, and tests at the edges refused."""

import re

import pytest

from guidedgen.errors import UnsupportedFeature
from guidedgen.grammars import regex_text
from tests.grammars.regex_oracle import accepted, matched, texts

LAZY = [
    r'"(?:(?:.*?)(?:(?<!\\)(\\\\)*?))"',  # lark's common.ESCAPED_STRING
    r'"(?!"").*?(?<!\\)(\\\\)*?"|a(?!aa).*?(?<!\\)(\\\\)*?a',  # lark's python.STRING
    r'"".*?(?<!\\)(\\\\)*?""',
    r'".*?"',
    r"/\*(.|\n)*?\*/",
    r'"(?:[^"\\]|\\.)*?"',
    r"a(a|b)*?ab",
    r"a+?",
    r"a??b",
    r"ba{1,3}?b",
    r'"[^"]*?"a*',
    r"(?s)a.*?b",
    r"(?:a.*?b|b.*?a)",
]


@pytest.mark.parametrize("pattern", LAZY)
def test_lazy_quantifiers_stop_where_re_stops(kernel: str, pattern: str) -> None:
    candidates = list(texts("".join(char for char in 'ab"\\/*' if char in pattern), 6))
    expected = matched(re.compile(pattern).match, candidates)
    assert accepted(regex_text.parse_terminal(pattern), candidates, kernel) == expected
    assert expected


def test_a_lazy_quantifier_in_a_full_match_says_nothing() -> None:
    candidates = list(texts('a"', 4))
    assert '"a"' + '"' in accepted(regex_text.parse_chars('".*?"'), candidates, "reference")
    assert '"a"' + '"' not in accepted(regex_text.parse_terminal('".*?"'), candidates, "reference")


@pytest.mark.parametrize(
    "pattern", [r"(?:a.*?b)+c", r"ab.*?(?<=ab)c", r'".*?"a*', r"a*?(?:ab|b)b?", r"(?:a|ab)*?b?", r".*?b(?=b*c)b*c"]
)
def test_unclear_ends_of_lazy_quantifiers_are_refused(pattern: str) -> None:
    with pytest.raises(UnsupportedFeature, match="lazy"):
        regex_text.parse_terminal(pattern)


@pytest.mark.parametrize(
    ("pattern", "side"),
    [
        (r"if\b", "after"),
        (r"\bif", "before"),
        (r"a(?!b)", "after"),
        (r"(?<!b)a", "before"),
        (r"^a", "before"),
        (r"a$", "after"),
        (r"a(?=b)c?", "after"),
        (r"c?(?<=b)a", "before"),
        (r"(?:a|b\b)", "after"),
        (r"(?:a(?!b)){1,2}", "after"),
        (r"(?=\bx)a", "before"),
    ],
)
def test_tests_that_could_see_the_text_around_are_refused(pattern: str, side: str) -> None:
    with pytest.raises(UnsupportedFeature, match=f"{side} the terminal"):
        regex_text.parse_terminal(pattern)


@pytest.mark.parametrize("pattern", [r"(?!if)[a-z]+", r"a\bb|c", r"a(?<=a)b", r"a(?=b)b"])
def test_tests_inside_are_accepted(pattern: str) -> None:
    candidates = list(texts("abif", 3))
    expected = matched(re.compile(pattern).fullmatch, candidates)
    assert accepted(regex_text.parse_terminal(pattern), candidates, "reference") == expected
