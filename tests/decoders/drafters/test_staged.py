"""Staged speculation: exact by enumeration, fewer forwards of the drafting model, and the laws of strategies."""

from __future__ import annotations

from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field

import pytest
import torch

from guidedgen.decoders import Speculative
from guidedgen.decoders.drafters import Outcome, Request, Setting, Staged, staged
from guidedgen.decoders.tree import ROOT, DraftTree
from guidedgen.decoders.verifiers import Leviathan, Recursive
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import ToyModel
from guidedgen.toy_laws import check_strategy
from tests.decoders.drafters.toys import VOCABULARY, prompt, setting, way
from tests.decoders.policies.test_exact_policies import VOCABULARY as THREE
from tests.decoders.policies.test_exact_policies import Fake, Free
from tests.decoders.verifiers.exact import Scripted, total_variation
from tests.decoders.verifiers.test_exactness import models, plain, speculative


@dataclass(frozen=True)
class Fixed:
    """An inner stage that always proposes the same tree."""

    tree: DraftTree
    seen: list[Outcome] = field(default_factory=list)

    def open(self, setting: Setting) -> Fixed:
        return self

    def propose(self, requests: ListOf[Request]) -> list[DraftTree]:
        return [self.tree for _ in requests]

    def observe(self, outcome: Outcome) -> None:
        self.seen.append(outcome)


@dataclass
class Source(Fake):
    """A reader that is its own source."""

    @property
    def source(self) -> Source:
        return self

    def discard(self, drafts: object, *, base: object, keep: object) -> None: ...


@pytest.mark.parametrize("masked", [False, True], ids=["free", "masked"])
@pytest.mark.parametrize("seed", range(3))
def test_exact(seed: int, masked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the inner stage proposes, the drafts are drawn from the drafting model, and the text from the target."""
    target, drafter = models(seed, masked)
    settings = Staged(model=ToyModel(), length=2, most=4)
    own = Setting(vocabulary=THREE, logits_size=4, sampling=Sampling(temperature=1.0))
    inner = Fixed(DraftTree(tokens=(0, 1, 2), parents=(ROOT, ROOT, 0)))

    def draft(draws: Scripted) -> DraftTree:
        def scripted(rest: torch.Tensor, numbers: ListOf[float]) -> list[int]:
            return [draws.pick(rest[0], 0)]

        monkeypatch.setattr(staged, "sample", scripted)
        session = staged.StagedSession(settings, own, Source(drafter), inner)  # type: ignore[arg-type]
        start = Sequence.prompt((0,), Free())  # type: ignore[arg-type]
        (tree,) = session.propose([Request(lane=0, tip=start, most=4)])
        cut = {node: q[:3] for node, q in tree.drawn_from.items()}
        return DraftTree(tokens=tree.tokens, parents=tree.parents, drawn_from=cut)

    for verifier in (Leviathan(), Recursive()):
        came = speculative(target, draft, verifier)
        assert total_variation(came, plain(target)) < 1e-9


def test_the_inner_stage_saves_forwards_of_the_drafting_model() -> None:
    model = ToyModel(vocabulary=VOCABULARY, order=1, seed=2)
    start = prompt(0)
    counts, drafts = [], []
    for tokens in ((), tuple(_greedy(model, 0, 8))):
        sampler = Sampler(model)
        inner = Fixed(DraftTree(tokens=tokens, parents=tuple(range(ROOT, len(tokens) - 1))))
        session = Staged(model=model, inner=inner, length=8).opened(setting(), sampler)
        (tree,) = session.propose([Request(lane=0, tip=start, most=16)])
        counts.append(sampler.trace.snapshot().total("forwards"))
        drafts.append(way(tree))
    assert drafts[0] == drafts[1] == tuple(_greedy(model, 0, 8))
    assert counts == [8, 1]


def _greedy(model: ToyModel, token: int, count: int) -> list[int]:
    found = []
    for _ in range(count):
        token = int(model.logits_after((token,))[:7].argmax())
        found.append(token)
    return found


def test_the_laws_of_strategies() -> None:
    drafter = Staged(model=ToyModel(seed=9))
    for verifier in ("leviathan", "recursive"):
        strategy = Speculative(drafter=drafter, verifier=verifier)
        check_strategy(strategy, settings=(Sampling(temperature=1.0),), samples=50)


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Staged(model=ToyModel(), length=0)
