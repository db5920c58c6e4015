"""What a model that drafts says after sequences, under the same constraint and settings as the target."""

from __future__ import annotations

import torch

from guidedgen.decoders.base import LogitsSource
from guidedgen.decoders.drafters.base import Setting
from guidedgen.errors import ModelError
from guidedgen.models.base import LanguageModel
from guidedgen.sampler.masks import MaskBuffer
from guidedgen.sampler.pipeline import logits_to_probabilities
from guidedgen.sampler.sequence import Sequence
from guidedgen.vocabulary import Vocabulary


def same_vocabulary(model: LanguageModel, vocabulary: Vocabulary) -> None:
    """Raise ModelError where a drafter's vocabulary is not the target's."""
    if model.vocabulary.fingerprint != vocabulary.fingerprint:
        raise ModelError(
            f"the drafter {model.info.name} has another vocabulary than the target. Use one of the same family."
        )


class Reader:
    """The drafter's processed distributions after sequences.

    Args:
        source: its logits.
        setting: the target's run.

    Raises:
        ModelError: the vocabularies differ.
    """

    def __init__(self, source: LogitsSource, setting: Setting) -> None:
        model = source.model
        same_vocabulary(model, setting.vocabulary)
        self.source = source
        self.sampling = setting.sampling
        self._width = setting.logits_size
        self._masks = MaskBuffer(
            vocabulary_size=setting.vocabulary.size,
            logits_size=setting.logits_size,
            eos=setting.vocabulary.eos,
            min_tokens=setting.sampling.min_tokens,
            device=model.info.device,
        )

    def after(self, sequences: list[Sequence]) -> torch.Tensor:
        """Probabilities of the next tokens [B, V]; all zero where nothing but the end may follow."""
        logits = self._logits(sequences)
        words, exhausted = self._masks.fill(sequences)
        q = logits_to_probabilities(logits, sequences, self._masks.bias(words), self.sampling)
        return torch.where(torch.from_numpy(exhausted).to(q.device)[:, None], 0.0, q)

    def plain(self, sequences: list[Sequence]) -> torch.Tensor:
        """The same at temperature 1 without penalties and warps: how sure the drafter is."""
        logits = self._logits(sequences)
        words, exhausted = self._masks.fill(sequences)
        q = (logits + self._masks.bias(words)).softmax(-1)
        return torch.where(torch.from_numpy(exhausted).to(q.device)[:, None], 0.0, q.nan_to_num(0.0))

    def _logits(self, sequences: list[Sequence]) -> torch.Tensor:
        """As wide as the target's [B, V]."""
        logits = self.source.logits(sequences)
        missing = self._width - logits.shape[1]
        if missing > 0:
            logits = torch.nn.functional.pad(logits, (0, missing), value=float("-inf"))
        return logits[:, : self._width]
