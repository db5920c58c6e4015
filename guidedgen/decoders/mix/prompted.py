"""Methods that ask the same model under other prompts: noisy instructions, several contexts, a warning context."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch

from guidedgen.decoders.base import LogitsSource
from guidedgen.decoders.mix.base import Alone, allowed_log_chances
from guidedgen.decoders.mix.contexts import Prompts, SideContexts
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.warps import top_p_floor


class PromptedPhase(Alone):
    """A phase over side contexts of the same sampler, asked for in the same forward."""

    def __init__(self, sampler: LogitsSource, prompts: Prompts) -> None:
        self._beside = SideContexts(sampler, prompts, width=sampler.model.info.logits_size)

    def contexts(self, sequences: ListOf[Sequence]) -> list[Sequence]:
        """See `Phase.contexts`."""
        return self._beside.flat(sequences)

    def accept(self, sequences: ListOf[Sequence], logits: torch.Tensor, hidden: Mapping[int, torch.Tensor]) -> None:
        """See `Phase.accept`."""
        self._beside.accept(sequences, logits)


@dataclass(frozen=True, kw_only=True)
class NoisyInstruction:
    """Subtract what the model says under a corrupted instruction.

    Kim et al. 2024, "Instructive Decoding": z - strength * z_noisy, with instructions that are truncated and shuffled,
    random, empty, or (best) ask for the opposite. `Model.rewritten` makes such prompts.

    Args:
        prompts: gives one noisy prompt for each prompt.
        strength: of the subtraction; 0.3 in the paper. 0 changes nothing.

    Raises:
        ValueError: the strength is not a number of at least 0.
    """

    prompts: Prompts
    strength: float = 0.3

    def __post_init__(self) -> None:
        """Check the strength."""
        if not (math.isfinite(self.strength) and self.strength >= 0):
            raise ValueError(f"strength={self.strength!r} must be a finite number of at least 0")

    def open(self, sampler: LogitsSource) -> NoisyPhase:
        """See `MixMethod.open`."""
        return NoisyPhase(self, sampler)


class NoisyPhase(PromptedPhase):
    """`NoisyInstruction` at work."""

    def __init__(self, settings: NoisyInstruction, sampler: LogitsSource) -> None:
        super().__init__(sampler, settings.prompts)
        self._strength = settings.strength

    def __call__(self, logits: torch.Tensor, sequences: ListOf[Sequence], bias: torch.Tensor) -> torch.Tensor:
        """See `Phase.__call__`."""
        noisy = allowed_log_chances(self._beside.logits(sequences)[:, 0], bias)
        return allowed_log_chances(logits, bias) - self._strength * noisy.nan_to_num(neginf=0.0)


@dataclass(frozen=True, kw_only=True)
class Integrative:
    """Average over several prompts: one text that all of them agree on.

    Cheng et al. 2025, "Integrative Decoding": each prompt shows one of N sampled answers before the question; scores
    are averaged at each token. `Model.rewritten` makes such prompts.

    Args:
        prompts: gives the other prompts for each prompt.
        itself: whether the prompt itself takes part in the average.
    """

    prompts: Prompts
    itself: bool = False

    def open(self, sampler: LogitsSource) -> IntegrativePhase:
        """See `MixMethod.open`."""
        return IntegrativePhase(self, sampler)


class IntegrativePhase(PromptedPhase):
    """`Integrative` at work."""

    def __init__(self, settings: Integrative, sampler: LogitsSource) -> None:
        super().__init__(sampler, settings.prompts)
        self._itself = settings.itself

    def __call__(self, logits: torch.Tensor, sequences: ListOf[Sequence], bias: torch.Tensor) -> torch.Tensor:
        """See `Phase.__call__`."""
        others = self._beside.logits(sequences)  # [B, S, V]
        voices = torch.cat((others, logits[:, None]), 1) if self._itself else others
        return allowed_log_chances(voices, bias[:, None]).mean(1)


@dataclass(frozen=True, kw_only=True)
class SafetyMix:
    """Mix in what the model says under a cautious prompt, the more the less sure it is under its own.

    Liu et al. 2024, "Alignment-Enhanced Decoding": w = sigmoid(n - n_cautious - bias) with the numbers of allowed
    tokens in the nuclei of both; z = (1 - w) z + w z_cautious. Their bias is the widest nucleus behind about ten
    harmless prompts, which `harmless` measures.

    Args:
        prompts: gives one cautious prompt for each prompt.
        bias: tokens by which the nucleus must be wider before the cautious prompt prevails; any number.
        nucleus: mass of the nuclei; above 0 and below 1.
        harmless: gives harmless prompts for each prompt: the widest nucleus behind one of them is the bias, instead of
            `bias`. One forward for each prompt.

    Raises:
        ValueError: the nucleus is not a share, or the bias is no number.
    """

    prompts: Prompts
    bias: float = 20.0
    nucleus: float = 0.9
    harmless: Prompts | None = None

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not math.isfinite(self.bias):
            raise ValueError(f"bias={self.bias!r} must be a finite number of tokens")
        if not 0 < self.nucleus < 1:
            raise ValueError(f"nucleus={self.nucleus!r} must be above 0 and below 1")

    def open(self, sampler: LogitsSource) -> SafetyPhase:
        """See `MixMethod.open`."""
        return SafetyPhase(self, sampler)


class SafetyPhase(PromptedPhase):
    """`SafetyMix` at work."""

    def __init__(self, settings: SafetyMix, sampler: LogitsSource) -> None:
        super().__init__(sampler, settings.prompts)
        self._settings = settings
        self._sampler = sampler
        self._measured: WeakKeyDictionary[Sequence, float] = WeakKeyDictionary()  # by prompt

    def __call__(self, logits: torch.Tensor, sequences: ListOf[Sequence], bias: torch.Tensor) -> torch.Tensor:
        """See `Phase.__call__`."""
        own = allowed_log_chances(logits, bias)
        cautious = allowed_log_chances(self._beside.logits(sequences)[:, 0], bias)
        usual = torch.tensor([self.bias(sequence) for sequence in sequences], device=own.device)
        wider = self._size(own) - self._size(cautious) - usual
        weight = torch.sigmoid(wider.to(own.dtype))[:, None]
        return ((1 - weight) * own + weight * cautious).masked_fill(bias < 0, -math.inf)

    def bias(self, sequence: Sequence) -> float:
        """By how many tokens the nucleus may be wider: as set, or the widest one behind a harmless prompt."""
        prompt, harmless = sequence.prompt_node, self._settings.harmless
        if harmless is None:
            return self._settings.bias
        if prompt not in self._measured:
            beside = [Sequence.prompt(tokens, prompt.state) for tokens in harmless(prompt)]
            rows = self._sampler.logits(beside)[:, : self._sampler.model.vocabulary.size]  # without padding
            sizes = self._size(rows.log_softmax(-1))
            self._measured[prompt] = float(sizes.max())
        return self._measured[prompt]

    def _size(self, log_chances: torch.Tensor) -> torch.Tensor:
        """Tokens in the nucleus of each row [B]."""
        chances = log_chances.exp()
        return (chances >= top_p_floor(chances, self._settings.nucleus)).sum(-1)
