"""Conditioning: distance to the true conditional, enumerated; the laws of strategies; bounds and weights by hand."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest

from guidedgen.constraint import AllOf, MaxTokens
from guidedgen.decoders import Plain, Strategy
from guidedgen.decoders.conditioning import ALIGNMENTS, Conditioned
from guidedgen.decoders.conditioning.importance import effective, resampled
from guidedgen.decoders.conditioning.particles import Particle
from guidedgen.decoders.mix import Contrast
from guidedgen.errors import LimitExceeded
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import OneOf, ToyModel, toy_vocabulary
from guidedgen.toy_laws import Outcome, check_strategy, replay

MODEL = ToyModel(vocabulary=toy_vocabulary(5), spread=2.0, seed=12)  # masked texts are 0.4 away
TEXTS = [(0, 0, 0), (0, 1, 2), (0, 2), (1, 1, 1, 1), (1, 2, 0), (2, 3), (2, 2, 2, 2), (3, 0), (3, 1, 2), (3,)]
CONSTRAINT = OneOf(TEXTS, 5)
WARM = Sampling(temperature=1.0)


def truth(sampling: Sampling, model: ToyModel = MODEL) -> dict[Outcome, float]:
    """The model's probability of each valid text with its end, renormalised: by definition, no masks."""
    (eos,) = MODEL.vocabulary.eos
    masses: dict[Outcome, float] = {}
    for text in TEXTS:
        log_chance = 0.0
        for place, token in enumerate((*text, eos)):
            scores = model.logits_after((0, 1, *text[:place])) / sampling.temperature
            log_chance += float(scores.log_softmax(-1)[token])
        masses[text, "stop"] = math.exp(log_chance)
    total = sum(masses.values())
    return {outcome: mass / total for outcome, mass in masses.items()}


def distance(strategy: Strategy, sampling: Sampling, samples: int = 1000, model: ToyModel = MODEL) -> float:
    """Total variation between samples and the true conditional."""
    prompts = [Sequence.prompt((0, 1), CONSTRAINT.start())] * samples
    seeded = Sampling(temperature=sampling.temperature, seed=4)
    counts = Counter(replay(list(strategy.run(Sampler(model), prompts, seeded)), prompts))
    exact = truth(sampling, model)
    assert counts.keys() <= exact.keys()
    return sum(abs(counts[text] / samples - chance) for text, chance in exact.items()) / 2


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_distances_to_the_true_conditional_fall_with_the_effort(temperature: float) -> None:
    sampling = Sampling(temperature=temperature)
    local = distance(Plain(), sampling)
    assert local > 0.3  # or there would be nothing to mend
    few, many = (distance(Conditioned(align="resample", particles=number), sampling, 300) for number in (2, 16))
    assert many < 0.12 < few < local
    assert distance(Conditioned(align="smc", particles=16), sampling, 300) < 0.12


