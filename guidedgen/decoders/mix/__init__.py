"""MIX methods: what combines the model's logits with something else before penalties and the mask; one a file."""

from guidedgen.decoders.mix.base import Mix, MixMethod, Phase, Phases
from guidedgen.decoders.mix.contrast import Contrast

__all__ = ["Contrast", "Mix", "MixMethod", "Phase", "Phases"]
