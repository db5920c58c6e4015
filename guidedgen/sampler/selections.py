"""Selections: views under which each token picks anew what it attends to of the blocks before its own. Nothing is
dropped or changed, so they save no memory: they read less of it. The newest block is always seen whole.
"""

from __future__ import annotations

from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch

from guidedgen.errors import ModelError
from guidedgen.models.base import LanguageModel, Rows, Segment

Heads = tuple[tuple[int, ...], ...]  # numbers by layer


@runtime_checkable
class Selection(Protocol):
    """A view that hides tokens from some rows in some heads."""

    @property
    def block(self) -> int:
        """Tokens in a block."""

    def hide(self, layer: int, query: torch.Tensor, keys: torch.Tensor, scale: float) -> torch.Tensor | None:
        """See `guidedgen.models.base.Look`."""


@dataclass(frozen=True)
class Channels:
    """The tokens that seem most important by a few channels of queries and keys.

    Source: Yang et al. 2024, "Post-training sparse attention with double sparsity", section 3: channels are chosen
    once, from a text, by the mean of |query * key|.

    Args:
        channels: by layer and key head those that are looked at; `Channels.calibrated` finds them.
        budget: tokens before the block that a row attends to in each key head.
        block: tokens in a block.
    """

    channels: tuple[Heads, ...]
    budget: int = 256
    block: int = 64

    @staticmethod
    def calibrated(
        model: LanguageModel, tokens: ListOf[int], *, share: float = 0.125, budget: int = 256, block: int = 64
    ) -> Channels:
        """The settings for a model, from a text of at least two blocks that is like those it will read.

        Args:
            model: whose channels are chosen.
            tokens: the text.
            share: of the channels that are looked at.
            budget: see the class.
            block: see the class.

        Raises:
            ModelError: the model cannot take selections.
        """
        observed = _observed(model, tokens)
        chosen = []
        for layer in range(model.info.layers):
            queries, keys = observed.queries[layer], observed.keys[layer]
            weights = queries * keys  # [KV, D]: the mean of |q k| over all pairs is the product of the means
            count = max(1, round(share * weights.shape[1]))
            chosen.append(tuple(tuple(sorted(head)) for head in weights.topk(count).indices.tolist()))
        return Channels(channels=tuple(chosen), budget=budget, block=block)

    def hide(self, layer: int, query: torch.Tensor, keys: torch.Tensor, scale: float) -> torch.Tensor | None:
        """See `Selection.hide`."""
        if keys.shape[0] <= self.budget:
            return None
        channels = torch.tensor(self.channels[layer], device=keys.device)  # [KV, r]
        near = keys.gather(2, channels.expand(keys.shape[0], -1, -1))  # [M, KV, r]
        grouped = _grouped(query, keys.shape[1])  # [n, KV, G, D]
        asked = grouped.gather(3, channels[None, :, None].expand(*grouped.shape[:3], -1))
        factor = scale * (keys.shape[2] / channels.shape[1]) ** 0.5
        guessed = torch.einsum("nkgr,mkr->nkgm", asked, near).float().mul(factor).softmax(-1).sum(2)  # [n, KV, M]
        return _all_but(guessed.topk(self.budget).indices, keys.shape[0])


