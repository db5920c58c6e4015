"""Beam search: against a beam written down plainly, against all texts, and against plain decoding."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from guidedgen.constraint import AllOf, MaxTokens
from guidedgen.decoders import Plain, Speculative
from guidedgen.decoders.mix import Contrast
from guidedgen.decoders.search import Beam
from guidedgen.grammars.compile import compile as compile_constraint
from guidedgen.grammars.specs import Regex
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import OneOf, ToyModel, toy_vocabulary
from guidedgen.toy_laws import check_strategy, replay
from tests.decoders.search.toy_world import CONSTRAINT, EOS, MODEL, PROMPT, Text, all_texts, log_chance, texts_of


@pytest.mark.parametrize("power", [0.0, 1.0])
def test_a_beam_as_wide_as_the_language_gives_its_best_texts_in_order(power: float) -> None:
    known = all_texts()
    best = sorted(known, key=lambda text: -known[text] / (len(text) + 1) ** power)
    found = texts_of(Beam(width=len(known), patience=math.inf, length_power=power), 12)
    assert found == [(text, "stop") for text in best[:12]]


def plain_beam(width: int, depth: int) -> list[Text]:
    """Textbook beam search over the letters 0 to 2, at most `depth` of them; first come, first served."""
    live: Mapping[Text, float] = {(): 0.0}
    finished: dict[Text, float] = {}
    while live and len(finished) < width:
        candidates: dict[Text, float] = {}
        for text, score in live.items():
            row = MODEL.logits_after((*PROMPT, *text)).log_softmax(-1).tolist()
            for token in (0, 1, 2, EOS) if len(text) < depth else (EOS,):
                candidates[(*text, token)] = score + row[token]
        best = sorted(candidates, key=lambda text: -candidates[text])[: 2 * width]
        kept: list[Text] = []
        for place, text in enumerate(best):
            if len(kept) < width and (text[-1] != EOS or place < width):
                kept.append(text)
        finished |= {text: candidates[text] for text in kept if text[-1] == EOS}
        live = {text: candidates[text] for text in kept if text[-1] != EOS}
    return sorted(finished, key=lambda text: -finished[text] / len(text))


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_the_textbook_beam(width: int) -> None:
    letters = compile_constraint(Regex("[a-c]{0,6}"), MODEL.vocabulary)
    tokens = [MODEL.vocabulary.encode(letter)[0] for letter in "abc"]
    assert tokens == [0, 1, 2]
    found = texts_of(Beam(width=width), width, letters)
    assert [(*text, EOS) for text, _ in found] == plain_beam(width, 6)[:width]


def competing_beam(width: int, depth: int) -> list[Text]:
    """The same where finished texts keep their places."""
    beam: dict[Text, float] = {(): 0.0}
    while any(text[-1:] != (EOS,) for text in beam):
        candidates = {text: score for text, score in beam.items() if text[-1:] == (EOS,)}
        for text in beam.keys() - candidates.keys():
            row = MODEL.logits_after((*PROMPT, *text)).log_softmax(-1).tolist()
            for token in (0, 1, 2, EOS) if len(text) < depth else (EOS,):
                candidates[(*text, token)] = beam[text] + row[token]
        beam = {text: candidates[text] for text in sorted(candidates, key=lambda text: -candidates[text])[:width]}
    return sorted(beam, key=lambda text: -beam[text] / len(text))


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_the_textbook_beam_whose_finished_texts_compete(width: int) -> None:
    letters = compile_constraint(Regex("[a-c]{0,6}"), MODEL.vocabulary)
    found = texts_of(Beam(width=width, competing=True), width, letters)
    assert [(*text, EOS) for text, _ in found] == competing_beam(width, 6)


def test_competing_texts_are_the_best_of_all_where_the_beam_is_wide() -> None:
    known = all_texts()
    best = sorted(known, key=lambda text: -known[text])
    assert texts_of(Beam(width=len(known), competing=True, length_power=0.0), 12) == [
        (text, "stop") for text in best[:12]
    ]
    check_strategy(Beam(width=8, competing=True), exact=False)


def test_width_one_is_greedy() -> None:
    prompts = [Sequence.prompt((first, second), CONSTRAINT.start()) for first in range(4) for second in range(4)]
    plain, beam = (list(each.run(Sampler(MODEL), prompts, Sampling())) for each in (Plain(), Beam(width=1)))
    assert replay(plain, prompts) == replay(beam, prompts)


def test_laws_that_hold_for_every_strategy() -> None:
    check_strategy(Beam(width=8, groups=2), settings=(Sampling(temperature=1.0, seed=1),), exact=False)


def test_scores_are_the_models_not_those_under_the_mask() -> None:
    """Under the mask the second token of (2, 3) is certain, though the model finds it unlikely."""
    for first in range(2, 6):
        constraint = OneOf([(first, 3, 3, 3), (6, 6), (6, 5), (6, 4)], 8)
        known = {text: log_chance(text) for text in constraint.members}
        best = max(known, key=lambda text: known[text])
        assert texts_of(Beam(width=4, length_power=0.0, patience=math.inf), 1, constraint) == [(best, "stop")]


def test_more_patience_never_finds_worse() -> None:
    scores = [log_chance(texts_of(Beam(width=2, patience=p, length_power=0.0), 1)[0][0]) for p in (0.5, 1.0, math.inf)]
    assert scores == sorted(scores)


def test_groups_differ_in_their_first_tokens() -> None:
    alike = texts_of(Beam(width=2, groups=1), 2)
    different = texts_of(Beam(width=2, groups=2, diversity=100.0), 2)
    assert different[0][0][0] != different[1][0][0]
    same = texts_of(Beam(width=2, groups=2, diversity=0.0, patience=1.0), 2)
    assert [finish for _, finish in same] == ["stop", "dead_end"]  # both groups found the same text
    assert len(alike) == 2


def test_a_value_steers_the_beam() -> None:
    """A predicate that wants the token 3: conditional beam search finds a text with it."""
    without = texts_of(Beam(width=3), 1)[0][0]
    unwanted = without[0]
    steered = Beam(width=3, value=lambda sequence: -50.0 if unwanted in sequence.generated() else 0.0)
    assert unwanted not in texts_of(steered, 1)[0][0]


def test_budgets_end_hypotheses_and_missing_places_are_dead_ends() -> None:
    short = AllOf([CONSTRAINT, MaxTokens(2, MODEL.vocabulary)])
    assert {finish for _, finish in texts_of(Beam(width=4), 4, short)} <= {"stop", "length"}
    two = OneOf([(1,), (2, 2)], 8)
    assert [finish for _, finish in texts_of(Beam(width=4), 3, two)] == ["stop", "stop", "dead_end"]


def test_records_are_complete_and_one_forward_serves_all_beams() -> None:
    sampler = Sampler(MODEL)
    prompts = [Sequence.prompt(PROMPT, CONSTRAINT.start()), Sequence.prompt((1, 2), CONSTRAINT.start())]
    chunks = list(Beam(width=3).run(sampler, prompts, Sampling()))
    assert sorted(chunk.index for chunk in chunks) == [0, 1]
    for chunk in chunks:
        assert all(record is not None and record.logprob is not None for record in chunk.sequence.records())
    steps = sampler.trace.snapshot().steps
    assert all(step.forwards <= 1 for step in steps[:-1])


def test_contrast_composes() -> None:
    contrast = Contrast(amateur=ToyModel(seed=5))
    prompts = [Sequence.prompt(PROMPT, CONSTRAINT.start())]
    greedy = [
        replay(list(strategy.run(Sampler(MODEL), prompts, Sampling())), prompts)
        for strategy in (Plain(mix=(contrast,)), Beam(width=1, mix=(contrast,)), Speculative(mix=(contrast,)))
    ]
    assert greedy[0] == greedy[1] == greedy[2]


def test_bad_settings_are_named() -> None:
    for wrong in ({"width": 0}, {"groups": 3}, {"patience": 0}, {"length_power": -1.0}, {"diversity": -1.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Beam(**wrong)
    with pytest.raises(ValueError, match="wider"):
        texts_of(Beam(width=2), 3)
    assert toy_vocabulary(8).size == 8
