"""Grammars whose masks under a budget are dear get none until the end is near: the same texts, whatever comes."""

from __future__ import annotations

import ast
from collections.abc import Callable
from collections.abc import Sequence as ListOf
from typing import Any

import pytest
import torch

import guidedgen as gg
from guidedgen import generation
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.toy import ToyModel

Script = Callable[..., tuple[gg.Model, Any]]

ALWAYS = 10**9  # so near that the budget counts at every token
TEXTS = ["(" * 80, "1+" * 40, "((2*3)-" * 10, "1"]


def written(script: Script, text: str, most: int) -> gg.Result[str]:
    return script(text)[0].generate("Calculate.", gg.library("arithmetic"), max_tokens=most)


@pytest.mark.parametrize("ahead", [1, 2, 16])
@pytest.mark.parametrize("text", TEXTS)
def test_texts_are_those_of_exact_budgets(
    script: Script, monkeypatch: pytest.MonkeyPatch, text: str, ahead: int
) -> None:
    for most in (1, 2, 7, 20, 41):
        monkeypatch.setattr(generation, "_AHEAD", ALWAYS)
        exact = written(script, text, most)
        monkeypatch.setattr(generation, "_AHEAD", ahead)
        result = written(script, text, most)
        assert (result.text, result.finish) == (exact.text, exact.finish)
        ast.parse(result.value.strip(), mode="eval")
        assert len(result.tokens) <= most


@pytest.mark.parametrize("ahead", [1, 16])
@pytest.mark.parametrize("text", ["[[[[[[1, 2], 3], [4, [5", '{"a": {"a": {"a": {"a": 1', '["' + "x" * 80])
def test_json_texts_are_those_of_exact_budgets(
    script: Script, monkeypatch: pytest.MonkeyPatch, text: str, ahead: int
) -> None:
    anything = gg.JsonSchema({"type": ["array", "object"]})
    monkeypatch.setattr(generation, "_budgets_are_dear", lambda grammar: True)
    for most in (2, 9, 20, 41):
        found = []
        for near in (ALWAYS, ahead):
            monkeypatch.setattr(generation, "_AHEAD", near)
            found.append(script(text)[0].generate("What?", anything, max_tokens=most))
        exact, result = found
        assert (result.text, result.finish) == (exact.text, exact.finish)
        assert result.error is None


def test_budgets_are_dear_where_bytes_are_parts_of_tokens_only_or_what_follows_tells() -> None:
    whole = [bytes([byte]) for byte in range(256)]
    rest = [token for token in whole if token != b"\x04"]
    gaps, inside = gg.Vocabulary.from_tokens(rest), gg.Vocabulary.from_tokens([*rest, b"\x04x"])
    full = gg.Vocabulary.from_tokens(whole[:0xC0] + whole[0xC2:0xF5])
    assert (full.spells_text, gaps.spells_text, inside.spells_text) == (True, True, False)
    for vocabulary, output, dear in (
        (full, gg.JsonSchema({}), False),
        (full, gg.Regex("a+"), False),
        (full, gg.library("arithmetic"), True),
        (gaps, gg.JsonSchema({}), False),
        (inside, gg.JsonSchema({}), True),
    ):
        assert generation._budgets_are_dear(gg.compile(output, vocabulary)) == dear


class Eager(ToyModel):
    """Likes the three brackets best, then the end."""

    def logits_after(self, tokens: ListOf[int]) -> torch.Tensor:
        return torch.tensor([0.0, 1.0, 0.0, 0.0, 9.0, 5.0])


def test_a_token_that_leads_too_far_is_taken_back() -> None:
    """A token of three brackets is allowed while two tokens are left over, and then nothing fits."""
    vocabulary = gg.Vocabulary.from_tokens([*(bytes([byte]) for byte in b"(0)+"), b"(((", b""], eos=[5])
    grammar = gg.compile(gg.library("arithmetic"), vocabulary)
    constraint = gg.AllOf([grammar, gg.MaxTokens(4, vocabulary, complete=True, ahead=1)])
    sampler = Sampler(Eager(vocabulary=vocabulary))
    *_, chunk = gg.Plain().run(sampler, [Sequence.prompt((0,), constraint.start())], gg.Sampling())
    assert (vocabulary.decode_bytes(chunk.sequence.generated()), chunk.finish) == (b"0", "stop")
    assert sampler.trace.snapshot().total("retracted") > 0


def test_far_from_the_end_there_is_no_budget() -> None:
    vocabulary = gg.Vocabulary.from_tokens([bytes([byte]) for byte in range(256)])
    grammar = gg.compile(gg.library("arithmetic"), vocabulary)
    state: Any = gg.AllOf([grammar, gg.MaxTokens(20, vocabulary, complete=True, ahead=5)]).start()
    budgets = []
    for byte in b"((((1))))":
        budgets.append(state.budget)
        state = state.advance(byte)
    assert budgets == [None, None, None, None, None, None, None, None, None]
    for byte in b"+1+1+":
        state = state.advance(byte)
    assert state.budget == 6  # one digit is needed, and five are to be left
    assert gg.AllOf([grammar, gg.MaxTokens(20, vocabulary, complete=True)]).start().budget == 20


def test_a_library_grammar_is_told_of_in_a_few_words(script: Script) -> None:
    model, language_model = script("1")
    model.generate("Calculate.", gg.library("arithmetic"))
    (prompt,) = language_model.tokenizer.prompts
    assert "Answer only with arithmetic expressions" in prompt
    assert "start:" not in prompt


def test_long_grammars_are_told_of_in_part_or_on_demand_in_full(script: Script) -> None:
    rules = "".join(f'r{number}: "word{number}"\n' for number in range(1000))
    grammar = gg.Lark("start: " + " | ".join(f"r{number}" for number in range(1000)) + "\n" + rules)
    model, language_model = script("word7", context_length=100_000)
    model.generate("Which?", grammar)
    model.generate("Which?", grammar, describe="schema")
    short, full = language_model.tokenizer.prompts
    assert len(short) < 6_000 < len(rules) < len(full)
    assert short.rstrip().count("word999") == 0 < full.count("word999")