def test_resampling_on_the_way_leaves_the_target_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short texts rarely run out of effective particles; a threshold of 1 resamples where weights differ."""
    generations = []

    def counted(particles: list[Particle], *, generation: int) -> list[Particle]:
        generations.append(generation)
        return resampled(particles, generation=generation)

    monkeypatch.setattr("guidedgen.decoders.conditioning.strategy.resampled", counted)
    often = Conditioned(align="smc", particles=8, threshold=1.0)
    assert distance(often, WARM, 100) < 0.18
    assert generations


def test_rejection_is_exact() -> None:
    lenient = ToyModel(vocabulary=MODEL.vocabulary, spread=1.0)  # one text in five is valid
    assert distance(Conditioned(align="reject"), WARM, 600, lenient) < 0.05


def test_asap_learns_from_text_to_text() -> None:
    """The samples of one prompt share what they learn; late ones follow the true conditional."""
    assert distance(Conditioned(align="asap", rounds=1), WARM) < 0.05 < distance(Plain(), WARM)


@pytest.mark.parametrize("align", ALIGNMENTS)
def test_the_laws_of_strategies(align: Any) -> None:
    strategy = Conditioned(align=align, particles=4, rounds=3, tries=100_000)
    check_strategy(strategy, settings=(WARM,), exact=False, constraint=CONSTRAINT, model=MODEL)


def test_the_target_is_what_mix_methods_make_of_the_model() -> None:
    """An amateur that knows nothing leaves the model as it is, to the power of 1 + beta."""
    flat = ToyModel(vocabulary=MODEL.vocabulary, spread=0.0)
    contrast = Contrast(amateur=flat, strength=1.0, plausible=1e-9)
    sharp = ToyModel(vocabulary=MODEL.vocabulary, spread=4.0, seed=12)  # twice the logits
    strategy = Conditioned(align="smc", particles=32, mix=(contrast,))
    prompts = [Sequence.prompt((0, 1), CONSTRAINT.start())] * 150
    counts = Counter(replay(list(strategy.run(Sampler(MODEL), prompts, Sampling(temperature=1, seed=1))), prompts))
    exact = truth(WARM, sharp)
    assert sum(abs(counts[text] / 150 - chance) for text, chance in exact.items()) / 2 < 0.12


def test_forced_tokens_weigh_too() -> None:
    """Two texts, told apart by their first token; the forced tokens behind it decide."""
    constraint = OneOf([(0, 1, 1), (2, 3, 3)], 5)
    prompts = [Sequence.prompt((0, 1), constraint.start())] * 300
    strategy = Conditioned(align="resample", particles=16)
    counts = Counter(replay(list(strategy.run(Sampler(MODEL), prompts, Sampling(temperature=1, seed=2))), prompts))
    (eos,) = MODEL.vocabulary.eos
    logs = []
    for text in ((0, 1, 1), (2, 3, 3)):
        rows = [MODEL.logits_after((0, 1, *text[:place])).log_softmax(-1) for place in range(4)]
        logs.append(sum(float(row[token]) for row, token in zip(rows, (*text, eos), strict=True)))
    share = 1 / (1 + math.exp(logs[1] - logs[0]))
    assert counts[(0, 1, 1), "stop"] / 300 == pytest.approx(share, abs=0.08)


def test_records_are_complete_and_a_budget_ends_texts() -> None:
    constraint = AllOf([CONSTRAINT, MaxTokens(2, MODEL.vocabulary)])
    for align in ("smc", "asap"):
        prompt = Sequence.prompt((0, 1), constraint.start())
        chunks = list(Conditioned(align=align).run(Sampler(MODEL), [prompt], Sampling(temperature=1.0, seed=1)))
        (chunk,) = chunks
        assert chunk.finish in ("stop", "length")
        assert all(record is not None and record.logprob is not None for record in chunk.sequence.records())


def particle(weight: float) -> Particle:
    return Particle(tip=Sequence.prompt((1,), CONSTRAINT.start()), seed=0, sample=0, log_weight=weight)


def test_effective_sample_size_and_resampling_by_hand() -> None:
    equal = [particle(-3.0)] * 4
    assert effective(equal) == pytest.approx(4.0)
    assert effective([particle(0.0), particle(-math.inf)]) == pytest.approx(1.0)
    assert effective([particle(-math.inf)]) == 0.0
    uneven = [particle(math.log(3.0)), particle(0.0), particle(-math.inf), particle(-math.inf)]
    fresh = resampled(uneven, generation=0)
    assert [math.exp(each.log_weight) for each in fresh] == pytest.approx([1.0] * 4)
    assert len({each.draw for each in fresh}) == 4
    assert not {each.draw for each in fresh} & {each.draw for each in resampled(fresh, generation=1)}


def test_bad_settings_are_named() -> None:
    for wrong in ({"align": "local"}, {"particles": 0}, {"threshold": 2.0}, {"rounds": 0}, {"tries": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Conditioned(**wrong)
    prompt = Sequence.prompt((0, 1), CONSTRAINT.start())
    for sampling, said in ((Sampling(), "temperature"), (Sampling(temperature=1.0, top_k=3), "top_k")):
        with pytest.raises(ValueError, match=said):
            list(Conditioned().run(Sampler(MODEL), [prompt], sampling))


def test_rejection_gives_up_in_time() -> None:
    never = OneOf([(0, 1, 2, 3, 0, 1, 2, 3, 0, 1)], 5)
    prompt = Sequence.prompt((0, 1), never.start())
    with pytest.raises(LimitExceeded, match="smc"):
        list(Conditioned(align="reject", tries=20).run(Sampler(MODEL), [prompt], Sampling(temperature=1.0, seed=0)))
