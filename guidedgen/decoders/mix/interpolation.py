"""Interpolation with n-grams: what texts say comes next has a share in the distribution, smoothed down to the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch

from guidedgen.decoders.base import LogitsSource
from guidedgen.decoders.mix.base import Alone, allowed_log_chances
from guidedgen.sampler.sequence import Sequence

Counts = Mapping[tuple[int, ...], Counter[int]]
"""How often each token follows each context of up to n - 1 tokens."""


def counts_of(texts: Iterable[ListOf[int]], size: int) -> dict[tuple[int, ...], Counter[int]]:
    """The n-grams of texts, for all n up to `size`."""
    counts: dict[tuple[int, ...], Counter[int]] = {}
    for text in texts:
        tokens = tuple(text)
        for at, token in enumerate(tokens):
            for length in range(min(size - 1, at) + 1):
                counts.setdefault(tokens[at - length : at], Counter())[token] += 1
    return counts


@dataclass(frozen=True, kw_only=True)
class WithNGrams:
    """Give n-grams of texts a share: (1 - weight) p + weight p_ngram, among allowed tokens.

    p_ngram is smoothed as by Witten and Bell 1991 (in the recursive form of Chen and Goodman 1998), and the model
    itself is what the shortest context falls back to: for a context h, seen c times before T different allowed tokens,

        P(w | h) = (c(h w) + T P(w | h without its first token)) / (c + T),

    and P(w | h without its first token) where it was never seen. So what the texts do not know stays the model's.

    Args:
        texts: texts, or lists of tokens: terms, names, examples that answers should be like.
        prompt: whether the prompt is one of the texts.
        weight: of the n-grams, from 0 (changes nothing) to 1.
        size: n, from 1; 3 looks at two tokens.

    Raises:
        ValueError: a number is out of its range, or there is nothing to count.
    """

    texts: tuple[str | tuple[int, ...], ...] = ()
    prompt: bool = True
    weight: float = 0.3
    size: int = 3

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not 0 <= self.weight <= 1:
            raise ValueError(f"weight={self.weight!r} must be from 0 to 1")
        if self.size < 1:
            raise ValueError(f"size={self.size!r} must be at least 1")
        if not self.texts and not self.prompt:
            raise ValueError("texts=() with prompt=False leaves nothing to count. Give a text.")

    def open(self, sampler: LogitsSource) -> WithNGramsPhase:
        """See `MixMethod.open`; counts the texts."""
        encode = sampler.model.vocabulary.encode
        texts = [encode(text) if isinstance(text, str) else text for text in self.texts]
        return WithNGramsPhase(self, counts_of(texts, self.size))


class WithNGramsPhase(Alone):
    """`WithNGrams` at work."""

    def __init__(self, settings: WithNGrams, given: Counts) -> None:
        self._settings = settings
        self._given = given
        self._of_prompts: WeakKeyDictionary[Sequence, Counts] = WeakKeyDictionary()

    def __call__(self, logits: torch.Tensor, sequences: ListOf[Sequence], bias: torch.Tensor) -> torch.Tensor:
        """See `Phase.__call__`."""
        own = allowed_log_chances(logits, bias)
        if self._settings.weight == 0:
            return own
        chances = own.exp()
        known = torch.stack([self.smoothed(*row) for row in zip(chances, sequences, bias, strict=True)])
        weight = self._settings.weight
        return ((1 - weight) * chances + weight * known).log()

    def smoothed(self, chances: torch.Tensor, sequence: Sequence, bias: torch.Tensor) -> torch.Tensor:
        """P(w | h) for all tokens [V].

        Args:
            chances: the model's among allowed tokens [V], what unknown contexts fall back to.
            sequence: the text so far.
            bias: 0 or minus infinity [V].
        """
        values = chances.clone()
        tail = self._tail(sequence)
        for length in range(len(tail) + 1):
            context = tail[len(tail) - length :]
            found: Counter[int] = Counter()
            for counts in (self._given, self._counted(sequence.prompt_node)):
                found.update(counts.get(context, {}))
            allowed = {token: count for token, count in found.items() if token < len(bias) and bias[token] == 0}
            if not allowed:
                if not found:
                    break  # a longer context was not seen either
                continue
            total, kinds = sum(allowed.values()), len(allowed)
            values *= kinds / (total + kinds)
            values[list(allowed)] += torch.tensor(list(allowed.values()), device=values.device) / (total + kinds)
        return values

    def _tail(self, sequence: Sequence) -> tuple[int, ...]:
        """The last n - 1 tokens."""
        tail: list[int] = []
        node = sequence
        while len(tail) < self._settings.size - 1 and node.parent is not None:
            tail.append(node.token)
            node = node.parent
        missing = self._settings.size - 1 - len(tail)
        before = node.tokens() if node.parent is None else ()
        return (*before[max(0, len(before) - missing) :], *reversed(tail)) if missing else tuple(reversed(tail))

    def _counted(self, prompt: Sequence) -> Counts:
        if not self._settings.prompt:
            return {}
        if prompt not in self._of_prompts:
            self._of_prompts[prompt] = counts_of([prompt.tokens()], self._settings.size)
        return self._of_prompts[prompt]
