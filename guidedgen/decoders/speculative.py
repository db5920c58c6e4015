"""Speculative decoding: a drafter proposes a tree of tokens, one forward scores all of it, a verifier keeps a way down.

With an exact verifier the text is distributed as under plain decoding, and with `PointMass` it is the same text for the
same seed. The constraint is asked at every node, so nothing that it forbids is scored.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from guidedgen.decoders.base import Cancelled, Chunk, LogitsSource
from guidedgen.decoders.drafters import DRAFTERS, Drafter, Outcome, Request, Setting
from guidedgen.decoders.drafting import Draft, planted
from guidedgen.decoders.lane import Lane, open_lanes, run_lanes
from guidedgen.decoders.mix.base import Mix, Phases
from guidedgen.decoders.policies import POLICIES, Policy, PolicySession
from guidedgen.decoders.policies.measured import costs_of
from guidedgen.decoders.score import logits_and_scores, scores_of
from guidedgen.decoders.tree import ROOT, DraftTree
from guidedgen.decoders.verifiers import VERIFIERS, PointMass, StreamDraws, Verifier
from guidedgen.errors import LimitExceeded
from guidedgen.sampler.choice import choose_masked
from guidedgen.sampler.masks import MaskBuffer
from guidedgen.sampler.pipeline import Proposal, draws, probabilities, propose, record_of
from guidedgen.sampler.sequence import Sequence, TokenRecord
from guidedgen.sampler.settings import Sampling

_NOTHING = DraftTree(tokens=(), parents=())


@dataclass(frozen=True, kw_only=True)
class Speculative:
    """Draft, score in one forward, verify.

    Args:
        drafter: what proposes tokens, or its name in `DRAFTERS`.
        verifier: what decides, or its name in `VERIFIERS`. `PointMass` is exact for drafters that draw nothing; those
            that draw from a
            distribution are accepted more often by `Recursive`.
        policy: what decides how many tokens are drafted and where, or its name in `POLICIES`; None leaves it to the
            drafter.
        most: drafted tokens a step for each sequence, where the policy does not say.
        retries: see `Plain`.
        mix: see `Plain`.
        complete_records: see `Plain`.

    Raises:
        ValueError: a name is not known, or `most` is negative.
    """

    drafter: Drafter | str = "forced+copy"
    verifier: Verifier | str = "point-mass"
    policy: Policy | str | None = None
    most: int = 16
    retries: int = 64
    mix: tuple[Mix, ...] = field(default=())
    complete_records: bool = True

    def __post_init__(self) -> None:
        """Check names and numbers."""
        given: list[tuple[str, object, Iterable[str]]] = [
            ("drafter", self.drafter, DRAFTERS),
            ("verifier", self.verifier, VERIFIERS),
            ("policy", self.policy, POLICIES),
        ]
        for name, wanted, known in given:
            if isinstance(wanted, str) and wanted not in known:
                raise ValueError(f"no {name} is called {wanted!r}. There are: {', '.join(sorted(known))}")
        if self.most < 0:
            raise ValueError(f"most={self.most!r} must be at least 0")

    def run(
        self,
        sampler: LogitsSource,
        sequences: ListOf[Sequence],
        sampling: Sampling,
        *,
        cancelled: Cancelled | None = None,
    ) -> Iterator[Chunk]:
        """See `Strategy.run`. Raises what `Plain.run` does, and what drafter and verifier raise."""
        lanes = open_lanes(sampler, sequences, seed=sampling.seed, retries=self.retries, complete=self.complete_records)
        yield from run_lanes(lanes, self.opened(sampler, sampling).step, sampler.trace, cancelled)

    def opened(self, sampler: LogitsSource, sampling: Sampling) -> Batch:
        """The steps of one run."""
        drafter = DRAFTERS[self.drafter] if isinstance(self.drafter, str) else self.drafter
        verifier = VERIFIERS[self.verifier]() if isinstance(self.verifier, str) else self.verifier
        if sampling.mirostat is not None and not isinstance(verifier, PointMass):
            raise ValueError("Mirostat follows the tokens that were drawn, so it needs the verifier 'point-mass'")
        model = sampler.model
        setting = Setting(
            vocabulary=model.vocabulary, logits_size=model.info.logits_size, sampling=sampling, sampler=sampler
        )
        return Batch(sampler, sampling, self, drafter=drafter, verifier=verifier, setting=setting)


class Batch:
    """One step of a batch of lanes, with the memory that steps share."""

    def __init__(
        self,
        sampler: LogitsSource,
        sampling: Sampling,
        settings: Speculative,
        *,
        drafter: Drafter,
        verifier: Verifier,
        setting: Setting,
    ) -> None:
        self._sampler = sampler
        self._sampling = sampling
        self._settings = settings
        self._session = drafter.open(setting)
        policy = POLICIES[settings.policy] if isinstance(settings.policy, str) else settings.policy
        nodes = None if policy is None else policy.nodes
        self._most = settings.most if nodes is None else nodes
        self._policy: PolicySession | None = None
        if policy is not None:
            self._policy = policy.open(costs_of(sampler.model, sampler.trace.note)[0])
        self._verifier = verifier
        self._phases = Phases(settings.mix, sampler)
        self._eos = sampler.model.vocabulary.eos
        self._masks = MaskBuffer.of(sampler.model, min_tokens=sampling.min_tokens)

    def step(self, lanes: list[Lane]) -> None:
        """Draft for every lane, score all drafts in one forward, and let each lane take what is accepted."""
        choosing = self.choosing(lanes)
        started = time.perf_counter()
        drafts = self.drafts(choosing)
        self._sampler.trace.drafting(time.perf_counter() - started)
        try:
            rows = self.scored(lanes, drafts)
        except LimitExceeded:
            if not any(draft.nodes for draft in drafts):
                raise
            drafts = [planted(lane.tip, _NOTHING, most=0) for lane in choosing]  # the cache has no room for more
            rows = self.scored(lanes, drafts)
        for lane, draft, own in zip(choosing, drafts, rows, strict=True):
            node = self.walk(lane, draft, own)
            self.learn(lane, draft, own, node)
            if draft.nodes:
                self._sampler.discard(draft.nodes, base=draft.base, keep=lane.tip)

    def choosing(self, lanes: list[Lane]) -> list[Lane]:
        """The lanes that go on. A text that is over costs no forward."""
        for lane in lanes:
            if lane.finish is None and lane.tip.state.accepting and self._mask(lane.tip, lane.forbidden()) is None:
                lane.exhaust()
        return [lane for lane in lanes if lane.finish is None]

    def request(self, lane: Lane, tip: Sequence) -> Request:
        """What a lane asks the drafter for, after `tip`."""
        room = self._sampler.model.info.context_length
        return Request(
            lane=lane.index,
            tip=tip,
            most=max(0, min(self._most, room - tip.length)),
            seed=lane.seed,
            sample=lane.sample,
            policy=self._policy,
        )

    def propose(self, requests: list[Request]) -> list[DraftTree]:
        """What the drafter proposes."""
        return self._session.propose(requests)

    def drafts(self, lanes: list[Lane]) -> list[Draft]:
        """A tree for each lane, without what its constraint does not allow."""
        requests = [self.request(lane, lane.tip) for lane in lanes]
        trees = self.propose(requests)
        return [
            planted(lane.tip, tree, most=request.most if tree.room is None else min(tree.room, request.most))
            for lane, request, tree in zip(lanes, requests, trees, strict=True)
        ]

    def scored(self, lanes: list[Lane], drafts: list[Draft]) -> list[torch.Tensor]:
        """For each draft the target's logits after its base and its nodes [1 + N, V], in one forward.

        The forced tokens of all lanes, those that have just ended included, are scored on the way.
        """
        behind = [(lane, lane.unscored()) for lane in lanes if lane.finish is None or lane.complete]
        forced = [node for _, nodes in behind for node in nodes]
        wanted = [sequence for draft in drafts for sequence in (draft.base, *draft.nodes)]
        logits, scores = logits_and_scores(self._sampler, wanted, forced, self._phases)
        for lane, nodes in behind:
            if nodes:
                lane.score({node: scores[node] for node in nodes})
        rows, start = [], 0
        for draft in drafts:
            rows.append(logits[start : start + 1 + len(draft.nodes)])
            start += 1 + len(draft.nodes)
        return rows

    def walk(self, lane: Lane, draft: Draft, rows: torch.Tensor) -> int:
        """Let a lane take what is accepted of a draft, as far as its rows go; the last accepted node."""
        matching = isinstance(self._verifier, PointMass)
        return self._match(lane, draft, rows) if matching else self._verify(lane, draft, rows)

    def learn(self, lane: Lane, draft: Draft, rows: torch.Tensor, node: int) -> None:
        """Tell drafter, policy and trace what came of a draft."""
        outcome = Outcome(lane=lane.index, base=draft.base, tree=draft.tree, node=node, logits=rows, tip=lane.tip)
        self._session.observe(outcome)
        if self._policy is not None:
            self._policy.observe(outcome)
        if draft.nodes:
            nodes, depths = len(draft.nodes) - len(draft.tree.forced), _drafted_depths(draft.tree)
            accepted = 0 if node == ROOT else depths[node]
            self._sampler.trace.draft(nodes=nodes, depth=max(depths), accepted=accepted)

    def _mask(self, sequence: Sequence, forbidden: Iterable[int]) -> NDArray[np.int32] | None:
        """The packed mask of the tokens that may follow [1, W]; None where nothing but the end may."""
        started = time.perf_counter()
        words, exhausted = self._masks.fill([sequence], [forbidden])
        self._sampler.trace.mask(time.perf_counter() - started)
        return None if exhausted[0] else words

    def _match(self, lane: Lane, draft: Draft, rows: torch.Tensor) -> int:
        """Let the lane choose as plain decoding does, as long as it stays on drafted nodes; the last of them.

        The rule of `PointMass`, without the distributions: only nodes that are reached are looked at.
        """
        node = ROOT
        while lane.finish is None and node + 1 < len(rows):
            words = self._mask(lane.tip, lane.forbidden())
            if words is None:
                lane.exhaust()
                break
            uniforms = [lane.uniform()] if draws([lane.tip], self._sampling) else []
            row = rows[node + 1 : node + 2]
            tips = [lane.tip]
            (record,) = choose_masked(row, tips, words, self._masks, self._sampling, uniforms, self._phases.calls)
            before = lane.tip
            lane.take(record, self._eos)
            after = draft.follow(node, added(before, lane.tip))
            if after is None:
                break
            node = after
            _score_forced(lane, draft, rows, node)
        return node

    def _verify(self, lane: Lane, draft: Draft, rows: torch.Tensor) -> int:
        """Let the verifier walk the tree, then let the lane take what it accepted; the last accepted node.

        The walk ends at the first node without a row of logits.
        """
        known: dict[int, tuple[Proposal, torch.Tensor]] = {}
        forbidden = lane.forbidden()

        def target(node: int) -> torch.Tensor:
            if node + 1 >= len(rows):
                raise _Ended(node)
            words = self._mask(draft.at(node), forbidden if node == ROOT else ())
            if words is None:
                raise _Ended(node)
            bias = self._masks.bias(words)
            proposal = propose(rows[node + 1 : node + 2], [draft.at(node)], bias, self._sampling, self._phases.calls)
            known[node] = proposal, probabilities(proposal, self._sampling)
            return known[node][1][0]

        stream = StreamDraws(lane.seed, lane.sample, draft.base.length)
        bonus: int | None = None
        try:
            verdict = self._verifier.verify(draft.tree, target, stream)
            end, bonus = verdict.node, verdict.bonus
        except _Ended as found:
            end = found.node
        node = ROOT
        for child in () if end == ROOT else draft.tree.path(end):
            if lane.finish is None and child not in draft.tree.forced:
                before = lane.tip
                lane.take(_record(known[node], draft.tree.tokens[child]), self._eos)
                after = draft.follow(node, added(before, lane.tip))
                if after is not None:
                    _score_forced(lane, draft, rows, after)
            node = child
        if lane.finish is not None or end + 1 >= len(rows) or lane.tip.length > draft.at(end).length:
            return end  # over, or past what is known: forced tokens that the tree had no room for
        if bonus is not None:
            lane.take(_record(known[end], bonus), self._eos)
        else:
            lane.exhaust()
        return end


class _Ended(Exception):
    """The walk is over at a node: nothing but the end of the text may follow it, or its logits are not known."""

    def __init__(self, node: int) -> None:
        super().__init__(node)
        self.node = node


def _score_forced(lane: Lane, draft: Draft, rows: torch.Tensor, node: int) -> None:
    """Complete the records of the forced tokens at the tip, which stands at `node`: their rows are at hand."""
    behind = lane.unscored()
    way = [ROOT, *draft.tree.path(node)][-len(behind) - 1 : -1]
    if behind and max(way) + 1 < len(rows):
        lane.score(dict(scores_of(behind, rows[[before + 1 for before in way]])))


def _record(known: tuple[Proposal, torch.Tensor], token: int) -> TokenRecord:
    return record_of(*known, token)


def _drafted_depths(tree: DraftTree) -> list[int]:
    """By node the drafted tokens on the way to it, itself included; forced ones do not count."""
    depths: list[int] = []
    for node, parent in enumerate(tree.parents):
        depths.append((0 if parent == ROOT else depths[parent]) + (node not in tree.forced))
    return depths


def added(before: Sequence, after: Sequence) -> list[int]:
    """The tokens between a sequence and one that goes on from it."""
    tokens: list[int] = []
    while after is not before and after.parent is not None:
        tokens.append(after.token)
        after = after.parent
    return tokens[::-1]
