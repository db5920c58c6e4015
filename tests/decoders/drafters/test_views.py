"""Drafts of the target with fewer layers: on tiny Llamas, the same text as plain decoding, and what is drafted."""

from __future__ import annotations

import functools
from dataclasses import replace

import pytest
import torch

from guidedgen.decoders import Overlapped, Plain, Speculative
from guidedgen.decoders.drafters import (
    DRAFTERS,
    NEED_LAYERS,
    NEED_THIN_CACHE,
    CoarseView,
    Drafter,
    FewBits,
    Request,
    Setting,
    SkipLayers,
    Superposed,
    Swift,
    views,
)
from guidedgen.decoders.drafters.superposed import NGrams, SuperposedSession
from guidedgen.decoders.drafters.swift import SwiftSession
from guidedgen.decoders.drafters.views import evenly
from guidedgen.errors import ModelError
from guidedgen.grammars.compile import compile as compile_constraint
from guidedgen.grammars.specs import Regex
from guidedgen.models import tiny
from guidedgen.models.base import LayerPlan
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence, TokenRecord
from guidedgen.sampler.settings import Sampling
from guidedgen.sampler.views import SinkWindow
from guidedgen.toy import FreshSampler, ToyModel
from guidedgen.toy_laws import check_strategy, replay
from tests.decoders.drafters.toys import way

LAYERS = 6


@functools.cache
def target() -> tiny.TransformersModel:
    return tiny.load("llama", layers=LAYERS)


def start(pattern: str = "[A-Z]{16}") -> Sequence:
    return Sequence.prompt((5, 6, 7, 8), compile_constraint(Regex(pattern), target().vocabulary).start())


def setting(sampler: Sampler, sampling: Sampling | None = None) -> Setting:
    info = target().info
    return Setting(
        vocabulary=target().vocabulary,
        logits_size=info.logits_size,
        sampling=sampling or Sampling(),
        sampler=sampler,
    )


@pytest.mark.parametrize("name", sorted(NEED_LAYERS | NEED_THIN_CACHE))
def test_the_same_text_as_plain_greedy_decoding(name: str) -> None:
    prompts = [start(), start("(A|BC|[D-G])+H[A-Z]{4}")]
    expected = replay(list(Plain().run(Sampler(target()), prompts, Sampling())), prompts)
    for strategy in (Speculative(drafter=name, verifier="recursive", policy="opt-tree"), Overlapped(drafter=name)):
        assert replay(list(strategy.run(Sampler(target()), prompts, Sampling())), prompts) == expected


@pytest.mark.parametrize("name", sorted(NEED_LAYERS | NEED_THIN_CACHE))
def test_point_mass_draws_what_plain_decoding_does(name: str) -> None:
    prompts, sampling = [start()] * 3, Sampling(temperature=1.0, seed=3)
    expected = replay(list(Plain().run(Sampler(target()), prompts, sampling)), prompts)
    assert replay(list(Speculative(drafter=name).run(Sampler(target()), prompts, sampling)), prompts) == expected


@pytest.mark.parametrize("name", sorted(NEED_LAYERS))
def test_the_laws_of_strategies(name: str) -> None:
    model = ToyModel(layers=4, padding=2)
    strategy = Speculative(drafter=name, verifier="recursive")
    check_strategy(strategy, model=model, settings=(Sampling(temperature=1.0),), samples=30)


def test_all_layers_draft_what_the_target_says() -> None:
    """A view that leaves nothing out is always right; an early exit at the last layer too."""
    for drafter in (SkipLayers(speedup=1.0), SkipLayers(exit=LAYERS)):
        sampler = Sampler(target())
        replay(list(Speculative(drafter=drafter).run(sampler, [start()], Sampling())), [start()])
        for step in sampler.trace.snapshot().steps:
            assert all(accepted == depth for _, depth, accepted in step.drafts)


