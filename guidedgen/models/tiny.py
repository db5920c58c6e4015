"""Tiny random-weight models of the families that users load: for tests, in milliseconds and without downloads.

Weights are large enough for attention to matter: with the small default initialisation a wrong mask would hide
in the rounding.
"""

from __future__ import annotations

from typing import Any

import torch

from guidedgen.models.transformers_adapter import TransformersModel
from guidedgen.vocabulary import Vocabulary

VOCABULARY_SIZE = 48
WINDOW = 8  # of the families with a sliding window

_SHAPE: dict[str, Any] = {
    "vocab_size": VOCABULARY_SIZE,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 256,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
_WINDOWED = {"sliding_window": WINDOW, "layer_types": ["sliding_attention", "full_attention"]}
_EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}

FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("LlamaForCausalLM", {}),
    "llama_bias": ("LlamaForCausalLM", {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
    "llama3_rope": (
        "LlamaForCausalLM",
        {
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 1000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 32,
            }
        },
    ),
    "qwen2": ("Qwen2ForCausalLM", {}),
    "qwen3": ("Qwen3ForCausalLM", {}),
    "qwen3_window": ("Qwen3ForCausalLM", {**_WINDOWED, "use_sliding_window": True, "attention_bias": True}),
    "gemma2": ("Gemma2ForCausalLM", _WINDOWED),
    "gemma3": ("Gemma3ForCausalLM", _WINDOWED),
    "phi3": ("Phi3ForCausalLM", {"sliding_window": WINDOW}),
    "mistral": ("MistralForCausalLM", {"sliding_window": WINDOW}),
    "mixtral": ("MixtralForCausalLM", {"sliding_window": WINDOW, **_EXPERTS}),
    "gpt_oss": (
        "GptOssForCausalLM",
        {**_WINDOWED, **_EXPERTS, "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}},
    ),
    "gpt2": ("GPT2LMHeadModel", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256}),
    "gpt_neox": ("GPTNeoXForCausalLM", {}),
}
"""Families that take flat rows: class of the transformers library, and settings over the common ones."""

OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "mamba": ("MambaForCausalLM", {"state_size": 4, "conv_kernel": 4, "expand": 2, "time_step_rank": 4}),
    "bloom": ("BloomForCausalLM", {"n_layer": 2, "n_head": 4}),
}
"""Families that do not: recurrent layers, attention code of their own."""


def library_model(family: str, *, dtype: torch.dtype = torch.float32, seed: int = 0, layers: int = 2) -> Any:
    """A random transformers model of a family in `FAMILIES` or `OTHERS`."""
    import transformers

    class_name, settings = {**FAMILIES, **OTHERS}[family]
    model_class = getattr(transformers, class_name)
    config = model_class.config_class(**_deep({**_SHAPE, **settings}, layers))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = model_class(config)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(torch.randn_like(parameter) * (0.3 if parameter.dim() > 1 else 0.1) + (parameter == 1))
    return model.eval().to(dtype)


def _deep(settings: dict[str, Any], layers: int) -> dict[str, Any]:
    """Settings for a number of layers; where they differ in kind, the kinds alternate."""
    own: dict[str, Any] = {name: layers for name in ("num_hidden_layers", "n_layer") if name in settings}
    kinds = settings.get("layer_types")
    if kinds:
        own["layer_types"] = [kinds[number % len(kinds)] for number in range(layers)]
    return {**settings, **own}


def load(
    family: str,
    *,
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
    lean: bool = True,
    native: bool = True,
    layers: int = 2,
) -> TransformersModel:
    """A random model of a family, wrapped as `load` does; its tokens are single bytes, token 2 ends a text."""
    tokens = [b"" if number < 3 else bytes([number + 61]) for number in range(VOCABULARY_SIZE)]
    vocabulary = Vocabulary.from_tokens(tokens, eos=(2,))
    return TransformersModel.wrap(
        library_model(family, dtype=dtype, seed=seed, layers=layers),
        None,
        vocabulary,
        name=f"tiny {family}",
        lean=lean,
        native=native,
    )
