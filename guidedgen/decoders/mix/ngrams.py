"""Methods that look at the text so far: against n-grams that would come again, and against walking in circles."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from typing import Literal

import torch

from guidedgen.decoders.base import LogitsSource
from guidedgen.decoders.mix.base import Alone, allowed_log_chances, best, logarithms
from guidedgen.sampler.penalties import chosen_tokens
from guidedgen.sampler.sequence import Sequence


def following(text: ListOf[int], size: int) -> dict[int, float]:
    """What an n-gram model of a text says comes next: shares by token; empty where it has nothing to say.

    Longer contexts count twice as much as those one shorter (a smoothed n-gram model by interpolation).

    Args:
        text: tokens, oldest first.
        size: n; contexts have up to n - 1 tokens.
    """
    mixed: dict[int, float] = defaultdict(float)
    total = 0.0
    for length in range(1, size):
        context = tuple(text[len(text) - length :])
        if len(context) < length:
            break
        after = Counter(
            text[at + length] for at in range(len(text) - length) if tuple(text[at : at + length]) == context
        )
        count = after.total()
        if count:
            weight = 2.0**length
            total += weight
            for token, times in after.items():
                mixed[token] += weight * times / count
    return {token: share / total for token, share in mixed.items()}


@dataclass(frozen=True, kw_only=True)
class AgainstRepetition:
    """Frustratingly simple decoding: an n-gram model of the text so far is the amateur.

    Yang et al. 2023: (1 - alpha) p - alpha p_ngram among the `top_k` best tokens. Published settings: alpha 0.4, k 5,
    n 2 for `raw`; the vectorised form has 0.6, 5, 3.

    Forced tokens are left out of the text: nobody chose them.

    Args:
        alpha: weight of the n-gram model; 0 changes nothing but the cut.
        top_k: how many of the best allowed tokens stay.
        size: n.
        exempt: tokens that lose nothing; for typed outputs the API puts the punctuation of JSON here.

    Raises:
        ValueError: a number is out of its range.
    """

    alpha: float = 0.4
    top_k: int = 5
    size: int = 2
    exempt: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not 0 <= self.alpha < 1:
            raise ValueError(f"alpha={self.alpha!r} must be at least 0 and below 1")
        if self.top_k < 1 or self.size < 2:
            raise ValueError(f"top_k={self.top_k!r} must be at least 1 and size={self.size!r} at least 2")

    def open(self, sampler: LogitsSource) -> AgainstRepetitionPhase:
        """See `MixMethod.open`."""
        return AgainstRepetitionPhase(self)


class AgainstRepetitionPhase(Alone):
    """`AgainstRepetition` at work."""

    def __init__(self, settings: AgainstRepetition) -> None:
        self._settings = settings

    def __call__(self, logits: torch.Tensor, sequences: ListOf[Sequence], bias: torch.Tensor) -> torch.Tensor:
        """See `Phase.__call__`.

        Scores are the logarithms of shares, so that warps and masks go on from them; shares below 0 become tiny ones in
        their order.
        """
        alpha = self._settings.alpha
        log_chances = allowed_log_chances(logits, bias)
        shares = (1 - alpha) * log_chances.exp()
        for row, sequence in zip(shares, sequences, strict=True):
            text = [*sequence.prompt_node.tokens(), *reversed(chosen_tokens(sequence))]
            for token, share in following(text, self._settings.size).items():
                if token < len(row) and token not in self._settings.exempt:
                    row[token] -= alpha * share
        return logarithms(shares).masked_fill(~best(log_chances, self._settings.top_k), -math.inf)


@dataclass(frozen=True, kw_only=True)
class Momentum:
    """Resist walking in circles: a token that would repeat a long suffix costs the more the longer that is.

    Lan et al. 2022, "Momentum Decoding". The best token wins if it is new; otherwise the `top_k` best compete by
    p - alpha f(d), d the length of the longest suffix that would be repeated.

    Args:
        alpha: strength; 0.2 in the paper. 0 changes nothing, whatever the table says.
        top_k: candidates where the best token has come before.
        table: "paper": f(d) = d up to 5, infinite above; "blocking": 0 up to 3, 5 at 4, infinite above, as the authors'
            program has it.
        exempt: tokens that may come again; for typed outputs the API puts the punctuation of JSON here.

    Raises:
        ValueError: a number is out of its range.
    """

    alpha: float = 0.2
    top_k: int = 5
    table: Literal["paper", "blocking"] = "paper"
    exempt: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not (math.isfinite(self.alpha) and self.alpha >= 0):
            raise ValueError(f"alpha={self.alpha!r} must be a finite number of at least 0")
        if self.top_k < 1:
            raise ValueError(f"top_k={self.top_k!r} must be at least 1")
        if self.table not in ("paper", "blocking"):
            raise ValueError(f"table={self.table!r} must be 'paper' or 'blocking'")

    def resistance(self, length: int) -> float:
        """f(d); a candidate that would repeat more than the table knows loses all."""
        if length > (5 if self.table == "paper" else 4):
            return math.inf
        return float(length) if self.table == "paper" else (5.0 if length == 4 else 0.0)

    def open(self, sampler: LogitsSource) -> MomentumPhase:
        """See `MixMethod.open`."""
        return MomentumPhase(self)


class MomentumPhase(Alone):
    """`Momentum` at work."""

    def __init__(self, settings: Momentum) -> None:
        self._settings = settings

    def __call__(self, logits: torch.Tensor, sequences: ListOf[Sequence], bias: torch.Tensor) -> torch.Tensor:
        """See `Phase.__call__`."""
        log_chances = allowed_log_chances(logits, bias)
        if self._settings.alpha == 0:
            return log_chances
        scores = log_chances.clone()
        for row, (chances, sequence) in enumerate(zip(log_chances, sequences, strict=True)):
            text = chosen_tokens(sequence)[::-1]
            favourite, exempt = int(chances.argmax()), self._settings.exempt
            if favourite not in text or favourite in exempt:
                continue
            candidates = best(chances[None], self._settings.top_k)[0].nonzero().flatten().tolist()
            lengths = [0 if token in exempt else repeated(text, token) for token in candidates]
            costs = [self._settings.resistance(length) for length in lengths]
            kept = [(token, cost) for token, cost in zip(candidates, costs, strict=True) if cost < math.inf]
            if not kept:
                continue  # everything goes in circles: as the model likes it
            scores[row] = -math.inf
            for token, cost in kept:
                share = float(chances[token].exp()) - self._settings.alpha * cost
                scores[row, token] = logarithms(torch.tensor(share))
        return scores


def repeated(text: ListOf[int], token: int, *, most: int = 6) -> int:
    """Length of the longest suffix of text and token that occurs in the text before, up to `most`; 0 for a new token.

    Args:
        text: tokens, oldest first.
        token: the next one.
        most: where the search stops.
    """
    longest = 0
    for at, other in enumerate(text):
        if other == token:
            length = 1
            while length < most and at - length >= 0 and text[at - length] == text[len(text) - length]:
                length += 1
            longest = max(longest, length)
    return longest