@pytest.mark.parametrize(
    ("drafter", "plan"),
    [
        (SkipLayers(speedup=2.0), LayerPlan(layers=(0, 2, 5))),
        (SkipLayers(speedup=3.0), LayerPlan(layers=(0, 5))),
        (SkipLayers(exit=2), LayerPlan(exit=1)),
    ],
)
def test_drafts_are_what_the_fewer_layers_say(drafter: SkipLayers, plan: LayerPlan) -> None:
    assert drafter.plan(LAYERS) == plan
    sampler = Sampler(target())
    session = drafter.open(setting(sampler))
    assert [len(tree) for tree in session.propose([Request(lane=0, tip=start(), most=3)])] == [
        0
    ]  # waits for the prompt
    (tree,) = session.propose([Request(lane=0, tip=start(), most=3)])
    tip = start()
    for token in way(tree):
        logits = sampler.view(plan=plan).logits([tip])[0]
        allowed = [number for number in range(48) if tip.state.advance(number) is not None]
        assert token == max(allowed, key=lambda number: float(logits[number]))
        state = tip.state.advance(token)
        assert state is not None
        tip = tip.extend(token, state)


def test_a_sparse_view_drafts_what_it_sees() -> None:
    """With a window that holds all, it is the target; with a short one it is something else, and the text is kept."""
    texts, exact = [], []
    for window in (60, 2):
        drafter = CoarseView(attention=SinkWindow(1, window, 1), widths=(1, 1))
        sampler = Sampler(target())
        texts.append(replay(list(Speculative(drafter=drafter).run(sampler, [start()], Sampling())), [start()]))
        drafts = [draft for step in sampler.trace.snapshot().steps for draft in step.drafts]
        exact.append(all(accepted == depth for _, depth, accepted in drafts))
    assert texts[0] == texts[1]
    assert exact == [True, False]


def test_few_bits_read_the_targets_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever form is loaded, it computes its own rows only: here another seed, so that it disagrees."""
    for seed, right in ((0, True), (1, False)):
        other = tiny.load("llama", layers=LAYERS, seed=seed)
        monkeypatch.setattr(views, "load_few_bits", lambda model, weights, other=other: other)
        sampler = Sampler(target())
        drafter = FewBits(confidence=0.0)
        (text,) = replay(list(Speculative(drafter=drafter).run(sampler, [start()], Sampling())), [start()])
        assert text == replay(list(Plain().run(Sampler(target()), [start()], Sampling())), [start()])[0]
        drafts = [draft for step in sampler.trace.snapshot().steps for draft in step.drafts]
        assert all(accepted == depth for _, depth, accepted in drafts) is right
    with pytest.raises(ModelError, match="cannot read what"):
        Sampler(target()).view(model=tiny.load("llama", layers=2))


def test_layers_are_spread_evenly() -> None:
    assert evenly(30, 15)[0] == 0
    assert evenly(30, 15)[-1] == 29
    assert len(evenly(30, 15)) == 15
    assert evenly(4, 9) == (0, 1, 2, 3)
    assert evenly(4, 1) == (3,)


def written(sampler: Sampler, count: int) -> Sequence:
    (outcome,) = replay(list(Plain().run(sampler, [start("[A-Z]{60}")], Sampling())), [start("[A-Z]{60}")])
    tip = start("[A-Z]{60}")
    for token in outcome[0][:count]:
        state = tip.state.advance(token)
        assert state is not None
        tip = tip.extend(token, state, TokenRecord(token=token, proposal_logprob=0.0))
    return tip


@pytest.mark.parametrize("sublayers", [True, False])
def test_swift_finds_parts_that_agree_more(sublayers: bool) -> None:
    model = tiny.load("llama", layers=LAYERS)
    model.info = replace(model.info, sublayers=sublayers)
    sampler = Sampler(model)
    session = Swift(skip=0.5, every=1, trials=12, window=16).open(setting(sampler))
    assert isinstance(session, SwiftSession)
    tip, seen = written(sampler, 20), []
    for _ in range(14):
        session.propose([Request(lane=0, tip=tip, most=4)])
        seen.append((session.agreement, session.plan))
    agreements = [agreement for agreement, _ in seen]
    assert agreements == sorted(agreements)
    for _, plan in seen:
        running = plan.running(6)
        assert (running[0], running[-1]) == (0, 5)
        if sublayers:
            parts = 2 * len(running) - len(plan.without_attention) - len(plan.without_mlp)
            assert parts == 8  # of 12: half of the inner eight are skipped
            assert not {0, 5} & {*plan.without_attention, *plan.without_mlp}
        else:
            assert (len(running), plan.parted) == (4, False)
    best, plan = seen[-1]
    view = sampler.view(plan=plan)
    right = 0
    for node in list(tip.nodes())[:16]:
        assert node.parent is not None
        logits = view.logits([node.parent])[0]
        allowed = [number for number in range(48) if node.parent.state.advance(number) is not None]
        right += max(allowed, key=lambda number: float(logits[number])) == node.token
    assert best == right / 16
    assert session._tried == 12


def test_one_superposed_draft_is_greedy() -> None:
    """With one draft the mixture is one embedding: the model's own greedy text."""
    sampler = Sampler(target())
    (tree,) = (
        Superposed(drafts=1, length=5, alpha=0.0)
        .open(setting(sampler))
        .propose([Request(lane=0, tip=start("[A-Z]{60}"), most=9)])
    )
    assert way(tree) == written(sampler, 5).generated()


