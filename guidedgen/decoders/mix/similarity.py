"""Contrastive search: candidates whose hidden state is like one that came before lose for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from itertools import takewhile
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

from guidedgen.decoders.base import LogitsSource
from guidedgen.decoders.mix.base import Alone, allowed_log_chances, best, logarithms, reader
from guidedgen.sampler.sequence import Sequence

_ROWS = 128  # prompt positions read at a time: their logits come with them


@dataclass(frozen=True, kw_only=True)
class ContrastiveSearch:
    """Choose among the `top_k` best tokens by (1 - alpha) p(v) - alpha max cos(h(v), h(before)).

    Su et al. 2022, "A Contrastive Framework for Neural Text Generation": h(v) is the hidden state of a candidate that
    is appended, and the cosine that to the most similar state of any token before it, prompt included. All candidates
    of all rows are computed in one forward; hidden states are those behind the last layer, before the final norm.

    Args:
        alpha: weight of the penalty, from 0 to below 1; 0.6 in the paper. 0 changes nothing but the cut.
        top_k: candidates; 5 in the paper, up to about 10.

    Raises:
        ValueError: a number is out of its range.
    """

    alpha: float = 0.6
    top_k: int = 5

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not 0 <= self.alpha < 1:
            raise ValueError(f"alpha={self.alpha!r} must be at least 0 and below 1")
        if self.top_k < 1:
            raise ValueError(f"top_k={self.top_k!r} must be at least 1")

    def open(self, sampler: LogitsSource) -> SimilarityPhase:
        """See `MixMethod.open`. Raises ModelError where the model does not show its layers."""
        return SimilarityPhase(self, sampler)


class SimilarityPhase(Alone):
    """`ContrastiveSearch` at work."""

    def __init__(self, settings: ContrastiveSearch, sampler: LogitsSource) -> None:
        self._settings = settings
        self._sampler = sampler
        self._reader = reader(sampler)
        self._last = sampler.model.info.layers - 1
        self.taps = (self._last,)
        self._states: WeakKeyDictionary[Sequence, torch.Tensor] = WeakKeyDictionary()  # node -> directions [n, E]
        self._drafts: WeakKeyDictionary[Sequence, list[Sequence]] = WeakKeyDictionary()

    def accept(self, sequences: ListOf[Sequence], logits: torch.Tensor, hidden: Mapping[int, torch.Tensor]) -> None:
        """See `Phase.accept`."""
        for sequence, state in zip(sequences, hidden[self._last], strict=True):
            if sequence.parent is not None:
                self._states[sequence] = _directions(state[None])

    def __call__(self, logits: torch.Tensor, sequences: ListOf[Sequence], bias: torch.Tensor) -> torch.Tensor:
        """See `Phase.__call__`."""
        log_chances = allowed_log_chances(logits, bias)
        kept = best(log_chances, self._settings.top_k)
        shares = (1 - self._settings.alpha) * log_chances.exp()
        alpha = self._settings.alpha
        if alpha:
            rows = [row.nonzero().flatten().tolist() for row in kept]
            for sequence in sequences:
                self._forget(sequence)
            states = self._candidates(sequences, rows)
            for row, (sequence, tokens) in enumerate(zip(sequences, rows, strict=True)):
                shares[row, tokens] -= alpha * (states[row] @ self.before(sequence).T).amax(-1)
        return logarithms(shares).masked_fill(~kept, -math.inf)

    def before(self, sequence: Sequence) -> torch.Tensor:
        """Directions of the hidden states of all tokens of a sequence [t, E]."""
        nodes = [*sequence.nodes(), sequence.prompt_node][::-1]
        missing = [node for node in nodes[1:] if node not in self._states]
        if missing:
            hidden = self._reader.read(missing, taps=self.taps).hidden[self._last]
            for node, state in zip(missing, hidden, strict=True):
                self._states[node] = _directions(state[None])
        if nodes[0] not in self._states:
            self._states[nodes[0]] = self._of_prompt(nodes[0])
        return torch.cat([self._states[node] for node in nodes])

    def _of_prompt(self, prompt: Sequence) -> torch.Tensor:
        """The hidden states of a prompt's tokens, once for each prompt: rows that are cached are computed again."""
        tokens = prompt.tokens()
        prefixes = [Sequence.prompt(tokens[: count + 1], prompt.state) for count in range(len(tokens))]
        groups = [prefixes[start : start + _ROWS] for start in range(0, len(prefixes), _ROWS)]
        read = [self._reader.read(group, taps=self.taps).hidden[self._last] for group in groups]
        return _directions(torch.cat(read))

    def _candidates(self, sequences: ListOf[Sequence], rows: ListOf[ListOf[int]]) -> list[torch.Tensor]:
        """Directions of the candidates of each row [k, E], in one forward."""
        drafts = [
            [sequence.extend(token, sequence.state) for token in tokens]
            for sequence, tokens in zip(sequences, rows, strict=True)
        ]
        hidden = self._reader.read([draft for own in drafts for draft in own], taps=self.taps).hidden[self._last]
        self._drafts.update(zip(sequences, drafts, strict=True))
        return list(torch.split(_directions(hidden), [len(own) for own in drafts]))

    def _forget(self, sequence: Sequence) -> None:
        """Let the sampler forget the candidates that were not chosen on the way to a sequence."""
        way = list(takewhile(lambda node: node not in self._drafts, [*sequence.nodes(), sequence.prompt_node]))
        base = way[-1].parent if way else sequence
        if base is not None and base is not sequence and base in self._drafts:
            self._sampler.discard(self._drafts.pop(base), base=base, keep=sequence)


def _directions(hidden: torch.Tensor) -> torch.Tensor:
    """Hidden states [n, E] at length 1, float32."""
    return F.normalize(hidden.float(), dim=-1)
