"""A tiny model with heads of 64 numbers, the widths that have kernels of their own."""

from __future__ import annotations

from typing import Any

import torch

from guidedgen.models import tiny


def wide_model(dtype: torch.dtype = torch.float32) -> Any:
    """Heads of 64 numbers, as real models have, and three of them to a key head."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=tiny.VOCABULARY_SIZE,
        hidden_size=96,
        intermediate_size=160,
        num_hidden_layers=2,
        num_attention_heads=6,
        num_key_value_heads=2,
        head_dim=64,
        max_position_embeddings=4096,
    )
    torch.manual_seed(0)
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.copy_(torch.randn_like(parameter) / 8)
    return model.eval().to(dtype)
