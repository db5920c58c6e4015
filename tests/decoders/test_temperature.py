"""Temperatures that rules of a grammar set: the distribution, by exact enumeration, whatever the strategy."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

import guidedgen as gg
from guidedgen.constraint import AllOf, Constraint, MaxTokens, temperature_of
from guidedgen.decoders import Plain, Speculative
from guidedgen.decoders.base import Strategy
from guidedgen.decoders.drafters import DRAFTERS, ModelDrafter
from guidedgen.decoders.verifiers import VERIFIERS
from guidedgen.errors import CompileError, UnsupportedFeature
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


VALUES = """
start: "n" value | "x" value note
value[temperature=0.2]: %json {"type": "array", "items": {"type": "boolean"}}
note[temperature=0.9]: /[a-z]/
"""


@pytest.mark.parametrize("parser", ["earley", "lalr"])
def test_json_is_drawn_at_the_temperature_of_its_rule(kernel: str, parser: Literal["earley", "lalr"]) -> None:
    state = gg.compile(gg.Lark(VALUES, parser=parser), byte_vocabulary(), implementation=kernel).start()
    heats = []
    for byte in b"x[true]":
        heats.append(temperature_of(state))
        after = state.advance(byte)
        assert after is not None
        state = after
    assert [*heats, temperature_of(state)] == [None, *6 * [0.2], 0.9]


STATEMENTS = """
start: statement+
statement: NAME "=" value ";" | "if" NAME block
block[temperature=0.3]: "{" statement+ "}"
value[temperature=1.5]: NAME | NUMBER
NAME: /[a-z]+/
NUMBER: /[0-9]+/
%ignore " "
"""


@pytest.mark.parametrize("lexer", ["contextual", "basic"])
def test_an_automaton_knows_the_temperatures_of_its_rules(kernel: str, lexer: Literal["contextual", "basic"]) -> None:
    """They are those that the rules would have by themselves."""
    grammars = [gg.Lark(STATEMENTS, parser="lalr", lexer=lexer), gg.Lark(STATEMENTS)]
    states = [gg.compile(grammar, byte_vocabulary(), implementation=kernel).start() for grammar in grammars]
    seen = []
    for byte in b"a=b; if c {d=12;} e=f;":
        assert len({temperature_of(state) for state in states}) == 1
        seen.append(temperature_of(states[0]))
        following = [state.advance(byte) for state in states]
        states = [state for state in following if state is not None]
        assert len(states) == 2
    assert set(seen) == {None, 0.3, 1.5}


def test_laws_of_an_automaton_with_temperatures(kernel: str) -> None:
    vocabulary = byte_vocabulary([b"a=", b"if ", b";}"])
    constraint = gg.compile(gg.Lark(STATEMENTS, parser="lalr"), vocabulary, implementation=kernel)
    check_constraint(constraint, vocabulary, walks=1, length=5)


def test_temperatures_of_an_automaton_are_not_saved(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFeature, match="temperatures"):
        gg.compile(gg.Lark(STATEMENTS, parser="lalr"), byte_vocabulary()).save(tmp_path / "saved")


BLOCKS = 'start: x A I x D\nx[temperature=0.5]: "a"\nA: /\\n */\n%declare I D'


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ('start: A x\nx[temperature=0.5]: "a"\n%declare A', {"terminals": {"A": lambda text: ["b"]}}, "functions"),
        (BLOCKS, {"indent": gg.Indentation(newline="A", indent="I", dedent="D")}, "indent"),
    ],
)
def test_what_does_not_go_with_temperatures_of_an_automaton(text: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(CompileError, match=message):
        gg.compile(gg.Lark(text, parser="lalr", **options), byte_vocabulary())
