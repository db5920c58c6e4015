"""Self-contrast of a mixture of experts: its usual routes against those through one expert of a lower rank."""

from __future__ import annotations

from dataclasses import dataclass

from guidedgen.decoders.base import LogitsSource
from guidedgen.decoders.mix.contrast import Contrast, ContrastPhase, check_contrast
from guidedgen.models.routes import rerouted


@dataclass(frozen=True, kw_only=True)
class RouteContrast:
    """Subtract what the same model says through weaker experts.

    Shi et al. 2024, "Unchosen Experts Can Contribute Too" (SCMoE): (1 + beta) log p - beta log p_k, where in p_k each
    token goes to the k-th ranked expert of each layer alone; among tokens with at least `plausible` times the
    probability of the best allowed one. Both routes share the weights; the weak one has a cache of its own.

    Args:
        rank: of the expert of the weak route; 2 is best in the paper (1 is the favourite).
        strength: beta; 0.5 in the paper, 0 to 1 are usual. 0 changes nothing but the cut.
        plausible: alpha; 0.1 in the paper.
        temperature: of the weak route; 1 in the paper.

    Raises:
        ValueError: a number is out of its range.
    """

    rank: int = 2
    strength: float = 0.5
    plausible: float = 0.1
    temperature: float = 1.0

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.rank < 1:
            raise ValueError(f"rank={self.rank!r} must be at least 1")
        check_contrast(self.strength, self.plausible, self.temperature)

    def open(self, sampler: LogitsSource) -> ContrastPhase:
        """See `MixMethod.open`. Raises ModelError where the model has no experts that can be chosen by rank."""
        amateur = rerouted(sampler.model, self.rank)
        settings = Contrast(
            amateur=amateur, strength=self.strength, plausible=self.plausible, temperature=self.temperature
        )
        return settings.open(sampler)
