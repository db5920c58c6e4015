"""Native languages of JSON strings, against `json`, `re`, the Python translation and the official suite."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import random
import re
import time
import unicodedata
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guidedgen.errors import CompileError, GrammarSyntaxError, LimitExceeded, UnsupportedFeature
from guidedgen.grammars import regex_text
from guidedgen.grammars.json_schema.formats import FORMATS
from guidedgen.grammars.json_schema.text_matching import matches as python_matches

DRAFTS = ("draft4", "draft6", "draft7", "draft2019-09", "draft2020-12")
TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('aé"\\/\n\u2028😀\x00\x1f\x7f'), max_size=5)

Probe = Callable[..., Any]


@pytest.fixture(scope="module")
def probe() -> Probe:
    """The binding that makes a language and asks for its strings."""
    if importlib.util.find_spec("guidedgen.kernel._native") is None and not os.environ.get("GUIDEDGEN_REQUIRE_NATIVE"):
        pytest.skip("the native kernel is not built: run `make native`")
    from guidedgen.kernel._native import TextProbe

    return TextProbe


@pytest.fixture(scope="module")
def regex_format(probe: Probe) -> Any:
    """The patterns: made once, since it is large."""
    return probe("format", "regex")


def spelled(text: str, choose: random.Random) -> bytes:
    """A JSON string of a text, each character spelled in a way chosen at random."""
    parts = []
    for char in text:
        way = choose.randrange(3)
        if way == 0:
            parts.append(json.dumps(char, ensure_ascii=False)[1:-1])
        elif way == 1:
            parts.append(r"\/" if char == "/" else json.dumps(char)[1:-1])
        else:
            units = char.encode("utf-16-be").hex()
            digits = "".join(choose.choice((digit, digit.upper())) for digit in units)
            parts.append("".join(rf"\u{digits[at : at + 4]}" for at in range(0, len(digits), 4)))
    return f'"{"".join(parts)}"'.encode()


def loaded(string: bytes) -> str | None:
    """The text of a JSON string, or None where it is none: `json` lets lone surrogates pass."""
    try:
        text = json.loads(string.decode())
        text.encode()
    except (ValueError, AttributeError):
        return None
    return text if isinstance(text, str) and string[:1] == string[-1:] == b'"' else None


def language(made: Any, alphabet: str, length: int) -> set[str]:
    """All texts up to a length that are in a language."""
    every = ("".join(chars) for count in range(length + 1) for chars in product(alphabet, repeat=count))
    return {text for text in every if made.holds(text.encode())}


def searched(pattern: str, alphabet: str, length: int) -> set[str]:
    """All texts up to a length in which `re` finds a pattern."""
    compiled = re.compile(pattern, re.ASCII)
    every = ("".join(chars) for count in range(length + 1) for chars in product(alphabet, repeat=count))
    return {text for text in every if compiled.search(text)}


@given(st.lists(TEXT, max_size=6), TEXT, st.integers(0, 1000))
@settings(max_examples=150)
def test_a_set_of_texts_is_exactly_its_members_in_all_spellings(
    probe: Probe, texts: list[str], other: str, seed: int
) -> None:
    made, choose = probe("literals", texts), random.Random(seed)
    assert all(made.matches(spelled(text, choose)) for text in texts)
    assert made.matches(spelled(other, choose)) == (other in texts)
    assert not made.boolean
    for text in texts:
        assert probe("literal", text).matches(spelled(text, choose))
        assert made.holds((text + "a").encode()) == (text + "a" in texts)


@given(
    st.lists(st.sampled_from([b"\\", b"u", b'"', b"n", b"/", b"d83d", b"DE00", b"00", b"e", b"9", b"\xc3", b"\xa9"]))
)
@settings(max_examples=400)
def test_any_string_is_what_json_reads(probe: Probe, parts: list[bytes]) -> None:
    string = b'"' + b"".join(parts) + b'"'
    text = loaded(string)
    assert probe("any").matches(string) == (text is not None)
    if text is not None:
        assert probe("literal", text).matches(string)
        assert probe("length", [len(text), len(text)]).matches(string)
        assert not probe("length", [len(text) + 1, -1]).matches(string)
        assert not probe("not", [("literal", text)]).matches(string)


def test_many_texts_share_their_tails(probe: Probe) -> None:
    choose = random.Random(5)
    words = ["".join(choose.choices("abcdefgh_", k=9)) + "_suffix" for _ in range(10_000)]
    made = probe("literals", words)
    assert made.size < 10 * len(words)
    assert all(made.holds(word.encode()) for word in words[:50])
    assert not made.holds(words[0][:-1].encode())
    deep = probe("literals", ["a" * count for count in range(3000)])
    assert deep.holds(b"a" * 2999)
    assert not deep.holds(b"a" * 3000)


ATOMS = st.sampled_from(["a", "b", ".", r"\w", r"[^a]", "[ab]", r"\s", r"\bb", r"a\B", "^", r"\b", "$", ""])
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map("|".join),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "*?"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
        st.tuples(st.sampled_from(["(?=", "(?!", "(?<=a", "(", "(?<!"]), inner).map(
            lambda pair: f"{pair[0]}{pair[1]})"
        ),
    ),
    max_leaves=6,
)


@given(PATTERNS)
@settings(max_examples=300)
def test_patterns_find_what_re_finds(probe: Probe, pattern: str) -> None:
    try:
        made = probe("pattern", pattern)
    except UnsupportedFeature:
        return
    try:
        expected = searched(pattern.replace("$", r"\Z"), "ab \n", 4)
    except re.error:  # lookbehinds of `re` have a fixed width; the Python translation does not need one
        tree = regex_text.parse_search(pattern)
        every = ("".join(chars) for count in range(4) for chars in product("ab ", repeat=count))
        assert language(made, "ab ", 3) == {text for text in every if python_matches(tree, text)}
        return
    assert language(made, "ab \n", 4) == expected


@given(PATTERNS)
@settings(max_examples=150)
def test_patterns_are_refused_only_where_the_python_translation_refuses(probe: Probe, pattern: str) -> None:
    def outcome(make: Callable[[], object]) -> type[CompileError] | None:
        try:
            make()
        except CompileError as error:
            return type(error)
        return None

    native, translated = outcome(lambda: probe("pattern", pattern)), outcome(lambda: regex_text.parse_search(pattern))
    assert native == translated or (native, translated) == (None, UnsupportedFeature)


@pytest.mark.parametrize(
    "pattern",
    [
        r"^([^,]+(,|$)){3,}$",
        r"^(\/?((\.{2})|([a-z0-9\-]*))($|\/))*$",
        r"^(a$|b)*$",
        r"(^a|b)*$",
        r"^(\ba|,|b)*$",
        r"^(a\b|,|b)*$",
        r"^(\b\w+\b,?)+$",
        r"^(?:(?<=a)b|a)*$",
        r"^(?:(?<!b)a|b)*,$",
        r"(a(?=bb)|b|,a)+$",
        r"^(?:a(?=b*,)|b|,)*$",
        r"^(?:(?!ab).|,a)*$",
        r"^(((a|$)*b?)*,)*$",
        r"^((a(?!,)){2,}|,|b)*$",
        r"^(?:(^|,)[ab]+)*$",
        r"(?!(a$|b)*$)",
        r"^(a|(?=b)){2,}b$",
        r"^(?:(?:a|\b){2}b)*$",
        r"^(?:a(?=(?:b|,$)*$)|b|,)*$",
        r"^(?:(?=a)(?=[ab]*,)[ab]|,)*$",
    ],
)
def test_tests_of_the_surrounding_text_in_unbounded_repetitions(probe: Probe, pattern: str) -> None:
    assert language(probe("pattern", pattern), "ab,", 6) == searched(pattern.replace("$", r"\Z"), "ab,", 6)


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        (r"\d", "09", "\u0663a"),
        (r"\w", "aZ0_", "éſ\u212a"),
        (r"\s", "\t\v\f \xa0\ufeff\u3000\u2028\n", "\x85\u180ea\x1c"),
        (r"\S", "\x85a", "\ufeff "),
        (r".", "a\v\x85😀", "\n\r\u2028\u2029"),
        (r"\p{L}", "aéж", "1 _"),
        (r"\P{gc=Lu}", "a1", "AÉ"),
        (r"\p{Script=Greek}", "αΩ", "a"),
        (r"[^\p{Lu}\d]", "a", "A1"),
        (r"[^]", "a\n", ""),
        (r"[\b]", "\b", "b"),
        (r"[\w-.]", "a-.", ","),
        (r"\u{1F600}", "😀", "u"),
        (r"[\ud83d\ude00-\u{1F602}]", "😀😁😂", "😃"),
        (r"\cJ", "\n", "c"),
        (r"\x41|\0", "A\0", "x0"),
        (r"\-|\_|\"|\/", '-_"/', "\\"),
        (r"]|}|{", "]{}", "["),
        (r"(?<name>a)|(b)", "ab", "c"),
    ],
)
def test_one_character_patterns(probe: Probe, pattern: str, inside: str, outside: str) -> None:
    made = probe("pattern", f"^(?:{pattern})$")
    assert [char for char in inside if not made.holds(char.encode())] == []
    assert [char for char in outside if made.holds(char.encode())] == []


@pytest.mark.parametrize(
    "pattern",
    [
        r"^(?=.*[A-Z])(?=.*\d).{4,}$",
        r"^((?!ab).)*$",
        r"(^|,)a(,|$)",
        r"(?<=^|,)a+$",
        r"^(?!.*--)[a-b-]+$",
        r"(?<!ab)c$",
    ],
)
def test_lookarounds_agree_with_the_python_translation(probe: Probe, pattern: str) -> None:
    tree, made = regex_text.parse_search(pattern), probe("pattern", pattern)
    texts = [
        "".join(chars)
        for count in range(6)
        for chars in product("abcA1,-"[:5] if count > 4 else "abA1,-", repeat=count)
    ]
    choose = random.Random(1)
    for text in choose.sample(texts, 400):
        assert made.matches(spelled(text, choose)) == python_matches(tree, text), text


@pytest.mark.parametrize(
    "pattern", ["", ".*", "[a-z]*", "^", "$", "(?:)", "^.*", "a|", r"(\s|\S)*$", "^[^]*$", "(a|b)*?"]
)
def test_a_pattern_that_finds_everything_is_any_string(probe: Probe, pattern: str) -> None:
    assert probe("pattern", pattern).any
    assert probe("not", [("pattern", pattern)]).empty


def test_a_union_with_any_string_is_any_string(probe: Probe) -> None:
    part = [("pattern", "abc"), ("literals", ["xz", "yz\n"]), ("length", [3, 9]), ("format", "uuid")]
    assert probe("any_of", [*part, ("any", None)]).any
    assert not probe("any_of", part).any


@pytest.mark.parametrize(
    "pattern", [r"^.*$", r"a", r"^[a-z]+$", r"\bfoo\b", r"(^a|b$)", r"^a|b", r"x(?=y)z?", r"(?<=\d)k"]
)
def test_common_patterns_need_no_intersection(probe: Probe, pattern: str) -> None:
    made = probe("pattern", pattern)
    assert not made.boolean
    assert not made.any


@pytest.mark.parametrize(
    ("pattern", "column"),
    [
        ("(", 1),
        ("a)", 2),
        ("a{2,1}", 2),
        ("*", 1),
        (r"\Z", 1),
        ("[b-a]", 2),
        ("[a", 1),
        (r"\u{110000}", 1),
        ("^*", 2),
        ("é(?P<n>)", 2),
        (r"\p{Nope}", 1),
        (r"\p{L", 1),
        ("a{,3}", 2),
        (r"a\x4", 2),
        ("a**", 3),
        ("(?i)a", 1),
    ],
)
def test_syntax_errors_name_the_column(probe: Probe, pattern: str, column: int) -> None:
    with pytest.raises(GrammarSyntaxError, match=f"column {column}"):
        probe("pattern", pattern)


@pytest.mark.parametrize("pattern", [r"(a)\1", r"(?<n>a)\k<n>", r"(?i:a)", r"(?:(?<=ab)c)*d"])
def test_what_is_not_regular_is_refused_by_name(probe: Probe, pattern: str) -> None:
    with pytest.raises(UnsupportedFeature, match="cannot be enforced exactly"):
        probe("pattern", pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "(" * 100_000,
        "(?:" * 499 + "a" + "){0,9}" * 499,
        "(a?){2147483647}b",
        "((a{1,60000}){1,60000}){1,60000}",
        "(a|a|aa|a*)*" * 200 + "b",
        "(.*)*" * 500 + "x",
        "(?=.*a)(?=.*b)" * 200 + ".*$",
        r"(\ba|b\b){0,900}",
        r"(\b(\ba|b\b){0,900}){0,900}",
        r"(?:\b" * 200 + "a" + ")*" * 200,
        "(?:(?=.*a)(?!.*b)." * 100 + "|b" + ")*" * 100,
        "(?:a(?=" * 60 + "b$" + ")|b)*" * 60,
        "(?:(?=(?:..){2,}$)(?=(?:...)+a)a|(?=(?:.....)+b)ab|b(?!(?:.......)+$))*",
        "|".join(rf"(?<=a{count})b" for count in range(500)),
        "[" + "".join(chr(0x100 + 2 * count) for count in range(20_000)) + "]",
        r"(?:\b" * 400 + "a" + ")?" * 400,
        "a{99999999999999999999}",
        "(?:a?|b?)" * 3000 + r"\b",
    ],
)
def test_hostile_patterns_end_quickly(probe: Probe, pattern: str) -> None:
    begin = time.process_time()
    with contextlib.suppress(LimitExceeded, CompileError):
        probe("pattern", pattern).holds(b"aaaaab" * 3)
    assert time.process_time() - begin < 2


def official_cases(shared: Path, name: str) -> list[tuple[dict[str, str], str, bool]]:
    """The cases of the official suite whose instance is a string: schema, instance, validity."""
    cases: list[tuple[dict[str, str], str, bool]] = []
    for draft in DRAFTS:
        for file in sorted((shared / "data/json-schema-test-suite/tests" / draft).glob(name)):
            for group in json.loads(file.read_text(encoding="utf-8")):
                if isinstance(group["schema"], dict) and set(group["schema"]) <= {"$schema", "pattern", "format"}:
                    tests = (test for test in group["tests"] if isinstance(test["data"], str))
                    cases.extend((group["schema"], test["data"], test["valid"]) for test in tests)
    return cases


@pytest.mark.parametrize(
    ("files", "least"),
    [("optional/format/*.json", 1200), ("optional/ecmascript-regex.json", 80), ("pattern.json", 10)],
)
def test_cases_of_the_official_suite(probe: Probe, shared: Path, files: str, least: int) -> None:
    made: dict[tuple[str, str], Any] = {}
    choose, decided = random.Random(3), 0
    for schema, text, valid in official_cases(shared, files):
        kind, argument = ("pattern", schema["pattern"]) if "pattern" in schema else ("format", schema["format"])
        if argument == "unknown":
            continue
        key = (kind, argument)
        if key not in made:
            made[key] = probe(*key)
        assert made[key].matches(spelled(text, choose)) == valid, (argument, text)
        decided += 1
    assert decided >= least


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"date-time", "time"}))  # leap seconds: more is right here
def test_formats_agree_with_the_python_translation(probe: Probe, name: str) -> None:
    tree, made, choose = (
        regex_text.parse_chars(f"(?:{FORMATS[name]})", syntax="ecma"),
        probe("format", name),
        random.Random(name),
    )
    seeds = [
        "2024-02-29",
        "P1DT2H",
        "a@b.c",
        "a.b-c",
        "1.2.3.4",
        "::1",
        "1:2::3:4.5.6.7",
        "http://a:1/b?c#d",
        "/a~0/b",
        "1#",
    ]
    seeds += ["//h/p", "{+x,y*}/{z:3}", "0e8400-e29b", "http://é/\ue000?\ue000", "123e4567-e89b-12d3-a456-426614174000"]
    found = 0
    for _ in range(50):
        text = list(choose.choice(seeds))
        for _ in range(choose.randrange(3)):
            at = choose.randrange(len(text) + 1)
            text[at : at + choose.randrange(2)] = choose.choice(
                ["", "0", "9", "-", ".", ":", "/", "a", "%", "%4f", "[", "é"]
            )
        expected = python_matches(tree, "".join(text))
        found += expected
        assert made.holds("".join(text).encode()) == expected, "".join(text)
    assert found


def test_leap_seconds_are_the_last_second_of_a_day_in_utc(probe: Probe) -> None:
    made = probe("format", "time")
    for local, offset in product(range(24 * 60), (0, 1, 29, 30, 59, 60, 61, 330, 719, 1380, 1439)):
        for sign in (1, -1):
            mark = f"{'+' if sign > 0 else '-'}{offset // 60:02}:{offset % 60:02}"
            if local % 97 and (local - sign * offset) % 1440 != 1439:
                continue  # all that are right, and some of the others
            text = f"{local // 60:02}:{local % 60:02}:60.5{mark}"
            assert made.holds(text.encode()) == ((local - sign * offset) % 1440 == 1439), text


def is_idn(text: str, core: Any, valid: Callable[[int], bool]) -> bool:
    """Whether the `idna` package finds all labels of a name valid; they are not in Punycode."""
    labels = re.split("[.。．｡]", text)
    if not all(labels):
        return False
    try:
        for label in labels:
            core.check_hyphen_ok(label)
            core.check_initial_combiner(label)
            contextual = (at for at, char in enumerate(label) if not valid(ord(char)))
            if label.isascii():
                if not re.fullmatch("[A-Za-z0-9-]+", label):
                    return False
            elif not all(core.valid_contextj(label, at) or core.valid_contexto(label, at) for at in contextual):
                return False
        from_right = any(unicodedata.bidirectional(char) in {"R", "AL", "AN"} for char in text)
        return not from_right or all(core.check_bidi(label, check_ltr=True) for label in labels)
    except (core.IDNAError, ValueError):
        return False


def test_host_names_beyond_ascii_agree_with_the_idna_package(probe: Probe) -> None:
    core, data = pytest.importorskip("idna.core"), pytest.importorskip("idna.idnadata")
    made, choose = probe("format", "idn-hostname"), random.Random(2)
    pool = "ab19AZl-.。·ßéαβ͵אבג׳״・ァ丈ぁ٠١۰۱بي\u200c\u200d\u094dषक\u0300ःΩ실례"

    def valid(code: int) -> bool:
        return bool(core.intranges_contain(code, data.codepoint_classes["PVALID"]))

    found = 0
    for _ in range(6000):
        text = "".join(choose.choices(pool, k=choose.randrange(1, 6)))
        if unicodedata.normalize("NFC", text) != text:
            continue
        expected = is_idn(text, core, valid)
        found += expected
        assert made.holds(text.encode()) == expected, text
    assert found > 500


SYNTAX = [
    "a",
    "-",
    "[",
    "]",
    "[^",
    "(",
    "(?:",
    "(?=",
    "(?<n>",
    ")",
    "*",
    "+?",
    "{2}",
    "}",
    "^",
    "$",
    r"\b",
    r"\d",
    r"\Z",
]
REGEX_PARTS = st.lists(
    st.sampled_from(SYNTAX) | st.sampled_from([r"\-", "|", "z-a", r"\u{61}", r"\x4", "é", ".", "(((((((", ")))))))"]),
    max_size=8,
)


@given(REGEX_PARTS)
@settings(max_examples=500)
def test_the_format_regex_has_what_the_parser_reads(probe: Probe, regex_format: Any, parts: list[str]) -> None:
    pattern = "".join(parts)
    if re.search(r"(.)-\\", pattern) or pattern.count("(") > 8:
        return  # ranges up to escapes and deep groups: see json_regex.h
    try:
        probe("pattern", pattern)
        expected = True
    except GrammarSyntaxError:
        expected = False
    except UnsupportedFeature:
        return
    assert regex_format.holds(pattern.encode()) == expected
