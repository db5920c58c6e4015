"""Drafting and verification at the same time: while the target scores what was drafted, the drafter drafts on.

Sources: Liu et al. 2024, "PEARL: parallel speculative decoding with adaptive draft length"; Lv et al. 2025,
"DuoDecoding". A step's target forward scores what is *pending*, drafted in the step before; at the same time the
drafter goes on behind it, as if all of it will be accepted. If it is, what the target says at its end already judges
the first new token (the paper's pre-verification), and the rest of the new draft is pending. If not, it is lost.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from collections.abc import Sequence as ListOf
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field

from guidedgen.decoders.base import Cancelled, Chunk, LogitsSource
from guidedgen.decoders.drafters import Drafter, Request
from guidedgen.decoders.drafting import Draft, planted
from guidedgen.decoders.lane import Lane, open_lanes, run_lanes
from guidedgen.decoders.mix.base import Mix
from guidedgen.decoders.policies import Policy
from guidedgen.decoders.speculative import Batch, Speculative, added
from guidedgen.decoders.tree import ROOT, DraftTree
from guidedgen.decoders.verifiers import Verifier
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.sampler.trace import Trace

_NOTHING = DraftTree(tokens=(), parents=())


@dataclass(frozen=True, kw_only=True)
class Overlapped:
    """Like `Speculative`, with drafts that are a step ahead. Pays where drafting takes about as long as verifying.

    Drafter and target run in two threads: torch holds Python's lock only between its operations. `makespan` of the
    trace is the time that two processors of their own would take, whatever the threads had to share.

    Args:
        drafter: see `Speculative`. One that is a view of the target waits for it, so nothing overlaps.
        verifier: see `Speculative`.
        policy: see `Speculative`.
        most: drafted tokens a step for each sequence, where the policy does not say.
        threads: False drafts first and verifies then, with the same outcome.
        retries: see `Plain`.
        mix: see `Plain`.
        complete_records: see `Plain`.

    Raises:
        ValueError: as `Speculative`.
    """

    drafter: Drafter | str = "forced+copy"
    verifier: Verifier | str = "point-mass"
    policy: Policy | str | None = None
    most: int = 16
    threads: bool = True
    retries: int = 64
    mix: tuple[Mix, ...] = field(default=())
    complete_records: bool = True

    def __post_init__(self) -> None:
        """Check names and numbers."""
        self._settings()

    def _settings(self) -> Speculative:
        return Speculative(
            drafter=self.drafter,
            verifier=self.verifier,
            policy=self.policy,
            most=self.most,
            retries=self.retries,
            mix=self.mix,
            complete_records=self.complete_records,
        )

    def run(
        self,
        sampler: LogitsSource,
        sequences: ListOf[Sequence],
        sampling: Sampling,
        *,
        cancelled: Cancelled | None = None,
    ) -> Iterator[Chunk]:
        """See `Strategy.run`. Raises what `Speculative.run` does."""
        lanes = open_lanes(sampler, sequences, seed=sampling.seed, retries=self.retries, complete=self.complete_records)
        with ThreadPoolExecutor(1, thread_name_prefix="guidedgen-draft") as threads:
            batch = _Ahead(self._settings().opened(sampler, sampling), sampler, threads if self.threads else None)
            yield from run_lanes(lanes, batch.step, sampler.trace, cancelled)


class _Ahead:
    """One step of a batch of lanes, and what each has pending."""

    def __init__(self, batch: Batch, sampler: LogitsSource, threads: Executor | None) -> None:
        self._batch = batch
        self._sampler = sampler
        self._threads = threads
        self._pending: dict[int, DraftTree] = {}  # by lane, drafted behind its tip

    def step(self, lanes: list[Lane]) -> None:
        """Verify what is pending and draft behind it, both at once; then accept."""
        batch = self._batch
        choosing = batch.choosing(lanes)
        room = [batch.request(lane, lane.tip).most for lane in choosing]
        drafts = [
            planted(lane.tip, self._pending.pop(lane.index, _NOTHING), most=most)
            for lane, most in zip(choosing, room, strict=True)
        ]
        requests = [batch.request(lane, draft.at(_end(draft))) for lane, draft in zip(choosing, drafts, strict=True)]
        if self._threads is None:
            trees = self._propose(requests)
            rows = batch.scored(lanes, drafts)
        else:
            drafting = self._threads.submit(self._propose, requests)
            try:
                rows = batch.scored(lanes, drafts)
            finally:
                drafting.exception()  # wait for it: nothing may run on behind an error
            trees = drafting.result()
        for lane, draft, tree, request, own in zip(choosing, drafts, trees, requests, rows, strict=True):
            joined = _extended(lane.tip, draft, tree, most=request.most)
            node = batch.walk(lane, joined, own)
            batch.learn(lane, draft, own, _last_known(joined, node, len(draft.nodes)))
            place = joined.follow(ROOT, added(joined.base, lane.tip))  # forced tokens may have led further
            if lane.finish is None and place is not None and place >= len(draft.nodes):
                self._pending[lane.index] = _below(joined.tree, place)
            if draft.nodes:
                self._sampler.discard(draft.nodes, base=draft.base, keep=lane.tip)

    def _propose(self, requests: list[Request]) -> list[DraftTree]:
        started = time.perf_counter()
        trees = self._batch.propose(requests)
        self._sampler.trace.drafting(time.perf_counter() - started)
        return trees


def _end(draft: Draft) -> int:
    """The end of the way that begins with each first child: where it is drafted on."""
    node = ROOT
    while draft.tree.children[node]:
        node = draft.tree.children[node][0]
    return node


def _extended(base: Sequence, draft: Draft, behind: DraftTree, *, most: int) -> Draft:
    """The pending tree with the new one behind its end; the nodes of the pending one keep their numbers."""
    tree, end, shift = draft.tree, _end(draft), len(draft.tree)
    place = {ROOT: end} | {node: node + shift for node in range(len(behind))}
    joined = DraftTree(
        tokens=(*tree.tokens, *behind.tokens),
        parents=(*tree.parents, *(place[parent] for parent in behind.parents)),
        drawn_from=tree.drawn_from | {place[node]: q for node, q in behind.drawn_from.items()},
        order=tree.order | {place[node]: tuple(place[child] for child in own) for node, own in behind.order.items()},
        source=behind.source,
    )
    whole = planted(base, joined, most=shift + most)
    same = whole.tree.tokens[:shift] == tree.tokens and whole.tree.parents[:shift] == tree.parents
    return whole if same else planted(base, tree, most=shift)  # forced tokens for which there was no room before


def _last_known(joined: Draft, node: int, count: int) -> int:
    """The last node on the way to another one that is among the first `count`."""
    while node >= count:
        node = joined.tree.parents[node]
    return node


def _below(tree: DraftTree, root: int) -> DraftTree:
    """What is drafted below a node, as a tree of its own."""
    places = {root: ROOT}
    kept: list[int] = []
    for node, parent in enumerate(tree.parents):
        if parent in places:
            places[node] = len(kept)
            kept.append(node)
    return DraftTree(
        tokens=tuple(tree.tokens[node] for node in kept),
        parents=tuple(places[tree.parents[node]] for node in kept),
        drawn_from={places[node]: q for node, q in tree.drawn_from.items() if node in places},
        order={
            places[node]: tuple(places[child] for child in children)
            for node, children in tree.order.items()
            if node in places
        },
        source=tree.source,
    )


def makespan(trace: Trace) -> float:
    """Seconds that the steps would take if drafting and verifying had a processor each: the larger of both, summed.

    A simulated clock: masks, draws and whatever else a step does are left out, and threads that share processors make
    both times longer than they would be.
    """
    return sum(max(step.draft_seconds, step.forward_seconds) for step in trace.steps)
