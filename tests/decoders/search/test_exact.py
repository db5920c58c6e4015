"""Exact search: against all texts, with bounds, ties and dead ends; and what it refuses."""

from __future__ import annotations

import pytest

from guidedgen.constraint import AllOf, MaxTokens
from guidedgen.decoders import Beam, ExactTopK
from guidedgen.errors import LimitExceeded
from guidedgen.grammars.compile import compile as compile_constraint
from guidedgen.grammars.specs import Regex
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import OneOf
from guidedgen.toy_laws import check_strategy
from tests.decoders.search.toy_world import MODEL, log_chance, ranked, start, texts_of


@pytest.mark.parametrize("rows", [1, 3, 64])
def test_all_texts_come_in_their_order(rows: int) -> None:
    best = ranked()
    found = texts_of(ExactTopK(rows=rows), len(best) + 2)
    assert found[: len(best)] == [(text, "stop") for text in best]
    assert found[len(best) :] == [((), "dead_end")] * 2


def test_few_continuations_at_a_time_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A prefix with more continuations than are kept is looked at again, and nothing is lost."""
    monkeypatch.setattr("guidedgen.decoders.search.exact._TOKENS", 2)
    best = ranked()
    assert texts_of(ExactTopK(), len(best)) == [(text, "stop") for text in best]


def test_it_finds_what_a_narrow_beam_misses() -> None:
    """A beam of one is greedy; over some constraint of four texts that is not the best."""
    missed = 0
    for first in range(6):
        constraint = OneOf([(first, 3, 3, 3), (6, 6), (6, 5), (6, 4)], 8)
        best = max(constraint.members, key=log_chance)
        assert texts_of(ExactTopK(), 1, constraint) == [(best, "stop")]
        missed += texts_of(Beam(width=1), 1, constraint) != [(best, "stop")]
    assert missed


def test_budgets_end_texts() -> None:
    letters = AllOf([compile_constraint(Regex("[a-c]*"), MODEL.vocabulary), MaxTokens(3, MODEL.vocabulary)])
    found = texts_of(ExactTopK(), 200, letters)
    finished = {text for text, finish in found if finish == "stop"}
    cut = {text for text, finish in found if finish == "length"}
    assert len(finished) == 1 + 3 + 9
    assert len(cut) == 27
    assert len(found) - len(finished) - len(cut) == sum(finish == "dead_end" for _, finish in found)


def test_it_refuses_beyond_its_limit() -> None:
    with pytest.raises(LimitExceeded, match="ExactTopK"):
        texts_of(ExactTopK(limit=5, rows=2), 4)
    with pytest.raises(ValueError, match="limit"):
        ExactTopK(limit=0)


def test_the_laws_of_strategies() -> None:
    check_strategy(ExactTopK(), settings=(Sampling(temperature=1.0, seed=1),), exact=False)


def test_records_are_complete() -> None:
    (chunk,) = ExactTopK().run(Sampler(MODEL), [start()], Sampling())
    records = chunk.sequence.records()
    assert records
    assert all(record is not None and record.logprob is not None for record in records)
    assert chunk.ending is not None
    total = sum(record.logprob or 0.0 for record in (*records, chunk.ending) if record is not None)
    assert total == pytest.approx(log_chance(ranked()[0]), abs=1e-5)
