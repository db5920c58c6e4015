"""The slow twin of thinned caches: the library's model with an attention function that forgets, one row at a time."""

from __future__ import annotations

import math
from typing import Any

import torch

from guidedgen.models import tiny
from guidedgen.models.coded_store import decoded, encoded
from guidedgen.sampler.views import Regions, SinkWindow, TopTokens

View = SinkWindow | TopTokens | Regions


class Thinned:
    """A tiny library model under a view, computed from the first token every time.

    Args:
        family: of the model.
        layers: how many it has.
        coded: whether keys and values are rounded to eight bits.
    """

    def __init__(self, family: str, *, layers: int = 2, coded: bool = False) -> None:
        from transformers import AttentionInterface

        self._model = tiny.library_model(family, layers=layers)
        self._coded = coded
        name = f"thinned {family} {layers} {coded}"
        AttentionInterface.register(name, self._attention)
        self._model.set_attn_implementation(name)
        self.view: View | None = None
        self.whole: int | None = None

    @torch.inference_mode()
    def logits(self, tokens: tuple[int, ...], view: View, whole: int | None = None) -> torch.Tensor:
        """Logits after every token, [n, logits_size].

        With `whole` the first so many tokens see everything before them, and the others see of these what the view
        leaves at the end of their last full block.
        """
        self.view, self.whole = view, whole
        places = torch.arange(len(tokens))[None]
        output = self._model(input_ids=torch.tensor([tokens]), position_ids=places, use_cache=False)
        logits: torch.Tensor = output.logits[0]
        return logits

    def _attention(
        self,
        module: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: Any = None,
        *,
        scaling: float | None = None,
        sliding_window: int | None = None,
        softcap: float | None = None,
        s_aux: torch.Tensor | None = None,
        **_: Any,
    ) -> tuple[torch.Tensor, None]:
        view, heads, count = self.view, query.shape[1], query.shape[2]
        assert view is not None
        if self._coded:
            key, value = (decoded(encoded(part)) for part in (key, value))
        keys, values = (part[0].repeat_interleave(heads // key.shape[1], 0) for part in (key, value))
        scale = scaling if scaling is not None else 1 / math.sqrt(query.shape[3])
        rows, remembered = [], []
        end = 0 if self.whole is None else self.whole - self.whole % view.block
        kept: list[int] = []
        for row in range(count):
            if row == self.whole:
                remembered = kept + remembered[end:]
            remembered.append(row)
            seen = [old for old in remembered if sliding_window is None or row - old < sliding_window]
            scores = torch.einsum("hd,hkd->hk", query[0, :, row], keys[:, seen]) * scale  # [H, seen]
            if softcap is not None:
                scores = softcap * torch.tanh(scores / softcap)
            extra = s_aux[:, None] if s_aux is not None else scores[:, :0]
            weights = torch.cat((scores, extra), -1).softmax(-1)[:, : len(seen)]
            attention = torch.zeros(heads, count)
            attention[:, seen] = weights
            rows.append(torch.einsum("hk,hkd->hd", weights, values[:, seen]))
            if row + 1 == end:
                kept = self._remember(remembered, attention.mean(0), view)
            if (row + 1) % view.block == 0 and self.whole is None:
                remembered = self._remember(remembered, attention.mean(0), view)
        return torch.stack(rows)[None], None

    def _remember(self, rows: list[int], attention: torch.Tensor, view: View) -> list[int]:
        newest = rows[-1]
        if isinstance(view, SinkWindow):
            return [row for row in rows if row < view.sinks or row > newest - view.window]
        if isinstance(view, Regions):
            kept = {row for row in rows if row < view.prompt} | set(rows[-view.recent :])
            rest = sorted(set(rows) - kept, key=lambda old: -float(attention[old]))
            return sorted(kept.union(rest[: view.budget - view.recent]))
        while len(rows) > view.budget:
            rows = [row for row in rows if row != min(rows[:-1], key=lambda old: float(attention[old]))]
        return rows
