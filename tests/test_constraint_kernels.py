"""The laws of the protocol on constraints that the kernels compile, alone and together with stop rules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from guidedgen.constraint import AllOf, MaxTokens, StopOn, fill_masks, mask_words
from guidedgen.grammars.compile import compile
from guidedgen.grammars.specs import Choice, JsonSchema, Regex
from guidedgen.testing import accepts, byte_vocabulary, check_constraint
from guidedgen.vocabulary import Vocabulary

VOCABULARY = byte_vocabulary([b"ab", b"true", b'":', b'{"', b"12", b"\xc3", b"ab"], special=["<tool>"], size=300)
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "string", "maxLength": 3}},
    "required": ["a"],
    "additionalProperties": False,
}
SPECS = {
    "regex": Regex(r"(ab|c)*\d{2,5}é?"),
    "choice": Choice(["true", "trust", "fa\nlse"]),
    "schema": JsonSchema(SCHEMA),
}


@pytest.mark.parametrize("name", SPECS)
def test_the_laws_hold(kernel: str, name: str) -> None:
    constraint = compile(SPECS[name], VOCABULARY, implementation=kernel)
    check_constraint(constraint, VOCABULARY, walks=3, length=12)


@pytest.mark.parametrize("name", SPECS)
def test_the_laws_hold_with_stop_rules(kernel: str, name: str) -> None:
    constraint = compile(SPECS[name], VOCABULARY, implementation=kernel)
    rules = [MaxTokens(6, VOCABULARY), StopOn(["b1", "tr"], VOCABULARY)]
    check_constraint(AllOf([rules[0], constraint, rules[1]]), VOCABULARY, walks=3, length=12)


def test_a_conjunction_of_two_grammars(kernel: str) -> None:
    parts = [compile(Regex(pattern), VOCABULARY, implementation=kernel) for pattern in ("[abc]{2,4}", "(ab)*c?")]
    both = AllOf(parts)
    check_constraint(both, VOCABULARY, walks=3, length=6)
    texts = ["ab", "abc", "abab", "ababc", "c", "", "ba"]
    assert [text for text in texts if accepts(both, text, VOCABULARY)] == ["ab", "abc", "abab"]


def test_a_batch_of_states(kernel: str) -> None:
    constraints = [compile(spec, VOCABULARY, implementation=kernel) for spec in SPECS.values()]
    limited = [AllOf([constraint, MaxTokens(9, VOCABULARY)]) for constraint in constraints]
    states = [constraint.start() for constraint in [*constraints, *limited, AllOf(constraints[:2])]]
    out = np.full((len(states), mask_words(VOCABULARY.size)), -1, dtype=np.int32)
    for threads in (1, 2):
        fill_masks(states, out, threads=threads)
        assert [row.tolist() for row in out] == [state.mask().tolist() for state in states]


def test_a_real_vocabulary(shared: Path) -> None:
    vocabulary = Vocabulary.from_file(shared / "data" / "tokenizers" / "qwen3", size=151936)
    constraint = compile(Regex(r'\{"a":\d+,"b":".{,3}"\}'), vocabulary)
    limited = AllOf([constraint, MaxTokens(20, vocabulary), StopOn("\n\n", vocabulary)])
    check_constraint(limited, vocabulary, walks=4, length=16, samples=60)
    assert accepts(constraint, '{"a":12,"b":"éß"}', vocabulary)
    assert not accepts(constraint, '{"a":12,"b":"four"}', vocabulary)
