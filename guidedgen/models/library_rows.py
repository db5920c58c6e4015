"""Flat rows through the transformers library's own modules: its layers, our attention.

The function is registered with the library's `AttentionInterface`; the running forward's plan reaches it through a
thread-local, because not every family hands keyword arguments down to its attention. Layers are stepped over, entered
and tapped by a function around each layer's own forward; the self-test at load shows whether a family allows it.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from guidedgen.models.attention import AttentionPlan
from guidedgen.models.base import LayerPlan, Reading, Rows
from guidedgen.models.layer_walk import LayerWalk
from guidedgen.models.routes import routers_of
from guidedgen.models.store import LayerShape, SlotStore

ATTENTION = "guidedgen"  # name of our function in the library's registry


@dataclass
class _Probe:
    """Stands in for a plan in the first forward: notes what each layer keeps and passes, computes nothing."""

    shapes: dict[int, LayerShape] = field(default_factory=dict)
    windows: dict[int, int | None] = field(default_factory=dict)


_running = threading.local()


@contextmanager
def _forward_with(plan: AttentionPlan | _Probe | None, walk: LayerWalk | None = None) -> Iterator[None]:
    _running.plan, _running.walk = plan, walk
    try:
        yield
    finally:
        del _running.plan, _running.walk


def _steer(layer: Any, number: int) -> None:
    """Let a decoder layer of the library follow the running forward's `LayerWalk`."""
    own = layer.forward

    def forward(hidden: torch.Tensor, *arguments: Any, **names: Any) -> Any:  # hidden: [1, R, E]
        walk: LayerWalk | None = getattr(_running, "walk", None)
        if walk is None:
            return own(hidden, *arguments, **names)
        if number == 0:
            hidden = walk.enter(hidden[0])[None]
        if walk.runs(number):
            hidden = own(hidden, *arguments, **names)
            walk.after(number, hidden[0])
        return hidden

    layer.forward = forward


def _decoder_layers(model: Any, count: int) -> list[Any]:
    """The decoder layers, each with its attention inside; empty where they are not one list of modules."""
    for module in model.modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == count:
            numbers = [{getattr(part, "layer_idx", None) for part in layer.modules()} - {None} for layer in module]
            if numbers == [{number} for number in range(count)]:
                return list(module)
    return []


