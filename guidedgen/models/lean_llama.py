"""A lean forward for Llama-shaped models: fused matrices, one attention plan for all layers, no glue in between.

Weights come from the transformers model, and the load-time self-test compares the two. Shapes: R rows, H heads, KV
key/value heads, D head dimension. Llama architecture (Touvron et al. 2023; RoPE: Su et al. 2021, RMSNorm: Zhang 2019),
and what Mistral (Jiang et al. 2023: sliding windows), Qwen2 (Yang et al. 2024: biases, windows in some layers) and
Qwen3 (Yang et al. 2025: norms of each head's queries and keys) change about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

from guidedgen.models.attention import AttentionPlan
from guidedgen.models.base import Reading, Rows
from guidedgen.models.layer_walk import LayerWalk
from guidedgen.models.linear import HEAD_FORMATS, ROUNDED, Linear, fused
from guidedgen.models.store import LayerShape, SlotStore


@dataclass(frozen=True, kw_only=True)
class Layer:
    """The matrices and norms of one layer, and how many positions its rows see, their own among them; None is all."""

    attention_norm: torch.Tensor
    query_key_value: Linear
    output: Linear
    mlp_norm: torch.Tensor
    gate_up: Linear
    down: Linear
    query_norm: torch.Tensor | None  # [D], of each head before it is rotated
    key_norm: torch.Tensor | None
    window: int | None


class RotaryTable:
    """Cosines and signed sines by position, filled on demand with the library's own frequencies.

    Only for rotary types whose frequencies do not depend on the length of the text.
    """

    def __init__(self, rotary: Any, *, dtype: torch.dtype, device: torch.device) -> None:
        self._rotary = rotary
        self._sample = torch.zeros(1, dtype=dtype, device=device)
        self._cosines = self._sines = torch.zeros(0)
        self._length = 0

    def at(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(cos, sin with the first half negated), each [R, 1, D]."""
        highest = int(positions.max())
        if highest >= self._length:
            self._fill(max(1024, 2 * self._length, highest + 1))
        return self._cosines[positions], self._sines[positions]

    def _fill(self, length: int) -> None:
        positions = torch.arange(length, device=self._sample.device)[None]
        cosines, sines = self._rotary(self._sample, positions)
        half = cosines.shape[-1] // 2
        signed = torch.cat((-sines[0, :, :half], sines[0, :, half:]), -1)
        self._cosines, self._sines = cosines[0, :, None], signed[:, None]
        self._length = length


class Attention(Protocol):
    """Keeps keys and values of a layer's rows and lets the rows attend; see `AttentionPlan.attend`."""

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        *,
        scale: float,
        window: int | None = None,
    ) -> torch.Tensor:
        """[R, H, D] of queries [R, H, D], keys [R, KV, D], rotated already, and values [R, KV, D]."""


_FAMILIES = ("LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM")
_SLIDING = "sliding_attention"


def windows_of(model: Any) -> list[int | None]:
    """By layer of a model that `LeanLlama` accepts, how many positions a row sees; None is all."""
    config = model.config
    window: int | None = getattr(config, "sliding_window", None)  # None also where the configuration says not to use it
    kinds = getattr(config, "layer_types", None) or [_SLIDING] * int(config.num_hidden_layers)
    return [window if kind == _SLIDING else None for kind in kinds]


