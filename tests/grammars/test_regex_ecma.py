"""ECMA-262 patterns with the u flag, against hand-made tables; section numbers are those of ECMA-262 (2024)."""

import re

import pytest

from guidedgen.errors import GrammarSyntaxError, LimitExceeded, UnsupportedFeature
from guidedgen.grammars import regex_text
from guidedgen.grammars.char_set import ANY, CharSet
from guidedgen.limits import Limits
from tests.grammars.regex_oracle import accepted, texts


def members(pattern: str) -> CharSet:
    node = regex_text.parse_chars(pattern, syntax="ecma")
    assert isinstance(node, CharSet)
    return node


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        (".", "a\v\x85😀", "\n\r\u2028\u2029"),  # 22.2.2.7: all but LineTerminator
        (r"\d", "09", "\u0663"),  # 22.2.2.9: only ASCII digits
        (r"\w", "aZ0_", "éſ\u212a"),  # 22.2.2.9.3 WordCharacters
        (r"\W", "é- ", "a_"),
        (r"\s", "\t\v\f \xa0\ufeff\u3000\u2028\n", "\x85\u180ea\x1c"),  # 12.2, 12.3
        (r"\S", "\x85a", "\ufeff "),
        (r"\p{L}", "aéж", "1 _"),
        (r"\p{Letter}", "aж", "1"),
        (r"\p{gc=Lu}", "AÉ", "aé"),
        (r"\P{L}", "1 ", "aж"),
        (r"\p{General_Category=Decimal_Number}", "1\u0663", "a½"),
        (r"\p{digit}", "1", "½"),
        (r"\p{LC}", "aAǅ", "ªʰא"),
        (r"\p{ASCII}", "a\x7f", "\x80"),
        (r"[\p{Lu}\d]", "A1", "a"),
        (r"[^\p{Lu}\d]", "a", "A1"),
        (r"[^]", "a\n", ""),
        (r"[a-c\]]", "ab]", "d"),
        (r"[\b]", "\b", "b"),
        (r"[\w-]", "a-", "."),
        (r"[\w-.]", "a-.", ","),
        (r"[+-.]", "+,-.", "/"),
        (r"[\-_\"]", '-_"', "\\"),
        (r"[$^.|]", "$^.|", "a"),
        (r"\x41", "A", "x"),
        (r"\u00e9", "é", "u"),
        (r"\u{1F600}", "😀", "u"),
        (r"\ud83d\ude00", "😀", "u"),
        (r"[\ud83d\ude00-\u{1F602}]", "😀😁😂", "😃"),
        (r"\cJ", "\n", "c"),
        (r"\0", "\0", "0"),
        (r"\t", "\t", "t"),
        (r"\n", "\n", "n"),
        (r"\v", "\v", "v"),
        (r"\f", "\f", "f"),
        (r"\r", "\r", "r"),
        (r"\/", "/", "\\"),
        (r"\-", "-", "\\"),
        (r"\_", "_", "\\"),
        (r"\"", '"', "\\"),
        (r"\@", "@", "\\"),
        (r"]", "]", "["),
        (r"}", "}", "{"),
    ],
)
def test_one_character_patterns(pattern: str, inside: str, outside: str) -> None:
    chars = members(pattern)
    assert [char for char in inside if ord(char) not in chars] == []
    assert [char for char in outside if ord(char) in chars] == []


def test_the_empty_class_has_no_character_and_its_complement_all() -> None:
    assert members("[]") == CharSet(())
    assert members("[^]") == ANY
    assert members(r"[\s\S]") == ANY


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        (r"\p{Script=Greek}", "αΩ", "aж"),
        (r"\p{sc=Cyrl}", "ж", "α"),
        (r"\p{scx=Hira}", "あー", "ア"),
        (r"\p{Emoji}", "😀1", "a"),
        (r"\p{Alphabetic}", "aж", "1"),
        (r"\p{White_Space}", " \x85", "a"),
    ],
)
def test_properties_with_tables_of_the_regex_package(pattern: str, inside: str, outside: str) -> None:
    pytest.importorskip("regex")
    test_one_character_patterns(pattern, inside, outside)


def test_a_missing_table_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "regex", None)
    with pytest.raises(UnsupportedFeature, match="Install the regex package"):
        regex_text.parse(r"\p{Script=Thai}", syntax="ecma")


