"""Compiling schemas for a byte vocabulary and feeding them JSON texts."""

from __future__ import annotations

import json
from typing import Any

from guidedgen.grammars.compile import GrammarConstraint, compile
from guidedgen.grammars.specs import JsonSchema
from guidedgen.testing import accepts, byte_vocabulary
from guidedgen.vocabulary import Vocabulary

BYTES: Vocabulary = byte_vocabulary()


def compiled(schema: Any, kernel: str | None = None, **options: Any) -> GrammarConstraint:
    return compile(JsonSchema(schema, **options), BYTES, implementation=kernel)


def translated(schema: Any, **options: Any) -> GrammarConstraint:
    """What runs where there is no native kernel: the schema as a grammar."""
    return compiled(schema, "reference", **options)


def text_of(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def valid_ones(schema: Any, values: list[Any], **options: Any) -> list[Any]:
    """Those of the values that the schema's constraint takes, written as `json.dumps` does."""
    constraint = compiled(schema, **options)
    return [value for value in values if accepts(constraint, text_of(value))]


def taken(schema: Any, texts: list[str], **options: Any) -> list[str]:
    """Those of the texts that the schema's constraint takes."""
    constraint = compiled(schema, **options)
    return [text for text in texts if accepts(constraint, text)]
