"""outlines-core: a schema becomes a regular expression, that an index from automaton states to tokens."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

import outlines_core

from guidedgen.evaluate.engine import Tokenizer
from guidedgen.masks import Mask


class OutlinesCore:
    """Its own defaults."""

    version = version("outlines_core")

    def __init__(self, tokenizer: Tokenizer) -> None:
        vocabulary = tokenizer.vocabulary
        tokens: dict[bytes, list[int]] = {}
        for token in range(vocabulary.size):
            if spelled := vocabulary.token_bytes(token):
                tokens.setdefault(spelled, []).append(token)
        self._vocabulary = outlines_core.Vocabulary(tokenizer.ends[0], tokens)

    def compile(self, schema: object) -> _Matcher:
        """Raises what the engine raises."""
        expression = outlines_core.json_schema.build_regex_from_schema(json.dumps(schema))
        return _Matcher(outlines_core.Index(expression, self._vocabulary))


class _Matcher:
    def __init__(self, index: Any) -> None:
        self._index = index
        self._guide = outlines_core.Guide(index)

    def fresh(self) -> _Matcher:
        return _Matcher(self._index)

    def fill(self, mask: Mask) -> None:
        self._guide.write_mask_into(mask.ctypes.data, len(mask), mask.itemsize)

    def commit(self, token: int) -> bool:
        try:
            self._guide.advance(token, False)
        except ValueError:
            return False
        return True

    @property
    def accepting(self) -> bool:
        return bool(self._guide.is_finished())
