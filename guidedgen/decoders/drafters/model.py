"""Drafts of a second, smaller model with the same vocabulary, under the same constraint and settings as the target.

Tokens are drawn without replacement from the drafter's processed distribution, so that `Recursive` is exact, and
`Leviathan` for chains. At temperature 0 the drafter's best tokens are taken, and drawn from nothing.
Sources: Leviathan et al. 2023; trees by Jeon et al. 2024, "Recursive speculative decoding" (constant branching).
"""

from __future__ import annotations

from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field

import torch

from guidedgen.decoders.drafters.base import Outcome, Request, Setting
from guidedgen.decoders.tree import ROOT, DraftTree, after_rejection
from guidedgen.errors import ModelError
from guidedgen.models.base import LanguageModel
from guidedgen.sampler.masks import MaskBuffer
from guidedgen.sampler.pipeline import logits_to_probabilities, sample
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence, TokenRecord


@dataclass(frozen=True, kw_only=True)
class ModelDrafter:
    """A tree of a fixed shape, level by level: one drafter forward a level, for all sequences together.

    Args:
        model: the drafter; its vocabulary must be the target's.
        widths: children of each node by depth: (1, 1, 1, 1) is a chain of four, (4, 2, 1) a tree of 4 + 8 + 8.
        confidence: at temperature 0, stop below a node whose best token has less than this probability. 0 never stops;
            the transformers library ships 0.4.

    Raises:
        ValueError: no widths, or one below 1.
    """

    model: LanguageModel
    widths: tuple[int, ...] = (1, 1, 1, 1)
    confidence: float = 0.0

    def __post_init__(self) -> None:
        """Check the widths."""
        if not self.widths or min(self.widths) < 1:
            raise ValueError(f"widths={self.widths!r} must be numbers of at least 1")
        if not 0 <= self.confidence < 1:
            raise ValueError(f"confidence={self.confidence!r} must be at least 0 and below 1")

    def open(self, setting: Setting) -> ModelSession:
        """See `Drafter.open`. Raises ModelError where the vocabularies differ."""
        return ModelSession(self, setting, _Reader(self.model, setting))


class _Reader:
    """The drafter's processed distributions after sequences."""

    def __init__(self, model: LanguageModel, setting: Setting) -> None:
        if model.vocabulary.fingerprint != setting.vocabulary.fingerprint:
            raise ModelError(
                f"the drafter {model.info.name} has another vocabulary than the target. Use one of the same family."
            )
        self.sampler = Sampler(model)
        self._sampling = setting.sampling
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
        logits = self.sampler.logits(sequences)
        missing = self._width - logits.shape[1]
        if missing > 0:
            logits = torch.nn.functional.pad(logits, (0, missing), value=float("-inf"))
        words, exhausted = self._masks.fill(sequences)
        q = logits_to_probabilities(logits[:, : self._width], sequences, self._masks.bias(words), self._sampling)
        return torch.where(torch.from_numpy(exhausted).to(q.device)[:, None], 0.0, q)

    def plain(self, sequences: list[Sequence]) -> torch.Tensor:
        """The same at temperature 1 without warps: how sure the drafter is."""
        logits = self.sampler.logits(sequences)
        words, exhausted = self._masks.fill(sequences)
        q = (logits[:, : self._width] + self._masks.bias(words)[:, : logits.shape[1]]).softmax(-1)
        return torch.where(torch.from_numpy(exhausted).to(q.device)[:, None], 0.0, q.nan_to_num(0.0))


@dataclass
class _Growing:
    """A tree being drafted."""

    request: Request
    tokens: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    nodes: list[Sequence] = field(default_factory=list)
    drawn_from: dict[int, torch.Tensor] = field(default_factory=dict)
    level: list[int] = field(default_factory=lambda: [ROOT])
    draws: int = 0

    def at(self, node: int) -> Sequence:
        return self.request.tip if node == ROOT else self.nodes[node]

    def add(self, parent: int, token: int) -> None:
        """A node on the next level."""
        before = self.at(parent)
        state = before.state.advance(token)
        assert state is not None  # the token was drawn under the mask
        self.level.append(len(self.tokens))
        self.tokens.append(token)
        self.parents.append(parent)
        self.nodes.append(before.extend(token, state, TokenRecord(token=token, proposal_logprob=0.0)))

    def tree(self) -> DraftTree:
        return DraftTree(tokens=tuple(self.tokens), parents=tuple(self.parents), drawn_from=self.drawn_from)


class ModelSession:
    """The drafter's own sampler, and its settings."""

    def __init__(self, settings: ModelDrafter, setting: Setting, reader: _Reader) -> None:
        self._settings = settings
        self._reader = reader
        self._greedy = setting.sampling.greedy
        self._ends = sorted(token for token in setting.vocabulary.eos if token < setting.logits_size)

    def propose(self, requests: ListOf[Request]) -> list[DraftTree]:
        """See `DraftSession.propose`."""
        trees = [_Growing(request) for request in requests]
        for depth, width in enumerate(self._settings.widths):
            places = [(tree, node) for tree in trees for node in tree.level if len(tree.tokens) < tree.request.most]
            if not places:
                break
            for tree in trees:
                tree.level = []
            sequences = [tree.at(node) for tree, node in places]
            rows = self._reader.plain(sequences) if self._greedy else self._reader.after(sequences)
            for (tree, node), row in zip(places, rows, strict=True):
                self._children(tree, node, row, width, depth)
        return [tree.tree() for tree in trees]

    def _children(self, tree: _Growing, node: int, row: torch.Tensor, width: int, depth: int) -> None:
        """Draw the children of one node. An end of the text is no draft: nothing is drawn from its share."""
        row = row.clone()
        row[self._ends] = 0.0
        width = min(width, tree.request.most - len(tree.tokens), int((row > 0).sum()))
        if width < 1 or tree.at(node).state.done is not None:
            return
        if self._greedy:
            values, best = row.topk(width)
            tokens = best.tolist() if float(values[0]) >= self._settings.confidence else []
        else:
            tree.drawn_from[node] = row / row.sum()
            tokens = []
            for _ in range(width):
                rest = after_rejection(row, tokens)[None]
                tokens.append(int(sample(rest, [tree.request.uniform(depth, tree.draws)])[0]))
                tree.draws += 1
        for token in tokens:
            tree.add(node, token)

    def observe(self, outcome: Outcome) -> None:
        """See `DraftSession.observe`. The drafter's own cache drops what is not used again by itself."""
