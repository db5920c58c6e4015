"""Trees that a model drafts: a policy says where, the model says what."""

from __future__ import annotations

from collections.abc import Sequence as ListOf

import torch

from guidedgen.decoders.drafters.base import Request, Setting
from guidedgen.decoders.drafters.reading import Reader
from guidedgen.decoders.policies.base import Grown, Growth, grow_all
from guidedgen.decoders.tree import ROOT, DraftTree, after_rejection
from guidedgen.sampler.pipeline import sample
from guidedgen.sampler.sequence import Sequence, TokenRecord


class ModelTrees:
    """Drafts the trees of a batch: one forward of the model for all nodes whose distributions are wanted together.

    Where tokens are drawn, without replacement, the distribution is kept, so that `Recursive` is exact. At temperature
    0, and for growths that want it, the best tokens are taken instead, and drawn from nothing.

    Args:
        reader: the model's distributions.
        setting: the target's run.
        confidence: at temperature 0, nothing is drafted after a node whose best token has less.
        best: take the best tokens at any temperature.
    """

    def __init__(self, reader: Reader, setting: Setting, *, confidence: float = 0.0, best: bool = False) -> None:
        self._reader = reader
        self._greedy = setting.sampling.greedy
        self._ends = sorted(token for token in setting.vocabulary.eos if token < setting.logits_size)
        self._confidence = confidence
        self._best = best or self._greedy

    def draft(self, requests: ListOf[Request], growths: ListOf[Growth]) -> list[DraftTree]:
        """A tree for each request."""
        drafts = [
            _Drafting(request, best=self._best or growth.best)
            for request, growth in zip(requests, growths, strict=True)
        ]

        def extend(wanted: list[tuple[int, int, int]]) -> None:
            self._open([(drafts[number], node) for number, node, _ in wanted])
            for number, node, count in wanted:
                drafts[number].draw(node, count)

        grow_all([draft.grown for draft in drafts], growths, extend)
        return [draft.tree(growth.kept(draft.grown)) for draft, growth in zip(drafts, growths, strict=True)]

    def _open(self, places: list[tuple[_Drafting, int]]) -> None:
        """Learn the distributions after nodes where they are not known."""
        asked: list[tuple[_Drafting, int]] = []
        for draft, node in places:
            if node in draft.grown.opened:
                continue
            draft.grown.opened.add(node)
            if draft.at(node).state.done is None:
                asked.append((draft, node))
            else:
                draft.grown.spent.add(node)
        if not asked:
            return
        sequences = [draft.at(node) for draft, node in asked]
        rows = self._reader.plain(sequences) if self._greedy else self._reader.after(sequences)
        rows[:, self._ends] = 0.0  # an end of the text is no draft: nothing is drawn from its share
        for (draft, node), row in zip(asked, rows, strict=True):
            if float(row.amax()) > 0 and (not self._greedy or float(row.amax()) >= self._confidence):
                draft.learn(node, row)
            else:
                draft.grown.spent.add(node)


class _Drafting:
    """One tree, its sequences and distributions."""

    def __init__(self, request: Request, *, best: bool) -> None:
        self.grown = Grown()
        self._request = request
        self._best = best
        self._rows: dict[int, torch.Tensor] = {}
        self._sequences: dict[int, Sequence] = {ROOT: request.tip}
        self._draws = 0

    def at(self, node: int) -> Sequence:
        """The sequence after a node."""
        known = self._sequences.get(node)
        if known is None:
            before, token = self.at(self.grown.parents[node]), self.grown.tokens[node]
            state = before.state.advance(token)
            assert state is not None  # the token was drafted under the mask
            known = before.extend(token, state, TokenRecord(token=token, proposal_logprob=0.0))
            self._sequences[node] = known
        return known

    def learn(self, node: int, row: torch.Tensor) -> None:
        """The distribution after a node [V], not normalised."""
        self._rows[node] = row if self._best else row / row.sum()

    def draw(self, node: int, count: int) -> None:
        """Draft so many more children."""
        if node in self.grown.spent or not count:
            return
        row = self._rows[node]
        before = [self.grown.tokens[child] for child in self.grown.children[node]]
        possible = max(0, int((row > 0).sum()) - len(before))
        fresh = min(count, possible)
        tokens = self._next_best(row, before, fresh) if self._best else self._drawn(node, row, before, fresh)
        for token in tokens:
            self.grown.add(node, token, float(row[token]))
        if fresh < count:
            self.grown.spent.add(node)

    def _next_best(self, row: torch.Tensor, before: list[int], count: int) -> list[int]:
        best: list[int] = row.topk(len(before) + count).indices.tolist()
        return best[len(before) :]

    def _drawn(self, node: int, row: torch.Tensor, before: list[int], count: int) -> list[int]:
        tokens = list(before)
        for _ in range(count):
            rest = after_rejection(row, tokens)[None]
            number = self._request.uniform(self.grown.depth(node), self._draws)
            self._draws += 1
            tokens.append(int(sample(rest, [number])[0]))
        return tokens[len(before) :]

    def tree(self, kept: list[int]) -> DraftTree:
        """The nodes that are kept, with what their children were drawn from."""
        places = {ROOT: ROOT} | {node: own for own, node in enumerate(kept)}
        return DraftTree(
            tokens=tuple(self.grown.tokens[node] for node in kept),
            parents=tuple(places[self.grown.parents[node]] for node in kept),
            drawn_from={} if self._best else {places[node]: row for node, row in self._rows.items() if node in places},
            source=self._request.source,
        )
