"""All layers of a Llama-shaped model in one native call on a CPU: no interpreter between layers, threads that share.

The lean forward in torch (`lean_llama`) is its readable twin. A row's logits are the same bit for bit whatever else is
computed beside it, since no sum is ever taken in another order.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

from guidedgen.errors import ModelError
from guidedgen.models.base import Reading, Rows, Segment
from guidedgen.models.coded_store import CodedStore
from guidedgen.models.layer_walk import LayerWalk
from guidedgen.models.lean_llama import LeanLlama, RotaryTable
from guidedgen.models.linear import HEAD_FORMATS, Linear
from guidedgen.models.packed import PackedLinear, as_bits, native, rounded
from guidedgen.models.store import SlotStore


class NativeLlama:
    """A `Backend` for the models that `LeanLlama` accepts, on a CPU, in float32 or bfloat16 or with quantised weights.

    Threads are torch's (`torch.set_num_threads`), asked for at every forward. Nothing of the model is kept but its
    embedding and norms; weights are copied into the kernel's own order, once for this forward and its twin, which
    computes what this one cannot: rows that look, and attention head by head.

    Args:
        model: a transformers model.
        weights: "dense", "int8" or "int4".
        kernels: name of the row kernels, see `_native.row_kernels()`; the best that run here by default.

    Attributes:
        coded: whether new stores keep keys and values in eight bits. Rows that look are not possible then.
    """

    watches = True
    sublayers = True

    def __init__(self, model: Any, *, weights: str = "dense", kernels: str = "") -> None:
        kernel, base = native(), model.model
        assert kernel is not None  # `accepts` was asked
        self._kv_heads = int(model.config.num_key_value_heads)
        dtype = model.dtype if weights == "dense" else torch.bfloat16  # of keys, values and embeddings
        self._dtype: torch.dtype = dtype
        self._twin = LeanLlama(model, weights=f"packed {weights}", dtype=dtype)
        self._embedding: torch.Tensor = base.embed_tokens.weight.detach().to(dtype)
        self._rotary = RotaryTable(base.rotary_emb, dtype=torch.float32, device=torch.device("cpu"))
        attention = base.layers[0].self_attn
        shape = {
            "width": int(model.config.hidden_size),
            "heads": int(model.config.num_attention_heads),
            "kv_heads": self._kv_heads,
            "dim": int(attention.head_dim),
            "epsilon": float(model.config.rms_norm_eps),
            "scale": float(attention.scaling),
        }
        matrices = self._twin.matrices()
        layers = [
            (
                _numbers(module.input_layernorm.weight),
                _matrix(layer.query_key_value),
                _matrix(layer.output),
                _numbers(module.post_attention_layernorm.weight),
                _matrix(layer.gate_up),
                _matrix(layer.down),
                *_head_norms(module.self_attn),
            )
            for module, layer in zip(base.layers, matrices[0], strict=True)
        ]
        self._native = kernel.LlamaRows(shape, layers, _numbers(base.norm.weight), _matrix(matrices[1]), kernels)
        self._slot_arrays = kernel.SlotArrays
        self._outputs = int(model.lm_head.weight.shape[0])
        self._windows = [layer.window for layer in matrices[0]]
        self._known: tuple[list[torch.Tensor], list[torch.Tensor], Any] = ([], [], None)
        self.coded = False

    @staticmethod
    def accepts(model: Any, weights: str = "dense") -> bool:
        """Whether this forward computes what `model` does, and does so here.

        In bfloat16 processors with AMX are left to torch, whose products use it and ours do not.
        """
        if native() is None or model.device.type != "cpu" or not LeanLlama.accepts(model):
            return False
        if weights != "dense":
            return True
        return model.dtype == torch.float32 or (model.dtype == torch.bfloat16 and not _has_amx())

    @property
    def layers(self) -> int:
        """Number of layers."""
        return self._twin.layers

    @property
    def selects(self) -> bool:
        """Whether rows may look; what has been rounded is read by the kernel alone."""
        return not self.coded

    def new_store(self, capacity: int) -> SlotStore:
        """An empty store with `capacity` slots."""
        plain = self._twin.new_store(0 if self.coded else capacity)
        return CodedStore(plain.shapes, capacity=capacity) if self.coded else plain

    def forward(self, rows: Rows, store: SlotStore) -> torch.Tensor:
        """Logits of the wanted rows, float32 [W, logits_size]."""
        return self.read(rows, store).logits

    def read(self, rows: Rows, store: SlotStore) -> Reading:
        """Logits of the wanted rows, float32 [W, logits_size], and what is tapped."""
        looked = rows.look is not None or (rows.watch is not None and rows.watch.by_head)
        behind = None if looked else hidden_by(self._windows, rows, store)
        if behind is None:
            if self.coded:
                raise ModelError(
                    "Keys and values in eight bits are read in the order of positions alone where windows slide, and "
                    "not by rows that look. Give contexts oldest first, or load the model without cache='int8'."
                )
            given = None if rows.embeddings is None else rows.embeddings.to(self._dtype)
            return self._twin.read(replace(rows, embeddings=given), store)
        walk = LayerWalk(rows, self.layers)
        hidden = walk.enter(F.embedding(rows.tokens, self._embedding)).to(torch.float32, copy=True).contiguous()
        store.place(rows.slots, rows.positions)
        cosines, sines = self._rotary.at(rows.positions)
        watched = self._watched(rows, len(walk.layers))
        taps = {layer: torch.empty_like(hidden) for layer in rows.taps}
        self._native.run(
            hidden.numpy(),
            rows.slots.numpy(),
            cosines[:, 0].numpy(),
            sines[:, 0].numpy(),
            [_segment(segment, watched.get(number)) for number, segment in enumerate(rows.segments)],
            [counts.numpy() for counts in behind[0]],
            behind[1],
            list(walk.layers),
            [(walk.attends(layer), walk.feeds(layer)) for layer in walk.layers],
            self._arrays(store),
            {layer: memory.numpy() for layer, memory in taps.items()},
            torch.get_num_threads(),
        )
        for layer, memory in taps.items():
            walk.after(layer, memory)
        for number, weights in watched.items():
            assert rows.watch is not None
            rows.watch.weights[number].update(zip(walk.layers, weights.mean(1), strict=True))
        final = hidden if rows.wanted.shape[0] == hidden.shape[0] else hidden[rows.wanted]
        return Reading(logits=self.head(final), hidden=walk.hidden)

    def _watched(self, rows: Rows, layers: int) -> dict[int, torch.Tensor]:
        """Memory for what the last rows of watched segments attend to, by segment [L, KV, C + n]."""
        memory = {}
        for number in rows.watch.weights if rows.watch is not None else ():
            segment = rows.segments[number]
            memory[number] = torch.zeros(
                layers, self._kv_heads, segment.context.shape[0] + segment.stop - segment.start
            )
        return memory

    def embed(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """What enters the first layer, float32 [R, E]; positions do not matter here."""
        return F.embedding(tokens, self._embedding).float()

    def head(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits of hidden states [R, E], float32."""
        logits = torch.empty(hidden.shape[0], self._outputs)
        self._native.head(hidden.float().contiguous().numpy(), logits.numpy(), torch.get_num_threads())
        return logits

    def _arrays(self, store: SlotStore) -> Any:
        """The store's memory for the kernel; made anew where the store, or its tensors since it grew, are others."""
        keys, values, arrays = self._known
        if keys is store.keys and values is store.values:
            return arrays
        memory = as_bits if store.dtype == torch.bfloat16 else torch.Tensor.numpy
        arrays = self._slot_arrays([memory(part) for part in store.keys], [memory(part) for part in store.values])
        self._known = (store.keys, store.values, arrays)
        return arrays


