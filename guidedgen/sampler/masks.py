"""Packed token masks of a batch: filled from constraint states, end-of-sequence bits opened, expanded for the logits.

`open_endings` is the only place of the package where an end-of-sequence token becomes choosable.
A mask reaches the pipeline as a *bias*: 0 where a token is allowed and minus infinity where it is not. Adding it costs
a tenth of `masked_fill` on a CPU, and a table of 256 bytes times 8 floats unpacks it faster than the bits themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as ListOf

import numpy as np
import torch
from numpy.typing import NDArray

from guidedgen.constraint import fill_masks
from guidedgen.masks import Mask, mask_words
from guidedgen.models.base import LanguageModel
from guidedgen.sampler.device_masks import expand_words, expand_words_by_kernel, has_kernel
from guidedgen.sampler.sequence import Sequence

_BITS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little")
_BIAS = np.where(_BITS == 1, np.float32(0), np.float32(-np.inf)).astype(np.float32)  # [256, 8]


def set_bits(row: Mask, tokens: Iterable[int], *, allowed: bool) -> None:
    """Allow or forbid `tokens` in one packed row, in place; tokens beyond the row are ignored."""
    view = row.view(np.uint32)
    for token in tokens:
        word, bit = divmod(token, 32)
        if word < view.size:
            flag = np.uint32(1 << bit)
            view[word] = view[word] | flag if allowed else view[word] & ~flag


def open_endings(
    words: NDArray[np.int32], sequences: ListOf[Sequence], eos: frozenset[int], min_tokens: int = 0
) -> NDArray[np.bool_]:
    """Allow the end-of-sequence tokens where the text is complete, forbid them elsewhere; in place.

    Below `min_tokens` generated tokens the end stays closed, unless nothing else is allowed.

    Args:
        words: packed masks [B, W] without end-of-sequence tokens.
        sequences: the sequence of each row.
        eos: ids of the end-of-sequence tokens.
        min_tokens: see `Sampling`.

    Returns:
        bool [B]: rows in which no token except the end is allowed (the sequence is over, or at a dead end).
    """
    for row in words:
        set_bits(row, eos, allowed=False)
    exhausted = np.logical_not(words.any(axis=1))
    for number, sequence in enumerate(sequences):
        enough = sequence.length - sequence.prompt_length >= min_tokens or exhausted[number]
        if sequence.state.accepting and enough:
            set_bits(words[number], eos, allowed=True)
    return exhausted


def expand(words: NDArray[np.int32], width: int, out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """The bias of packed masks: float32 [B, width], 0 or minus infinity; columns beyond the masks are forbidden.

    Args:
        words: [B, W], C-contiguous.
        width: number of logits.
        out: memory of `bias_memory(B, width)` to write to, or None to allocate.
    """
    rows = words.shape[0]
    wanted = mask_words(width)
    if wanted > words.shape[1]:
        words = np.pad(words, ((0, 0), (0, wanted - words.shape[1])))
    memory = bias_memory(rows, width) if out is None else out[:rows]
    octets = np.ascontiguousarray(words[:, :wanted]).view(np.uint8)  # [B, 4 * wanted]
    np.take(_BIAS, octets, axis=0, out=memory.reshape(rows, -1, 8), mode="clip")
    return memory[:, :width]


def bias_memory(rows: int, width: int) -> NDArray[np.float32]:
    """Memory for `expand`: float32 [rows, width rounded up to 32]."""
    return np.empty((rows, mask_words(width) * 32), np.float32)


class MaskBuffer:
    """The masks of one batch, in memory that is reused from step to step.

    Args:
        vocabulary_size: bits of a constraint's mask.
        logits_size: width of the logits; tokens beyond either of the two sizes can never be chosen.
        eos: ids of the end-of-sequence tokens.
        min_tokens: see `Sampling`.
        device: where the logits are.
    """

    def __init__(
        self,
        *,
        vocabulary_size: int,
        logits_size: int,
        eos: frozenset[int],
        min_tokens: int = 0,
        device: str | torch.device = "cpu",
    ) -> None:
        self._words = np.zeros((0, mask_words(vocabulary_size)), np.int32)
        self._bias = bias_memory(0, logits_size)
        self._width = logits_size
        self._headless = np.arange(logits_size, max(logits_size, vocabulary_size)).tolist()  # tokens without a logit
        self._eos = eos
        self._min_tokens = min_tokens
        self._device = torch.device(device)
        by_kernel = self._device.type == "cuda" and has_kernel()
        self._expand_there = expand_words_by_kernel if by_kernel else expand_words

    @staticmethod
    def of(model: LanguageModel, *, min_tokens: int = 0) -> MaskBuffer:
        """The buffer for a model's vocabulary and logits."""
        return MaskBuffer(
            vocabulary_size=model.vocabulary.size,
            logits_size=model.info.logits_size,
            eos=model.vocabulary.eos,
            min_tokens=min_tokens,
            device=model.info.device,
        )

    def fill(
        self, sequences: ListOf[Sequence], forbidden: ListOf[Iterable[int]] | None = None
    ) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Masks after each sequence, with the end-of-sequence bits; under the budgets that the states carry.

        Args:
            sequences: B sequences.
            forbidden: for each of them, tokens to take out of the mask besides.

        Returns:
            Packed masks int32 [B, W], valid until the next call, and bool [B]: only the end may be allowed.
        """
        if len(sequences) > len(self._words):
            self._words = np.zeros((len(sequences), self._words.shape[1]), np.int32)
        words = self._words[: len(sequences)]
        states = [sequence.state for sequence in sequences]
        fill_masks(states, words, budgets=[getattr(state, "budget", None) for state in states])
        for number, tokens in enumerate(forbidden or ()):
            set_bits(words[number], tokens, allowed=False)
        if self._headless:
            for row in words:
                set_bits(row, self._headless, allowed=False)
        return words, open_endings(words, sequences, self._eos, self._min_tokens)

    def bias(self, words: NDArray[np.int32]) -> torch.Tensor:
        """The bias [B, logits_size] of packed masks on the logits' device, valid until the next call."""
        if self._device.type != "cpu":
            there = torch.from_numpy(words).to(self._device)  # 32 tokens a word: a batch's masks are a few kilobytes
            return self._expand_there(there, self._width)
        if len(words) > len(self._bias):
            self._bias = bias_memory(len(words), self._width)
        return torch.from_numpy(expand(words, self._width, self._bias))
