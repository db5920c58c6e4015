"""lm-format-enforcer: character parsers walked over a tree of tokens, in Python.

It has no commit that could refuse: a token is taken where the last allowed set holds it, so probes always agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from lmformatenforcer import JsonSchemaParser, TokenEnforcer, TokenEnforcerTokenizerData

from guidedgen.evaluate.engine import Tokenizer
from guidedgen.masks import Mask


class LMFormatEnforcer:
    """Its own defaults. Tokens are words of their own: their texts joined are the text."""

    version = version("lm-format-enforcer")

    def __init__(self, tokenizer: Tokenizer) -> None:
        vocabulary = tokenizer.vocabulary

        def decode(tokens: Sequence[int]) -> str:
            return vocabulary.decode_bytes(tokens).decode("utf-8", errors="replace").rstrip("\ufffd")

        # A token that cuts a character has no text of its own: as in the engine's integrations, it starts no word.
        words = []
        for token in range(vocabulary.size):
            if spelled := vocabulary.token_bytes(token):
                text = spelled.decode("utf-8", errors="replace")
                words.append((token, text, "\ufffd" not in text))
        self._size = vocabulary.size
        self._ends = list(tokenizer.ends)
        self._data = TokenEnforcerTokenizerData(words, decode, self._ends, False, self._size)

    def compile(self, schema: object) -> _Matcher:
        """Raises what the engine raises."""
        return _Matcher(TokenEnforcer(self._data, JsonSchemaParser(schema)), self._size, self._ends)


class _Matcher:
    def __init__(self, enforcer: Any, size: int, ends: list[int]) -> None:
        self._enforcer, self._size, self._ends = enforcer, size, ends
        self._tokens: list[int] = []

    def _allowed(self) -> Sequence[int]:
        allowed: Sequence[int] = self._enforcer.get_allowed_tokens(self._tokens).allowed_tokens
        return allowed

    def fresh(self) -> _Matcher:
        return _Matcher(self._enforcer, self._size, self._ends)

    def fill(self, mask: Mask) -> None:
        bits = np.zeros(len(mask) * 32, dtype=np.bool_)
        bits[np.asarray(self._allowed(), dtype=np.int64)] = True
        mask[:] = np.packbits(bits, bitorder="little").view(np.int32)

    def commit(self, token: int) -> bool:
        if token not in self._allowed():
            return False
        self._tokens.append(token)
        return True

    @property
    def accepting(self) -> bool:
        return self._ends[0] in self._allowed()
