"""Guesses under a constraint: ways that it allows, and the model's best allowed token."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Sequence as ListOf

import torch

from guidedgen.constraint import State
from guidedgen.decoders.tree import ROOT, DraftTree
from guidedgen.masks import allowed_tokens
from guidedgen.sampler.sequence import Sequence


def allowed_way(state: State, guesses: Iterable[int]) -> Iterator[tuple[int, State]]:
    """The guesses with the states after them, each that the constraint refuses replaced by the first token it takes.

    So that one guess too wild does not cost all behind it. Ends where nothing may follow or a stop rule fired.
    """
    for guess in guesses:
        after = None if state.done is not None else state.advance(guess)
        if after is None:
            possible = [] if state.done is not None else allowed_tokens(state.mask())[:1].tolist()
            after = state.advance(possible[0]) if possible else None
            if after is None:
                return
            guess = possible[0]
        yield guess, after
        state = after


def best_allowed(logits: torch.Tensor, state: State) -> int | None:
    """The allowed token with the largest logit [V]; None where none may follow."""
    if state.done is not None:
        return None
    tokens = allowed_tokens(state.mask())
    tokens = tokens[tokens < logits.shape[-1]]
    if not len(tokens):
        return None
    return int(tokens[int(logits.detach().float().cpu().numpy()[tokens].argmax())])


def node_at(tree: DraftTree, tokens: ListOf[int]) -> int | None:
    """The node that tokens lead to from the root, if all of them are there; `ROOT` for none."""
    node = ROOT
    for token in tokens:
        below = [child for child in tree.children[node] if tree.tokens[child] == token]
        if not below:
            return None
        node = below[0]
    return node


class Fill:
    """Tokens of a prompt over and over, as first guesses where nothing better is known."""

    def __init__(self, prompt: Sequence) -> None:
        self._tokens = prompt.prompt_node.tokens()
        self._next = 0

    def take(self, count: int) -> list[int]:
        """So many more."""
        taken = [self._tokens[(self._next + index) % len(self._tokens)] for index in range(count)]
        self._next += count
        return taken
