"""Recorded steps: the lean forward in shapes that do not change, so that a CUDA graph replays it without Python.

A step of decoding launches hundreds of small kernels; on a GPU the launches, not the arithmetic, are what a small model
waits for. A graph replays them all at once, but only over the same memory in the same shapes. So the rows of a step are
copied to *buffers* for 1, 2, 4 ... rows (the rest repeat the last row, which computes and writes the same again), and
attention runs over the first 256, 512, 1024 ... slots of the store as they lie, with a mask that says which of them a
row sees: no gather, and no shape that grows with the text. `LeanLlama` is the twin, and computes what does not fit.
Source of the technique: the PyTorch documentation's "CUDA graphs" (static inputs, warm-up on a side stream, one pool).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import torch

from guidedgen.models.attention import fused_attention
from guidedgen.models.base import Reading, Rows
from guidedgen.models.lean_llama import LeanLlama, windows_of
from guidedgen.models.store import SlotStore

Step = Callable[[], torch.Tensor]  # computes over buffers, gives logits that the next call overwrites
Record = Callable[[Step], Step]  # what a step is kept as

MOST_ROWS = 64  # more rows than these are busy enough without a graph
MOST_SLOTS = 16_384  # attention over slots that nobody sees costs more than launches beyond
_FEWEST_SLOTS = 256


def cuda_graph() -> Record:
    """Keeps steps as CUDA graphs that share one pool of memory."""
    pool: list[Any] = []

    def record(step: Step) -> Step:
        ahead: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call,unused-ignore]
        ahead.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(ahead):  # libraries allocate and choose kernels in the first runs
            for _ in range(2):
                step()
        torch.cuda.current_stream().wait_stream(ahead)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=pool[0] if pool else None):
            logits = step()
        pool[:] = [graph.pool()]

        def replay() -> torch.Tensor:
            graph.replay()
            return logits

        return replay

    return record


class RecordedLlama:
    """A `Backend` for the models that `LeanLlama` accepts, on a GPU, except those with sliding windows.

    Args:
        model: a transformers model.
        record: how a step is kept; default: `cuda_graph()`.
        most_rows: steps of more rows go to the twin.
        most_slots: steps that see slots from there on go to the twin.

    Attributes:
        recorded: number of steps recorded so far, over all stores.
    """

    watches = selects = sublayers = True

    def __init__(
        self, model: Any, record: Record | None = None, *, most_rows: int = MOST_ROWS, most_slots: int = MOST_SLOTS
    ) -> None:
        self._twin = LeanLlama(model)
        self._record = record or cuda_graph()
        self._most_rows, self._most_slots = most_rows, most_slots
        self._kept: WeakKeyDictionary[SlotStore, _Recordings] = WeakKeyDictionary()
        self.recorded = 0

    @staticmethod
    def accepts(model: Any) -> bool:
        """Whether this forward computes what `model` does, and may gain by it."""
        return model.device.type == "cuda" and LeanLlama.accepts(model) and not any(windows_of(model))

    def new_store(self, capacity: int) -> SlotStore:
        """An empty store with `capacity` slots."""
        return self._twin.new_store(capacity)

    @property
    def layers(self) -> int:
        """Number of layers."""
        return self._twin.layers

    @torch.inference_mode()
    def forward(self, rows: Rows, store: SlotStore) -> torch.Tensor:
        """Logits of the wanted rows, [W, logits_size] in the model's dtype; a copy of the buffer's."""
        slots = self._slots(rows, store)
        if slots is None:
            return self._twin.forward(rows, store)
        kept = self._kept.get(store)
        if kept is None or not kept.of(store):
            kept = self._kept[store] = _Recordings(store)
        shape = (_at_least(rows.tokens.shape[0], 1), slots)
        buffers = kept.buffers.get(shape)
        if buffers is None:
            buffers = kept.buffers[shape] = _Buffers(*shape, self._twin, store)
        buffers.fill(rows, store)
        if shape not in kept.steps:
            kept.steps[shape] = self._record(buffers.logits)
            self.recorded += 1
        return kept.steps[shape]().index_select(0, rows.wanted)

    def read(self, rows: Rows, store: SlotStore) -> Reading:
        """Logits of the wanted rows, and what is tapped: by the twin."""
        return self._twin.read(rows, store)

    def embed(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """What enters the first layer, [R, E]."""
        return self._twin.embed(tokens, positions)

    def head(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits of hidden states [R, E]."""
        return self._twin.head(hidden)

    def _slots(self, rows: Rows, store: SlotStore) -> int | None:
        """How many slots a recorded step attends over, or None where the twin must compute these rows."""
        looked = rows.layered or rows.watch is not None or rows.look is not None
        if looked or not 0 < rows.tokens.shape[0] <= self._most_rows:
            return None
        contexts = [segment.context for segment in rows.segments]
        highest = int(torch.cat((rows.slots, *contexts)).max())
        slots = min(_at_least(highest + 1, _FEWEST_SLOTS), store.capacity)
        return slots if slots <= self._most_slots else None


