"""Python patterns against `re.fullmatch`: a table over all short texts, generated patterns, and all characters."""

import re
import sys
from importlib import import_module

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guidedgen.errors import GrammarSyntaxError, LimitExceeded, UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import regex_text
from guidedgen.grammars.char_set import CharSet
from guidedgen.limits import Limits
from tests.grammars.regex_oracle import accepted, matched, texts

PATTERNS = [
    # anchors: `$` also holds before a final newline
    r"a$",
    r"a$\n?",
    r"a\Z\n?",
    r"^a|b$",
    r"\Aa\Z",
    r"a^b|b",
    r"$",
    r"^",
    r"(?m)^a$\n^b$",
    r"(?m)(?:^a$\n?){1,3}",
    r"(?:a|^)b",
    # boundaries
    r"\bab\b",
    r"a\b b",
    r"a\Bb",
    r"\B|a",
    r"\b|a",
    r"(?:a\b ?)?b",
    r"(?:\ba\b ?){0,3}",
    r"\B ",
    r"(?a:\b)é|b",
    # lookaheads and lookbehinds
    r"(?=.*a)(?=.*b).{2,4}",
    r"(?!ab)a?b*",
    r"(?:(?!ab).)*",
    r"(?:(?!ab).)*b",
    r"(?:.(?!b))*",
    r"(?:(?!b).(?!a))*a",
    r"(a(?=b)|b){1,3}",
    r"(?:a(?!b)){0,3}",
    r"a(?=b\b)b| ",
    r"(?=a*)*b",
    r"(?!a)+b",
    r"(?=(?=a).b)..",
    r"(?!(?!a)).b",
    r"(?<=a)b|ab(?<=ab)",
    r".*(?<!ab)",
    r"a(?<=ba)b|b+(?<!bb)a",
    r"(?s).(?<![a])b",
    r".*(?<=[ab])\n",
    r"(?=.b).*(?<!ba)",
    r"(?:ab|b)(?<=ab)b*",
    r"(?<!a)b",
    r"(?<!^)b|a",
    r".(?<=\n|b)",
    # quantifiers
    r"a{2}",
    r"a{,2}",
    r"a{1,}b?",
    r"(?:a|b){2,3}?",
    r"(a*)*b",
    r"(?:a?){2,4}",
    r"(|a)+b",
    r"a{b",
    r"a{,}",
    r"(?:a{1,2}){0}b",
    # flags, groups, verbose
    r"(?i)A[B-C]",
    r"(?s).b",
    r"(?i:A)b",
    r"(?i)(?-i:A)B",
    r"(?P<x>a)b",
    "(?x) a  # first\n [ ] b*",
    r"(?x: a b)(?#note)",
    r"(?x)a\ b",
    r"a(?#x)*",
    "(?x)a *b",
    r"[]a]",
    r"[^]a]",
    r"[a\]-]",
    r"[\n-b]",
    r"[^\W]",
    r"[\b]|a",
    r"\x61\u0062|\141",
    r"[\141-b]",
    r"\07|a",
    r"\N{LATIN SMALL LETTER A}",
    r"\.|\-| ",
    r"",
]
TESTS = re.compile(r"\\[bBAZ]|\(\?<?[=!]|[$^]")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_all_short_texts(kernel: str, pattern: str) -> None:
    candidates = [*texts("ab\n ", 4), "é", "éb", "\x07", "\x08", "]", "-", ".", "a{b", "{", "\u0663"]
    expected = matched(re.compile(pattern).fullmatch, candidates)
    assert accepted(regex_text.parse_chars(pattern), candidates, kernel) == expected


ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\w", r"\W", r"\s", " ", "é", r"\n"])
LOOKS = st.sampled_from([r"\b", r"\B", "^", "$", r"\Z", "(?=a)", "(?!b)", "(?<=a)", r"(?<!\s)", "(?!ab)", "(?=.*b)"])
QUANTIFIERS = st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "{1,}", "*?", "+?", "??", "{1,3}?"])
FLAGS = st.sampled_from(["", "(?s)", "(?i)", "(?m)", "(?a)", "(?sm)"])


def patterns(leaves: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.lists(inner, min_size=2, max_size=3).map("".join),
            st.lists(inner, min_size=2, max_size=3).map(lambda options: f"(?:{'|'.join(options)})"),
            st.tuples(inner, QUANTIFIERS).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
        )

    return st.tuples(FLAGS, st.recursive(leaves, extend, max_leaves=8)).map("".join)


@given(patterns(ATOMS), st.lists(st.text("abAé \n", max_size=6), max_size=20))
@settings(max_examples=150)
def test_generated_patterns(pattern: str, more: list[str]) -> None:
    candidates = [*texts("ab ", 3), *more]
    expected = matched(re.compile(pattern).fullmatch, candidates)
    assert accepted(regex_text.parse_chars(pattern), candidates, "reference") == expected


@given(patterns(ATOMS | LOOKS), st.lists(st.text("abAé \n", max_size=6), max_size=20))
@settings(max_examples=250)
def test_generated_patterns_with_tests(pattern: str, more: list[str]) -> None:
    try:
        node = regex_text.parse_chars(pattern)
    except UnsupportedFeature:
        # Allowed only where a test stands under an unbounded quantifier.
        assert TESTS.search(pattern)
        assert re.search(r"\)(\*|\+|\{1,\})", pattern)
        return
    candidates = [*texts("ab\n", 3), *more]
    assert accepted(node, candidates, "reference") == matched(re.compile(pattern).fullmatch, candidates)


