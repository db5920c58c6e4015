"""Verifiers by exact enumeration: whatever is drafted, the tokens that come out are distributed as the target says.

Targets and drafters are random functions of the text so far, with and without masks at every node. Drafting is
enumerated with the verification. An accepted path is continued by draws from the target to a fixed length, so that
whole texts are compared.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import cache

import pytest
import torch

from guidedgen.decoders.tree import ROOT, DraftTree, after_rejection
from guidedgen.decoders.verifiers import (
    KSequential,
    Leviathan,
    PointMass,
    Recursive,
    RelaxedTop,
    RelaxedTypical,
    Verifier,
)
from tests.decoders.verifiers.exact import Scripted, outcomes, total_variation

Text = tuple[int, ...]
Model = Callable[[Text], torch.Tensor]
LENGTH = 3


def model(seed: int, *, size: int, spread: float, mask_seed: int | None) -> Model:
    """Probabilities that depend on the whole text; with a mask, some tokens have none."""

    @cache
    def after(text: Text) -> torch.Tensor:
        choose = random.Random(f"{seed} {text}")
        weights = [math.exp(choose.gauss(0, spread)) for _ in range(size)]
        if mask_seed is not None:
            allowed = random.Random(f"{mask_seed} {text}")
            kept = allowed.sample(range(size), allowed.randint(1, size))
            weights = [weight if token in kept else 0.0 for token, weight in enumerate(weights)]
        return torch.tensor(weights, dtype=torch.float64) / sum(weights)

    return after


def plain(target: Model) -> dict[Text, float]:
    def run(draws: Scripted) -> Text:
        text: Text = ()
        while len(text) < LENGTH:
            text = (*text, draws.pick(target(text), 0))
        return text

    return outcomes(run)


def text_of(tree: DraftTree, node: int) -> Text:
    return tuple(tree.tokens[step] for step in tree.path(node))


def speculative(target: Model, draft: Callable[[Scripted], DraftTree], verifier: Verifier) -> dict[Text, float]:
    def run(draws: Scripted) -> Text:
        tree = draft(draws)
        verdict = verifier.verify(tree, lambda node: target(text_of(tree, node)), draws)
        text = (*text_of(tree, verdict.node), verdict.bonus)
        while len(text) < LENGTH:
            text = (*text, draws.pick(target(text), 0))
        return text[:LENGTH]

    return outcomes(run)


def drawn_tree(drafter: Model, widths: tuple[int, ...], *, replacement: bool) -> Callable[[Scripted], DraftTree]:
    """Each node of depth d gets widths[d] children, drawn from the drafter's distribution."""

    def draft(draws: Scripted) -> DraftTree:
        tokens: list[int] = []
        parents: list[int] = []
        drawn_from: dict[int, torch.Tensor] = {}
        order: dict[int, tuple[int, ...]] = {}
        level = [(ROOT, (), 1)]
        for width in widths:
            below = []
            for node, text, copies in level:
                q = drafter(text)
                drawn_from[node] = q
                drawn: list[int] = []
                for _ in range(width * copies if replacement else width):
                    rest = q if replacement else after_rejection(q, [tokens[child] for child in drawn])
                    if not rest.sum() > 0:
                        break
                    token = draws.pick(rest, 0)
                    same = [child for child in drawn if tokens[child] == token]
                    if same:
                        drawn.append(same[0])
                        continue
                    drawn.append(len(tokens))
                    tokens.append(token)
                    parents.append(node)
                order[node] = tuple(drawn)
                below += [(child, (*text, tokens[child]), drawn.count(child)) for child in dict.fromkeys(drawn)]
            level = below
        return DraftTree(
            tokens=tuple(tokens), parents=tuple(parents), drawn_from=drawn_from, order=order if replacement else {}
        )

    return draft


def fixed_tree(seed: int, size: int) -> DraftTree:
    choose = random.Random(seed)
    tokens: list[int] = []
    parents: list[int] = []
    used: set[tuple[int, int]] = set()
    for _ in range(6):
        edge = choose.randint(ROOT, len(tokens) - 1), choose.randrange(size)
        if edge not in used:
            used.add(edge)
            parents.append(edge[0])
            tokens.append(edge[1])
    return DraftTree(tokens=tuple(tokens), parents=tuple(parents))


MASKS = pytest.mark.parametrize("masked", [False, True], ids=["free", "masked"])
SEEDS = pytest.mark.parametrize("seed", range(4))


def models(seed: int, masked: bool, size: int = 3) -> tuple[Model, Model]:
    mask_seed = seed if masked else None
    target = model(seed, size=size, spread=1.0, mask_seed=mask_seed)
    return target, model(seed + 100, size=size, spread=1.0, mask_seed=mask_seed)


@MASKS
@SEEDS
def test_a_chain(seed: int, masked: bool) -> None:
    target, drafter = models(seed, masked)
    for verifier in (Leviathan(), Recursive(), KSequential()):
        came = speculative(target, drawn_tree(drafter, (1, 1), replacement=False), verifier)
        assert total_variation(came, plain(target)) < 1e-9, verifier


@MASKS
@SEEDS
@pytest.mark.parametrize("widths", [(2, 1), (3, 2), (4,), (1, 3)])
def test_siblings_without_replacement(seed: int, masked: bool, widths: tuple[int, ...]) -> None:
    target, drafter = models(seed, masked)
    came = speculative(target, drawn_tree(drafter, widths, replacement=False), Recursive())
    assert total_variation(came, plain(target)) < 1e-9


