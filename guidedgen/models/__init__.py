"""Language models: the protocol that the sampler drives, loading, and the embedded model."""

from __future__ import annotations

from guidedgen.models.base import LanguageModel, LayeredModel, LayerPlan, ModelInfo, Reading, Rows, Segment, Store
from guidedgen.models.known import KNOWN, KnownModel
from guidedgen.models.loading import load
from guidedgen.models.progress import Progress, Stage
from guidedgen.models.transformers_adapter import TransformersModel

__all__ = [
    "KNOWN",
    "KnownModel",
    "LanguageModel",
    "LayerPlan",
    "LayeredModel",
    "ModelInfo",
    "Progress",
    "Reading",
    "Rows",
    "Segment",
    "Stage",
    "Store",
    "TransformersModel",
    "load",
]
