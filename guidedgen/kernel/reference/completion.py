"""The shortest completion of a position, and how many tokens it takes.

It is a byte-shortest text (a special token counts as one byte); of several, the one whose first byte ranks first, and
so on, special tokens coming last, by id. What remains of it after any of its tokens is the shortest completion there,
so each of its tokens leaves exactly one fewer to come.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from guidedgen.errors import DeadEnd
from guidedgen.kernel.reference.structure import Cost

if TYPE_CHECKING:
    from guidedgen.kernel.reference.grammar import Grammar
    from guidedgen.kernel.reference.state import State
    from guidedgen.kernel.reference.trie import TokenTrie

_RANKED = (*range(0x30, 0x7F), *range(0x30), *range(0x7F, 0x100))  # '0' to '~' first: pleasant to read


class Completions:
    """Shortest completions of the states of one grammar."""

    def __init__(self, grammar: Grammar, trie: TokenTrie) -> None:
        self._grammar = grammar
        self._trie = trie

    def tokens(self, state: State) -> tuple[int, ...]:
        """The completion, spelled with the fewest tokens.

        Raises:
            DeadEnd: where the vocabulary's tokens cannot spell it.
        """
        tokens: list[int] = []
        for text, special in self._pieces(state):
            spelled = self._trie.segment(text)
            if spelled is None:
                raise DeadEnd(f"the vocabulary cannot spell {text!r}. Use one that has a token for every byte.")
            tokens += spelled
            tokens += [] if special is None else [special]
        return tuple(tokens)

    def need(self, state: State) -> Cost:
        """How many tokens that is; infinite where no tokens spell it."""
        if state.need is None:
            try:
                state.need = len(self.tokens(state))
            except DeadEnd:
                state.need = math.inf
        return state.need

    def _pieces(self, state: State) -> Iterator[tuple[bytes, int | None]]:
        """Texts, each with the special token behind it."""
        text = bytearray()
        for piece in self._steps(state):
            if piece < 256:
                text.append(piece)
                continue
            yield bytes(text), piece - 256
            text.clear()
        yield bytes(text), None

    def _steps(self, state: State) -> Iterator[int]:
        """The bytes, and special tokens as their ids plus 256."""
        states = self._grammar.states
        left = states.cost(state)
        self._grammar.limits.check("steps", int(left), f"the shortest completion has {int(left)} bytes")
        while left:
            left -= 1
            nearer = states.nearer_bytes(state)
            byte = next((byte for byte in _RANKED if nearer >> byte & 1), None)
            if byte is not None:
                yield byte
                after = states.step(state, byte)
            else:
                token = min(token for token in states.specials(state) if self._cost_after(state, token) == left)
                yield token + 256
                after = states.step_special(state, token)
            assert after is not None
            state = after

    def _cost_after(self, state: State, token: int) -> Cost:
        after = self._grammar.states.step_special(state, token)
        return math.inf if after is None else self._grammar.states.cost(after)
