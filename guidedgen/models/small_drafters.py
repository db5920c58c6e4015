"""Models that draft for a model: small ones that were trained for it, and the model itself with weights of few bits.

A trained drafter is a folder in transformers format in the user's cache. It has the model's own vocabulary, and is
found by the model's name and vocabulary, so that every number format of a model shares one.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch

from guidedgen.errors import ModelError
from guidedgen.models.base import LanguageModel
from guidedgen.models.cache_folder import MANIFEST, cache_root
from guidedgen.models.loading import load, quiet_library
from guidedgen.models.precision import WEIGHTS, choose_dtype
from guidedgen.models.transformers_adapter import TransformersModel

_FEW_BITS = "few bits "

_loaded: WeakKeyDictionary[LanguageModel, dict[tuple[str, int], TransformersModel]] = WeakKeyDictionary()
"""By the model that is drafted for, as long as that lives."""


def drafter_folder(model: LanguageModel) -> Path:
    """Where the drafter of a model is kept, whether or not there is one."""
    what = f"{Path(model.info.name).name} {model.info.logits_size} {model.vocabulary.fingerprint}"
    return cache_root() / "drafters" / hashlib.sha256(what.encode()).hexdigest()[:24]


def load_drafter(model: LanguageModel, *, weights: str = "dense") -> TransformersModel:
    """The drafter of a model; loaded once, and again after it was trained again.

    Args:
        model: what it was trained for.
        weights: "dense" for the model's own format, or "int8" or "int4" on a CPU.

    Raises:
        ModelError: none was trained, or it cannot be loaded.
    """
    folder = drafter_folder(model)
    manifest = folder / MANIFEST
    if not manifest.exists():
        raise ModelError(
            f"no drafter was trained for {model.info.name}. Run: guidedgen models train-drafter {model.info.name}"
        )
    known = _loaded.setdefault(model, {})
    key = weights, manifest.stat().st_mtime_ns
    if key not in known:
        known[key] = _load(folder, model, weights)
    return known[key]


def drafter_in_memory(model: LanguageModel) -> LanguageModel | None:
    """The drafter of a model where it was loaded before."""
    return _in_memory(model, "dense")


def few_bits_in_memory(model: LanguageModel, weights: str) -> LanguageModel | None:
    """The model with weights of few bits, where it was loaded before."""
    return _in_memory(model, _FEW_BITS + weights)


def _in_memory(model: LanguageModel, kind: str) -> LanguageModel | None:
    return next((other for (own, _), other in _loaded.get(model, {}).items() if own == kind), None)


def load_few_bits(model: LanguageModel, weights: str) -> LanguageModel:
    """The same model with weights of few bits; loaded once.

    Args:
        model: one that `load` made.
        weights: "int8" or "int4".

    Raises:
        ModelError: it cannot be loaded in that format, or is in few bits itself.
    """
    if model.info.dtype in WEIGHTS:
        raise ModelError(
            f"{model.info.name} is in {model.info.dtype} already. Load it with dtype='auto' to draft for it."
        )
    known = _loaded.setdefault(model, {})
    key = _FEW_BITS + weights, 0
    if key not in known:
        known[key] = load(model.info.name, device=model.info.device, dtype=weights)
    return known[key]


def _load(folder: Path, model: LanguageModel, weights: str) -> TransformersModel:
    from transformers import AutoModelForCausalLM

    device = torch.device(model.info.device)
    try:
        with quiet_library():
            module: Any = AutoModelForCausalLM.from_pretrained(
                str(folder), dtype=choose_dtype("auto", device), local_files_only=True
            )
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"the drafter in {folder} cannot be loaded: {error}. "
            f"Train it again: guidedgen models train-drafter {model.info.name}"
        ) from error
    name = f"{model.info.name} drafter"
    return TransformersModel.wrap(module.to(device), None, model.vocabulary, name=name, weights=weights)
