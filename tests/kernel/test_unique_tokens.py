"""Tokens that end one item of a uniqueItems array and begin the next: in the mask just where reading them succeeds.

Masks decide most such tokens without the items that came; reading a token knows them all. The two are compared.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from guidedgen.grammars.compile import compile
from guidedgen.grammars.specs import JsonSchema
from guidedgen.masks import allowed_tokens
from guidedgen.vocabulary import Vocabulary
from tests.kernel.helpers import tokens_agreed

WORDS = ["a", "b", "aa", "1", "0", "-", ".", "e", "true", "null", "\\", "u0061", "{", "}", " ", "\n"]
SEAMS = ['"', "[", "]", ",", '",', '","', '", "', '"]', '["', '["a"', '"a"', '"a",', '"a","', '"a","a"', '"a","b"']
LONG = [',"a"', ',"a"]', ', "a"', '","a","', '","a","b"', 'a","a', 'a","b"]', '""', '"",""', ',""', "1,1", "1,2"]
DEEP = ["[1],[1]", '],["a"', '"],["']
VOCABULARY = Vocabulary.from_tokens([word.encode() for word in (*WORDS, *SEAMS, *LONG, *DEEP)])

STRING: dict[str, Any] = {"type": "string"}
LISTS: list[dict[str, Any]] = [
    {"items": STRING},
    {"items": {}},
    {"items": STRING, "minItems": 3, "maxItems": 4},
    {"items": {"anyOf": [STRING, {"enum": [1, 2]}]}, "contains": {"const": 1}},
    {"prefixItems": [STRING, STRING, {"enum": ["a"]}], "minItems": 3},
    {"prefixItems": [STRING], "items": {"enum": ["a", "b"]}},
    {"items": {"type": "string", "maxLength": 1}},
    {"items": {"type": "array", "items": STRING, "uniqueItems": True}},
    {"items": {"enum": ["a", "b", "aa"]}},
]


@pytest.mark.parametrize("order", ["any", "schema"])
@pytest.mark.parametrize("keywords", LISTS, ids=range(len(LISTS)))
def test_mask_and_reading_agree(keywords: dict[str, Any], order: Any) -> None:
    schema = {"type": "array", "uniqueItems": True, **keywords}
    constraint = compile(JsonSchema(schema, property_order=order, whitespace="flexible"), VOCABULARY)
    refused = 0
    for seed in range(12):
        rng, state = random.Random(seed), constraint.start()
        for _ in range(14):
            read = tokens_agreed(state, VOCABULARY)
            refused += VOCABULARY.size - len(read)
            if not read:
                break
            following = state.advance(rng.choice(sorted(read)))
            assert following is not None
            state = following
    assert refused > 0


def test_an_item_that_came_is_refused_within_a_token() -> None:
    schema = {"type": "array", "uniqueItems": True, "items": STRING}
    state = compile(JsonSchema(schema, whitespace="flexible"), VOCABULARY).start()
    tokens = [word.encode() for word in (*WORDS, *SEAMS, *LONG, *DEEP)]
    for text in (b"[", b'"a"', b",", b'"', b"b"):
        following = state.advance(tokens.index(text))
        assert following is not None
        state = following
    allowed = {tokens[token] for token in allowed_tokens(state.mask()).tolist()}
    assert {b'"', b'"]', b"a"} <= allowed
    assert not allowed & {b'","a","', b'","a","b"'}
