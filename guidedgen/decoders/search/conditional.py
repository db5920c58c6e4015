"""Conditional beam search: the most probable text among those that satisfy a predicate.

Yoshida, Goyal and Gimpel 2023, "MAP's not dead yet: uncovering true language model modes by conditioning away
degeneracy": the most probable texts of a model are often empty or loop; among texts of the right kind they are good.
Hypotheses are ranked by log p(prefix) + log p(predicate | prefix).
"""

from __future__ import annotations

from dataclasses import dataclass

from guidedgen.decoders.search.beam import Beam, Hypothesis
from guidedgen.decoders.search.predicates import PREDICATES, Predicate


@dataclass(frozen=True, kw_only=True)
class ConditionalBeam(Beam):
    """Beam search among texts that satisfy a predicate.

    A predicate that is certain of finished texts is satisfied by every text that comes out. What a grammar can say, say
    by a constraint: that is exact and costs nothing.

    Args:
        predicate: the log of the probability that a text satisfies it, given a prefix; or its name in `PREDICATES`.
        candidates: continuations of each hypothesis that it judges, those with the largest probabilities.
        width: as of `Beam`, like the following.
        patience: when to stop.
        length_power: how lengths count.
        groups: of hypotheses.
        diversity: between groups.
        value: added besides.
        mix: MIX methods.

    Raises:
        ValueError: a number is out of its range, or no predicate has that name.
    """

    predicate: Predicate | str = "not-looping"
    candidates: int = 16

    def __post_init__(self) -> None:
        """Check name and numbers."""
        super().__post_init__()
        if isinstance(self.predicate, str) and self.predicate not in PREDICATES:
            raise ValueError(f"no predicate is called {self.predicate!r}. There are: {', '.join(sorted(PREDICATES))}")
        if self.candidates < 1:
            raise ValueError(f"candidates={self.candidates!r} must be at least 1")

    def judge(self, hypothesis: Hypothesis) -> float:
        """See `Beam.judge`."""
        predicate = PREDICATES[self.predicate] if isinstance(self.predicate, str) else self.predicate
        ended = hypothesis.finish is not None
        return super().judge(hypothesis) + predicate(hypothesis.tip, ended)

    def considered(self, width: int) -> int:
        """See `Beam.considered`."""
        return max(2, self.candidates) * width
