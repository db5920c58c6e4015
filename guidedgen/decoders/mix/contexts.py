"""Side contexts: the generated tokens of a sequence after another prompt, or in another model."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as ListOf
from weakref import WeakKeyDictionary

import torch

from guidedgen.decoders.base import LogitsSource
from guidedgen.sampler.sequence import Sequence

Prompts = Callable[[Sequence], ListOf[ListOf[int]]]
"""From a prompt node to the token lists that stand in its place in the side contexts, as many for each prompt."""


def same_prompt(prompt: Sequence) -> ListOf[ListOf[int]]:
    """The prompt itself: for side contexts in another model."""
    return (prompt.tokens(),)


class SideContexts:
    """What a source of logits says of the same generated tokens after other prompts.

    Args:
        source: the sampler, or another one.
        prompts: what stands in the place of a prompt.
        width: logits of one row; missing ones (a vocabulary padded otherwise) are minus infinity.
    """

    def __init__(self, source: LogitsSource, prompts: Prompts, *, width: int) -> None:
        self.source = source
        self._prompts = prompts
        self._width = width
        self._beside: WeakKeyDictionary[Sequence, tuple[Sequence, ...]] = WeakKeyDictionary()
        self._known: dict[Sequence, torch.Tensor] = {}  # row -> [S, V]

    def of(self, sequence: Sequence) -> tuple[Sequence, ...]:
        """The side contexts of a sequence; O(1) where its parent was asked for before."""
        tail: list[Sequence] = []
        node = sequence
        while (found := self._beside.get(node)) is None and node.parent is not None:
            tail.append(node)
            node = node.parent
        if found is None:
            found = tuple(Sequence.prompt(tokens, node.state) for tokens in self._prompts(node))
            self._beside[node] = found
        for after in reversed(tail):
            found = tuple(before.extend(after.token, after.state) for before in found)
            self._beside[after] = found
        return found

    def flat(self, sequences: ListOf[Sequence]) -> list[Sequence]:
        """The side contexts of all sequences, one after the other."""
        return [context for sequence in sequences for context in self.of(sequence)]

    def accept(self, sequences: ListOf[Sequence], logits: torch.Tensor) -> None:
        """Keep the logits [B * S, V] of the side contexts of B sequences until the next call."""
        rows = self._fitted(logits).view(len(sequences), -1, self._width)
        self._known = dict(zip(sequences, rows, strict=True))

    def prepare(self, sequences: ListOf[Sequence]) -> None:
        """Compute the side contexts of all sequences together, and forget those of other ones."""
        self._known = {}
        if sequences:
            self.accept(sequences, self.source.logits(self.flat(sequences)))

    def logits(self, sequences: ListOf[Sequence]) -> torch.Tensor:
        """Logits of the side contexts [B, S, V]; those that were not accepted before are asked for."""
        missing = [sequence for sequence in sequences if sequence not in self._known]
        if missing:
            rows = self._fitted(self.source.logits(self.flat(missing)))
            self._known |= dict(zip(missing, rows.view(len(missing), -1, self._width), strict=True))
        return torch.stack([self._known[sequence] for sequence in sequences])

    def _fitted(self, logits: torch.Tensor) -> torch.Tensor:
        short = self._width - logits.shape[-1]
        return torch.nn.functional.pad(logits, (0, short), value=float("-inf")) if short else logits
