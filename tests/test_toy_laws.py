"""The strategy laws catch strategies that break them; the reference agrees with hand-made numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from guidedgen.decoders import Chunk, Plain
from guidedgen.decoders.base import Cancelled, LogitsSource
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import OneOf, ToyModel
from guidedgen.toy_laws import check_strategy, exact_outcomes, fit, reference_distribution, replay


class Broken:
    """Plain with something done to its settings or its chunks."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def run(
        self,
        sampler: LogitsSource,
        sequences: list[Sequence],
        sampling: Sampling,
        *,
        cancelled: Cancelled | None = None,
    ) -> Iterator[Chunk]:
        changes = {
            "hot": {"temperature": sampling.temperature * 1.3},
            "no cut": {"top_k": None, "top_p": None, "min_p": None},
            "no penalty": {"repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0},
            "greedy": {"temperature": 0.0},
            "unseeded": {"seed": None},
        }
        changed = replace(sampling, **changes.get(self.kind, {}))  # type: ignore[arg-type]
        for chunk in Plain().run(sampler, sequences, changed, cancelled=cancelled):
            if self.kind == "wrong finish" and chunk.finish == "stop":
                yield replace(chunk, finish="length")
            elif self.kind == "lost token" and len(chunk.tokens) > 1:
                yield replace(chunk, tokens=chunk.tokens[1:])
            elif self.kind != "silent end" or chunk.finish is None:
                yield chunk


@pytest.mark.parametrize(
    "kind", ["hot", "no cut", "no penalty", "greedy", "unseeded", "wrong finish", "lost token", "silent end"]
)
def test_broken_strategies_are_caught(kind: str) -> None:
    with pytest.raises(AssertionError):
        check_strategy(Broken(kind))


def against(logits: torch.Tensor, sequences: object, bias: torch.Tensor) -> torch.Tensor:
    return -logits


def test_a_strategy_that_changes_the_distribution_on_purpose_passes_the_other_laws() -> None:
    check_strategy(Plain(mix=(against,)), exact=False)
    with pytest.raises(AssertionError):
        check_strategy(Plain(mix=(against,)))


def test_reference_distribution_by_hand() -> None:
    logits = [math.log(weight) for weight in (8.0, 4.0, 2.0, 1.0)]

    def distribution(*allowed: int, **settings: float) -> dict[int, float]:
        sampling = Sampling(**{"temperature": 1.0, **settings})  # type: ignore[arg-type]
        return reference_distribution(logits, allowed, sampling, prompt=[], chosen=[3])

    assert distribution(1, 2, 3) == pytest.approx({1: 4 / 7, 2: 2 / 7, 3: 1 / 7})
    assert distribution(1, 3, temperature=0.5) == pytest.approx({1: 16 / 17, 3: 1 / 17})
    assert distribution(0, 1, 2, top_k=2) == pytest.approx({0: 2 / 3, 1: 1 / 3})
    assert distribution(0, 1, 2, top_p=0.58) == pytest.approx({0: 2 / 3, 1: 1 / 3})
    assert distribution(0, 1, 2, min_p=0.4) == pytest.approx({0: 2 / 3, 1: 1 / 3})
    assert distribution(2, 3, presence_penalty=math.log(2)) == pytest.approx({2: 0.8, 3: 0.2})
    assert distribution(2, 3, temperature=0.0) == {2: 1.0}


def test_enumerated_probabilities_sum_to_one_and_follow_the_chain_rule() -> None:
    model = ToyModel()
    outcomes = exact_outcomes(model, (0,), OneOf([(1,), (1, 2), (3,)], 8).start(), Sampling(temperature=1.0))
    assert sum(outcomes.values()) == pytest.approx(1.0)
    first = model.logits_after([0])[[1, 3]].softmax(-1)
    then = model.logits_after([0, 1])[[2, 7]].softmax(-1)
    assert outcomes == pytest.approx(
        {
            ((1,), "stop"): float(first[0] * then[1]),
            ((1, 2), "stop"): float(first[0] * then[0]),
            ((3,), "stop"): float(first[1]),
        },
        abs=1e-6,
    )


def test_fit() -> None:
    exact = {((0,), "stop"): 0.5, ((1,), "stop"): 0.5}
    distance, chance = fit({((0,), "stop"): 500, ((1,), "stop"): 500}, exact)
    assert (distance, chance) == (0.0, pytest.approx(1.0))
    distance, chance = fit({((0,), "stop"): 600, ((1,), "stop"): 400}, exact)
    assert distance == pytest.approx(0.1)
    assert chance < 1e-8
    with pytest.raises(AssertionError, match="impossible"):
        fit({((2,), "stop"): 1}, exact)


def test_replay_refuses_tokens_that_the_constraint_does_not_allow() -> None:
    prompt = Sequence.prompt([0], OneOf([(1, 2)], 8).start())
    wrong = prompt.extend(3, prompt.state)
    with pytest.raises(AssertionError, match="does not allow"):
        replay([Chunk(index=0, sequence=wrong, tokens=(3,), finish="stop")], [prompt])
