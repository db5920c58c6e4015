"""Sequence: an immutable token sequence with its constraint state, a linked list that grows at the tip.

Forking is keeping a reference, rolling back is dropping one. All samples of one prompt share its prompt node.
Knows nothing about models, caches or distributions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from guidedgen.constraint import State

_CHECKPOINT = 256  # every so many generated tokens a node keeps its token tuple: bounds both walking and memory


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenRecord:
    """What is known about one generated token. All logarithms are natural.

    A token that was the only one allowed is *forced*: it is chosen without asking the model, so `logprob`, `log_mass`
    and `margin` are None unless the strategy scores it afterwards, and its `proposal_logprob` is 0.
    """

    token: int
    proposal_logprob: float  # log q: under mask, penalties and warps, renormalised; what the token was drawn from
    logprob: float | None = None  # log p: the model alone, temperature 1, no mask, no penalty
    log_mass: float | None = None  # log of the model's probability of all allowed tokens together, temperature 1
    margin: float | None = None  # log p of the model's favourite minus log p of the best allowed token; >= 0
    forced: bool = False


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True, repr=False)
class Sequence:
    """One node: the whole sequence from the prompt to `token`. Compared by identity; weakly referenceable.

    Args:
        parent: the sequence without its last token; None for a prompt node.
        token: the last token (the prompt's last token for a prompt node).
        length: number of tokens, prompt included.
        state: position of the constraint after `token`.
        record: how `token` was chosen; None in a prompt node and where nothing was recorded.
        origin: the prompt node; None in the prompt node itself (see `prompt_node`).
    """

    parent: Sequence | None
    token: int
    length: int
    state: State
    record: TokenRecord | None = None
    origin: Sequence | None = None
    _tokens: tuple[int, ...] | None = field(default=None, init=False)

    @staticmethod
    def prompt(tokens: Iterable[int], state: State) -> Sequence:
        """A prompt node. Raises ValueError for an empty prompt: a model predicts after at least one token."""
        prompt = tuple(map(int, tokens))
        if not prompt:
            raise ValueError("a prompt needs at least one token. Start from the tokenizer's beginning-of-text token.")
        node = Sequence(None, prompt[-1], len(prompt), state)
        object.__setattr__(node, "_tokens", prompt)
        return node

    def extend(self, token: int, state: State, record: TokenRecord | None = None) -> Sequence:
        """The sequence with one more token; O(1), this one is unchanged."""
        return Sequence(self, token, self.length + 1, state, record, self.prompt_node)

    @property
    def prompt_node(self) -> Sequence:
        """The node that every sequence grown from the same prompt shares."""
        return self if self.origin is None else self.origin

    @property
    def prompt_length(self) -> int:
        """Number of prompt tokens."""
        return self.prompt_node.length

    def tokens(self) -> tuple[int, ...]:
        """All tokens, prompt first. O(length) copy, and a short walk to the nearest node that keeps its tuple."""
        node: Sequence = self
        tail: list[int] = []
        while node._tokens is None:
            tail.append(node.token)
            assert node.parent is not None  # prompt nodes keep their tokens
            node = node.parent
        tokens = node._tokens if not tail else (*node._tokens, *reversed(tail))
        if len(tail) and (self.length - self.prompt_length) % _CHECKPOINT == 0:
            object.__setattr__(self, "_tokens", tokens)
        return tokens

    def generated(self) -> tuple[int, ...]:
        """The tokens after the prompt."""
        return self.tokens()[self.prompt_length :]

    def nodes(self) -> Iterator[Sequence]:
        """The nodes after the prompt, newest first."""
        node = self
        while node.parent is not None:
            yield node
            node = node.parent

    def records(self) -> tuple[TokenRecord | None, ...]:
        """The records of the generated tokens, oldest first."""
        return tuple(node.record for node in self.nodes())[::-1]

    def __repr__(self) -> str:
        return f"Sequence(length={self.length}, generated={self.length - self.prompt_length}, token={self.token})"
