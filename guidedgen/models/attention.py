"""Attention over slots: which keys each row sees, worked out once per forward, and the attention itself.

An `AttentionPlan` is made from `Rows`; `attend` runs one layer of it. A *span* is one segment's rows with the slots it
reads, as a slice where they are consecutive in memory (no copy) and as an index otherwise. Knows no model.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

from guidedgen.models.base import Rows, Segment
from guidedgen.models.store import SlotStore


class Span:
    """One segment: rows [start, stop), the slots they read, and a mask for each sliding window in use."""

    def __init__(self, segment: Segment, rows: Rows, store: SlotStore, dtype: torch.dtype) -> None:
        self.start, self.stop = segment.start, segment.stop
        self._segment = segment
        self.old = segment.old
        self._dtype = dtype
        self._device = rows.tokens.device
        own = rows.slots[segment.start : segment.stop]
        self._own = own
        self.slots: slice | torch.Tensor = _consecutive(segment.context, own)
        if self.slots is _NOT_CONSECUTIVE:
            self.slots = torch.cat((segment.context, own))
        self._row_positions = rows.positions[segment.start : segment.stop]
        self._store = store
        self._masks: dict[tuple[int | None, int, int], torch.Tensor | None] = {}

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.stop - self.start

    def take(self, tensor: torch.Tensor) -> torch.Tensor:
        """The slots' rows of a store tensor: [S, ...] -> [C + n, ...]."""
        return tensor[self.slots] if isinstance(self.slots, slice) else tensor.index_select(0, self.slots)

    @property
    def order(self) -> torch.Tensor:
        """The slots as the segment names them: its context, then its rows."""
        return torch.cat((self._segment.context, self._own))

    def mask(self, layer: int, window: int | None, groups: int) -> torch.Tensor | None:
        """Additive mask [groups * n, C + n], 0 where visible; None where every row sees everything.

        A row at position p sees positions above p - window (the convention of the transformers library).
        """
        key = (window, groups, 0 if window is None or self._store.uneven is None else layer)
        if key not in self._masks:
            self._masks[key] = self._build(layer, window, groups)
        return self._masks[key]

    def _build(self, layer: int, window: int | None, groups: int) -> torch.Tensor | None:
        count = self.rows
        context = self._segment.context.shape[0]
        narrow = window is not None and self._beyond(window)
        if count == 1 and not narrow:
            return None
        visible = torch.ones(count, context + count, dtype=torch.bool, device=self._device)
        own = visible[:, context:]
        if self._segment.ancestors is None:
            own.tril_()
        else:
            own.copy_(self._segment.ancestors)
        if narrow:
            assert window is not None
            keys = self.take(self._store.positions_in(layer))
            visible &= keys[None, :] > self._row_positions[:, None] - window
        mask = torch.zeros(visible.shape, dtype=self._dtype, device=self._device)
        mask.masked_fill_(~visible, float("-inf"))
        return mask.repeat(groups, 1)

    def _beyond(self, window: int) -> bool:
        return int(self._row_positions.max()) >= window


_NOT_CONSECUTIVE = slice(0, 0)


def _consecutive(context: torch.Tensor, own: torch.Tensor) -> slice:
    """The slice that covers context and own slots, or `_NOT_CONSECUTIVE`.

    The order of context slots does not matter to attention, so lowest and highest slot decide; own slots must be in
    order, right behind, because the mask addresses them.
    """
    count = own.shape[0]
    first = int(own[0])
    if count > 1 and int(own[-1]) - first != count - 1:
        return _NOT_CONSECUTIVE
    if count > 2 and not bool((own[1:] - own[:-1] == 1).all()):
        return _NOT_CONSECUTIVE
    length = context.shape[0]
    if length == 0:
        return slice(first, first + count)
    low, high = torch.aminmax(context)
    if int(high) != first - 1 or int(low) != first - length:
        return _NOT_CONSECUTIVE
    return slice(first - length, first + count)


