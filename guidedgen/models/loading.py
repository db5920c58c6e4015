"""`load`: from a name, hub id, folder or GGUF file to a model that the sampler can drive.

Never touches torch's global settings; what the transformers library prints while loading is silenced for that time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch

from guidedgen.errors import ModelError, VocabularyError
from guidedgen.models import gguf_cache
from guidedgen.models.known import KNOWN
from guidedgen.models.precision import WEIGHTS, choose_device, choose_dtype
from guidedgen.models.progress import Progress, silent
from guidedgen.models.transformers_adapter import TransformersModel, logits_size
from guidedgen.vocabulary import Vocabulary

_log = logging.getLogger(__name__)
_STEPS = 3  # tokenizer, weights, self-test

T = TypeVar("T")


def load(
    name: str = "smollm2",
    *,
    device: str = "auto",
    dtype: str | torch.dtype = "auto",
    progress: Progress | None = None,
    revision: str | None = None,
    token: str | None = None,
    lean: bool = True,
    native: bool = True,
    kept: str = "model",
) -> TransformersModel:
    """Load a model with its tokenizer.

    Args:
        name: a known name (`KNOWN`), a folder in transformers format, a GGUF file, or a hub id such as "owner/model".
        device: "auto", "cpu", "cuda", ...
        dtype: "auto" (see `precision`), "float32", "bfloat16", "float16", a torch dtype; "int8" or "int4" keep weights
            in so many bits (Llama, Mistral, Qwen2 and Qwen3 on a CPU), which changes the model a little.
        progress: told about download, conversion and load.
        revision: branch, tag or commit of a hub id.
        token: access token for a hub id; default: the one that the hub client has stored.
        lean: whether guidedgen's own forwards may replace the library's where they apply.
        native: whether the compiled one of them may, or on a GPU the one that is recorded as CUDA graphs.
        kept: format of keys and values, "model" (its own) or "int8" (the compiled forward on a CPU alone).

    Raises:
        ModelError: the model cannot be found, read or run; says what to do.
    """
    report = progress or silent
    where = choose_device(device)
    weights = str(dtype) if dtype in WEIGHTS else "dense"
    number_format = "auto" if weights != "dense" else choose_dtype(dtype, where)  # the file's own is rounded best
    source, local = _source(name, report)
    options = {"revision": revision, "token": token, "local_files_only": local, "trust_remote_code": False}
    report("load", 0, _STEPS)
    with quiet_library():
        tokenizer = _from_library(name, "tokenizer", lambda: _tokenizer(source, options))
        report("load", 1, _STEPS)
        model = _from_library(name, "model", lambda: _weights(source, options, number_format, where))
        report("load", 2, _STEPS)
        vocabulary = _vocabulary(name, tokenizer, model)
        wrapped = TransformersModel.wrap(
            model, tokenizer, vocabulary, name=name, lean=lean, native=native, weights=weights, kept=kept
        )
    report("load", _STEPS, _STEPS)
    if wrapped.info.reason:
        _log.warning("%s: %s", name, wrapped.info.reason)
    return wrapped


def load_parts(name: str, dtype: torch.dtype) -> tuple[Any, Any, Vocabulary]:
    """The transformers model on the CPU, its tokenizer and vocabulary, for those who train. Raises what `load` does."""
    source, local = _source(name, silent)
    options = {"revision": None, "token": None, "local_files_only": local, "trust_remote_code": False}
    with quiet_library():
        tokenizer = _from_library(name, "tokenizer", lambda: _tokenizer(source, options))
        model = _from_library(name, "model", lambda: _weights(source, options, dtype, torch.device("cpu")))
        return model, tokenizer, _vocabulary(name, tokenizer, model)


def _source(name: str, progress: Progress) -> tuple[str, bool]:
    """What transformers should load, and whether it is local."""
    if name in KNOWN:
        return str(KNOWN[name].folder(progress)), True
    path = Path(name).expanduser()
    if path.is_file():
        if path.suffix != ".gguf":
            raise ModelError(f"{name} is a file, and only GGUF files can be loaded. Give the model's folder.")
        return str(gguf_cache.folder(path, progress)), True
    if path.is_dir():
        if not (path / "config.json").exists():
            raise ModelError(f"{name} has no config.json. Give a folder written by save_pretrained, or a GGUF file.")
        return str(path), True
    if path.is_absolute() or name.startswith((".", "~")) or name.count("/") != 1:
        known = ", ".join(KNOWN)
        raise ModelError(f"{name!r} is no file, folder or hub id. Known names: {known}. Hub ids look like owner/model.")
    return name, False


def _from_library(name: str, part: str, action: Callable[[], T]) -> T:
    """Run a step of the library's loading and turn its errors into ours."""
    try:
        return action()
    except ModelError:
        raise
    except Exception as error:  # readers of damaged files raise whatever they like
        first = (str(error).strip() or repr(error)).splitlines()[0]
        raise ModelError(f"cannot load the {part} of {name}: {first} {_remedy(error)}") from error


def _remedy(error: BaseException) -> str:
    text = str(error).lower()
    if isinstance(error, ImportError):
        return "Install the missing package."
    if "gated" in text or "401" in text or "403" in text:
        return "Accept its licence on the hub and pass token=..., or run: hf auth login"
    if "connect" in text or "offline" in text or "couldn't" in text or "resolve" in text:
        return "Check the network and the id, or download the model elsewhere and pass its folder."
    return "Check that the folder holds a complete causal language model with a tokenizer."


def _tokenizer(source: str, options: dict[str, Any]) -> Any:
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(source, **options)
    # A prompt that is too long gets our error, with its remedy, and not a warning before it.
    getattr(tokenizer, "deprecation_warnings", {})["sequence-length-is-longer-than-the-specified-maximum"] = True
    return tokenizer


def _weights(source: str, options: dict[str, Any], dtype: torch.dtype | str, device: torch.device) -> Any:
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(source, dtype=dtype, **options)
    return model.to(device)


def _vocabulary(name: str, tokenizer: Any, model: Any) -> Vocabulary:
    width = logits_size(model)
    if len(tokenizer) > width:
        raise ModelError(
            f"{name}: the tokenizer has {len(tokenizer)} tokens and the model only {width} logits: they do not belong "
            "together. Load the tokenizer that the model was trained with."
        )
    try:
        return Vocabulary.from_tokenizer(tokenizer, size=width, eos=_end_tokens(tokenizer, model, width))
    except VocabularyError as error:
        raise ModelError(f"{name}: its tokenizer cannot be used: {error}") from error


def _end_tokens(tokenizer: Any, model: Any, width: int) -> list[int] | None:
    """End tokens of generation config, model config and tokenizer together; None where nothing names any."""
    found: set[int] = set()
    for holder in (model.generation_config, model.config.get_text_config(), tokenizer):
        value = getattr(holder, "eos_token_id", None)
        found.update([value] if isinstance(value, int) else value or [])
    return sorted(number for number in found if 0 <= number < width) or None


@contextmanager
def quiet_library() -> Iterator[None]:
    """Keep the transformers library from drawing its own bars and advice; restores what was set before."""
    from transformers.utils import logging as library_logging

    library: Any = library_logging
    bars, level = library.is_progress_bar_enabled(), library.get_verbosity()
    library.disable_progress_bar()
    library.set_verbosity_error()
    try:
        yield
    finally:
        library.set_verbosity(level)
        if bars:
            library.enable_progress_bar()