@pytest.mark.parametrize(
    "pattern", [r"[ab]{2,3}(?:ab|b)*", r"a.c|[^a-c]d?", r"(?=ab)a.+", r"(?!ab).b", r"\d+(\.\d+)?", r"(a|b)*abb"]
)
def test_interegular_agrees(pattern: str) -> None:
    interegular = pytest.importorskip("interegular")
    machine = interegular.parse_pattern(pattern).to_fsm()
    candidates = list(texts("abc.1", 4))
    assert accepted(regex_text.parse_chars(pattern), candidates, "reference") == set(
        filter(machine.accepts, candidates)
    )


CLASSES = [
    r"\w",
    r"\W",
    r"\d",
    r"\D",
    r"\s",
    r"\S",
    ".",
    r"[^\w\s]",
    r"(?a:\w)",
    r"(?a:\s)",
    r"(?a:\D)",
    "(?i)k",
    "(?i)s",
    "(?i)[^k]",
    "(?i)[a-z]",
    "(?i)[^a-z]",
    "(?i)\u0130",
    "(?i)i",
    "(?i)\u0131",
    "(?i)µ",
    "(?i)ΐ",
    "(?i)[α-ω]",
    "(?i)ǅ",
    "(?i)[ﬀ-ﬆ]",
    "(?i)ß",
    "(?i)[\u1c80-\u1c8f]",
    "(?i)[\U00010400-\U0001044f]",
    r"(?i)[\w-]",
    r"(?i)\W",
    r"(?i)[^\d]",
    "(?ai)k",
    "(?ai)[^K-s]",
    "(?s).",
]


@pytest.mark.parametrize("pattern", CLASSES)
def test_one_character_patterns_over_all_characters(pattern: str) -> None:
    node = regex_text.parse_chars(pattern)
    assert isinstance(node, CharSet)
    matches = re.compile(pattern).fullmatch
    # All of the two planes with letters, and a sample of the rest.
    codes = [*range(0xD800), *range(0xE000, 0x20000), *range(0x20000, sys.maxunicode, 251), sys.maxunicode]
    assert [code for code in codes if code in node] == [code for code in codes if matches(chr(code))]


def test_case_variants_are_those_of_re() -> None:
    extra = import_module("re._casefix")._EXTRA_CASES
    for code, others in extra.items():
        node = regex_text.parse_chars(f"(?i){chr(code)}")
        assert isinstance(node, CharSet)
        assert {code, *others} <= set(node)


@pytest.mark.parametrize(
    ("pattern", "line", "column"),
    [
        ("a(b", 1, 2),
        ("a)", 1, 2),
        ("[a", 1, 1),
        ("*a", 1, 1),
        ("a**", 1, 3),
        (r"\y", 1, 1),
        ("(?x)a\n(", 2, 1),
        ("a{3,2}", 1, 3),
    ],
)
def test_invalid_patterns_name_the_place(pattern: str, line: int, column: int) -> None:
    with pytest.raises(GrammarSyntaxError) as caught:
        regex_text.parse(pattern)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert str(caught.value).splitlines()[-1] == " " * (column + 1) + "^"


@pytest.mark.parametrize(
    ("pattern", "construct"),
    [
        (r"(a)\1", "column 4: a backreference"),
        (r"(?P<x>a)(?P=x)", "column 9: the backreference"),
        (r"(a)?(?(1)b|c)", "column 5: a conditional"),
        (r"(?>a|ab)c", "column 1: an atomic group"),
        (r"(?:a|ab)*+b", "column 9: an atomic group or possessive"),
        (r"(?:a\b)*b", "column 8: a test of the surrounding text inside an unbounded"),
        (r"(?:a(?<=ba)){1,3}", "column 5: a lookbehind"),
        (r"a(?!c)b(?<=ab)", "column 8: a lookahead that is followed"),
        (r"(?:a\b){1,5000}", "column 8: a test of the surrounding text repeated"),
    ],
)
def test_what_is_not_exact_is_refused_with_its_place(pattern: str, construct: str) -> None:
    with pytest.raises(UnsupportedFeature, match=re.escape(construct)):
        regex_text.parse(pattern)


def test_deep_nesting_is_a_limit() -> None:
    with pytest.raises(LimitExceeded) as caught:
        regex_text.parse("(" * 5000 + "a" + ")" * 5000)
    assert caught.value.limit == "depth"


def test_limits_bound_length_depth_and_counts() -> None:
    for pattern, limits, name in (
        ("a" * 100, Limits(schema_bytes=99), "schema_bytes"),
        ("((a))", Limits(depth=2), "depth"),
        ("a{11}", Limits(repeat=10), "repeat"),
        ("a{99999999999}", Limits(), "repeat"),
    ):
        with pytest.raises(LimitExceeded) as caught:
            regex_text.parse(pattern, limits=limits)
        assert caught.value.limit == name


def test_large_counts_are_not_written_out() -> None:
    node = regex_text.parse_chars(r"(?:ab){5,1000000}")
    assert isinstance(node, cr.Repeat)
    assert (node.low, node.high) == (5, 1_000_000)


def test_results_are_kept() -> None:
    assert regex_text.parse("a+b") is regex_text.parse("a+b")