def _attention(
    module: Any,
    query: torch.Tensor,  # [1, H, R, D]
    key: torch.Tensor,  # [1, KV, R, D]
    value: torch.Tensor,  # [1, KV, R, Dv]
    attention_mask: torch.Tensor | None = None,
    *,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: torch.Tensor | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    plan: AttentionPlan | _Probe = _running.plan
    layer = int(module.layer_idx)
    if isinstance(plan, _Probe):
        plan.shapes[layer] = LayerShape(heads=key.shape[1], key_dim=key.shape[3], value_dim=value.shape[3])
        plan.windows[layer] = sliding_window
        return query.new_zeros(1, query.shape[2], query.shape[1], value.shape[3]), None
    output = plan.attend(
        layer,
        query[0].transpose(0, 1).contiguous(),
        key[0].transpose(0, 1),
        value[0].transpose(0, 1),
        scale=query.shape[-1] ** -0.5 if scaling is None else scaling,
        window=sliding_window,
        softcap=softcap,
        sinks=s_aux,
    )
    return output[None], None


def register() -> None:
    """Make our attention function known to the library; harmless when repeated."""
    from transformers import AttentionInterface

    AttentionInterface.register(ATTENTION, _attention)


class LibraryRows:
    """A `Backend` over a transformers model.

    Args:
        model: a causal language model of the library; its attention implementation is set to ours.

    Raises:
        ValueError: why this model cannot take flat rows.
    """

    watches = True
    selects = True

    def __init__(self, model: Any) -> None:
        register()
        self._model = model
        model.set_attn_implementation(ATTENTION)
        self._keeps = "logits_to_keep" in inspect.signature(model.forward).parameters
        self._dtype, self._device = model.dtype, model.device
        probe = _Probe()
        with _forward_with(probe), torch.inference_mode():
            token = torch.zeros(1, 1, dtype=torch.int64, device=self._device)
            model(input_ids=token, position_ids=token, use_cache=False)
        self._shapes = _layer_shapes(model.config.get_text_config(), probe)
        self._decoder_layers = _decoder_layers(model, len(self._shapes))
        for number, layer in enumerate(self._decoder_layers):
            _steer(layer, number)

    @property
    def layers(self) -> int:
        """Number of layers that plans and taps can name; 0 where they were not found."""
        return len(self._decoder_layers)

    def routers(self) -> list[Any]:
        """Its routers to experts, where it has any that `routes` knows."""
        return routers_of(self._model)

    def new_store(self, capacity: int) -> SlotStore:
        """An empty store with `capacity` slots."""
        return SlotStore(self._shapes, capacity=capacity, dtype=self._dtype, device=self._device)

    def forward(self, rows: Rows, store: SlotStore) -> torch.Tensor:
        """Logits of the wanted rows, [W, logits_size] in the model's dtype."""
        return self.read(rows, store).logits

    @torch.inference_mode()
    def read(self, rows: Rows, store: SlotStore) -> Reading:
        """Logits of the wanted rows, [W, logits_size] in the model's dtype, and what is tapped."""
        walk = LayerWalk(rows, self.layers) if rows.layered else None
        logits = self._run(
            rows.tokens, rows.positions, rows.wanted, AttentionPlan(rows, store, dtype=self._dtype), walk
        )
        return Reading(logits=logits, hidden={} if walk is None else walk.hidden)

    @torch.inference_mode()
    def embed(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """What enters the first layer, [R, E], scaled and with positions as the family does."""
        rows = _detached(tokens, positions, None)
        walk = _Entrance(rows, self.layers)
        self._run(tokens, positions, rows.wanted, None, walk)
        assert walk.seen is not None
        return walk.seen

    @torch.inference_mode()
    def head(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits of hidden states [R, E], in the model's dtype: a forward in which no layer runs."""
        none = torch.zeros(hidden.shape[0], dtype=torch.int64, device=self._device)
        rows = _detached(none, none, hidden)
        return self._run(none, none, rows.wanted, None, LayerWalk(rows, self.layers))

    def _run(
        self,
        tokens: torch.Tensor,
        positions: torch.Tensor,
        wanted: torch.Tensor,
        plan: AttentionPlan | None,
        walk: LayerWalk | None,
    ) -> torch.Tensor:
        extra = {"logits_to_keep": wanted} if self._keeps else {}
        with _forward_with(plan, walk):
            output = self._model(input_ids=tokens[None], position_ids=positions[None], use_cache=False, **extra)
        logits: torch.Tensor = output.logits[0]
        return logits if self._keeps else logits[wanted]


class _Entrance(LayerWalk):
    """A walk in which no layer runs, that keeps what would have entered the first."""

    seen: torch.Tensor | None = None

    def runs(self, layer: int) -> bool:
        """No layer does."""
        return False

    def enter(self, hidden: torch.Tensor) -> torch.Tensor:
        """Note what enters, [R, E]."""
        self.seen = hidden.clone()
        return hidden


def _detached(tokens: torch.Tensor, positions: torch.Tensor, hidden: torch.Tensor | None) -> Rows:
    """Rows that see nothing and pass no layer."""
    wanted = torch.arange(tokens.shape[0], device=tokens.device)
    plan = LayerPlan(layers=())
    return Rows(
        tokens=tokens, positions=positions, slots=wanted, segments=(), wanted=wanted, plan=plan, embeddings=hidden
    )


def _layer_shapes(config: Any, probe: _Probe) -> tuple[LayerShape, ...]:
    """What each layer keeps; refuses models whose layers do not all go through our function as configured."""
    count = int(config.num_hidden_layers)
    if sorted(probe.shapes) != list(range(count)):
        raise ValueError(f"only layers {sorted(probe.shapes)} of {count} use the library's attention interface")
    kinds = list(getattr(config, "layer_types", None) or [])
    unknown = {kind for kind in kinds if kind not in ("full_attention", "sliding_attention")}
    if unknown:
        raise ValueError(f"it has layers of kind {', '.join(sorted(unknown))}")
    window = getattr(config, "sliding_window", None)
    if window is not None and getattr(config, "use_sliding_window", True):
        expected = [index for index in range(count) if not kinds or kinds[index] == "sliding_attention"]
        silent = [index for index in expected if probe.windows[index] != window]
        if silent:
            raise ValueError(f"layers {silent} should attend within {window} tokens but do not say so")
    return tuple(probe.shapes[index] for index in range(count))
