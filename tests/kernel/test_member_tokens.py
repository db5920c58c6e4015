"""Tokens across the punctuation before members' names: in the mask just where reading them succeeds.

Masks share what lexemes with the same opening have in common, and look up the children of wide nodes of the
vocabulary's tree; reading a token does neither. The two are compared in a vocabulary large enough for both.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from guidedgen.grammars.compile import compile
from guidedgen.grammars.specs import JsonSchema
from guidedgen.vocabulary import Vocabulary
from tests.kernel.helpers import tokens_agreed

WORDS = [
    "a",
    "b",
    "c",
    "ab",
    "1",
    "-",
    "true",
    "null",
    "\\",
    "u0061",
    "{",
    "}",
    "[",
    "]",
    " ",
    "\n",
    ":",
    "é",
    '"',
    ",",
]
SEAMS = [
    f"{before}{quote}"
    for before in ("{", ", ", ",", " ", "\n ", "{ ", "},", '",', "1, ")
    for quote in ('"', '"a', '"ab')
]
ENDS = [f"{name}{end}" for name in ("", "a", "b", "ab", "bc") for end in ('":', '": ', '":1', '":{"', '": "', '" :')]
WIDE = [
    f"{before}{chr(letter)}{n}"
    for before in ("", '"', ' "', ', "')
    for letter in range(ord("d"), ord("z"))
    for n in range(12)
]
VOCABULARY = Vocabulary.from_tokens([word.encode() for word in dict.fromkeys((*WORDS, *SEAMS, *ENDS, *WIDE))])

NAMES = ("a", "b", "ab", "abc", "c", "z1", "d")
OBJECTS: list[dict[str, Any]] = [
    {"properties": {name: {"enum": [1, "a", {}]} for name in NAMES}, "additionalProperties": False},
    {"properties": {name: {} for name in NAMES}, "additionalProperties": {"type": "integer"}},
    {
        "properties": {"a": {"type": "string", "maxLength": 2}},
        "required": ["a", "ab"],
        "propertyNames": {"maxLength": 3},
    },
    {
        "patternProperties": {"^a": {"type": "integer"}, "b$": {"enum": [1, 2]}},
        "additionalProperties": {"type": "null"},
    },
]


@pytest.mark.parametrize("order", ["any", "schema"])
@pytest.mark.parametrize("keywords", OBJECTS, ids=range(len(OBJECTS)))
def test_mask_and_reading_agree(keywords: dict[str, Any], order: Any) -> None:
    constraint = compile(
        JsonSchema({"type": "object", **keywords}, property_order=order, whitespace="flexible"), VOCABULARY
    )
    refused = members = 0
    for seed in range(5):
        rng, state = random.Random(seed), constraint.start()
        for _ in range(14):
            read = tokens_agreed(state, VOCABULARY)
            refused += VOCABULARY.size - len(read)
            if not read:
                break
            token = rng.choice(sorted(read))
            members += b":" in VOCABULARY.token_bytes(token)
            following = state.advance(token)
            assert following is not None
            state = following
    assert refused > 0
    assert members > 0


NAME_ENDS = [
    'b"',
    'b":',
    'a"',
    '"ab"',
    ' "ab":',
    ', "ab"',
    '"b"',
    "\\u0062",
    '\\u0062"',
    'u0062"',
    '0062"',
    '62"',
    '2":',
    '2"x',
    "ab",
    "u",
    "\\",
]
SINGLE = [chr(code) for code in range(0x20, 0x7F)]
HOLDING_NAMES = Vocabulary.from_tokens([word.encode() for word in dict.fromkeys((*SINGLE, *NAME_ENDS, *SEAMS, *ENDS))])


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ('{"ab": 1, "b": 2', ', "ab"'),
        ('{"ab": 1, "b": 2,', ' "ab":'),
        ('{"ab": 1, "b": 2, "', 'b":'),
        ('{"ab": 1, "b": 2, "a', '\\u0062"'),
        ('{"ab": 1, "a": 2, "a', '"'),
        ('{"ab": 1, "b": 2, "a\\', 'u0062"'),
        ('{"ab": 1, "b": 2, "a\\u00', '62"'),
        ('{"ab": 1, "b": 2, "a\\u006', '2":'),
        ('{"a/b": 1, "a\\', '/b"'),
        ('{"\\u0061b": 1, "', 'ab":'),
    ],
)
def test_tokens_that_complete_a_name_which_came(text: str, refused: str) -> None:
    vocabulary = Vocabulary.from_tokens(
        [HOLDING_NAMES.token_bytes(token) for token in range(HOLDING_NAMES.size)] + [b'/b"']
    )
    spec = JsonSchema({"additionalProperties": {"type": "integer"}}, whitespace="flexible")
    state = compile(spec, vocabulary).start().advance_bytes(text.encode())
    assert state is not None
    read = {vocabulary.token_bytes(token) for token in tokens_agreed(state, vocabulary)}
    assert refused.encode() not in read
    assert len(read) > 3
