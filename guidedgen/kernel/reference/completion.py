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
from guidedgen.kernel.reference.structure import RANKED, Cost

if TYPE_CHECKING:
    from guidedgen.kernel.reference.grammar import Grammar
    from guidedgen.kernel.reference.state import State
    from guidedgen.kernel.reference.trie import TokenTrie


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
        if self._grammar.counted:
            return self._by_reading(state)
        tokens: list[int] = []
        for text, special in self._pieces(state):
            spelled = self._trie.segment(text)
            if spelled is None:
                raise DeadEnd(f"the vocabulary cannot spell {text!r}. Use one that has a token for every byte.")
            tokens += spelled
            tokens += [] if special is None else [special]
        return tuple(tokens)

    def _by_reading(self, state: State) -> tuple[int, ...]:
        """The same where it matters which tokens a text is made of: only those that can be read count."""
        spelled: list[int] = []
        for text, special in self._pieces(state):
            ways: list[dict[State, list[int]]] = [{} for _ in range(len(text) + 1)]  # by offset: position -> tokens
            ways[0][state] = []
            for start, here in enumerate(ways):
                for at, so_far in here.items():
                    for end, token in self._trie.tokens_at(text, start):
                        after = self._grammar.advance_text(at, text[start:end])
                        if after is not None and len(ways[end].get(after, [0] * len(text))) > len(so_far):
                            ways[end][after] = [*so_far, token]
            best: tuple[int, State, list[int]] | None = None
            for at, tokens in ways[-1].items():
                end_of_piece = at if special is None else self._grammar.states.step_special(at, special)
                if end_of_piece is None or (special is None and not at.accepting):
                    continue
                if best is None or len(tokens) < best[0]:
                    best = (len(tokens), end_of_piece, tokens)
            if best is None:
                raise DeadEnd(f"the vocabulary cannot spell {text!r}. Use one that has a token for every byte.")
            state = best[1]
            spelled += best[2] + ([] if special is None else [special])
        return tuple(spelled)

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
            byte = next((byte for byte in RANKED if nearer >> byte & 1), None)
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
