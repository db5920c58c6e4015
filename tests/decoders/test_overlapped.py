"""Drafting ahead: the same texts as plain decoding, the laws, exactness by enumeration, and what it saves."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence as ListOf

import pytest
import torch

from guidedgen.decoders import Overlapped, Plain, Speculative, strategy_named
from guidedgen.decoders.drafters import ModelDrafter, Outcome, Request, Setting
from guidedgen.decoders.overlapped import makespan
from guidedgen.decoders.tree import ROOT, DraftTree
from guidedgen.grammars.compile import compile as compile_constraint
from guidedgen.grammars.specs import Regex
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.sampler.trace import Trace, TraceStep
from guidedgen.toy import ToyModel
from guidedgen.toy_laws import check_strategy, exact_outcomes, fit, replay, toy_constraint

SETTINGS = (Sampling(temperature=1.0),)


@pytest.mark.parametrize(("verifier", "policy"), [("point-mass", None), ("recursive", "tree"), ("leviathan", None)])
def test_the_laws_of_strategies(verifier: str, policy: str | None) -> None:
    strategy = Overlapped(drafter=ModelDrafter(model=ToyModel(seed=9)), verifier=verifier, policy=policy)
    check_strategy(strategy, settings=SETTINGS, samples=60)


@pytest.mark.parametrize("drafter", ["copy", "recycle", "forced+copy", "jacobi"])
@pytest.mark.parametrize("threads", [True, False])
def test_the_same_text_as_plain_decoding(drafter: str, threads: bool) -> None:
    model = ToyModel(order=None, spread=2.0)
    for sampling in (Sampling(), Sampling(temperature=1.0, seed=5)):
        prompts = [Sequence.prompt((0, 1), toy_constraint(8).start())] * 3
        expected = replay(list(Plain().run(Sampler(model), prompts, sampling)), prompts)
        strategy = Overlapped(drafter=drafter, threads=threads)
        assert replay(list(strategy.run(Sampler(model), prompts, sampling)), prompts) == expected


def test_a_sure_drafter_costs_one_forward_for_each_draft() -> None:
    """While everything is accepted, each step verifies what the step before drafted, and nothing is lost."""
    model = ToyModel(order=None)
    start = Sequence.prompt((0, 1), compile_constraint(Regex("[a-c]{13}"), model.vocabulary).start())
    drafter = ModelDrafter(model=model, widths=(1, 1, 1, 1))
    counts = {}
    for strategy in (Overlapped(drafter=drafter), Speculative(drafter=drafter)):
        sampler = Sampler(model)
        chunks = list(strategy.run(sampler, [start], Sampling()))
        assert len(chunks[-1].sequence.generated()) == 13
        counts[type(strategy).__name__] = int(sampler.trace.snapshot().total("forwards"))
    # First step: its first token; then 3 pending and the first of 4 new ones, then always 4.
    assert counts == {"Overlapped": 4, "Speculative": 3}


@dataclasses.dataclass(frozen=True)
class Fans:
    """Two drafted levels of all letters, drawn from nothing: pending trees with branches."""

    def open(self, setting: Setting) -> Fans:
        return self

    def propose(self, requests: ListOf[Request]) -> list[DraftTree]:
        return [DraftTree(tokens=(1, 0, 2, 0, 1), parents=(ROOT, ROOT, 0, 1, 0))] * len(requests)

    def observe(self, outcome: Outcome) -> None:
        assert outcome.logits.shape[0] == 1 + len(outcome.tree)


def test_trees_stay_pending_too() -> None:
    strategy = Overlapped(drafter=Fans(), verifier="recursive")
    check_strategy(strategy, settings=SETTINGS, samples=200)


def test_an_error_of_either_side_arrives() -> None:
    class Broken(Fans):
        def propose(self, requests: ListOf[Request]) -> list[DraftTree]:
            raise RuntimeError("no idea")

    class Mute(ToyModel):
        def forward(self, rows: object, store: object) -> torch.Tensor:
            raise RuntimeError("out of memory")

    start = Sequence.prompt((0, 1), toy_constraint(8).start())
    with pytest.raises(RuntimeError, match="no idea"):
        list(Overlapped(drafter=Broken()).run(Sampler(ToyModel()), [start], Sampling()))
    with pytest.raises(RuntimeError, match="out of memory"):
        list(Overlapped(drafter=Fans()).run(Sampler(Mute()), [start], Sampling()))


@pytest.mark.slow
def test_samples_follow_the_exact_distribution() -> None:
    model, constraint = ToyModel(), toy_constraint(8, texts=12)
    exact = exact_outcomes(model, (0, 1), constraint.start(), SETTINGS[0])
    prompts = [Sequence.prompt((0, 1), constraint.start())] * 20_000
    strategy = Overlapped(drafter=ModelDrafter(model=ToyModel(seed=9)), verifier="recursive", policy="tree")
    counts = Counter(replay(list(strategy.run(Sampler(model), prompts, Sampling(temperature=1.0, seed=3))), prompts))
    assert fit(counts, exact)[1] > 1e-3


def test_the_clock_takes_the_longer_side_of_each_step() -> None:
    step = TraceStep(
        forwards=1, rows=1, reused=0, committed=1, forced=0, retracted=0, log_masses=(), forward_seconds=2.0,
        mask_seconds=0.5, draft_seconds=3.0,
    )  # fmt: skip
    assert makespan(Trace(steps=(step, dataclasses.replace(step, draft_seconds=1.0)))) == 5.0


def test_by_name() -> None:
    assert strategy_named("overlapped:copy:recursive:tree") == Overlapped(
        drafter="copy", verifier="recursive", policy="tree"
    )
    assert strategy_named("overlapped") == Overlapped()
    with pytest.raises(ValueError, match="no drafter"):
        Overlapped(drafter="x")