def test_superposed_drafts_share_one_way_through_the_model() -> None:
    """Several chains, each allowed, for as many forwards as one chain has tokens; the first tokens are the best."""
    sampler = Sampler(target())
    session = Superposed(drafts=3, length=4, alpha=0.0).open(setting(sampler))
    assert isinstance(session, SuperposedSession)
    tip = start()
    (tree,) = session.propose([Request(lane=0, tip=tip, most=16)])
    assert session._source.trace.snapshot().total("forwards") == 4
    assert sampler.trace.snapshot().total("forwards") == 0  # a draft's forwards are not the target's
    logits = sampler.logits([tip])[0]
    allowed = [number for number in range(48) if tip.state.advance(number) is not None]
    best = sorted(allowed, key=lambda number: -float(logits[number]))[:3]
    assert {tree.tokens[node] for node in tree.children[-1]} <= set(best)
    assert max(tree.depths) == 4


def test_n_grams_tell_superposed_drafts_apart() -> None:
    counts = NGrams((1, 2, 3, 1, 2, 4, 1, 2, 3), 3)
    assert counts.chance((1, 2), 3, (0.1, 0.4)) == pytest.approx(0.1 * 2 / 3 + 0.4 * 2 / 3)
    assert counts.chance((9, 2), 4, (0.1, 0.4)) == pytest.approx(0.1 / 3)
    assert counts.chance((1, 2), 9, (0.1, 0.4)) == 0.0


def test_models_without_layers_are_refused() -> None:
    toy = ToyModel()
    own = Setting(vocabulary=toy.vocabulary, logits_size=8, sampling=Sampling(), sampler=FreshSampler(toy))
    for name in sorted(NEED_LAYERS):
        drafter: Drafter = DRAFTERS[name]
        with pytest.raises(ModelError, match=r"in parts|embeddings"):
            drafter.open(own)


def test_settings_are_checked() -> None:
    for make in (
        lambda: SkipLayers(speedup=0.5),
        lambda: SkipLayers(widths=()),
        lambda: CoarseView(attention=SinkWindow(), widths=()),
        lambda: FewBits(weights="int1"),
        lambda: Swift(skip=1.0),
        lambda: Swift(every=0),
        lambda: Superposed(drafts=0),
        lambda: Superposed(alpha=2.0),
    ):
        with pytest.raises(ValueError, match=r"must be|and every"):
            make()
    assert torch.is_tensor(target().embed(torch.tensor([3]), torch.tensor([0])))
