"""Policies by exact enumeration: whatever decides how much is drafted, the tokens are distributed as the target says.

The drafting code is the real one; only its draws are enumerated, together with those of verification.
"""

from __future__ import annotations

from collections.abc import Sequence as ListOf
from dataclasses import dataclass

import pytest
import torch

from guidedgen.decoders.drafters import growing
from guidedgen.decoders.drafters.base import Request, Setting
from guidedgen.decoders.drafters.growing import ModelTrees
from guidedgen.decoders.policies import (
    Confident,
    Duo,
    DynamicDepth,
    DySpec,
    OptTree,
    Policy,
    Sequoia,
    StochasticBeams,
    Widths,
    flat_cost,
)
from guidedgen.decoders.tree import DraftTree
from guidedgen.decoders.verifiers import PointMass, Recursive
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.vocabulary import Vocabulary
from tests.decoders.verifiers.exact import Scripted, total_variation
from tests.decoders.verifiers.test_exactness import Model, models, plain, speculative

SIZE = 3
VOCABULARY = Vocabulary.from_tokens([b"a", b"b", b"c", b""], eos=[3])


@dataclass(frozen=True)
class Free:
    """A state that allows everything: masks are in the random models here."""

    done: str | None = None

    def advance(self, token: int) -> Free:
        return self

    def forced(self) -> tuple[int, ...]:
        return ()


@dataclass
class Fake:
    """A reader of a random model."""

    drafter: Model

    def after(self, sequences: list[Sequence]) -> torch.Tensor:
        rows = [self.drafter(sequence.generated()) for sequence in sequences]
        return torch.cat([torch.stack(rows), torch.zeros(len(rows), 1, dtype=torch.float64)], -1)


def drafting(drafter: Model, policy: Policy, monkeypatch: pytest.MonkeyPatch, seed: int) -> object:
    setting = Setting(vocabulary=VOCABULARY, logits_size=SIZE + 1, sampling=Sampling(temperature=1.0))
    trees = ModelTrees(Fake(drafter), setting)  # type: ignore[arg-type]
    prompt = Sequence.prompt((0,), Free())  # type: ignore[arg-type]
    request = Request(lane=0, tip=prompt, most=4, seed=seed)

    def draft(draws: Scripted) -> DraftTree:
        def scripted(rest: torch.Tensor, numbers: ListOf[float]) -> list[int]:
            return [draws.pick(rest[0], 0)]

        monkeypatch.setattr(growing, "sample", scripted)
        growth = policy.open(flat_cost).grow(request)
        (tree,) = trees.draft([request], [growth])
        cut = {node: q[:SIZE] for node, q in tree.drawn_from.items()}
        return DraftTree(tokens=tree.tokens, parents=tree.parents, drawn_from=cut)

    return draft


DRAWN = {
    "widths": Widths(widths=(2, 1)),
    "confident": Confident(length=2, least=0.3, widths=((0.6, 1), (0.0, 2))),
    "sequoia": Sequoia(nodes=4, depth=2, acceptance=(0.5, 0.2, 0.1), learn=False),
    "dyspec": DySpec(nodes=4, depth=2, threshold=0.2),
    "dyspec-one-by-one": DySpec(nodes=3, depth=2, one_by_one=True),
    "stochastic-beams": StochasticBeams(beams=2, depth=2),
}
BEST = {
    "opt-tree": OptTree(nodes=4, beam=2, depth=2, gain=0.0),
    "dynamic-depth": DynamicDepth(nodes=4, beam=2, depth=2, checks=(1,)),
    "duo": Duo(nodes=4),
}


@pytest.mark.parametrize("masked", [False, True], ids=["free", "masked"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", DRAWN)
def test_drawn_trees(name: str, seed: int, masked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    target, drafter = models(seed, masked)
    draft = drafting(drafter, DRAWN[name], monkeypatch, seed)
    came = speculative(target, draft, Recursive())  # type: ignore[arg-type]
    assert total_variation(came, plain(target)) < 1e-9


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", BEST)
def test_trees_of_best_tokens(name: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    target, drafter = models(seed, True)
    draft = drafting(drafter, BEST[name], monkeypatch, seed)
    for verifier in (PointMass(), Recursive()):
        came = speculative(target, draft, verifier)  # type: ignore[arg-type]
        assert total_variation(came, plain(target)) < 1e-9


def test_throwing_drawn_tokens_away_after_a_look_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why `Growth.kept` is for best tokens only."""
    target, drafter = models(1, False)
    draft = drafting(drafter, Widths(widths=(2,)), monkeypatch, 0)

    def picky(draws: Scripted) -> DraftTree:
        tree = draft(draws)  # type: ignore[operator]
        kept = [node for node in range(len(tree)) if tree.tokens[node] != 0]
        tokens = tuple(tree.tokens[node] for node in kept)
        return DraftTree(tokens=tokens, parents=(-1,) * len(kept), drawn_from=tree.drawn_from)

    assert total_variation(speculative(target, picky, Recursive()), plain(target)) > 1e-3
