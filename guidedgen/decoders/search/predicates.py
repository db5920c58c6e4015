"""Predicates: what a text is to be like, judged on its prefixes. Those that a grammar says better are constraints."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from guidedgen.sampler.sequence import Sequence
from guidedgen.vocabulary import Vocabulary

Predicate: TypeAlias = Callable[[Sequence, bool], float]
"""From a prefix, and whether the text ends there, to the log of the probability that the text satisfies it.

0 where nothing speaks against it, minus infinity where it is known not to. Of a finished text it is one of the two,
unless the predicate is a matter of degree.
"""


@dataclass(frozen=True, kw_only=True)
class Lengthy:
    """The text has at least so many tokens and at most so many.

    Args:
        least: of all tokens, the forced ones too.
        most: none where it is None.

    Raises:
        ValueError: a number is out of its range.
    """

    least: int = 1
    most: int | None = None

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.least < 0 or (self.most is not None and self.most < max(0, self.least)):
            raise ValueError(f"least={self.least!r} must be at least 0 and most={self.most!r} no less than it, or None")

    def __call__(self, sequence: Sequence, ended: bool) -> float:
        """See `Predicate`."""
        length = sequence.length - sequence.prompt_length
        fails = (ended and length < self.least) or (self.most is not None and length > self.most)
        return -math.inf if fails else 0.0


@dataclass(frozen=True, kw_only=True)
class Unrepeated:
    """No token run stands there several times in a row: a text that has begun to loop does not come back.

    Args:
        longest: of the runs, in tokens.
        times: how often is too often.
        least: tokens of all repetitions together; shorter ones are let pass.

    Raises:
        ValueError: a number is out of its range.
    """

    longest: int = 16
    times: int = 3
    least: int = 6

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name, lowest in (("longest", 1), ("times", 2), ("least", 0)):
            if getattr(self, name) < lowest:
                raise ValueError(f"{name}={getattr(self, name)!r} must be at least {lowest}")

    def __call__(self, sequence: Sequence, ended: bool) -> float:
        """See `Predicate`."""
        tokens = sequence.generated()
        for size in range(1, self.longest + 1):
            times = max(self.times, math.ceil(self.least / size))
            tail = tokens[-size * times :]
            if len(tail) == size * times and tail[:size] * times == tail:
                return -math.inf
        return 0.0


@dataclass(frozen=True, kw_only=True)
class Containing:
    """The text has these tokens in a row somewhere.

    Args:
        tokens: for example `vocabulary.encode("refund")`.
    """

    tokens: tuple[int, ...]

    def __call__(self, sequence: Sequence, ended: bool) -> float:
        """See `Predicate`: as long as the text goes on, nothing is known."""
        text, wanted = sequence.generated(), tuple(self.tokens)
        found = any(text[start : start + len(wanted)] == wanted for start in range(len(text)))
        return 0.0 if found or not ended else -math.inf


@dataclass(frozen=True, kw_only=True)
class Mentioning:
    """Texts that leave out fewer items rank first: a matter of degree, judged where a text ends.

    Juraska and Walker 2021 (SEA-GuiDe) sort finished beams by the number of items that are missing, and then by
    log-probability. With `length_power=0` this is their order; items are looked for word for word.

    Args:
        items: texts, in any case of letters.
        vocabulary: of the tokens.
        cost: subtracted for each item that is missing, in nats.

    Raises:
        ValueError: there are no items, an empty one, or the cost is no number of at least 0.
    """

    items: tuple[str, ...]
    vocabulary: Vocabulary
    cost: float = 1000.0

    def __post_init__(self) -> None:
        """Check items and cost."""
        if not self.items or not all(self.items):
            raise ValueError(f"items={self.items!r} must be texts that are not empty")
        if not (math.isfinite(self.cost) and self.cost >= 0):
            raise ValueError(f"cost={self.cost!r} must be a finite number of at least 0")

    def missing(self, sequence: Sequence) -> int:
        """How many items the text does not have."""
        text = self.vocabulary.decode_bytes(sequence.generated()).decode("utf-8", errors="replace").casefold()
        return sum(item.casefold() not in text for item in self.items)

    def __call__(self, sequence: Sequence, ended: bool) -> float:
        """See `Predicate`: as long as the text goes on, nothing is known."""
        return -self.cost * self.missing(sequence) if ended else 0.0


PREDICATES: dict[str, Predicate] = {"not-empty": Lengthy(), "not-looping": Unrepeated()}
"""Predicates by name."""