class _Recordings:
    """The steps recorded over one store, as long as it does not move."""

    def __init__(self, store: SlotStore) -> None:
        self._first = store.keys[0].data_ptr()
        self._capacity = store.capacity
        self.steps: dict[tuple[int, int], Step] = {}
        self.buffers: dict[tuple[int, int], _Buffers] = {}

    def of(self, store: SlotStore) -> bool:
        """Whether the store lies where it did."""
        return store.capacity == self._capacity and store.keys[0].data_ptr() == self._first


class _Buffers:
    """What one shape of step reads: R rows over the first S slots of a store. Its own `Attention`."""

    def __init__(self, rows: int, slots: int, twin: LeanLlama, store: SlotStore) -> None:
        dim, device = store.keys[0].shape[-1], store.device
        self._twin = twin
        self._store = store.keys, store.values
        self._tokens = torch.zeros(rows, dtype=torch.int64, device=device)
        self._own = torch.zeros(rows, dtype=torch.int64, device=device)  # slots that the rows write
        self._cosines = torch.zeros(rows, 1, dim, dtype=store.dtype, device=device)
        self._sines = torch.zeros_like(self._cosines)
        self._bias = torch.zeros(twin.groups, rows, slots, dtype=store.dtype, device=device)  # 0: a row sees a slot

    def fill(self, rows: Rows, store: SlotStore) -> None:
        """Take the rows of a step; those that are left repeat the last."""
        count = rows.tokens.shape[0]
        store.place(rows.slots, rows.positions)
        cosines, sines = self._twin.rotary.at(rows.positions)
        bias = self._bias[0].fill_(float("-inf"))
        for segment in rows.segments:
            part, own = bias[segment.start : segment.stop], rows.slots[segment.start : segment.stop]
            part.index_fill_(1, segment.context, 0.0)
            seen = segment.ancestors
            if seen is None:
                seen = torch.ones(len(own), len(own), dtype=torch.bool, device=own.device).tril_()
            hidden = torch.zeros(seen.shape, dtype=part.dtype, device=own.device)
            part.index_copy_(1, own, hidden.masked_fill_(~seen, float("-inf")))
        given = (rows.tokens, rows.slots, cosines, sines)
        for buffer, values in zip((self._tokens, self._own, self._cosines, self._sines), given, strict=True):
            buffer[:count] = values
            buffer[count:] = values[-1:]
        bias[count:] = bias[count - 1]
        self._bias[1:] = bias

    def logits(self) -> torch.Tensor:
        """The step itself: [R, logits_size]."""
        return self._twin.step(self._tokens, self, self._cosines, self._sines)

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
        """See `Attention.attend`; windows are not for steps that are recorded."""
        assert window is None
        keys, values = self._store[0][layer], self._store[1][layer]
        keys.index_copy_(0, self._own, key)
        values.index_copy_(0, self._own, value)
        slots = self._bias.shape[-1]
        return fused_attention(query, keys[:slots], values[:slots], self._bias.view(-1, slots), scale)


def _at_least(count: int, fewest: int) -> int:
    """The first power of two from `fewest` on that is no smaller than `count`."""
    size = fewest
    while size < count:
        size *= 2
    return size
