"""Predicates: what a text is to be like, judged on its prefixes. Those that a grammar says better are constraints."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from guidedgen.sampler.sequence import Sequence

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


PREDICATES: dict[str, Predicate] = {"not-empty": Lengthy(), "not-looping": Unrepeated()}
"""Predicates by name."""