@dataclass(frozen=True)
class Pages:
    """Pages of tokens whose keys could match the query best; in some heads only the first and the newest tokens.

    Source: Yang et al. 2025, "LServe", sections 3.2 to 3.4. A page is worth the largest sum over the channels of
    max(q * smallest key, q * largest key) of its parts, which no key of the page exceeds. Which heads stream is an
    input: `Pages.calibrated` takes those that look least beyond sinks and window.

    Args:
        budget: tokens before the block that a row attends to in each key head.
        page: tokens of a page; a block is made of whole pages.
        parts: of a page, with bounds of their own.
        sinks: first tokens that streaming heads see.
        window: newest tokens before the block that streaming heads see.
        streaming: by layer the key heads that stream; empty for none.
        block: tokens in a block.

    Raises:
        ValueError: pages, parts and blocks that do not fit into each other.
    """

    budget: int = 256
    page: int = 16
    parts: int = 4
    sinks: int = 4
    window: int = 64
    streaming: Heads = ()
    block: int = 64

    def __post_init__(self) -> None:
        """Check the numbers."""
        if min(self.budget, self.page, self.parts) < 1 or self.block % self.page or self.page % self.parts:
            raise ValueError(f"{self} is no view: a block is whole pages, a page whole parts, a budget at least 1")

    @staticmethod
    def calibrated(
        model: LanguageModel, tokens: ListOf[int], *, share: float = 0.5, sinks: int = 4, window: int = 64
    ) -> Pages:
        """Let that share of each layer's key heads stream that looks least at what streaming would hide.

        Raises:
            ModelError: the model cannot take selections.
        """
        observed = _observed(model, tokens, sinks=sinks, window=window)
        streaming = []
        for layer in range(model.info.layers):
            hidden = observed.beyond[layer]  # [KV]
            count = int(share * hidden.shape[0])
            streaming.append(tuple(sorted(hidden.topk(count, largest=False).indices.tolist())))
        return Pages(sinks=sinks, window=window, streaming=tuple(streaming))

    def hide(self, layer: int, query: torch.Tensor, keys: torch.Tensor, scale: float) -> torch.Tensor | None:
        """See `Selection.hide`."""
        count, heads = keys.shape[:2]
        hidden = torch.zeros(heads, query.shape[0], count, dtype=torch.bool, device=keys.device)
        if count > self.budget:
            pages = max(1, self.budget // self.page)
            best = self.bounds(query, keys).topk(pages).indices  # [n, KV, pages]
            inside = torch.arange(self.page, device=keys.device)
            hidden = _all_but((best[..., None] * self.page + inside).flatten(-2), count)
        for head in self.streaming[layer] if self.streaming else ():
            hidden[head] = False
            hidden[head, :, self.sinks : max(self.sinks, count - self.window)] = True
        return hidden

    def bounds(self, query: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        """By row and key head an upper bound of the product of its queries [n, H, D] with a page's keys, [n, KV, P]."""
        parts = keys.view(-1, self.parts, self.page // self.parts, *keys.shape[1:]).float()  # [P, parts, s, KV, D]
        low, high = parts.amin(2), parts.amax(2)
        asked = _grouped(query, keys.shape[1]).float()
        above = torch.einsum("nkgd,pskd->nkgps", asked.clamp_min(0), high)
        below = torch.einsum("nkgd,pskd->nkgps", asked.clamp_max(0), low)
        return (above + below).amax((2, 4))


class _Observed:
    """A selection that hides nothing and takes means: of |query| and |key| by channel, and of what heads look at."""

    def __init__(self, sinks: int, window: int) -> None:
        self._sinks, self._window = sinks, window
        self.queries: dict[int, torch.Tensor] = {}  # by layer [KV, D]
        self.keys: dict[int, torch.Tensor] = {}
        self.beyond: dict[int, torch.Tensor] = {}  # by layer [KV]

    def hide(self, layer: int, query: torch.Tensor, keys: torch.Tensor, scale: float) -> None:
        """Take the means."""
        grouped = _grouped(query, keys.shape[1]).float()
        self.queries[layer] = grouped.abs().mean((0, 2))
        self.keys[layer] = keys.float().abs().mean(0)
        weights = (torch.einsum("nkgd,mkd->nkgm", grouped, keys.float()) * scale).softmax(-1)
        far = weights[..., self._sinks : max(self._sinks, keys.shape[0] - self._window)]
        self.beyond[layer] = far.sum(-1).mean((0, 2))


def _observed(model: LanguageModel, tokens: ListOf[int], *, sinks: int = 4, window: int = 64) -> _Observed:
    """What the second half of a text does with the first."""
    if not (model.info.selects and model.info.layers):
        raise ModelError(
            f"{model.info.name} cannot take selections. Load it with native=False, or a model that takes flat rows."
        )
    observed, half = _Observed(sinks, window), len(tokens) // 2
    store, places = model.new_store(len(tokens)), torch.arange(len(tokens), device=model.info.device)
    for start, stop, old in ((0, half, 0), (half, len(tokens), half)):
        segment = Segment(start=0, stop=stop - start, context=places[:start], old=old)
        rows = Rows(
            tokens=torch.tensor(tokens[start:stop], device=model.info.device),
            positions=places[start:stop],
            slots=places[start:stop],
            segments=(segment,),
            wanted=places[:0],
            look=observed,
        )
        model.forward(rows, store)
    return observed


def _grouped(query: torch.Tensor, heads: int) -> torch.Tensor:
    """[n, H, D] -> [n, KV, G, D]."""
    return query.reshape(query.shape[0], heads, -1, query.shape[2])


def _all_but(kept: torch.Tensor, count: int) -> torch.Tensor:
    """Indices [n, KV, k] -> bool [KV, n, count], False at these."""
    hidden = torch.ones(*kept.shape[:2], count, dtype=torch.bool, device=kept.device)
    return hidden.scatter_(-1, kept, False).transpose(0, 1)
