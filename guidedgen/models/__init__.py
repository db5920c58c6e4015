"""Language models: the protocol that the sampler drives, loading, and the embedded model."""

from __future__ import annotations

from guidedgen.models.base import LanguageModel, ModelInfo, Rows, Segment, Store
from guidedgen.models.known import KNOWN, KnownModel
from guidedgen.models.loading import load
from guidedgen.models.progress import Progress, Stage
from guidedgen.models.transformers_adapter import TransformersModel

__all__ = [
    "KNOWN",
    "KnownModel",
    "LanguageModel",
    "ModelInfo",
    "Progress",
    "Rows",
    "Segment",
    "Stage",
    "Store",
    "TransformersModel",
    "load",
]
