"""Staged speculation: the model that drafts is itself drafted for, by something cheaper.

Source: Spector and Re 2023, "Accelerating LLM inference with staged speculative decoding". The inner stage proposes
trees, the drafting model scores a tree in one forward and draws along it, so that its tokens are drawn from its own
distribution whatever was proposed; the target then verifies them as any other drafts.
"""

from __future__ import annotations

from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field, replace

import torch

from guidedgen.decoders.base import LogitsSource
from guidedgen.decoders.drafters.base import Drafter, DraftSession, Outcome, Request, Setting
from guidedgen.decoders.drafters.copying import Copy
from guidedgen.decoders.drafters.reading import Reader
from guidedgen.decoders.drafters.trained import trained_for
from guidedgen.decoders.drafting import Draft, planted
from guidedgen.decoders.tree import ROOT, DraftTree
from guidedgen.decoders.verifiers.base import child_of
from guidedgen.models.base import LanguageModel
from guidedgen.sampler.pipeline import sample
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence, TokenRecord


@dataclass(frozen=True, kw_only=True)
class Staged:
    """A chain that a model drafts in fewer of its own forwards.

    Args:
        model: the drafter; its vocabulary must be the target's. Without one, what `guidedgen models train-drafter` made
            for the target.
        inner: what drafts for it.
        length: tokens of the chain, at most.
        most: tokens that the inner stage proposes at a time.

    Raises:
        ValueError: a number is below 1.
    """

    model: LanguageModel | None = None
    inner: Drafter = field(default_factory=Copy)
    length: int = 8
    most: int = 8

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.length < 1 or self.most < 1:
            raise ValueError(f"length={self.length!r} and most={self.most!r} must be at least 1")

    def open(self, setting: Setting) -> StagedSession:
        """See `Drafter.open`. Raises ModelError where the vocabularies differ, or no model is given or was trained."""
        return self.opened(setting, Sampler(trained_for(setting) if self.model is None else self.model))

    def opened(self, setting: Setting, source: LogitsSource) -> StagedSession:
        """The same over given logits of the model."""
        inner = self.inner.open(replace(setting, sampler=source))
        return StagedSession(self, setting, Reader(source, setting), inner)


@dataclass
class _Chain:
    request: Request
    tip: Sequence
    length: int
    tokens: list[int] = field(default_factory=list)
    drawn_from: dict[int, torch.Tensor] = field(default_factory=dict)
    over: bool = False

    def tree(self, greedy: bool) -> DraftTree:
        tokens = tuple(self.tokens[: self.length])
        drawn_from = {node: q for node, q in self.drawn_from.items() if node < len(tokens)}
        return DraftTree(
            tokens=tokens,
            parents=tuple(range(ROOT, len(tokens) - 1)),
            drawn_from={} if greedy else drawn_from,
            source=self.request.source,
        )


class StagedSession:
    """The drafting model's sampler and its own drafter."""

    def __init__(self, settings: Staged, setting: Setting, reader: Reader, inner: DraftSession) -> None:
        self._settings = settings
        self._reader = reader
        self._inner = inner
        self._greedy = setting.sampling.greedy
        self._ends = sorted(token for token in setting.vocabulary.eos if token < setting.logits_size)

    def propose(self, requests: ListOf[Request]) -> list[DraftTree]:
        """See `DraftSession.propose`."""
        chains = [_Chain(request, request.tip, request.length(self._settings.length)) for request in requests]
        while live := [chain for chain in chains if not chain.over and len(chain.tokens) < chain.length]:
            self._advance(live)
        return [chain.tree(self._greedy) for chain in chains]

    def _advance(self, chains: list[_Chain]) -> None:
        """One forward of the drafting model: score the inner stage's trees, and draw along each."""
        asked = [replace(chain.request, tip=chain.tip, most=self._settings.most, policy=None) for chain in chains]
        trees = self._inner.propose(asked)
        drafts = [planted(chain.tip, tree, most=self._settings.most) for chain, tree in zip(chains, trees, strict=True)]
        wanted = [sequence for draft in drafts for sequence in (draft.base, *draft.nodes)]
        rows = self._reader.plain(wanted) if self._greedy else self._reader.after(wanted)
        rows[:, self._ends] = 0.0  # an end of the text is no draft
        start = 0
        for chain, draft in zip(chains, drafts, strict=True):
            own = rows[start : start + 1 + len(draft.nodes)]
            start += len(own)
            node = self._walk(chain, draft, own)
            self._inner.observe(
                Outcome(lane=chain.request.lane, base=draft.base, tree=draft.tree, node=node, logits=own, tip=chain.tip)
            )
            self._reader.source.discard(draft.nodes, base=draft.base, keep=chain.tip)

    def _walk(self, chain: _Chain, draft: Draft, rows: torch.Tensor) -> int:
        """Draw from the drafting model as long as it draws what was proposed; the last proposed node on the way."""
        node, on_tree = ROOT, True
        while on_tree:
            row = rows[node + 1]
            if chain.tip.state.done is not None or not float(row.sum()) > 0:
                chain.over = True
                return node
            q = row / row.sum()
            number = chain.request.uniform(len(chain.tokens), 0)
            token = int(row.argmax()) if self._greedy else int(sample(q[None], [number])[0])
            chain.drawn_from[len(chain.tokens) - 1] = q
            chain.tokens.append(token)
            child = child_of(draft.tree, node, token)
            on_tree = child is not None
            if child is not None:
                node = child
            state = chain.tip.state.advance(token)
            assert state is not None  # the token was drawn under the mask
            record = TokenRecord(token=token, proposal_logprob=0.0)
            chain.tip = draft.at(node) if on_tree else chain.tip.extend(token, state, record)
        return node

    def observe(self, outcome: Outcome) -> None:
        """See `DraftSession.observe`. The inner stage learned from the drafting model already."""
