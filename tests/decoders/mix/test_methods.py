"""MIX methods against their formulas on toy models: plain Python numbers, one row at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence as ListOf

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guidedgen.decoders import Plain, Speculative
from guidedgen.decoders.mix import (
    AgainstRepetition,
    BayesAttribute,
    ContrastiveSearch,
    EndingFloor,
    EndingPenalty,
    Integrative,
    LayerContrast,
    LayerCorrection,
    LayerFusion,
    MixMethod,
    Momentum,
    NoisyInstruction,
    SafetyMix,
    WithNGrams,
)
from guidedgen.decoders.mix.contexts import Prompts
from guidedgen.decoders.mix.ngrams import following, repeated
from guidedgen.errors import ModelError
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence, TokenRecord
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import OneOf, ToyModel
from guidedgen.toy_laws import check_strategy, replay, toy_constraint

MODEL = ToyModel(order=3, padding=2, layers=6)
STATE = OneOf([(0,)], 8).start()
(EOS,) = MODEL.vocabulary.eos
TEXTS = [(0, 1), (0, 1, 3), (0, 1, 3, 2, 2), (4, 4, 0)]
ALLOWED = [[0, 1, 2, 3], [2, 5], [0, 1, 2, 3, 4, 5, 6, EOS], [3]]


def sequence(text: ListOf[int], prompt: int = 2) -> Sequence:
    node = Sequence.prompt(text[:prompt], STATE)
    for token in text[prompt:]:
        node = node.extend(token, STATE, TokenRecord(token=token, proposal_logprob=-1.0))
    return node


def other(*prompts: tuple[int, ...]) -> Prompts:
    return lambda prompt: prompts


def bias_of(allowed: ListOf[int]) -> torch.Tensor:
    bias = torch.full((1, MODEL.info.logits_size), -math.inf)
    bias[0, list(allowed)] = 0
    return bias


def log_chances(text: ListOf[int], allowed: ListOf[int], layer: int | None = None) -> dict[int, float]:
    """By the model, or by its layers up to one, among allowed tokens."""
    logits = MODEL.logits_after(text)
    if layer is not None:
        logits = sum((MODEL._layer(below, text) for below in range(layer + 1)), torch.zeros(MODEL.info.logits_size))
    total = math.log(sum(math.exp(logits[token]) for token in allowed))
    return {token: float(logits[token]) - total for token in allowed}


def shares(method: MixMethod, text: ListOf[int], allowed: ListOf[int]) -> dict[int, float]:
    """What the method makes of the model after a text, as probabilities; the others must be impossible."""
    sampler = Sampler(MODEL)
    row = sequence(text)
    scores = method.open(sampler)(sampler.logits([row]), [row], bias_of(allowed)) + bias_of(allowed)
    chances = scores[0].softmax(-1)
    assert all(chances[token] == 0 for token in range(MODEL.info.logits_size) if token not in allowed)
    return {token: float(chances[token]) for token in allowed}


def normalised(scores: dict[int, float]) -> dict[int, float]:
    total = sum(math.exp(score) for score in scores.values())
    return {token: math.exp(score) / total for token, score in scores.items()}


CASES = list(zip(TEXTS, ALLOWED, strict=True))


@pytest.mark.parametrize(("text", "allowed"), CASES)
def test_noisy_instruction(text: tuple[int, ...], allowed: list[int]) -> None:
    own, noisy = log_chances(text, allowed), log_chances((5, 5, *text[2:]), allowed)
    expected = normalised({token: own[token] - 0.3 * noisy[token] for token in allowed})
    assert shares(NoisyInstruction(prompts=other((5, 5))), text, allowed) == pytest.approx(expected, abs=1e-5)
    off = shares(NoisyInstruction(prompts=other((5, 5)), strength=0.0), text, allowed)
    assert off == pytest.approx(normalised(own), abs=1e-5)


@pytest.mark.parametrize(("text", "allowed"), CASES)
@pytest.mark.parametrize("itself", [False, True])
def test_integrative(text: tuple[int, ...], allowed: list[int], itself: bool) -> None:
    prompts = [(5, 5), (1, 6, 2), (3, 3)]
    voices = [log_chances((*prompt, *text[2:]), allowed) for prompt in [*prompts, *([text[:2]] if itself else [])]]
    expected = normalised({token: sum(voice[token] for voice in voices) / len(voices) for token in allowed})
    method = Integrative(prompts=other(*prompts), itself=itself)
    assert shares(method, text, allowed) == pytest.approx(expected, abs=1e-5)
    turned = Integrative(prompts=other(*prompts[::-1]), itself=itself)
    assert shares(turned, text, allowed) == pytest.approx(expected, abs=1e-5)


def nucleus(chances: dict[int, float], mass: float) -> int:
    size, reached = 0, 0.0
    for share in sorted(chances.values(), reverse=True):
        if reached >= mass:
            break
        size, reached = size + 1, reached + share
    return size


@pytest.mark.parametrize(("text", "allowed"), CASES)
@pytest.mark.parametrize("bias", [-1.0, 0.5, 1e9, -1e9])
def test_safety_mix(text: tuple[int, ...], allowed: list[int], bias: float) -> None:
    own, cautious = log_chances(text, allowed), log_chances((6, 6, *text[2:]), allowed)
    wider = nucleus(normalised(own), 0.9) - nucleus(normalised(cautious), 0.9) - bias
    weight = 1 / (1 + math.exp(-max(-500.0, min(500.0, wider))))
    expected = normalised({token: (1 - weight) * own[token] + weight * cautious[token] for token in allowed})
    assert shares(SafetyMix(prompts=other((6, 6)), bias=bias), text, allowed) == pytest.approx(expected, abs=1e-5)


def test_safety_mix_measures_its_bias_on_harmless_prompts() -> None:
    """The widest nucleus behind one of them, among all tokens."""
    harmless = [(5, 6), (2, 5), (3, 3)]
    everything = list(range(MODEL.vocabulary.size))
    sizes = [nucleus(normalised(log_chances(prompt, everything)), 0.9) for prompt in harmless]
    assert len(set(sizes)) > 1
    measured = SafetyMix(prompts=other((6, 6)), harmless=other(*harmless))
    by_hand = SafetyMix(prompts=other((6, 6)), bias=float(max(sizes)))
    for text, allowed in CASES:
        assert shares(measured, text, allowed) == pytest.approx(shares(by_hand, text, allowed), abs=1e-6)
    with pytest.raises(ValueError, match="bias"):
        SafetyMix(prompts=other((6, 6)), bias=math.nan)


@pytest.mark.parametrize(("text", "allowed"), CASES)
def test_layer_contrast(text: tuple[int, ...], allowed: list[int]) -> None:
    def entropy(chances: ListOf[float]) -> float:
        return -sum(share * math.log(share) for share in chances if share > 0)

    last = log_chances(text, allowed)
    far: dict[float, dict[int, float]] = {}
    for layer in (0, 1, 2):
        early = log_chances(text, allowed, layer)
        p, q = [math.exp(last[token]) for token in allowed], [math.exp(early[token]) for token in allowed]
        mean = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
        far[entropy(mean) - (entropy(p) + entropy(q)) / 2] = early
    amateur = far[max(far)]
    floor = max(last.values()) + math.log(0.1)
    kept = {token: last[token] - amateur[token] for token in allowed if last[token] >= floor}
    expected = {token: normalised(kept).get(token, 0.0) for token in allowed}
    assert shares(LayerContrast(layers=(0, 1, 2)), text, allowed) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("text", "allowed"), CASES)
def test_layer_correction(text: tuple[int, ...], allowed: list[int]) -> None:
    last = log_chances(text, allowed)
    ranked = sorted(allowed, key=lambda token: -last[token])
    candidates = ranked[: min(3, nucleus(normalised(last), 0.9))]
    layers = [log_chances(text, allowed, layer) for layer in (3, 4)]
    sure = max(layers, key=lambda early: max(early[token] for token in candidates))
    weight = math.exp(max(sure[token] for token in candidates))
    lowest = min(sure[token] for token in candidates)
    scores = {token: last[token] + (token in candidates) * 0.6 * weight * (sure[token] - lowest) for token in allowed}
    found = shares(LayerCorrection(layers=(3, 4), top_k=3), text, allowed)
    assert found == pytest.approx(normalised(scores), abs=1e-5)


def test_layers_need_a_model_that_shows_them() -> None:
    with pytest.raises(ModelError, match="which has 6"):
        LayerContrast(layers=(9,)).open(Sampler(MODEL))
    with pytest.raises(ModelError, match="layers"):
        LayerContrast().open(Sampler(ToyModel(layers=1)))


def test_following_by_hand() -> None:
    assert following([1, 2, 1, 3, 1], 2) == {2: 0.5, 3: 0.5}
    assert following([1, 2, 1, 3, 1, 2], 3) == pytest.approx({1: 1.0})
    assert following([7, 1, 2, 5, 1, 3, 7, 1], 3) == pytest.approx({2: (2 * 0.5 + 4) / 6, 3: 2 * 0.5 / 6})
    assert following([4], 3) == {}


def test_against_repetition_follows_its_scores() -> None:
    text, allowed = (0, 1, 3, 2, 2, 3, 2), [0, 1, 2, 3, 4, 5]
    own = normalised(log_chances(text, allowed))
    ngram = following(text, 2)
    scores = {token: 0.6 * own[token] - 0.4 * ngram.get(token, 0.0) for token in allowed}
    kept = sorted(allowed, key=lambda token: -own[token])[:4]
    expected = max(kept, key=lambda token: scores[token])
    found = shares(AgainstRepetition(alpha=0.4, top_k=4), text, allowed)
    assert max(found, key=lambda token: found[token]) == expected
    assert {token for token in allowed if found[token] > 0} <= set(kept)
    alone = shares(AgainstRepetition(alpha=0.0, top_k=6), text, allowed)
    assert alone == pytest.approx(own, abs=1e-4)


def test_what_is_exempt_and_what_is_forced_is_not_held_against_a_text() -> None:
    text, allowed = (0, 1, 3, 2, 3, 2, 3), [0, 1, 2, 4]
    own = normalised(log_chances(text, allowed))
    spared = shares(AgainstRepetition(alpha=0.4, top_k=6, exempt=frozenset({2})), text, allowed)
    others = {token: own[token] - (token != 2) * following(text, 2).get(token, 0.0) * 0.4 / 0.6 for token in allowed}
    assert following(text, 2) == {2: 1.0}
    assert spared == pytest.approx(others, abs=1e-4)
    node = Sequence.prompt(text[:2], STATE)
    for at, token in enumerate(text[2:]):
        node = node.extend(token, STATE, TokenRecord(token=token, proposal_logprob=0.0, forced=at in (1, 3)))
    sampler = Sampler(MODEL)
    found = AgainstRepetition(alpha=0.4, top_k=6).open(sampler)(sampler.logits([node]), [node], bias_of(allowed))[0]
    assert found[allowed].softmax(-1).tolist() == pytest.approx([own[token] for token in allowed], abs=1e-4)


@given(st.lists(st.integers(0, 2), max_size=9), st.integers(0, 2))
def test_repeated_is_the_longest_suffix_that_came_before(text: list[int], token: int) -> None:
    whole = [*text, token]
    lengths = [
        length
        for length in range(1, len(whole))
        if any(whole[at : at + length] == whole[len(whole) - length :] for at in range(len(whole) - length))
    ]
    assert repeated(text, token, most=99) == max(lengths, default=0)
    assert repeated(text, token, most=3) == min(3, max(lengths, default=0))


def test_momentum_lets_new_tokens_pass_and_resists_circles() -> None:
    allowed = [0, 1, 2, 3, 4, 5]
    own = normalised(log_chances((0, 1), allowed))
    assert shares(Momentum(), (0, 1), allowed) == pytest.approx(own, abs=1e-5)  # nothing is generated yet
    text = (0, 1, 3, 2, 3, 2, 3, 2)
    after = normalised(log_chances(text, allowed))
    found = shares(Momentum(alpha=0.3, top_k=6), text, allowed)
    generated = list(text[2:])
    resisted = {token: after[token] - 0.3 * repeated(generated, token) for token in allowed}
    if max(after, key=lambda token: after[token]) in generated:
        assert max(found, key=lambda token: found[token]) == max(resisted, key=lambda token: resisted[token])
    else:
        assert found == pytest.approx(after, abs=1e-5)
    assert Momentum().resistance(6) == math.inf
    assert Momentum(table="blocking").resistance(3) == 0.0


@pytest.mark.parametrize("text", [(0, 1), (0, 1, 3, 2, 2)])
def test_endings(text: tuple[int, ...]) -> None:
    allowed = [0, 1, EOS]
    own = normalised(log_chances(text, allowed))
    count = len(text) - 2
    floor = 1 - 0.9**count
    raised = shares(EndingFloor(epsilon=0.1), text, allowed)
    assert raised[EOS] == pytest.approx(floor * (1 - own[EOS]) + own[EOS], abs=1e-5)
    assert raised[0] / raised[1] == pytest.approx(own[0] / own[1], rel=1e-4)
    lowered = shares(EndingPenalty(amount=2.0, tokens=10), text, allowed)
    factor = math.exp(-2.0 * (1 - count / 10))
    assert lowered[EOS] / lowered[0] == pytest.approx(factor * own[EOS] / own[0], rel=1e-4)
    for method in (EndingFloor(epsilon=0.1), EndingPenalty()):
        assert shares(method, text, [0, 1]) == pytest.approx(normalised(log_chances(text, [0, 1])), abs=1e-5)


@pytest.mark.parametrize(("text", "allowed"), CASES)
def test_bayes_attribute(text: tuple[int, ...], allowed: list[int]) -> None:
    prompts = [(5, 5), (6, 6)]

    def weight(prompt: tuple[int, ...], tokens: ListOf[int], token: int) -> float:
        row = MODEL.logits_after((*prompt, *tokens)).log_softmax(-1)
        return 1 / max(1e-6, -float(row[token]))

    generated = text[2:]
    past = [math.prod(weight(p, generated[:at], token) for at, token in enumerate(generated)) for p in prompts]
    own = log_chances(text, allowed)
    scores = {}
    for token in allowed:
        evidence = [before * weight(p, generated, token) for before, p in zip(past, prompts, strict=True)]
        scores[token] = own[token] + 3.0 * math.log(evidence[0] / sum(evidence))
    found = shares(BayesAttribute(prompts=other(*prompts), strength=3.0), text, allowed)
    assert found == pytest.approx(normalised(scores), abs=1e-4)
    same = shares(BayesAttribute(prompts=other((5, 5), (5, 5)), strength=3.0), text, allowed)
    assert same == pytest.approx(normalised(own), abs=1e-5)


EVERY = [
    NoisyInstruction(prompts=other((5, 5))),
    Integrative(prompts=other((5, 5), (1, 6, 2))),
    SafetyMix(prompts=other((6, 6)), bias=0.0),
    LayerContrast(layers=(0, 1, 2)),
    LayerCorrection(layers=(3, 4)),
    AgainstRepetition(),
    Momentum(),
    EndingFloor(),
    EndingPenalty(),
    BayesAttribute(prompts=other((5, 5), (6, 6)), strength=2.0),
    ContrastiveSearch(alpha=0.5, top_k=3),
    WithNGrams(weight=0.5),
    LayerFusion(prompts=other((5, 5)), layer=2),
]


@pytest.mark.parametrize("method", EVERY, ids=lambda method: type(method).__name__)
def test_every_method_gives_the_same_text_under_speculation(method: MixMethod) -> None:
    """Contexts and taps that were prepared, and those that are asked for afterwards, say the same."""
    constraint = toy_constraint(8)
    prompts = [Sequence.prompt(start, constraint.start()) for start in ((0, 1), (1, 0), (2, 2))]
    for sampling in (Sampling(), Sampling(temperature=1.0, seed=3)):
        texts = [
            replay(list(strategy.run(Sampler(MODEL), prompts, sampling)), prompts)
            for strategy in (
                Plain(mix=(method,)),
                Speculative(drafter="recycle", mix=(method,)),
                Speculative(drafter="recycle", mix=(lambda logits, sequences, bias: logits, method)),
            )
        ]
        assert texts[0] == texts[1] == texts[2]


@pytest.mark.parametrize("method", EVERY[:4], ids=lambda method: type(method).__name__)
def test_laws_beyond_exactness(method: MixMethod) -> None:
    check_strategy(Plain(mix=(method,)), model=MODEL, settings=(Sampling(temperature=1.0),), exact=False)


def test_side_contexts_share_the_forward() -> None:
    sampler = Sampler(MODEL)
    prompt = Sequence.prompt((0, 1), toy_constraint(8).start())
    list(Plain(mix=(EVERY[1],)).run(sampler, [prompt], Sampling()))
    assert all(step.forwards <= 1 for step in sampler.trace.snapshot().steps)


def test_bad_settings_are_named() -> None:
    for make, wrong in [
        (NoisyInstruction, {"prompts": other((1,)), "strength": -1.0}),
        (SafetyMix, {"prompts": other((1,)), "nucleus": 1.0}),
        (LayerContrast, {"plausible": 0.0}),
        (LayerContrast, {"strength": math.nan}),
        (LayerCorrection, {"top_k": 0}),
        (AgainstRepetition, {"alpha": 1.0}),
        (AgainstRepetition, {"size": 1}),
        (Momentum, {"alpha": -1.0}),
        (Momentum, {"table": "other"}),
        (EndingFloor, {"epsilon": 1.0}),
        (EndingPenalty, {"tokens": 0}),
        (BayesAttribute, {"prompts": other((1,)), "strength": -1.0}),
    ]:
        with pytest.raises(ValueError, match=list(wrong)[-1]):
            make(**wrong)  # type: ignore[operator]
