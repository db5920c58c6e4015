"""What tests of drafters share: sequences under a constraint that takes everything, and a session that is driven."""

from __future__ import annotations

from collections.abc import Sequence as ListOf
from dataclasses import dataclass

import torch

from guidedgen.decoders import Plain, Speculative
from guidedgen.decoders.drafters import Drafter, DraftSession, Outcome, Request, Setting
from guidedgen.decoders.drafters.guesses import best_allowed
from guidedgen.decoders.drafting import planted
from guidedgen.decoders.tree import ROOT, DraftTree
from guidedgen.grammars.compile import compile as compile_constraint
from guidedgen.grammars.specs import Regex
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence, TokenRecord
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import ToyModel, toy_vocabulary

VOCABULARY = toy_vocabulary()


def prompt(*tokens: int, pattern: str = "[a-g]{60}") -> Sequence:
    """Sixty letters, or a pattern."""
    return Sequence.prompt(tokens, compile_constraint(Regex(pattern), VOCABULARY).start())


def setting(sampling: Sampling | None = None, sampler: Sampler | None = None) -> Setting:
    return Setting(vocabulary=VOCABULARY, logits_size=VOCABULARY.size, sampling=sampling or Sampling(), sampler=sampler)


def extended(tip: Sequence, tokens: ListOf[int]) -> Sequence:
    for token in tokens:
        state = tip.state.advance(token)
        assert state is not None
        tip = tip.extend(token, state, TokenRecord(token=token, proposal_logprob=0.0))
    return tip


def way(tree: DraftTree) -> tuple[int, ...]:
    """The tokens of a tree that is a chain."""
    assert tree.parents == tuple(range(ROOT, len(tree) - 1))
    return tree.tokens


def ways(tree: DraftTree) -> list[tuple[int, ...]]:
    """The tokens from the root to each node."""
    return [tuple(tree.tokens[step] for step in tree.path(node)) for node in range(len(tree))]


@dataclass
class Driven:
    """Greedy speculation by hand: each step drafts, asks the model, accepts, and tells the session."""

    session: DraftSession
    model: ToyModel
    tip: Sequence

    def step(self, most: int = 16) -> tuple[DraftTree, int]:
        """The drafted tree, and how many of its tokens were accepted."""
        (proposed,) = self.session.propose([Request(lane=0, tip=self.tip, most=most)])
        draft = planted(self.tip, proposed, most=most)
        rows = torch.stack([self.model.logits_after(one.tokens()) for one in (draft.base, *draft.nodes)])
        node, tokens = ROOT, list[int]()
        while True:
            state = draft.at(node).state
            best = best_allowed(rows[node + 1], state)
            assert best is not None
            tokens.append(best)
            child = [own for own in draft.tree.children[node] if draft.tree.tokens[own] == best]
            if not child:
                break
            node = child[0]
        base, self.tip = self.tip, extended(self.tip, tokens)
        self.session.observe(Outcome(lane=0, base=base, tree=draft.tree, node=node, logits=rows, tip=self.tip))
        return draft.tree, len(tokens) - 1


def forwards(drafter: Drafter, model: ToyModel, start: Sequence, *, most: int = 16) -> tuple[int, int]:
    """Forwards of speculative and of plain greedy decoding, after a check that both say the same."""
    counts, texts = [], []
    for strategy in (Speculative(drafter=drafter, most=most), Plain()):
        sampler = Sampler(model)
        chunks = list(strategy.run(sampler, [start], Sampling()))
        texts.append(chunks[-1].sequence.generated())
        counts.append(int(sampler.trace.snapshot().total("forwards")))
    assert texts[0] == texts[1]
    return counts[0], counts[1]
