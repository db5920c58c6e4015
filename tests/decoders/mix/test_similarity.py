"""Contrastive search against its formula in plain numbers, and what it costs."""

from __future__ import annotations

import math
from collections.abc import Sequence as ListOf

import pytest

from guidedgen.decoders import Plain, Speculative
from guidedgen.decoders.mix import ContrastiveSearch
from guidedgen.errors import ModelError
from guidedgen.models import tiny
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import OneOf, ToyModel
from guidedgen.toy_laws import check_strategy, replay, toy_constraint
from tests.decoders.mix.test_methods import CASES, MODEL, log_chances, normalised, shares


def cosine(one: ListOf[float], other: ListOf[float]) -> float:
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return product / math.sqrt(sum(a * a for a in one) * sum(b * b for b in other))


def scores(text: ListOf[int], allowed: ListOf[int], alpha: float, top_k: int) -> dict[int, float]:
    """By the paper. The toy model's hidden states behind its last layer are its logits."""
    chances = normalised(log_chances(text, allowed))
    before = [MODEL.logits_after(text[: count + 1]).tolist() for count in range(len(text))]
    found = {}
    for token in sorted(allowed, key=lambda token: -chances[token])[:top_k]:
        state = MODEL.logits_after((*text, token)).tolist()
        found[token] = (1 - alpha) * chances[token] - alpha * max(cosine(state, other) for other in before)
    return found


def logits(scores: dict[int, float]) -> dict[int, float]:
    """Scores as logarithms, in steps below a tiny one."""
    return {
        token: math.log(score) if score > 1e-6 else math.log(1e-6) + (score - 1e-6) * 10
        for token, score in scores.items()
    }


@pytest.mark.parametrize(("text", "allowed"), CASES)
@pytest.mark.parametrize(("alpha", "top_k"), [(0.6, 5), (0.2, 3), (0.0, 2)])
def test_scores_are_those_of_the_paper(text: tuple[int, ...], allowed: list[int], alpha: float, top_k: int) -> None:
    expected = normalised(logits(scores(text, allowed, alpha, top_k)))
    found = shares(ContrastiveSearch(alpha=alpha, top_k=top_k), text, allowed)
    assert found == pytest.approx({token: expected.get(token, 0.0) for token in allowed}, abs=1e-4)


@pytest.mark.parametrize("strategy", [Plain, Speculative], ids=["plain", "speculative"])
def test_samples_follow_the_definition(strategy: type[Plain] | type[Speculative]) -> None:
    """Over all texts of a constraint, and the greedy text is the most probable way."""

    def by_definition(prompt: ListOf[int], tokens: ListOf[int], allowed: ListOf[int]) -> dict[int, float]:
        kept = logits(scores((*prompt, *tokens), allowed, 0.6, 2))
        return {token: kept.get(token, -math.inf) for token in allowed}

    method = ContrastiveSearch(alpha=0.6, top_k=2)
    settings = (Sampling(temperature=1.0),)
    check_strategy(strategy(mix=(method,)), model=MODEL, settings=settings, samples=300, mixed=by_definition)


def test_a_step_costs_two_forwards_and_leaves_no_candidates_behind() -> None:
    sampler = Sampler(MODEL)
    constraint = OneOf([(a, b, c, d) for a in (0, 1, 2) for b in (0, 1) for c in (0, 1) for d in (0, 1)], 8)
    prompt = Sequence.prompt((0, 1, 2, 3), constraint.start())
    chunks = list(Plain(mix=(ContrastiveSearch(top_k=3),)).run(sampler, [prompt], Sampling()))
    (_, finish), *_ = replay(chunks, [prompt])
    assert finish == "stop"
    steps = sampler.trace.snapshot().steps
    assert steps[0].forwards <= 3  # the prompt, its hidden states, the candidates
    assert all(step.forwards == 2 for step in steps[1:] if step.committed)
    assert sampler.cached_tokens <= 4 + 4 + 3  # prompt, text, the candidates of the last step


def test_hidden_states_of_a_real_forward() -> None:
    """Cached rows, prepared taps and rows that are read afterwards say the same as a model that starts afresh."""
    model = tiny.load("llama")
    letters = [[token + 4 for token in text] for text in toy_constraint(8).members]
    constraint = OneOf(letters, tiny.VOCABULARY_SIZE)
    prompts = [Sequence.prompt(start, constraint.start()) for start in ((4, 5, 6), (4, 5), (7, 7, 7))]
    method = ContrastiveSearch(alpha=0.5, top_k=3)
    together = replay(list(Plain(mix=(method,)).run(Sampler(model), prompts, Sampling())), prompts)
    for prompt, outcome in zip(prompts, together, strict=True):
        for strategy in (Plain(mix=(method,)), Speculative(drafter="recycle", mix=(method,))):
            assert replay(list(strategy.run(Sampler(model), [prompt], Sampling())), [prompt]) == [outcome]


def test_it_needs_a_model_that_shows_its_layers() -> None:
    with pytest.raises(ModelError, match="layers"):
        ContrastiveSearch().open(_Closed(ToyModel()))
    for wrong in ({"alpha": 1.0}, {"alpha": -0.1}, {"top_k": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            ContrastiveSearch(**wrong)  # type: ignore[arg-type]


class _Closed:
    """A source of logits that shows nothing else."""

    def __init__(self, model: ToyModel) -> None:
        self.model = model