@MASKS
@SEEDS
@pytest.mark.parametrize("widths", [(2, 1), (3,), pytest.param((2, 2), marks=pytest.mark.slow)])
def test_siblings_with_replacement(seed: int, masked: bool, widths: tuple[int, ...]) -> None:
    target, drafter = models(seed, masked)
    came = speculative(target, drawn_tree(drafter, widths, replacement=True), KSequential())
    assert total_variation(came, plain(target)) < 1e-9


@MASKS
@SEEDS
def test_any_fixed_tree(seed: int, masked: bool) -> None:
    target, _ = models(seed, masked)
    tree = fixed_tree(seed, 3)
    for verifier in (PointMass(), Recursive(), KSequential()):
        came = speculative(target, lambda draws, tree=tree: tree, verifier)  # type: ignore[misc]
        assert total_variation(came, plain(target)) < 1e-9, verifier


@SEEDS
def test_top_tokens_first_and_drawn_ones_below(seed: int) -> None:
    """Levels of different origin: the root's children are the drafter's best tokens, theirs are drawn."""
    target, drafter = models(seed, False)

    def draft(draws: Scripted) -> DraftTree:
        best = drafter(()).topk(2).indices.tolist()
        tokens, parents, drawn_from = list(best), [ROOT, ROOT], {}
        for node, token in enumerate(best):
            drawn_from[node] = drafter((token,))
            tokens.append(draws.pick(drawn_from[node], 0))
            parents.append(node)
        return DraftTree(tokens=tuple(tokens), parents=tuple(parents), drawn_from=drawn_from)

    assert total_variation(speculative(target, draft, Recursive()), plain(target)) < 1e-9


def test_the_enumeration_notices_a_wrong_rule() -> None:
    target, drafter = models(0, False)

    class AcceptAll:
        exact = True

        def verify(self, tree: DraftTree, target: Callable[[int], torch.Tensor], draws: Scripted) -> object:
            node = len(tree) - 1
            return type("Verdict", (), {"node": node, "bonus": draws.pick(target(node), 0)})

    wrong = speculative(target, drawn_tree(drafter, (1,), replacement=False), AcceptAll())  # type: ignore[arg-type]
    assert total_variation(wrong, plain(target)) > 0.01
    masked_target, _ = models(0, True)
    came = speculative(masked_target, drawn_tree(drafter, (2,), replacement=False), Recursive())
    assert total_variation(came, plain(masked_target)) < 1e-9  # masks on one side only cost drafts, not exactness


@SEEDS
def test_relaxed_rules_with_strict_settings_are_greedy(seed: int) -> None:
    """A one-hot target: with one candidate and no gap, only the best way is taken; looser settings never take less."""
    target, _ = models(seed, False)
    tree = fixed_tree(seed, 3)

    def accepted(verifier: Verifier) -> int:
        verdict = verifier.verify(tree, lambda node: target(text_of(tree, node)), Scripted([]))
        return 0 if verdict.node == ROOT else tree.depths[verdict.node]

    def greedy() -> int:
        node = ROOT
        while True:
            best = int(target(text_of(tree, node)).argmax())
            child = next((child for child in tree.children[node] if tree.tokens[child] == best), None)
            if child is None:
                return 0 if node == ROOT else tree.depths[node]
            node = child

    strict = accepted(RelaxedTop(count=1, gap=0.0))
    assert strict == greedy()
    assert strict <= accepted(RelaxedTop(count=2, gap=1.0)) <= accepted(RelaxedTop(count=3, gap=9.0))
    assert accepted(RelaxedTop(count=3, gap=99.0)) == max(tree.depths)
    assert accepted(RelaxedTypical(epsilon=1.0, delta=9.0)) <= accepted(RelaxedTypical(epsilon=0.01, delta=0.1))


@pytest.mark.parametrize("copies", [1, 2, 3, 4])
def test_acceptance_grows_with_siblings(copies: int) -> None:
    """Acceptance of K-SEQ is 1 - (1 - beta)^k, and drawing without replacement is never accepted less often."""
    target, drafter = models(1, False, size=4)

    def share(verifier: Verifier, replacement: bool) -> float:
        draft = drawn_tree(drafter, (copies,), replacement=replacement)

        def run(draws: Scripted) -> bool:
            tree = draft(draws)
            return verifier.verify(tree, lambda node: target(text_of(tree, node)), draws).node != ROOT

        return outcomes(run).get(True, 0.0)

    overlap = float(torch.minimum(target(()), drafter(())).sum())
    if copies == 1:
        assert share(KSequential(), True) == pytest.approx(overlap)
        assert share(Recursive(), False) == pytest.approx(overlap)
    assert share(KSequential(), True) >= (1 - 1 / math.e) * overlap
    assert share(Recursive(), False) >= share(KSequential(), True) - 1e-9
    if copies == 4:
        assert share(Recursive(), False) == pytest.approx(1.0)


def test_what_a_rule_does_not_hold_for_is_refused() -> None:
    tree = DraftTree(tokens=(0, 1), parents=(ROOT, ROOT))
    with pytest.raises(ValueError, match="Recursive"):
        Leviathan().verify(tree, lambda node: torch.ones(3) / 3, Scripted([]))
    lying = DraftTree(tokens=(0,), parents=(ROOT,), drawn_from={ROOT: torch.tensor([0.0, 1.0])})
    with pytest.raises(ValueError, match="gives it nothing"):
        Recursive().verify(lying, lambda node: torch.ones(2) / 2, Scripted([]))
    with pytest.raises(ValueError, match="parents first"):
        DraftTree(tokens=(0,), parents=(0,))