class AttentionPlan:
    """Everything about one forward that all layers share. Writes the rows' positions to the store."""

    def __init__(self, rows: Rows, store: SlotStore, *, dtype: torch.dtype) -> None:
        self.store = store
        store.place(rows.slots, rows.positions)
        self._watch, self._look = rows.watch, rows.look
        self.spans = [Span(segment, rows, store, dtype) for segment in rows.segments]
        only = self.spans[0].slots if len(self.spans) == 1 else None
        count = rows.slots.shape[0]
        self.slots: slice | torch.Tensor = rows.slots
        if isinstance(only, slice):
            self.slots = slice(only.stop - count, only.stop)

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        *,
        scale: float,
        window: int | None = None,
        softcap: float | None = None,
        sinks: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """One layer: stores keys and values of all rows, then lets each row attend to what it sees.

        Args:
            layer: index of the layer in the store.
            query: [R, H, D].
            key: [R, KV, D], rotated already.
            value: [R, KV, Dv].
            scale: factor on the scores.
            window: sliding window, or None.
            softcap: scores become softcap * tanh(scores / softcap) (Gemma 2 report, section 2).
            sinks: one extra score per head that takes probability and gives nothing, [H] (GPT-OSS).

        Returns:
            [R, H, Dv].
        """
        store = self.store
        store.write(layer, self.slots, key, value)
        keys, values = store.keys[layer], store.values[layer]
        outputs = []
        for number, span in enumerate(self.spans):
            part = query if len(self.spans) == 1 else query[span.start : span.stop]
            mask = span.mask(layer, window, part.shape[1] // keys.shape[1])
            near, far = span.take(keys), span.take(values)
            if self._look is not None and span.old and window is None:
                near, far = keys[span.order], values[span.order]
                mask = _with_hidden(self._look.hide(layer, part, near[: span.old], scale), mask, part, near)
            if softcap is None and sinks is None:
                outputs.append(fused_attention(part, near, far, mask, scale))
            else:
                outputs.append(_explicit(part, near, far, mask, scale, softcap, sinks))
            if self._watch is not None and number in self._watch.weights:
                seen = self._seen(span, layer, window)
                weights = _weights(part[-1:], keys[span.order], seen, scale, softcap, sinks)
                self._watch.weights[number][layer] = weights.mean((0, 1))
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs)

    def _seen(self, span: Span, layer: int, window: int | None) -> torch.Tensor | None:
        """Additive mask [1, C + n] of a chain's last row, in the order in which the segment names what it sees."""
        if window is None:
            return None
        positions = self.store.positions_of(layer, span.order)
        mask = torch.zeros(1, positions.shape[0], device=positions.device)
        return mask.masked_fill_((positions <= positions[-1] - window)[None], float("-inf"))


def _with_hidden(
    hidden: torch.Tensor | None, mask: torch.Tensor | None, query: torch.Tensor, keys: torch.Tensor
) -> torch.Tensor | None:
    """An additive mask [G * n, C + n], and besides it what a look hides [KV, n, M]: [KV, G * n, C + n]."""
    if hidden is None:
        return mask
    groups = query.shape[1] // keys.shape[1]
    extra = torch.zeros(keys.shape[1], groups * query.shape[0], keys.shape[0], dtype=query.dtype, device=query.device)
    extra[..., : hidden.shape[2]].masked_fill_(hidden.repeat(1, groups, 1), float("-inf"))
    return extra if mask is None else extra + mask


def _packed(query: torch.Tensor, heads: int) -> torch.Tensor:
    """[n, H, D] -> [KV, G * n, D]: the queries that share a key head become rows of one product."""
    count, _, dim = query.shape
    return query.view(count, heads, -1, dim).permute(1, 2, 0, 3).reshape(heads, -1, dim)


def _unpacked(output: torch.Tensor, count: int) -> torch.Tensor:
    """[KV, G * n, Dv] -> [n, H, Dv]."""
    heads, _, dim = output.shape
    return output.view(heads, -1, count, dim).permute(2, 0, 1, 3).reshape(count, -1, dim)


def fused_attention(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor | None, scale: float
) -> torch.Tensor:
    """Attention in one call of torch's.

    Args:
        query: [n, H, D].
        keys: [M, KV, D].
        values: [M, KV, Dv].
        mask: additive, [G * n, M] or [KV, G * n, M]; None where every row sees everything.
        scale: factor on the scores.

    Returns:
        [n, H, Dv].
    """
    packed = _packed(query, keys.shape[1])[None]
    output = F.scaled_dot_product_attention(
        packed, keys.transpose(0, 1)[None], values.transpose(0, 1)[None], attn_mask=mask, scale=scale
    )
    return _unpacked(output[0], query.shape[0])


def _explicit(
    query: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    mask: torch.Tensor | None,
    scale: float,
    softcap: float | None,
    sinks: torch.Tensor | None,
) -> torch.Tensor:
    weights = _weights(query, keys, mask, scale, softcap, sinks)
    return _unpacked(weights.to(values.dtype) @ values.transpose(0, 1), query.shape[0])


def _weights(
    query: torch.Tensor,
    keys: torch.Tensor,
    mask: torch.Tensor | None,
    scale: float,
    softcap: float | None,
    sinks: torch.Tensor | None,
) -> torch.Tensor:
    """Attention weights [KV, G * n, C + n], float32."""
    heads = keys.shape[1]
    scores = _packed(query, heads) @ keys.permute(1, 2, 0) * scale
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    if mask is not None:
        scores = scores + mask
    scores = scores.float()
    if sinks is None:
        return scores.softmax(-1)
    extra = sinks.float().view(heads, -1, 1).repeat_interleave(query.shape[0], 1)  # [KV, G * n, 1]
    return torch.cat((scores, extra), -1).softmax(-1)[..., :-1]
