"""Policies: the trees they grow, what they learn, and the laws of strategies under each of them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from guidedgen.decoders import Speculative
from guidedgen.decoders.drafters import Copy, ModelDrafter, Outcome, Recycle, Request, Union
from guidedgen.decoders.policies import (
    POLICIES,
    BatchLength,
    Confident,
    Duo,
    DynamicDepth,
    DySpec,
    Grown,
    Growth,
    OptTree,
    Policy,
    Sequoia,
    StochasticBeams,
    Widths,
    flat_cost,
)
from guidedgen.decoders.policies.acceptance import Acceptance
from guidedgen.decoders.policies.base import chain_length, grow_all
from guidedgen.decoders.policies.measured import assumed_cost, costs_of
from guidedgen.decoders.tree import ROOT, DraftTree, chain
from guidedgen.models import tiny
from guidedgen.sampler.costs import cost_table
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import OneOf, ToyModel
from guidedgen.toy_laws import StrategyLaws, check_strategy, toy_constraint

Shares = Callable[[tuple[int, ...]], list[float]]  # tokens so far -> shares of the next ones, best first


def grown(growth: Growth, shares: Shares) -> tuple[Grown, int]:
    """A tree over a table, and the number of rounds in which new distributions were wanted."""
    tree, forwards = Grown(), 0

    def extend(wanted: list[tuple[int, int, int]]) -> None:
        nonlocal forwards
        forwards += any(node not in tree.opened for _, node, _ in wanted)
        for _, node, count in wanted:
            tree.opened.add(node)
            before = len(tree.children[node])
            found = shares(text(tree, node))
            for token in range(before, min(len(found), before + count)):
                tree.add(node, token, found[token])
            if before + count > len(found):
                tree.spent.add(node)

    grow_all([tree], [growth], extend)
    return tree, forwards


def text(tree: Grown, node: int) -> tuple[int, ...]:
    tokens: list[int] = []
    while node != ROOT:
        tokens.append(tree.tokens[node])
        node = tree.parents[node]
    return tuple(tokens[::-1])


def request(most: int = 64, lane: int = 0) -> Request:
    return Request(lane=lane, tip=Sequence.prompt((0,), toy_constraint(8).start()), most=most)


def growth(policy: Policy, most: int = 64) -> Growth:
    return policy.open(flat_cost).grow(request(most))


def random_shares(seed: int, width: int = 4) -> Shares:
    def shares(tokens: tuple[int, ...]) -> list[float]:
        choose = random.Random(f"{seed} {tokens}")
        weights = sorted((choose.expovariate(1.0) ** 2 for _ in range(width)), reverse=True)
        return [weight / sum(weights) for weight in weights]

    return shares


def ways(tree: Grown) -> set[tuple[int, ...]]:
    return {text(tree, node) for node in range(len(tree))}


def test_widths() -> None:
    tree, forwards = grown(growth(Widths(widths=(2, 3))), random_shares(0))
    assert ways(tree) == {(a,) for a in range(2)} | set(itertools.product(range(2), range(3)))
    assert forwards == 2
    assert Widths(widths=(2, 3)).nodes == 8
    assert len(grown(growth(Widths(widths=(2, 3)), most=4), random_shares(0))[0]) == 4


@pytest.mark.parametrize("seed", range(5))
def test_opt_tree_is_the_best_tree(seed: int) -> None:
    """No other tree of as many nodes has more expected accepted tokens; brute force over all ways of three letters."""
    shares = random_shares(seed, width=3)
    policy = OptTree(nodes=5, beam=5, depth=3, gain=0.0)
    tree, _ = grown(growth(policy), shares)
    kept = growth(policy).kept(tree)
    values = {way: _product(shares, way) for length in (1, 2, 3) for way in itertools.product(range(3), repeat=length)}
    best = sum(sorted(values.values(), reverse=True)[:5])
    assert sum(tree.values[node] for node in kept) == pytest.approx(best)
    chosen = {text(tree, node) for node in kept}
    assert all(len(way) == 1 or way[:-1] in chosen for way in chosen)


def _product(shares: Shares, way: tuple[int, ...]) -> float:
    value = 1.0
    for length, token in enumerate(way):
        value *= shares(way[:length])[token]
    return value


def test_opt_tree_stops_where_a_level_adds_little() -> None:
    sure: Shares = lambda tokens: [0.95, 0.05]
    vague: Shares = lambda tokens: [0.2] * 5
    policy = OptTree(nodes=10, beam=3, depth=8, gain=0.3)
    assert grown(growth(policy), sure)[1] > grown(growth(policy), vague)[1]


def test_dynamic_depth_stops_at_its_checks_only() -> None:
    halves: Shares = lambda tokens: [0.5, 0.1]
    policy = DynamicDepth(nodes=8, beam=1, depth=7, checks=(2, 4), threshold=-2.5)
    tree, forwards = grown(growth(policy), halves)
    assert max(tree.depths) == forwards == 4  # log 0.5**2 is above, log 0.5**4 below; 3 is no check


@pytest.mark.parametrize("seed", range(5))
def test_dyspec_takes_the_likeliest_places(seed: int) -> None:
    """By brute force: each time, of all nodes, the one with the largest worth gets its next child."""
    shares = random_shares(seed, width=3)
    tree, _ = grown(growth(DySpec(nodes=6, depth=4, one_by_one=True)), shares)
    assert len(tree) == 6
    drawn: set[tuple[int, ...]] = set()
    while len(drawn) < 6:
        nodes = [(), *(way for way in drawn if len(way) < 4)]
        way = max(nodes, key=lambda way: _product(shares, way) * _left(shares, way, drawn))
        drawn.add((*way, sum(1 for other in drawn if other[:-1] == way)))
    assert ways(tree) == drawn


def _left(shares: Shares, way: tuple[int, ...], drawn: set[tuple[int, ...]]) -> float:
    taken = sum(1 for other in drawn if other[:-1] == way)
    return sum(shares(way)[taken:])


def test_dyspec_with_a_threshold_needs_one_forward_a_level() -> None:
    tree, forwards = grown(growth(DySpec(nodes=40, depth=4, threshold=0.05)), random_shares(3))
    assert max(tree.depths) < forwards + 1 <= max(tree.depths) + 2
    assert len(tree) > forwards
    deeper = grown(growth(DySpec(nodes=40, depth=9)), lambda tokens: [0.97, 0.03])[0]
    wider = grown(growth(DySpec(nodes=10, depth=9)), lambda tokens: [0.1] * 10)[0]
    assert max(deeper.depths) == 9
    assert max(wider.depths) == 1


def test_stochastic_beams_have_so_many_nodes_a_level() -> None:
    tree, forwards = grown(growth(StochasticBeams(beams=3, depth=4)), random_shares(1))
    assert [tree.depths.count(depth) for depth in (1, 2, 3, 4)] == [3, 3, 3, 3]
    assert forwards == 4


def test_duo_has_more_chains_where_the_first_token_is_open() -> None:
    sure: Shares = lambda tokens: [0.9, 0.05, 0.05]
    vague: Shares = lambda tokens: [0.3, 0.25, 0.2, 0.15, 0.1]
    policy = Duo(nodes=12)
    for shares, chains in ((sure, 1), (vague, 4)):
        own = growth(policy)
        tree, _ = grown(own, shares)
        kept = {text(tree, node) for node in own.kept(tree)}
        assert {way[0] for way in kept} == set(range(chains))
        assert all((first, *(0,) * (12 // chains - 1)) in kept for first in range(chains))
        assert len(kept) == 12


def test_a_confident_chain_has_branches_where_it_is_less_so() -> None:
    def shares(tokens: tuple[int, ...]) -> list[float]:
        return {0: [0.97, 0.03], 1: [0.7, 0.2, 0.1], 2: [0.3, 0.25, 0.25, 0.2]}.get(len(tokens), [1.0])

    policy = Confident(length=9, least=0.4, widths=((0.95, 1), (0.5, 2), (0.0, 3)))
    tree, forwards = grown(growth(policy), shares)
    assert ways(tree) == {(0,), (0, 0), (0, 1), (0, 0, 0), (0, 0, 1), (0, 0, 2)}
    assert forwards == 3


def outcome(tree: DraftTree, node: int, lane: int = 0) -> Outcome:
    """What came of a tree of which a node was the last accepted one, and one other token followed."""
    base = Sequence.prompt((0, 1), toy_constraint(8).start())
    tip = base
    for _ in range((0 if node == ROOT else tree.depths[node]) + 1):
        tip = tip.extend(0, base.state)
    return Outcome(lane=lane, base=base, tree=tree, node=node, logits=torch.zeros(1 + len(tree), 8), tip=tip)


def test_acceptance_by_rank() -> None:
    fan = DraftTree(tokens=(0, 1, 2), parents=(ROOT, ROOT, ROOT))
    acceptance = Acceptance((0.5, 0.2, 0.1), weight=1e-9)
    for node in (0, 0, 1, ROOT):
        acceptance.observe(outcome(fan, node))
    assert acceptance.chances() == pytest.approx((0.5, 0.25, 0.0), abs=1e-6)
    for _ in range(4):
        acceptance.observe(outcome(chain([0, 1]), 1))
    assert acceptance.chances()[0] == pytest.approx(10 / 12)
    fixed = Acceptance((0.5, 0.2, 0.1), weight=float("inf"))
    fixed.observe(outcome(fan, ROOT))
    assert fixed.chances() == pytest.approx((0.5, 0.2, 0.1))
    forced = Acceptance((0.5,), weight=1e-9)
    forced.observe(outcome(chain([0, 1], forced=1), 0))
    assert forced.chances()[0] == pytest.approx(
        0.0, abs=1e-6
    )  # the forced token does not count, the one behind was rejected


def test_sequoia_learns_for_each_lane() -> None:
    session = Sequoia(nodes=12).open(lambda rows: 1 + 0.3 * rows)
    before = chain_length(session.grow(request()))
    for _ in range(40):
        session.observe(outcome(chain([0] * 8), 7))
    assert chain_length(session.grow(request())) > before
    assert chain_length(session.grow(request(lane=1))) == before
    for _ in range(400):
        session.observe(outcome(chain([0]), ROOT))
    lengths = [chain_length(session.grow(request())) for _ in range(32)]
    assert sorted(set(lengths)) == [0, 1]
    assert sum(lengths) == 2  # tries again now and then
    still = Sequoia(nodes=12, learn=False).open(flat_cost)
    same = chain_length(still.grow(request()))
    for _ in range(40):
        still.observe(outcome(chain([0]), ROOT))
    assert chain_length(still.grow(request())) == same


def test_the_length_of_a_batch() -> None:
    """7, then 9 after full success; 9 - 1 after a failure, 8 - 1 - 1 after the next; never below what was accepted."""
    session = BatchLength().open(flat_cost)

    def step(*accepted: int) -> int:
        length, other = (chain_length(session.grow(request(lane=lane))) for lane in (0, 1))
        for lane, count in enumerate(accepted):
            session.observe(outcome(chain([0] * length), count - 1, lane))
        assert length == other
        return length

    assert [step(7, 2), step(1, 3), step(0, 0), step(1, 5), step(5, 4), step(0, 0)] == [7, 9, 8, 6, 5, 7]


@pytest.mark.parametrize("name", POLICIES)
def test_a_growth_ends_with_any_drafter(name: str) -> None:
    for shares in (random_shares(0), lambda tokens: [], lambda tokens: [1.0], lambda tokens: [0.5, 0.5][: len(tokens)]):
        for most in (0, 1, 5, 64):
            own = growth(POLICIES[name], most)
            tree, _ = grown(own, shares)
            kept = own.kept(tree)
            assert len(kept) <= most
            assert all(tree.parents[node] in {ROOT, *kept} for node in kept)


@pytest.mark.parametrize("name", POLICIES)
def test_the_laws_of_strategies(name: str) -> None:
    """Drawn drafts under recursive rejection."""
    drafter = ModelDrafter(model=ToyModel(seed=9))
    strategy = Speculative(drafter=drafter, verifier="recursive", policy=name)
    check_strategy(strategy, settings=(Sampling(temperature=1.0),), samples=60)


@pytest.mark.parametrize("name", POLICIES)
def test_drafts_that_are_looked_up(name: str) -> None:
    laws = StrategyLaws(
        strategy=Speculative(drafter=Union((Copy(), Recycle())), policy=name),
        model=ToyModel(padding=2),
        constraint=toy_constraint(8),
    )
    laws.greedy()
    laws.repeatable(Sampling(temperature=1.0))


def test_costs_are_what_was_measured_and_nothing_is_measured_in_a_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUIDEDGEN_CACHE", str(tmp_path))
    model = tiny.load("llama")
    start = Sequence.prompt((5, 6, 7, 5, 6), OneOf([[8, 9, 10, 11]], 48).start())

    def notes(policy: str) -> tuple[str, ...]:
        sampler = Sampler(model)
        list(Speculative(drafter="copy", policy=policy).run(sampler, [start], Sampling()))
        return sampler.trace.snapshot().notes

    assert any("models costs" in note for note in notes("sequoia"))
    assert not (tmp_path / "costs").exists()
    assert costs_of(model)[0] is assumed_cost
    table = cost_table(model)
    assert costs_of(model) == (table, "measured")
    assert not any("models costs" in note for note in notes("sequoia"))
    assert costs_of(ToyModel())[0](33) == assumed_cost(33) == 2.6


def test_settings_are_checked() -> None:
    wrong = (
        lambda: Widths(widths=()),
        lambda: Sequoia(nodes=0),
        lambda: Sequoia(acceptance=(0.9, 0.2)),
        lambda: OptTree(beam=0),
        lambda: OptTree(gain=-1.0),
        lambda: DySpec(threshold=2.0),
        lambda: DySpec(nodes=0),
        lambda: StochasticBeams(beams=0),
        lambda: Duo(nodes=0),
        lambda: Confident(least=2.0),
        lambda: Confident(widths=()),
        lambda: BatchLength(first=9, longest=3),
    )
    for make in wrong:
        with pytest.raises(ValueError, match="must be"):
            make()
    with pytest.raises(ValueError, match="no policy is called"):
        Speculative(policy="x")
