"""Scoring forced tokens: after the fact, and in groups where the logits of all would be too many."""

from __future__ import annotations

import pytest
import torch

from guidedgen.decoders import Plain
from guidedgen.decoders.score import score_forced
from guidedgen.errors import ModelError
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import OneOf, ToyModel

MODEL = ToyModel()


def generated(members: list[tuple[int, ...]], sampler: Sampler, *, complete_records: bool = False) -> Sequence:
    prompt = Sequence.prompt((0, 1), OneOf(members, 8).start())
    (*_, last) = Plain(complete_records=complete_records).run(sampler, [prompt], Sampling())
    return last.sequence


def test_every_record_is_the_models_own() -> None:
    sampler = Sampler(MODEL)
    sequence = generated([(2, 3, 4, 1, 5), (2, 3, 4, 2, 5)], sampler)
    scored = score_forced(sampler, sequence)
    assert scored.tokens() == sequence.tokens()
    assert scored.state is sequence.state
    assert scored.prompt_node is sequence.prompt_node
    for index, record in enumerate(scored.records()):
        row = MODEL.logits_after(sequence.tokens()[: 2 + index]).log_softmax(-1)
        assert record is not None
        assert record.logprob == pytest.approx(float(row[record.token]), abs=1e-6)
        assert record.margin is not None
        assert record.margin >= 0
        if record.forced:
            assert (record.log_mass, record.margin) == (
                record.logprob,
                pytest.approx(float(row.max()) - record.logprob, abs=1e-6),
            )
    assert [record.forced for record in scored.records() if record] == [True, True, True, False, True]


def test_chosen_records_are_kept() -> None:
    sampler = Sampler(MODEL)
    sequence = generated([(2, 3), (4, 3)], sampler)
    scored = score_forced(sampler, sequence)
    assert scored.records()[0] is sequence.records()[0]
    assert score_forced(sampler, scored) is scored


@pytest.mark.parametrize("at_once", [1, 7, 1000])
def test_long_forced_stretches(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guidedgen.decoders.score._LOGITS_BYTES", at_once * 4 * MODEL.info.logits_size)
    sampler = Sampler(MODEL)
    sequence = generated([(2, 3, 4, 5, 6) * 30], sampler)
    scores = [record.logprob for record in score_forced(sampler, sequence).records() if record]
    expected = [
        float(MODEL.logits_after(sequence.tokens()[: 2 + index]).log_softmax(-1)[token])
        for index, token in enumerate(sequence.generated())
    ]
    assert scores == pytest.approx(expected, abs=1e-6)
    trace = sampler.trace.snapshot()
    assert trace.total("forwards") == -(-150 // at_once)
    assert max(step.rows for step in trace.steps) <= 150 + 1


def test_logits_that_are_no_numbers_are_an_error() -> None:
    class Broken(ToyModel):
        def logits_after(self, tokens: object) -> torch.Tensor:
            return torch.full((8,), float("nan"))

    with pytest.raises(ModelError, match="not finite"):
        generated([(2, 3)], Sampler(Broken()), complete_records=True)
