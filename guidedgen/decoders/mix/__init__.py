"""MIX methods: what combines the model's logits with something else before penalties and the mask; one a file."""

from guidedgen.decoders.mix.attribute import BayesAttribute
from guidedgen.decoders.mix.base import Mix, MixMethod, Phase, Phases
from guidedgen.decoders.mix.contrast import Contrast
from guidedgen.decoders.mix.ending import EndingFloor, EndingPenalty
from guidedgen.decoders.mix.fusion import LayerFusion
from guidedgen.decoders.mix.interpolation import WithNGrams
from guidedgen.decoders.mix.layers import LayerContrast, LayerCorrection
from guidedgen.decoders.mix.ngrams import AgainstRepetition, Momentum
from guidedgen.decoders.mix.prompted import Integrative, NoisyInstruction, SafetyMix
from guidedgen.decoders.mix.routes import RouteContrast
from guidedgen.decoders.mix.similarity import ContrastiveSearch

__all__ = [
    "AgainstRepetition",
    "BayesAttribute",
    "Contrast",
    "ContrastiveSearch",
    "EndingFloor",
    "EndingPenalty",
    "Integrative",
    "LayerContrast",
    "LayerCorrection",
    "LayerFusion",
    "Mix",
    "MixMethod",
    "Momentum",
    "NoisyInstruction",
    "Phase",
    "Phases",
    "RouteContrast",
    "SafetyMix",
    "WithNGrams",
]
