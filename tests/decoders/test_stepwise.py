"""Reward-guided steps: who writes what, and the two ends of the threshold."""

from __future__ import annotations

import math

import pytest

from guidedgen.decoders import Plain, RewardGuided
from guidedgen.decoders.stepwise import Step, likelihood
from guidedgen.errors import ModelError
from guidedgen.grammars.compile import compile as compile_constraint
from guidedgen.grammars.specs import Regex
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import ToyModel, toy_vocabulary
from guidedgen.toy_laws import Outcome, check_strategy, replay

VOCABULARY = toy_vocabulary()
TARGET, DRAFT = ToyModel(seed=1), ToyModel(seed=2)


def prompts(pattern: str = "([a-f]{1,5}g){3}", count: int = 4) -> list[Sequence]:
    return [Sequence.prompt((0, 1), compile_constraint(Regex(pattern), VOCABULARY).start())] * count


def outcomes(strategy: RewardGuided | Plain, model: ToyModel, sampling: Sampling) -> list[Outcome]:
    starts = prompts()
    return replay(list(strategy.run(Sampler(model), starts, sampling)), starts)


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=1.0, seed=3)], ids=["greedy", "sampled"])
def test_the_ends_of_the_threshold_are_the_two_models(sampling: Sampling) -> None:
    never = RewardGuided(draft=DRAFT, threshold=1.1, end=b"g")
    always = RewardGuided(draft=DRAFT, threshold=0.0, end=b"g")
    assert outcomes(never, TARGET, sampling) == outcomes(Plain(), TARGET, sampling)
    assert outcomes(always, TARGET, sampling) == outcomes(Plain(), DRAFT, sampling)
    assert outcomes(Plain(), DRAFT, sampling) != outcomes(Plain(), TARGET, sampling)


def test_a_higher_threshold_gives_the_target_more() -> None:
    """Wasted tokens grow with the threshold: each refused step is written twice."""
    wasted = []
    for threshold in (0.0, 0.05, 0.1, 0.2, 1.1):
        sampler = Sampler(TARGET)
        starts = prompts(count=12)
        strategy = RewardGuided(draft=DRAFT, threshold=threshold, end=b"g")
        replay(list(strategy.run(sampler, starts, Sampling(temperature=1.0, seed=4))), starts)
        wasted.append(sampler.trace.snapshot().total("retracted"))
    assert wasted[0] == 0
    assert wasted[-1] == max(wasted) > 0
    assert 0 < wasted[2] < wasted[-1]


def test_a_reward_sees_steps_and_refuses_some() -> None:
    seen: list[tuple[bytes, bytes]] = []

    def reward(step: Step) -> float:
        seen.append((step.before, step.text))
        return float(b"a" not in step.text)

    strategy = RewardGuided(draft=DRAFT, reward=reward, threshold=0.5, end=b"g")
    starts = prompts(count=1)
    chunks = list(strategy.run(Sampler(TARGET), starts, Sampling(temperature=1.0, seed=1)))
    replay(chunks, starts)
    text = VOCABULARY.decode_bytes(chunks[-1].sequence.generated())
    parts = [part + b"g" for part in text.split(b"g")[:-1]]
    assert len(parts) == 3
    before = b""
    for part in parts:
        judged = [step for earlier, step in seen if earlier == before]
        assert len(judged) <= 1 + (b"" in [step for _, step in seen])
        assert judged[0] == part or b"a" in judged[0]
        before += part


def test_the_target_judges_by_its_own_probability() -> None:
    start = prompts(count=1)[0]
    after = start.state.advance(2)
    assert after is not None
    tip = start.extend(2, after)
    step = Step(text=b"c", before=b"", tip=tip, start=start, target=Sampler(TARGET))
    expected = math.exp(float(TARGET.logits_after((0, 1)).log_softmax(-1)[2]))
    assert likelihood(step) == pytest.approx(expected)


def test_the_other_laws_of_strategies() -> None:
    strategy = RewardGuided(draft=ToyModel(seed=9), threshold=0.2, end=b"a", longest=2)
    check_strategy(strategy, settings=(Sampling(temperature=1.0),), exact=False)


def test_settings_are_checked() -> None:
    for wrong in ({"reward": "x"}, {"end": b""}, {"longest": 0}):
        with pytest.raises(ValueError, match=r"no reward|must not be empty"):
            RewardGuided(draft=DRAFT, **wrong)  # type: ignore[arg-type]
    other = RewardGuided(draft=ToyModel(vocabulary=toy_vocabulary(9)))
    with pytest.raises(ModelError, match="another vocabulary"):
        list(other.run(Sampler(TARGET), prompts(), Sampling()))
