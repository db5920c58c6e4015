"""How often guesses come true, by their grounds: counts over what was measured before, learned while a text is written.

A guess counts only where all that were named before it were wrong, so the chances of one place add up to at most 1.
"""

from __future__ import annotations

from collections.abc import Sequence as ListOf

from guidedgen.decoders.automatic.sources import Grounds, Guess

_WEIGHT = 4.0  # observations that the prior is worth
_DOUBT = 1.0  # guesses that should have come true before a source is doubted by half
_NONE = (0.0, 0.0)
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
    """What one text has shown.

    Where a source is right less often than the prior says, the prior of all its grounds falls with it: a text that
    repeats nothing shows that on short runs, before long ones were ever tried.
    """

    def __init__(self) -> None:
        self._seen: dict[Grounds, list[float]] = {}  # weight of the observations, and of those that came true
        self._sources: dict[str, list[float]] = {}  # by name what the prior expected to come true, and what did

    def chance(self, grounds: Grounds) -> float:
        """That a guess comes true where those before it did not."""
        expected, came = self._sources.get(grounds[0], _NONE)
        before = prior(grounds) * min(1.0, (came + _DOUBT) / (expected + _DOUBT))
        weight, right = self._seen.get(grounds, _NONE)
        return (before * _WEIGHT + right) / (_WEIGHT + weight)

    def came(self, grounds: Grounds, *, right: bool) -> None:
        """Whether a guess came true where those before it had not."""
        for counts, one in (
            (self._seen.setdefault(grounds, [0.0, 0.0]), 1.0),
            (self._sources.setdefault(grounds[0], [0.0, 0.0]), prior(grounds)),
        ):
            counts[0] = counts[0] * _KEEP + one
            counts[1] = counts[1] * _KEEP + right

    def learn(self, guesses: ListOf[Guess], token: int) -> None:
        """What came in the place of guesses."""
        for guess, grounds in guesses:
            self.came(grounds, right=guess == token)
            if guess == token:
                return
