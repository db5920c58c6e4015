"""Strings of a schema: spellings, lengths after unescaping, patterns as in ECMA-262."""

from __future__ import annotations

from typing import Any

import pytest

from guidedgen.errors import GrammarSyntaxError, LimitExceeded, UnsatisfiableSchema
from guidedgen.limits import Limits
from tests.grammars.json_schema.feeding import compiled, taken, valid_ones


def test_every_spelling_of_a_character_is_taken() -> None:
    texts = [r'"a"', r'"\u0061"', r'"\u0062"', '"é"', r'"\u00e9"', r'"\u00E9"', r'"\/"', '"/"', '"\N{GRINNING FACE}"']
    schema = {"type": "string", "pattern": "^[aé/\U0001f600]$"}
    assert taken(schema, [*texts, r'"\ud83d\ude00"', r'"\uD83D\uDE00"', r'"\ud83d"', r'"\ude00"']) == [
        r'"a"',
        r'"\u0061"',
        '"é"',
        r'"\u00e9"',
        r'"\u00E9"',
        r'"\/"',
        '"/"',
        '"\N{GRINNING FACE}"',
        r'"\ud83d\ude00"',
        r'"\uD83D\uDE00"',
    ]


def test_what_json_does_not_allow_is_refused() -> None:
    texts = ['"\n"', '"\t"', '"\x7f"', r'"\x41"', r'"\'"', '"a', "a", r'"\n"', '"\\"', r'"\ud800"', r'"\udc00\ud800"']
    assert taken({"type": "string"}, texts) == ['"\x7f"', r'"\n"']


def test_lengths_count_characters_after_unescaping() -> None:
    schema = {"type": "string", "minLength": 2, "maxLength": 2}
    texts = [
        '"a"',
        '"ab"',
        '"abc"',
        '"éé"',
        '"\N{GRINNING FACE}\N{GRINNING FACE}"',
        '"\N{GRINNING FACE}"',
        r'"\n\u0061"',
    ]
    assert taken(schema, texts) == ['"ab"', '"éé"', '"\N{GRINNING FACE}\N{GRINNING FACE}"', r'"\n\u0061"']


def test_patterns_are_searched_for_and_combined_with_lengths() -> None:
    schema = {"type": "string", "pattern": "b+", "minLength": 2, "maxLength": 3}
    assert valid_ones(schema, ["b", "ab", "abc", "abcd", "ac"]) == ["ab", "abc"]


def test_patterns_follow_ecma_262_not_python() -> None:
    schema = {"type": "string", "pattern": r"^\d$"}
    assert valid_ones(schema, ["1", "1\n", "\N{ARABIC-INDIC DIGIT ONE}"]) == ["1"]


def test_large_counts_need_no_unrolling() -> None:
    schema = {"type": "string", "minLength": 9_999, "maxLength": 10_000}
    assert [len(value) for value in valid_ones(schema, ["a" * 9_998, "a" * 10_000, "a" * 10_001])] == [10_000]


def test_patterns_of_several_schemas_are_combined() -> None:
    schema = {"type": "string", "allOf": [{"pattern": "a"}, {"pattern": "b"}], "maxLength": 2}
    assert valid_ones(schema, ["ab", "ba", "a", "b", "aab"]) == ["ab", "ba"]


def test_an_invalid_pattern_names_its_place() -> None:
    with pytest.raises(GrammarSyntaxError) as caught:
        compiled({"properties": {"a": {"pattern": "a("}}})
    assert (caught.value.pointer, caught.value.keyword) == ("/properties/a/pattern", "pattern")
    assert "#/properties/a/pattern" in str(caught.value)


def test_a_pattern_that_is_too_long_is_refused() -> None:
    with pytest.raises(LimitExceeded):
        compiled({"pattern": "a" * 3000}, limits=Limits(schema_bytes=1000))


@pytest.mark.parametrize(
    ("schema", "pointers"),
    [
        ({"type": "string", "minLength": 3, "maxLength": 2}, ["/minLength", "/maxLength"]),
        ({"type": "string", "pattern": "^abc$", "maxLength": 2}, ["/pattern", "/maxLength"]),
        (
            {"type": "string", "allOf": [{"pattern": "^a$"}, {"pattern": "^b$"}]},
            ["/allOf/0/pattern", "/allOf/1/pattern"],
        ),
        ({"type": "string", "format": "date", "pattern": "^x"}, ["/pattern", "/format"]),
    ],
)
def test_contradictions_are_refused_with_both_places(schema: dict[str, Any], pointers: list[str]) -> None:
    with pytest.raises(UnsatisfiableSchema) as caught:
        compiled(schema)
    assert caught.value.pointer == pointers[0]
    assert f"#{pointers[1]}" in str(caught.value)
