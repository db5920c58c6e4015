"""Terminals that may take so many tokens only: whether one can be read to its end in the tokens that are left.

It can if the fewest tokens that spell its byte-shortest completion are few enough. That is what is proved: a longer
completion that takes fewer tokens is not looked for. What is left of that completion after any of its tokens is that of
the state there, so what can be completed once can be completed to its end.
"""

from __future__ import annotations

import math

from guidedgen.kernel.reference.expressions import Expression
from guidedgen.kernel.reference.lexeme import Lexemes
from guidedgen.kernel.reference.structure import RANKED, Cost
from guidedgen.kernel.reference.trie import TokenTrie


class TokenCounts:
    """Completions of the terminals of one grammar, counted in tokens of a vocabulary."""

    def __init__(self, lexemes: Lexemes, trie: TokenTrie) -> None:
        self._lexemes = lexemes
        self._trie = trie
        self._needed: dict[Expression, Cost] = {}

    def forget(self) -> None:
        """Drop what was memoised."""
        self._needed = {}

    def fits(self, state: Expression, left: int) -> bool:
        """Whether a terminal in `state` can end within `left` tokens."""
        if state.nullable:
            return True
        if left > 0 and self._lexemes.distance(state) <= left and self._trie.spells_text:
            return True
        return left > 0 and self._need(state) <= left

    def _need(self, state: Expression) -> Cost:
        if state not in self._needed:
            text = bytearray()
            at: Expression | None = state
            while at is not None and (left := self._lexemes.distance(at)):
                if left == math.inf:
                    return math.inf
                nearer = self._lexemes.nearer_bytes(at, left)
                text.append(next(byte for byte in RANKED if nearer >> byte & 1))
                at = self._lexemes.steps(at)[text[-1]]
            spelled = self._trie.segment(bytes(text))
            self._needed[state] = math.inf if spelled is None else len(spelled)
        return self._needed[state]