def hidden_by(windows: list[int | None], rows: Rows, store: SlotStore) -> tuple[list[torch.Tensor], list[int]] | None:
    """How many of the oldest tokens that each row could see windows hide, [R] each, and which of these a layer's is.

    A row at position p does not see positions up to p - window (the convention of the transformers library). What a row
    could see is its segment's context, and behind it its ancestors. None where that is not in the order of positions.

    Args:
        windows: by layer; None is none.
        rows: the rows.
        store: where their contexts lie.
    """
    highest = int(rows.positions.max())
    counts: list[torch.Tensor] = []
    known: dict[tuple[int, int], int] = {}  # by window, and by layer where layers hold different tokens
    found = []
    for layer, window in enumerate(windows):
        if window is None or highest < window:
            found.append(-1)
            continue
        key = window, -1 if store.uneven is None else layer
        if key not in known:
            hidden = _hidden(window, rows, store.positions_in(layer))
            if hidden is None:
                return None
            known[key] = len(counts)
            counts.append(hidden)
        found.append(known[key])
    return counts, found


def _hidden(window: int, rows: Rows, positions: torch.Tensor) -> torch.Tensor | None:
    """What a window hides from each row [R], with the positions of slots [N]; see `hidden_by`."""
    counts = torch.empty_like(rows.positions)
    for segment in rows.segments:
        own = rows.positions[segment.start : segment.stop]
        context = positions[segment.context]
        if bool((context[1:] < context[:-1]).any()):
            return None
        last = own - window  # the highest position that is hidden
        ancestors = segment.ancestors
        if ancestors is None:
            ancestors = torch.ones(len(own), len(own), dtype=torch.bool).tril_()
        before = torch.searchsorted(context, last, right=True)
        counts[segment.start : segment.stop] = before + (ancestors & (own <= last[:, None])).sum(1)
    return counts


def round_weights(model: Any, weights: str) -> None:
    """Give a transformers model the values that `NativeLlama(model, weights=...)` computes with, in float32.

    The embedding keeps its own, also where the head shares its tensor.
    """
    head = rounded(HEAD_FORMATS[weights], model.lm_head.weight.detach())
    for layer in model.model.layers:
        for module in layer.modules():
            if isinstance(module, torch.nn.Linear):
                module.weight.data = rounded(weights, module.weight.detach())
    model.lm_head.weight = torch.nn.Parameter(head, requires_grad=False)
    model.float()


def _segment(segment: Segment, watched: torch.Tensor | None) -> tuple[int, int, Any, Any, Any]:
    seen = None if segment.ancestors is None else segment.ancestors.contiguous().view(torch.uint8).numpy()
    context = segment.context.contiguous().numpy()
    return segment.start, segment.stop, context, seen, None if watched is None else watched.numpy()


def _matrix(linear: Linear) -> Any:
    assert isinstance(linear, PackedLinear)
    return linear.matrix


def _numbers(tensor: torch.Tensor) -> Any:
    return tensor.detach().float().numpy()


def _head_norms(attention: Any) -> tuple[Any, Any]:
    """Weights of the norms of queries and keys, empty where there are none."""
    norms = [getattr(attention, name, None) for name in ("q_norm", "k_norm")]
    query, key = (_numbers(torch.empty(0) if norm is None else norm.weight) for norm in norms)
    return query, key


def _has_amx() -> bool:
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("amx_bf16", False))