class LeanLlama:
    """A `Backend` for Llama, Mistral, Qwen2 and Qwen3 (`accepts` says which).

    Args:
        model: the transformers model; its embedding and head are shared, the other matrices are copied.
        weights: format of the matrices, a name in `linear.FORMATS`.
        dtype: of everything else, keys and values among it; default: the model's.
    """

    watches = True
    selects = True
    sublayers = True

    def __init__(self, model: Any, *, weights: str = "dense", dtype: torch.dtype | None = None) -> None:
        config = model.config
        self._heads = int(config.num_attention_heads)
        self._kv_heads = int(config.num_key_value_heads)
        base = model.model
        self._embedding: torch.Tensor = base.embed_tokens.weight.detach().to(dtype or model.dtype)
        self._dtype, self._device = self._embedding.dtype, self._embedding.device
        self._dim = int(base.layers[0].self_attn.head_dim)
        self._scale = float(base.layers[0].self_attn.scaling)
        self._eps = float(config.rms_norm_eps)
        self.rotary = RotaryTable(base.rotary_emb, dtype=self._dtype, device=self._device)
        windows = windows_of(model)
        self._layers: list[Layer] = [
            _layer(module, weights, self._dtype, window) for module, window in zip(base.layers, windows, strict=True)
        ]
        self._norm: torch.Tensor = base.norm.weight.detach().to(self._dtype)
        self._head = fused(HEAD_FORMATS[weights], [model.lm_head.weight.detach()], [None])

    @staticmethod
    def accepts(model: Any) -> bool:
        """Whether this forward computes what `model` does."""
        config = model.config
        return (
            type(model).__name__ in _FAMILIES
            and config.hidden_act == "silu"
            and config.rope_parameters["rope_type"] in ("default", "linear", "llama3", "yarn")
            and set(getattr(config, "layer_types", None) or ()) <= {"full_attention", _SLIDING}
            and model.lm_head.bias is None
        )

    def new_store(self, capacity: int) -> SlotStore:
        """An empty store with `capacity` slots."""
        shape = LayerShape(heads=self._kv_heads, key_dim=self._dim, value_dim=self._dim)
        shapes = (shape,) * len(self._layers)
        return SlotStore(shapes, capacity=capacity, dtype=self._dtype, device=self._device)

    @property
    def layers(self) -> int:
        """Number of layers."""
        return len(self._layers)

    @property
    def groups(self) -> int:
        """Query heads for each key head."""
        return self._heads // self._kv_heads

    def matrices(self) -> tuple[list[Layer], Linear]:
        """What the layers and the head multiply with."""
        return self._layers, self._head

    def forward(self, rows: Rows, store: SlotStore) -> torch.Tensor:
        """Logits of the wanted rows, [W, logits_size] in the model's dtype."""
        return self.read(rows, store).logits

    @torch.inference_mode()
    def read(self, rows: Rows, store: SlotStore) -> Reading:
        """Logits of the wanted rows, [W, logits_size] in the model's dtype, and what is tapped."""
        walk = LayerWalk(rows, len(self._layers))
        plan = AttentionPlan(rows, store, dtype=self._dtype)
        cosines, sines = self.rotary.at(rows.positions)
        hidden = walk.enter(F.embedding(rows.tokens, self._embedding))  # [R, E]
        for index in walk.layers:
            if walk.attends(index):
                hidden = hidden + self._attention(index, self._layers[index], hidden, plan, cosines, sines)
            if walk.feeds(index):
                hidden = hidden + self._mlp(self._layers[index], hidden)
            walk.after(index, hidden)
        final = hidden if rows.wanted.shape[0] == hidden.shape[0] else hidden[rows.wanted]
        return Reading(logits=self.head(final), hidden=walk.hidden)

    def step(
        self, tokens: torch.Tensor, attention: Attention, cosines: torch.Tensor, sines: torch.Tensor
    ) -> torch.Tensor:
        """Logits of all rows [R, logits_size] through all layers, where attention is somebody else's.

        Nothing here depends on the values of its inputs, only on their shapes, so it may be recorded and replayed.

        Args:
            tokens: [R].
            attention: called once a layer, in their order.
            cosines: `rotary.at` of the rows' positions.
            sines: the same.
        """
        hidden = F.embedding(tokens, self._embedding)
        for index in range(len(self._layers)):
            layer = self._layers[index]
            hidden = hidden + self._attention(index, layer, hidden, attention, cosines, sines)
            hidden = hidden + self._mlp(layer, hidden)
        return self.head(hidden)

    @torch.inference_mode()
    def embed(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """What enters the first layer, [R, E]; positions do not matter here."""
        return F.embedding(tokens, self._embedding)

    @torch.inference_mode()
    def head(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits of hidden states [R, E], in the model's dtype."""
        return self._head(F.rms_norm(hidden, self._norm.shape, self._norm, self._eps))

    def _attention(
        self,
        index: int,
        layer: Layer,
        hidden: torch.Tensor,
        attention: Attention,
        cosines: torch.Tensor,
        sines: torch.Tensor,
    ) -> torch.Tensor:
        count = hidden.shape[0]
        normed = F.rms_norm(hidden, layer.attention_norm.shape, layer.attention_norm, self._eps)
        projected = layer.query_key_value(normed).view(count, -1, self._dim)  # [R, H + 2 KV, D]
        turning = self._normed(projected[:, : self._heads + self._kv_heads], layer)
        turned = torch.addcmul(turning * cosines, turning.roll(self._dim // 2, -1), sines)
        query, key = turned[:, : self._heads], turned[:, self._heads :]
        value = projected[:, self._heads + self._kv_heads :]
        mixed = attention.attend(index, query, key, value, scale=self._scale, window=layer.window)  # [R, H, D]
        return layer.output(mixed.reshape(count, -1))

    def _normed(self, heads: torch.Tensor, layer: Layer) -> torch.Tensor:
        """Queries and keys [R, H + KV, D], each head normed where the family does that."""
        if layer.query_norm is None or layer.key_norm is None:
            return heads
        query = F.rms_norm(heads[:, : self._heads], layer.query_norm.shape, layer.query_norm, self._eps)
        key = F.rms_norm(heads[:, self._heads :], layer.key_norm.shape, layer.key_norm, self._eps)
        return torch.cat((query, key), 1)

    def _mlp(self, layer: Layer, hidden: torch.Tensor) -> torch.Tensor:
        normed = F.rms_norm(hidden, layer.mlp_norm.shape, layer.mlp_norm, self._eps)
        gate, up = layer.gate_up(normed).chunk(2, -1)
        return layer.down(F.silu(gate) * up)


def _layer(module: Any, weights: str, dtype: torch.dtype, window: int | None) -> Layer:
    attention, mlp = module.self_attn, module.mlp
    norms = [getattr(attention, name, None) for name in ("q_norm", "k_norm")]
    query_norm, key_norm = (None if norm is None else norm.weight.detach().to(dtype) for norm in norms)
    return Layer(
        attention_norm=module.input_layernorm.weight.detach().to(dtype),
        query_key_value=_fused(weights, attention.q_proj, attention.k_proj, attention.v_proj),
        output=_fused(weights, attention.o_proj),
        mlp_norm=module.post_attention_layernorm.weight.detach().to(dtype),
        gate_up=_fused(weights, mlp.gate_proj, mlp.up_proj),
        down=_fused(weights, mlp.down_proj),
        query_norm=query_norm,
        key_norm=key_norm,
        window=window,
    )


def _fused(weights: str, *modules: Any) -> Linear:
    matrices = [module.weight.detach() for module in modules]
    biases = [None if module.bias is None else module.bias.detach() for module in modules]
    return fused(weights, matrices, biases)


def round_weights(model: Any, weights: str) -> None:
    """Give a transformers model the values that `LeanLlama(model, weights=...)` computes with, for comparisons.

    The embedding keeps its own, also where the head shares its tensor.
    """
    head = ROUNDED[HEAD_FORMATS[weights]](model.lm_head.weight.detach())
    for layer in model.model.layers:
        for module in layer.modules():
            if isinstance(module, torch.nn.Linear):
                module.weight.data = ROUNDED[weights](module.weight.detach())
    model.lm_head.weight = torch.nn.Parameter(head, requires_grad=False)
