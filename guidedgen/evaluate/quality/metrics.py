"""Figures of texts: distinct n-grams, repetition, self-BLEU, perplexity; and their bootstrap intervals. No model."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

_WORD = re.compile(r"\w+|[^\w\s]")
_T = TypeVar("_T")


def words(text: str) -> list[str]:
    """Words and punctuation marks, in small letters."""
    return _WORD.findall(text.lower())


def ngrams(items: Sequence[Hashable], size: int) -> Counter[tuple[Hashable, ...]]:
    """All runs of so many items, counted."""
    return Counter(tuple(items[start : start + size]) for start in range(len(items) - size + 1))


def distinct(texts: Iterable[Sequence[Hashable]], size: int) -> float | None:
    """Different n-grams of all texts together over their number (Li et al. 2016, "distinct-n"); None where none is."""
    together: Counter[tuple[Hashable, ...]] = Counter()
    for text in texts:
        together += ngrams(text, size)
    return len(together) / together.total() if together else None


def repeated(text: Sequence[Hashable], size: int) -> float:
    """The share of a text's n-grams that stood there before (Welleck et al. 2020, "rep-n")."""
    found = ngrams(text, size)
    return 1 - len(found) / found.total() if found else 0.0


def bleu(text: Sequence[Hashable], others: Sequence[Sequence[Hashable]], *, size: int = 4) -> float:
    """How much of a text's n-grams stand in some other text, 0 to 1 (Papineni et al. 2002).

    Modified precisions up to `size`, geometric mean, brevity penalty against the text of the nearest length. No match
    counts as half of one (NIST smoothing begins so), so that short texts have a value.
    """
    if not text or not others:
        return 0.0
    logs = []
    for length in range(1, size + 1):
        own = ngrams(text, length)
        if not own:
            break
        most: Counter[tuple[Hashable, ...]] = Counter()
        for other in others:
            most |= ngrams(other, length)
        logs.append(math.log(max((own & most).total(), 0.5) / own.total()))
    nearest = min((len(other) for other in others), key=lambda length: (abs(length - len(text)), length))
    brevity = min(0.0, 1 - nearest / len(text))
    return math.exp(brevity + sum(logs) / len(logs))


def self_bleu(texts: Sequence[Sequence[Hashable]]) -> list[float]:
    """Of each text the BLEU against all others (Zhu et al. 2018, "Texygen"): alike texts have much."""
    return [bleu(text, [*texts[:place], *texts[place + 1 :]]) for place, text in enumerate(texts)]


def perplexity(pairs: Iterable[tuple[float, int]]) -> float | None:
    """Of texts given as log-probability and number of tokens; None where there are no tokens."""
    known = list(pairs)
    tokens = sum(count for _, count in known)
    return math.exp(-sum(logprob for logprob, _ in known) / tokens) if tokens else None


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A figure, and an interval that holds it in 95 of 100 samples of so many prompts."""

    value: float
    low: float
    high: float


ROUNDS = 1000


def bootstrap(items: Sequence[_T], figure: Callable[[Sequence[_T]], float | None], *, seed: int = 0) -> Estimate | None:
    """A figure of items with its percentile bootstrap interval (Efron and Tibshirani 1993); None where there is none.

    Args:
        items: what belongs to one prompt each.
        figure: of such items.
        seed: of the samples.
    """
    value = figure(items)
    if value is None:
        return None
    chance = random.Random(seed)
    drawn = (figure(chance.choices(items, k=len(items))) for _ in range(ROUNDS))
    known = sorted(found for found in drawn if found is not None)
    return Estimate(value=value, low=known[int(0.025 * len(known))], high=known[int(0.975 * len(known))])
