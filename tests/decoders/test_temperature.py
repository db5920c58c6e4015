"""Temperatures that rules of a grammar set: the distribution, by exact enumeration, whatever the strategy."""

from __future__ import annotations

from pathlib import Path

import pytest

import guidedgen as gg
from guidedgen.constraint import AllOf, Constraint, MaxTokens, temperature_of
from guidedgen.decoders import Plain, Speculative
from guidedgen.decoders.base import Strategy
from guidedgen.decoders.drafters import DRAFTERS, ModelDrafter
from guidedgen.decoders.verifiers import VERIFIERS
from guidedgen.errors import UnsupportedFeature
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.settings import Sampling
from guidedgen.testing import byte_vocabulary, check_constraint
from guidedgen.toy import ToyModel, toy_vocabulary
from guidedgen.toy_laws import StrategyLaws

VOCABULARY = toy_vocabulary(8)
GRAMMAR = """
start: first hot cold
first: /[abc]/
hot[temperature=1.5]: /[abc]{2}/
cold[temperature=0]: (other | "g")~1..2
other[temperature=0.5]: "d" | "e" | "f"
"""
MODEL = ToyModel(vocabulary=VOCABULARY, spread=2.0)
SETTINGS = (Sampling(temperature=0.0), Sampling(temperature=0.7, top_p=0.9), Sampling(temperature=1.0))
STRATEGIES: dict[str, Strategy] = {
    "plain": Plain(),
    "point mass": Speculative(drafter=DRAFTERS["ngram"] if "ngram" in DRAFTERS else next(iter(DRAFTERS.values()))),
    "tree": Speculative(
        drafter=ModelDrafter(model=ToyModel(vocabulary=VOCABULARY, seed=9), widths=(2, 2)),
        verifier=VERIFIERS["recursive"](),
    ),
}


def constraint(kernel: str | None = None) -> Constraint:
    return gg.compile(gg.Lark(GRAMMAR), VOCABULARY, implementation=kernel)


def test_the_innermost_rule_says_it(kernel: str) -> None:
    state, heats = constraint(kernel).start(), []
    for letter in "abcd":
        heats.append(temperature_of(state))
        after = state.advance("abcdefg".index(letter))
        assert after is not None
        state = after
    assert [*heats, temperature_of(state)] == [None, 1.5, 1.5, 0.5, 0.5]


def test_laws(kernel: str) -> None:
    check_constraint(constraint(kernel), VOCABULARY)


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
@pytest.mark.parametrize("sampling", SETTINGS, ids=["greedy", "cut", "warm"])
def test_what_is_drawn(strategy: Strategy, sampling: Sampling) -> None:
    laws = StrategyLaws(strategy=strategy, model=MODEL, constraint=constraint(), make_sampler=Sampler)
    laws.sampled(sampling, 250)
    laws.repeatable(sampling)


def test_rows_with_and_without_a_temperature_of_their_own_in_one_batch() -> None:
    grammar = gg.Lark('start: a b?\na[temperature=1.2]: "a" "b"? \nb: /[abc]{1,2}/')
    made = gg.compile(grammar, VOCABULARY)
    laws = StrategyLaws(strategy=Plain(), model=MODEL, constraint=made, make_sampler=Sampler)
    for sampling in SETTINGS:
        laws.sampled(sampling, 250)
        laws.repeatable(sampling)


def test_the_temperature_of_one_part_is_that_of_all() -> None:
    both = AllOf([constraint(), MaxTokens(9, VOCABULARY)])
    state = both.start().advance(0)
    assert state is not None
    assert temperature_of(state) == 1.5


def test_what_is_read_outside_of_the_rule_has_none(kernel: str) -> None:
    """The same rule within one with a temperature and beside it."""
    grammar = gg.Lark('start: hot "-" word\nhot[temperature=0.3]: word\nword: /[a-z]+/')
    state = gg.compile(grammar, byte_vocabulary(), implementation=kernel).start().advance_bytes(b"ab-")
    assert state is not None
    assert temperature_of(state) is None


def test_saved_constraints_keep_temperatures(tmp_path: Path) -> None:
    gg.compile(gg.Lark(GRAMMAR), VOCABULARY).save(tmp_path / "saved")
    state = gg.Constraint.load(tmp_path / "saved", VOCABULARY).start().advance(0)
    assert state is not None
    assert temperature_of(state) == 1.5


def test_json_takes_the_temperature_of_the_generation() -> None:
    with pytest.raises(UnsupportedFeature, match="JSON"):
        gg.compile(gg.Lark("start: value\nvalue[temperature=0.2]: %json {}"), byte_vocabulary())
