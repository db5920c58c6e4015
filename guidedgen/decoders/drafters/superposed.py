"""Superposed decoding: several drafts from one forward a token, whose input is a mixture of their tokens' embeddings.

Source: Shen et al. 2024, "Superposed decoding: multiple generations from a single autoregressive inference pass". All
drafts share one way through the model, so its logits are an average; n-grams tell the drafts apart. As drafts for a
target that is only a matter of acceptance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch

from guidedgen.constraint import State
from guidedgen.decoders.base import LogitsSource
from guidedgen.decoders.drafters.base import Outcome, Request, Setting
from guidedgen.decoders.drafters.combined import Trie
from guidedgen.decoders.drafters.reading import same_vocabulary
from guidedgen.decoders.tree import DraftTree
from guidedgen.errors import ModelError
from guidedgen.models.base import LanguageModel, LayeredModel
from guidedgen.sampler.masks import MaskBuffer
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence

_UNKNOWN = -200.0  # what a token that no n-gram supports is worse by: the paper's penalty


@runtime_checkable
class TakesEmbeddings(Protocol):
    """A source of logits after embeddings, as `Sampler` is."""

    def request(self) -> LogitsSource:
        """The same with a trace of its own."""

    def logits_of(self, embeddings: torch.Tensor, *, base: Sequence) -> torch.Tensor:
        """Logits after each of n embeddings that follow a sequence [n, V]."""


@dataclass(frozen=True, kw_only=True)
class Superposed:
    """Several chains at the cost of one.

    Args:
        model: what drafts; the target itself if not given, which shows the method but saves nothing.
        drafts: chains.
        length: tokens of each.
        tokens: likeliest tokens that each chain may go on with; the paper has 9.
        alpha: weight of n-grams against the model, in [0, 1]; the paper has 0.54. 0 leaves them out.
        weights: of n-grams of two tokens, three, and so on, counted in the text so far.

    Raises:
        ValueError: a number is out of range.
    """

    model: LanguageModel | None = None
    drafts: int = 3
    length: int = 4
    tokens: int = 9
    alpha: float = 0.54
    weights: tuple[float, ...] = (0.01, 0.04, 0.15, 0.18, 0.12)

    def __post_init__(self) -> None:
        """Check the settings."""
        if min(self.drafts, self.length, self.tokens) < 1:
            raise ValueError("drafts, length and tokens must be at least 1")
        if not 0 <= self.alpha <= 1 or (self.alpha and not self.weights):
            raise ValueError(f"alpha={self.alpha!r} must be between 0 and 1, and weights given where it is above 0")

    def open(self, setting: Setting) -> SuperposedSession:
        """See `Drafter.open`. Raises ModelError where the vocabularies differ or the model takes no embeddings."""
        source = setting.sampler if self.model is None else Sampler(self.model)
        if source is None or not isinstance(source, TakesEmbeddings) or not source.model.info.layers:
            raise ModelError("superposed drafts need a model that takes embeddings, and this one does not.")
        same_vocabulary(source.model, setting.vocabulary)
        return SuperposedSession(self, setting, source.request())  # drafting is no forward of the target's trace


@dataclass(frozen=True)
class _Way:
    tokens: tuple[int, ...]
    logprob: float
    state: State


class SuperposedSession:
    """One run."""

    def __init__(self, settings: Superposed, setting: Setting, source: LogitsSource) -> None:
        self._settings = settings
        self._source = source
        self._eos = setting.vocabulary.eos
        self._masks = MaskBuffer.of(source.model)

    def propose(self, requests: ListOf[Request]) -> list[DraftTree]:
        """See `DraftSession.propose`."""
        return [self._tree(request) for request in requests]

    def _tree(self, request: Request) -> DraftTree:
        length = request.length(self._settings.length)
        trie = Trie()
        if length and request.tip.state.done is None:
            counts = NGrams(request.tip.tokens(), len(self._settings.weights) + 1)
            for way in self._ways(request.tip, length, counts):
                trie.add_way(way.tokens, request.most)
        return DraftTree(tokens=tuple(trie.tokens), parents=tuple(trie.parents), source=request.source)

    def _ways(self, tip: Sequence, length: int, counts: NGrams) -> list[_Way]:
        ways = [_Way((), 0.0, tip.state)]
        model = self._source.model
        assert isinstance(self._source, TakesEmbeddings)
        mixtures: list[torch.Tensor] = []
        row = self._source.logits([tip])[0]
        while True:
            further = self._best(ways, row.log_softmax(-1), tip, counts)
            if not further:
                return ways
            ways = further
            if len(ways[0].tokens) == length:
                return ways
            mixtures.append(_mixture(model, ways, position=tip.length + len(mixtures)))
            row = self._source.logits_of(torch.stack(mixtures), base=tip)[-1]

    def _best(self, ways: list[_Way], logprobs: torch.Tensor, tip: Sequence, counts: NGrams) -> list[_Way]:
        """The best continuations of all ways, each under its own constraint."""
        alpha = self._settings.alpha
        scored: list[tuple[float, int, _Way]] = []
        for way in ways:
            open_end = tip if not way.tokens else Sequence.prompt((0,), way.state)
            words, exhausted = self._masks.fill([open_end])
            if exhausted[0] or way.state.done is not None:
                continue
            allowed = logprobs + self._masks.bias(words)[0]
            allowed[sorted(self._eos)] = -math.inf
            values, tokens = allowed.topk(min(self._settings.tokens, allowed.shape[-1]))
            for value, token in zip(values.tolist(), tokens.tolist(), strict=True):
                after = way.state.advance(token) if value > -math.inf else None
                if after is None:
                    continue
                known = counts.chance((*tip.tokens()[-5:], *way.tokens), token, self._settings.weights) if alpha else 0
                second = alpha * math.log(known) if known else (_UNKNOWN if alpha else 0.0)
                score = way.logprob + (1 - alpha) * value + second
                scored.append((-score, len(scored), _Way((*way.tokens, token), score, after)))
        return [way for _, _, way in sorted(scored)[: self._settings.drafts]]

    def observe(self, outcome: Outcome) -> None:
        """See `DraftSession.observe`."""


def _mixture(model: LanguageModel, ways: list[_Way], *, position: int) -> torch.Tensor:
    """The embeddings of the ways' last tokens, weighted by the ways' probabilities [E]."""
    best = max(way.logprob for way in ways)
    weights = torch.tensor([math.exp(way.logprob - best) for way in ways])
    layered: LayeredModel = model  # type: ignore[assignment]  # `open` asked for layers
    device = model.info.device
    tokens = torch.tensor([way.tokens[-1] for way in ways], device=device)
    embedded = layered.embed(tokens, torch.full_like(tokens, position))  # [k, E]
    return (weights / weights.sum()).to(embedded) @ embedded


class NGrams:
    """How often runs of tokens occur in a text.

    Args:
        tokens: the text.
        longest: tokens of the longest run.
    """

    def __init__(self, tokens: ListOf[int], longest: int) -> None:
        self._counts: dict[tuple[int, ...], int] = {}
        for size in range(1, longest + 1):
            for start in range(len(tokens) - size + 1):
                run = tuple(tokens[start : start + size])
                self._counts[run] = self._counts.get(run, 0) + 1

    def chance(self, before: ListOf[int], token: int, weights: ListOf[float]) -> float:
        """Weighted share of a token after the last one, two, ... tokens; 0 where it never followed."""
        total = 0.0
        for length, weight in enumerate(weights, start=1):
            context = tuple(before[len(before) - length :]) if length <= len(before) else None
            seen = 0 if context is None else self._counts.get(context, 0)
            if context is not None and seen:
                total += weight * self._counts.get((*context, token), 0) / seen
        return total