@pytest.mark.parametrize(
    "pattern",
    [
        "^a",
        "b$",
        "^$",
        "^a|b$",
        "a",
        "",
        "^(a|b)*$",
        "a.b",
        "(?=a)b",
        "^(?=.*a)(?=.*b)",
        "^(?!.*ab)",
        "^(?!ab$)",
        "^(?:(?!ab).)*$",
        "(?<=a)b",
        "(?<!a)b",
        "(?<!ab)b$",
        "^(?=.*b).*(?<!ba)$",
        r"\ba",
        r"a\b",
        r"\Ba",
        r"\bab\b",
        "b{2}",
        "^a{1,2}$",
        "(?:^|a)b",
        "a^b",
        "a$b",
        "b$|^a",
        "(^a|b)(?<!ab)",
        "(?<name>a)b",
        "a*?b",
        "^(?:a(?=b)|b)$",
    ],
)
def test_searches_find_what_python_finds_where_the_dialects_agree(kernel: str, pattern: str) -> None:
    # For these constructs and texts without line ends, the only differences are the spelling of names and of `$`.
    oracle = re.compile(re.sub(r"\$", r"\\Z", pattern).replace("(?<name>", "(?P<name>"))
    candidates = list(texts("ab ", 5))
    expected = {text for text in candidates if oracle.search(text)}
    assert accepted(regex_text.parse_search(pattern), candidates, kernel) == expected


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("^a$", "a\n", False),
        ("a$", "b\na", True),
        ("^a", "b\na", False),
        ("^a.b$", "a\x85b", True),
        ("^a.b$", "a\rb", False),
        (r"^\S+$", "a\x85", True),
        (r"\B", "", True),
        (r"^\w+$", "é", False),
        ("^.$", "😀", True),
        ("^😀{2}$", "😀😀", True),
        ("^{.*}$", "{a}", True),
        (r"^\${x}$", "${x}", True),
        ("^a{,b$", "a{,b", True),
        ("^[^]$", "\n", True),
        ("[]", "a", False),
        (r"^[\w-]+@[\w-]+\.com$", "a-b@c.com", True),
    ],
)
def test_searches(kernel: str, pattern: str, text: str, expected: bool) -> None:
    assert bool(accepted(regex_text.parse_search(pattern), [text], kernel)) is expected


def test_an_anchored_pattern_is_as_simple_as_its_body() -> None:
    assert regex_text.parse_search("^[a-c]$") == CharSet.from_text("abc")


@pytest.mark.parametrize(
    ("pattern", "column", "message"),
    [
        ("(a", 1, "unterminated group"),
        ("a)", 2, "unbalanced"),
        ("[a", 1, "unterminated character class"),
        ("*a", 1, "nothing to repeat"),
        ("a**", 3, "multiple repeat"),
        ("a++", 3, "multiple repeat"),
        ("^*", 2, "assertion"),
        (r"\b+", 3, "assertion"),
        ("a{2,1}", 2, "above its maximum"),
        ("a{,3}", 2, "without a minimum"),
        ("[b-a]", 2, "bad character range"),
        (r"a\Z", 2, "Write $"),
        (r"\Aa", 1, "Write ^"),
        (r"\a", 1, "no escape"),
        ("\\", 1, "backslash at the end"),
        ("(?i)a", 1, "unknown kind of group"),
        ("(?P<n>a)", 1, "unknown kind of group"),
        (r"\u12", 1, "hexadecimal"),
        (r"\u{110000}", 1, "10FFFF"),
        (r"\x4", 1, "hexadecimal"),
        (r"\pL", 1, r"\p{Name}"),
        (r"\p{Nope}", 1, "unknown Unicode"),
        (r"\p{letter}", 1, "unknown Unicode"),
        (r"\p{Script=Nope}", 1, "unknown Unicode"),
        (r"\c1", 1, "no escape"),
        (r"\01", 1, "no escape"),
    ],
)
def test_invalid_patterns_name_the_place(pattern: str, column: int, message: str) -> None:
    with pytest.raises(GrammarSyntaxError, match=re.escape(message)) as caught:
        regex_text.parse(pattern, syntax="ecma")
    assert (caught.value.line, caught.value.column) == (1, column)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"(a)\1", "column 4: a backreference"),
        (r"(?<n>a)\k<n>", "column 8: a backreference"),
        ("(?i:a)", "column 1: a group with modifiers"),
        (r"(?:\ba\b)*b", "unbounded repetition"),
        ("(?:ab(?<=ab))+c", "unbounded repetition"),
        ("(?:ab(?<=ab)){2}c", "lookbehind"),
    ],
)
def test_what_is_not_exact_is_refused_with_its_place(pattern: str, message: str) -> None:
    with pytest.raises(UnsupportedFeature, match=re.escape(message)):
        regex_text.parse(pattern, syntax="ecma")


def test_limits() -> None:
    for pattern, limits, name in (
        ("(" * 600 + "a" + ")" * 600, Limits(), "depth"),
        ("a{2147483648}", Limits(), "repeat"),
        ("a" * 11, Limits(schema_bytes=10), "schema_bytes"),
    ):
        with pytest.raises(LimitExceeded) as caught:
            regex_text.parse_search(pattern, limits=limits)
        assert caught.value.limit == name
