"""GGUF files that users bring: converted once into the cache, directly where possible, else through transformers."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from guidedgen.errors import ModelError
from guidedgen.models import gguf_llama
from guidedgen.models.cache_folder import build_once, cache_root, fingerprint
from guidedgen.models.progress import Progress, silent

_CONVERSION = 1  # raise it when the conversion writes something else


def folder(file: Path, progress: Progress = silent) -> Path:
    """The transformers folder made from a GGUF file.

    Raises:
        ModelError: the file cannot be read, or its architecture is not known.
    """
    file = file.resolve()
    source = f"{file}:{fingerprint(file)}:{file.stat().st_mtime_ns}/{_CONVERSION}"
    name = f"gguf-{file.stem}-{hashlib.sha256(source.encode()).hexdigest()[:12]}"
    return build_once(cache_root() / "models" / name, source, lambda part: _build(file, part, progress))


def _build(file: Path, part: Path, progress: Progress) -> None:
    try:
        gguf_llama.convert(file, part, progress)
    except gguf_llama.NotDirect:
        _through_library(file, part, progress)


def _through_library(file: Path, part: Path, progress: Progress) -> None:
    """The transformers library's own GGUF loading: slow, many architectures, needs the accelerate package."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    total = file.stat().st_size
    progress("convert", 0, total)
    options = {"gguf_file": file.name, "local_files_only": True}
    try:
        tokenizer = AutoTokenizer.from_pretrained(file.parent, **options)
        model = AutoModelForCausalLM.from_pretrained(file.parent, dtype=torch.float32, **options)
    except (OSError, ValueError, RuntimeError, KeyError, ImportError, NotImplementedError) as error:
        raise ModelError(
            f"transformers cannot read {file}: {error} Use the model in safetensors format instead."
        ) from error
    _forget_quantisation(model)
    tokenizer.save_pretrained(part)
    model.save_pretrained(part)
    progress("convert", total, total)


def _forget_quantisation(model: Any) -> None:
    """The values are float32 now, but the library still calls the model quantised and refuses to save it."""
    for holder, names in (
        (model, ("hf_quantizer", "quantization_method", "is_quantized")),
        (model.config, ("quantization_config",)),
    ):
        for name in names:
            if name in vars(holder):
                delattr(holder, name)
    model._weight_conversions = None
