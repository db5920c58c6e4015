"""How often guesses come true, by their grounds: counts over what was measured before, learned while a text is written.

A guess counts only where all that were named before it were wrong, so the chances of one place add up to at most 1.
"""

from __future__ import annotations

from collections.abc import Sequence as ListOf

from guidedgen.decoders.automatic.sources import Grounds, Guess

_WEIGHT = 4.0  # observations that the prior is worth
_KEEP = 1 - 1 / 48  # of an observation, at each later one of the same grounds

_COPIES = (0.2, 0.45, 0.6, 0.75, 0.85, 0.9, 0.95, 0.98)
_OTHERS = {
    "forced": (0.97, 0.99),
    "n-grams": (0.2, 0.15, 0.1),
    "recycle": (0.2, 0.15, 0.1),
    "few-bits": (0.9,),
    "trained": (0.6,),
}


def prior(grounds: Grounds) -> float:
    """The chance before anything was observed."""
    name, number, other = grounds
    if name == "allowed":
        return 0.9 / (other - number)
    chances = _COPIES if name == "copy" else _OTHERS[name]
    return chances[min(number, len(chances) - 1)]


class Beliefs:
    """What one text has shown."""

    def __init__(self) -> None:
        self._seen: dict[Grounds, list[float]] = {}  # weight of the observations, and of those that came true

    def chance(self, grounds: Grounds) -> float:
        """That a guess comes true where those before it did not."""
        before, seen = prior(grounds), self._seen.get(grounds)
        if seen is None:
            return before
        return (before * _WEIGHT + seen[1]) / (_WEIGHT + seen[0])

    def came(self, grounds: Grounds, *, right: bool) -> None:
        """Whether a guess came true where those before it had not."""
        seen = self._seen.setdefault(grounds, [0.0, 0.0])
        seen[0] = seen[0] * _KEEP + 1
        seen[1] = seen[1] * _KEEP + right

    def learn(self, guesses: ListOf[Guess], token: int) -> None:
        """What came in the place of guesses."""
        for guess, grounds in guesses:
            self.came(grounds, right=guess == token)
            if guess == token:
                return
