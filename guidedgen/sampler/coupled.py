"""Coupled quantisation: several channels of keys or values share one code, since they are not independent.

Source: Zhang et al. 2024, "KV cache is 1 bit per channel: efficient large language model inference with coupled
quantization". For each layer, key head and group of `channels` channels a codebook of 2^bits centroids is learned by
k-means from a text: bits / channels bits for a number. The paper learns keys before rotation and weighs numbers by
their gradients; here keys are learned as the cache holds them, rotated, and all numbers weigh the same.
"""

from __future__ import annotations

from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field

import torch

from guidedgen.errors import ModelError
from guidedgen.models.base import LanguageModel, Rows, Segment
from guidedgen.models.store import SlotStore
from guidedgen.sampler.quantised import Rounding

_ROUNDS = 12  # of k-means; later ones hardly change a centroid
_CHUNK = 256  # rows of the text in one forward, and numbers that are compared with a codebook at once


@dataclass(frozen=True, eq=False)
class Coupled(Rounding):
    """Keys and values as the nearest words of codebooks. Simulated, as the other views in few bits.

    Args:
        keys: codebooks by layer, [KV, D / channels, 2^bits, channels]; `Coupled.calibrated` learns them.
        values: the same for values.
        block: tokens that are rounded together, see `View`.
    """

    keys: tuple[torch.Tensor, ...] = field(repr=False)
    values: tuple[torch.Tensor, ...] = field(repr=False)
    block: int = 64

    @staticmethod
    def calibrated(
        model: LanguageModel, tokens: ListOf[int], *, channels: int = 4, bits: int = 8, block: int = 64
    ) -> Coupled:
        """Codebooks for a model, from a text that is like those it will read.

        For the embedded model and 2,048 tokens about a minute of one processor.

        Args:
            model: whose keys and values are looked at.
            tokens: the text, of at least 2^bits tokens.
            channels: that share a code; they must divide the dimension of a head.
            bits: of a code; a multiple of `channels`, so that codes of single channels are where learning begins.
            block: see the class.

        Raises:
            ModelError: the model keeps its cache in a form that cannot be looked at.
            ValueError: impossible numbers, or too short a text.
        """
        if channels < 1 or bits < 1 or bits % channels or block < 1:
            raise ValueError(f"channels={channels}, bits={bits}: bits must be a multiple of channels, block at least 1")
        if len(tokens) < 2**bits:
            raise ValueError(f"{len(tokens)} tokens are too few for codebooks of {2**bits} words: give a longer text")
        store = _read(model, tokens)
        sides = ([tensor[: len(tokens)].float() for tensor in side] for side in (store.keys, store.values))
        keys, values = (tuple(codebooks(layer, channels, bits) for layer in side) for side in sides)
        return Coupled(keys=keys, values=values, block=block)

    def change(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See `View.change`."""
        return coded(keys, self.keys[layer]), coded(values, self.values[layer])


def _read(model: LanguageModel, tokens: ListOf[int]) -> SlotStore:
    """Keys and values of a text, token i in slot i."""
    store = model.new_store(len(tokens))
    if not isinstance(store, SlotStore) or store.dtype == torch.uint8:
        raise ModelError(
            f"{model.info.name} keeps its cache in a form of its own. Choose a model that takes flat rows."
        )
    device, everything = model.info.device, torch.tensor(list(tokens))
    for start in range(0, len(tokens), _CHUNK):
        places = torch.arange(start, min(start + _CHUNK, len(tokens)), device=device)
        segment = Segment(start=0, stop=len(places), context=torch.arange(start, device=device))
        rows = Rows(
            tokens=everything[start : start + _CHUNK].to(device),
            positions=places,
            slots=places,
            segments=(segment,),
            wanted=places[:0],
        )
        model.forward(rows, store)
    return store


def codebooks(numbers: torch.Tensor, channels: int, bits: int) -> torch.Tensor:
    """Codebooks of one layer, by k-means from the products of the codebooks of single channels.

    Args:
        numbers: [N, KV, D].
        channels: that share a code.
        bits: of a code.

    Returns:
        [KV, D / channels, 2^bits, channels]. On these numbers the mean squared error is at most that of coding each
        channel by itself in bits / channels bits.

    Raises:
        ValueError: channels do not divide D.
    """
    count, heads, dim = numbers.shape
    if dim % channels:
        raise ValueError(f"channels={channels} do not divide the {dim} of a head")
    alone = numbers.permute(1, 2, 0).reshape(heads * dim, count, 1)
    words = _learned(alone, _spread(alone, 2 ** (bits // channels)))[..., 0]  # [KV * D, 2^(bits / channels)]
    if channels > 1:
        grouped = words.view(heads * dim // channels, channels, -1)
        products = [torch.cartesian_prod(*group) for group in grouped]
        together = numbers.permute(1, 2, 0).reshape(heads * dim // channels, channels, count).transpose(1, 2)
        learned = _learned(together, torch.stack(products))
    else:
        learned = words[..., None]
    return learned.view(heads, dim // channels, -1, channels)


def coded(numbers: torch.Tensor, books: torch.Tensor) -> torch.Tensor:
    """Numbers [M, KV, D] as the nearest words of codebooks [KV, G, W, c]."""
    heads, groups, _, channels = books.shape
    points = numbers.float().view(len(numbers), heads * groups, channels).transpose(0, 1)  # [KV * G, M, c]
    flat = books.flatten(0, 1)
    nearest = _nearest(points, flat)[..., None].expand(-1, -1, channels)
    return flat.gather(1, nearest).transpose(0, 1).reshape(numbers.shape).to(numbers.dtype)


def _spread(points: torch.Tensor, words: int) -> torch.Tensor:
    """Words at the middles of parts of equal size of single numbers [B, N, 1]: [B, W, 1]."""
    middles = (torch.arange(words, device=points.device) + 0.5) / words
    return points[..., 0].quantile(middles, dim=1).T[..., None].contiguous()


def _learned(points: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
    """Lloyd's algorithm on points [B, N, c] from words [B, W, c]; a word without points stays."""
    for _ in range(_ROUNDS):
        nearest = _nearest(points, words)
        sums = torch.zeros_like(words).scatter_add_(1, nearest[..., None].expand_as(points), points)
        counts = torch.zeros(words.shape[:2], device=words.device).scatter_add_(
            1, nearest, torch.ones_like(points[..., 0])
        )
        words = torch.where(counts[..., None] > 0, sums / counts[..., None].clamp_min(1), words)
    return words


def _nearest(points: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
    """By point [B, N, c] its nearest word [B, W, c]: [B, N]."""
    parts = torch.split(points, _CHUNK, 1)
    return torch.cat(
        [torch.cdist(part, words, compute_mode="donot_use_mm_for_euclid_dist").argmin(-1) for part in parts], 1
    )
