"""`generate`, `batch` and a plain call: what comes out for what goes in."""

from __future__ import annotations

import gc
import json
import math
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, field_validator

import guidedgen as gg
from guidedgen.options import Align
from guidedgen.result import FieldReport

Script = Callable[..., tuple[gg.Model, Any]]


class Order(BaseModel):
    buyer: str
    amount: int = Field(ge=0, le=99)
    urgent: bool


TEXT = '{"buyer": "Ada", "amount": 7, "urgent": false}'
VALUE = Order(buyer="Ada", amount=7, urgent=False)


class Even(BaseModel):
    number: int = Field(ge=0, le=9)

    @field_validator("number")
    @classmethod
    def even(cls, number: int) -> int:
        if number % 2:
            raise ValueError("must be even")
        return number


def test_a_call_gives_a_value_of_the_type(script: Script) -> None:
    model, _ = script(TEXT)
    assert model("Who buys what?", Order) == VALUE


def test_without_a_type_it_is_text(script: Script) -> None:
    model, _ = script("Hello, world.")
    assert model("Say hello") == "Hello, world."


@dataclass
class Point:
    x: int
    y: int


@pytest.mark.parametrize(
    ("output", "text", "value"),
    [
        (Point, '{"x": 1, "y": 2}', Point(1, 2)),
        (list[int], "[1, 2]", [1, 2]),
        (int, "12", 12),
        (bool, "true", True),
        (Literal["red", "blue"], "blue", "blue"),
        ([1, 2.5, "x"], "2.5", 2.5),
        ([Point, int], "3", 3),
        (gg.Choice(["red", "blue"]), "blue", "blue"),
        (gg.Regex("[ab]+"), "abba", "abba"),
        (gg.Lark('start: "a" start? "b"'), "aabb", "aabb"),
        (gg.JsonSchema({"type": "array", "items": {"type": "null"}}), "[null]", [None]),
        ({"type": "array", "items": {"type": "null"}}, "[null]", [None]),
    ],
)
def test_all_kinds_of_output_types(script: Script, output: Any, text: str, value: Any) -> None:
    model, _ = script(text)
    result = model.generate("?", output)
    assert (result.value, result.text, result.finish) == (value, text, "stop")


def test_a_result_tells_how_it_came_about(script: Script) -> None:
    model, language_model = script(TEXT)
    result = model.generate("Who buys what?", Order, describe="none")
    assert result.value == VALUE
    assert result.error is None
    assert result.text == TEXT == model.vocabulary.decode_bytes(result.tokens).decode()
    assert result.raw == json.loads(TEXT)
    assert result.finish == "stop"
    assert result.prompt_tokens == len("Who buys what?") + 1
    assert result.attempts == (TEXT,)
    assert result.samples[0].value == VALUE
    assert -0.1 < result.logprob < 0
    assert result.report.compile is not None
    assert ("/properties/amount/maximum", "maximum") in [
        (entry.pointer, entry.keyword) for entry in result.report.compile
    ]
    assert result.trace is not None
    assert result.trace.total("committed") == len(result.tokens)
    assert language_model.steps == result.trace.total("forwards")


def test_captures_of_a_grammar_come_with_the_result(script: Script) -> None:
    grammar = gg.Lark('start: name (" " word)*\nname[capture]: /[A-Z][a-z]*/\nword[capture="words"]: /[a-z]+/')
    model, _ = script("Ada sees stars")
    assert model.generate("?", grammar).captures == {"name": "Ada", "words": ["sees", "stars"]}
    assert model.generate("?", gg.Regex(".*")).captures == {}
    assert model.generate("?", grammar, max_tokens=4, on_budget="truncate").captures == {}


def test_terminals_that_functions_answer_for(script: Script) -> None:
    def members(text: str) -> list[str]:
        return {"self": ["size", "name"], "self.size": []}[text.removesuffix(".")]

    grammar = gg.Lark('%declare NAME\nstart: "self" ("." name)? ";"\nname[capture]: NAME', terminals={"NAME": members})
    model, _ = script("self.size;")
    result = model.generate("?", grammar)
    assert (result.value, result.captures) == ("self.size;", {"name": "size"})
    model, _ = script("self.none;")
    assert model.generate("?", grammar).text == "self.name;"


def test_forced_tokens_cost_no_forward(script: Script) -> None:
    model, language_model = script(TEXT)
    result = model.generate("?", Order)
    assert language_model.steps < len(result.tokens)
    assert result.trace is not None
    assert result.trace.total("forced") >= len('{"buyer": "')


def test_fields_report_their_tokens(script: Script) -> None:
    model, _ = script(TEXT)
    report = model.generate("?", Order).report
    assert [entry.path for entry in report.fields] == [("buyer",), ("amount",), ("urgent",)]
    assert report["buyer"].tokens == len('"Ada"')
    assert isinstance(report[("amount",)], FieldReport)
    with pytest.raises(KeyError):
        report["nobody"]


def test_damage_is_the_mass_that_the_mask_removed(script: Script) -> None:
    model, _ = script("xylophone")
    result = model.generate("?", gg.Choice(["ab", "ba"]))
    size = model.vocabulary.size
    probability = 1 / (math.exp(20) + size - 1)  # of every token that is not on the script
    forced = math.log(size)  # the second letter: off the script too
    assert result.report.damage == pytest.approx(-math.log(2 * probability) + forced, abs=1e-3)
    assert result.report.fields == (
        FieldReport(
            path=(), tokens=2, forced=1, logprob=result.logprob, damage=result.report.damage, margin=pytest.approx(20.0)
        ),
    )


def test_an_output_that_is_cut_has_text_but_no_value(script: Script) -> None:
    model, _ = script(TEXT)
    shortest = len('{"buyer": "", "amount": 0, "urgent": true}')
    result = model.generate("?", Order, max_tokens=shortest, on_budget="truncate")
    assert result.finish == "length"
    assert TEXT.startswith(result.text)
    with pytest.raises(
        gg.ValidationFailed, match=rf"after {len(result.tokens)} tokens.* in /urgent.* Raise max_tokens"
    ) as caught:
        _ = result.value
    assert caught.value.raw == result.text
    with pytest.raises(gg.ValidationFailed):
        model("?", Order, max_tokens=shortest, on_budget="truncate")


@pytest.mark.parametrize("spare", [0, 1, 2, 5, 30])
def test_an_output_is_complete_within_its_budget(script: Script, spare: int) -> None:
    """Wherever the script must be left, what is written is valid and no longer than allowed."""
    model, _ = script('{"buyer": "' + "x" * 400 + '", "amount": 77, "urgent": true}')
    least = minimum(model, Order)
    result = model.generate("?", Order, max_tokens=least + spare)
    assert len(result.tokens) <= least + spare
    assert isinstance(result.value, Order)
    assert result.value.buyer.startswith("x" * max(0, spare - 3))


def test_the_smallest_budget_is_named_and_enough(script: Script) -> None:
    model, _ = script(TEXT)
    least = minimum(model, Order)
    with pytest.raises(gg.BudgetTooSmall, match=rf"Use max_tokens={least} or more"):
        model("?", Order, max_tokens=least - 1)
    assert len(model.generate("?", Order, max_tokens=least).tokens) == least


def minimum(model: gg.Model, output: type) -> int:
    with pytest.raises(gg.BudgetTooSmall) as caught:
        model("?", output, max_tokens=1)
    return caught.value.minimum


@pytest.mark.parametrize("seed", range(6))
def test_every_sample_of_a_noisy_model_is_complete(script: Script, seed: int) -> None:
    """Off the script all tokens are equally likely: strings and numbers would never end by themselves."""
    model, _ = script("off")
    result = model.generate("?", Order, max_tokens=60, temperature=1.0, n=4, seed=seed)
    assert all(isinstance(sample.value, Order) and len(sample.tokens) <= 60 for sample in result.samples)
    free = model.generate("?", Order, max_tokens=60, temperature=1.0, n=4, seed=seed, on_budget="truncate")
    assert any(sample.error is not None for sample in free.samples)


def test_the_budget_holds_for_every_output_of_a_batch(script: Script) -> None:
    model, _ = script(lambda prompt: '{"buyer": "' + prompt * 200)
    results = model.batch(["a", "bc", "xyz"], Order, max_tokens=70)
    assert all(len(result.tokens) <= 70 for result in results)
    assert [result.value.buyer[0] for result in results] == ["a", "b", "x"]


def test_stop_texts_still_cut_within_a_budget(script: Script) -> None:
    model, _ = script('{"buyer": "aaaaaaaaEND')
    result = model.generate("?", Order, max_tokens=100, stop="END")
    assert (result.finish, result.text) == ("stop", '{"buyer": "aaaaaaaa')
    assert isinstance(result.error, gg.ValidationFailed)


def test_an_end_that_is_optional_needs_no_steering(script: Script) -> None:
    """The text is complete after every letter: the budget cuts, and the value is what is there."""
    model, _ = script("a" * 50)
    result = model.generate("?", gg.Regex("a+"), max_tokens=7)
    assert (result.value, result.finish) == ("a" * 7, "length")


def test_free_text_that_is_cut_is_text(script: Script) -> None:
    model, _ = script("Hello, world.")
    result = model.generate("?", max_tokens=5)
    assert (result.value, result.finish) == ("Hello", "length")


def test_stop_texts_end_free_text_and_are_not_part_of_it(script: Script) -> None:
    model, _ = script("one\nEND two")
    result = model.generate("?", stop=["END", "###"])
    assert (result.value, result.finish) == ("one\n", "stop")
    assert model.generate("?", stop="two").value == "one\nEND "


def test_a_stop_text_inside_a_value_is_an_error_of_the_result(script: Script) -> None:
    model, _ = script(TEXT)
    with pytest.raises(gg.ValidationFailed, match=r"stop text.*in /buyer"):
        model("?", Order, stop="da")


def test_samples_are_independent_and_repeatable(script: Script) -> None:
    model, _ = script(lambda prompt: "?")  # off the script at once: all options are equally likely
    digits = gg.Regex("[0-9]{8}")
    result = model.generate("?", digits, n=5, temperature=1.0, seed=1)
    assert len(result.samples) == 5
    assert len(set(result.values)) == 5
    assert result.value == result.values[0]
    assert model.generate("?", digits, n=5, temperature=1.0, seed=1).values == result.values
    assert model.generate("?", digits, temperature=1.0, seed=1).value == result.value
    assert model.generate("?", digits, n=5, temperature=1.0, seed=2).values != result.values


def test_samples_share_the_prompt(script: Script) -> None:
    model, _ = script("?")
    trace = model.generate("x" * 500, gg.Regex("[0-9]{3}"), n=4, temperature=1.0, seed=1).trace
    assert trace is not None
    assert trace.total("rows") < 2 * 500


def test_equal_samples_are_refused(script: Script) -> None:
    model, _ = script("x")
    with pytest.raises(ValueError, match="Set a temperature above 0"):
        model.generate("?", n=2)


def test_a_batch_answers_every_prompt(script: Script) -> None:
    model, _ = script(lambda prompt: {"a": '{"number": 2}', "b": '{"number": 3}', "c": '{"number": 4}'}[prompt])
    results = model.batch(["a", "b", "c", "a"], Even, describe="none")
    assert [None if result.error else result.value.number for result in results] == [2, None, 4, 2]
    assert [result.text for result in results] == [
        model.generate(prompt, Even, describe="none").text for prompt in ("a", "b", "c", "a")
    ]
    with pytest.raises(gg.ValidationFailed, match="must be even"):
        _ = results[1].value


def test_a_batch_runs_one_forward_a_step(script: Script) -> None:
    model, _ = script("12345")
    trace = model.batch(["a", "b", "c"], gg.Regex("[0-9]{5}"), describe="none")[0].trace
    assert trace is not None
    assert trace.total("forwards") == 5


def test_a_batch_of_nothing_is_nothing(script: Script) -> None:
    model, _ = script("x")
    assert model.batch([], Order) == []
    with pytest.raises(TypeError, match="list of prompts"):
        model.batch("abc", Order)


def test_conversations(script: Script) -> None:
    model, language_model = script("Bob")
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who?"}]
    assert model.generate(messages=messages).value == "Bob"
    assert language_model.tokenizer.prompts == ["System: Be brief.\n\nUser: Who?\n\nAssistant:"]


def test_the_output_type_is_described_unless_told_not_to(script: Script) -> None:
    model, language_model = script(TEXT)
    for detail in ("short", "schema", "none"):
        model.generate("Who?", Order, describe=detail)
    short, schema, none = language_model.tokenizer.prompts
    assert "- amount (integer from 0 to 99)" in short
    assert '"maximum": 99' in schema
    assert none == "Who?"


def test_free_text_needs_no_description(script: Script) -> None:
    model, language_model = script("x")
    model("Who?")
    assert language_model.tokenizer.prompts == ["Who?"]


def test_refused_values_name_what_was_wrong_and_keep_the_text(script: Script) -> None:
    model, _ = script('{"number": 3}')
    result = model.generate("?", Even)
    assert result.finish == "stop"
    assert result.raw == {"number": 3}
    with pytest.raises(gg.ValidationFailed, match="must be even") as caught:
        _ = result.value
    assert caught.value.raw == '{"number": 3}'
    assert caught.value.attempts == ('{"number": 3}',)


def test_a_refusal_keeps_nothing_else_alive(script: Script) -> None:
    model, language_model = script('{"number": 3}')
    result = model.generate("?", Even)
    gone = weakref.ref(language_model)
    del model, language_model
    gc.collect()
    assert gone() is None
    assert result.complaint == "/number: Value error, must be even"


def test_retries_tell_the_model_what_was_wrong(script: Script) -> None:
    model, language_model = script(lambda prompt: f'{{"number": {3 + prompt.count("not valid")}}}')
    result = model.generate("Which?", Even, retries=2, describe="none")
    assert result.value.number == 4
    assert result.attempts == ('{"number": 3}', '{"number": 4}')
    first, second = language_model.tokenizer.prompts
    assert first == "Which?"
    assert second.startswith('User: Which?\n\nAssistant: {"number": 3}\n\nUser: ')
    complaint = second.split("User: ")[2]
    assert "/number: Value error, must be even" in complaint
    assert len(complaint) < 120


def test_retries_end(script: Script) -> None:
    model, language_model = script('{"number": 3}')
    result = model.generate("Which?", Even, retries=2)
    with pytest.raises(gg.ValidationFailed, match="must be even") as caught:
        _ = result.value
    assert len(caught.value.attempts) == 3
    assert len(language_model.tokenizer.prompts) == 3


def test_only_refused_samples_are_tried_again(script: Script) -> None:
    model, _ = script(lambda prompt: f'{{"number": {"2" if "not valid" in prompt else prompt}}}')
    results = model.batch(["4", "5"], Even, retries=1, describe="none")
    assert [result.attempts for result in results] == [('{"number": 4}',), ('{"number": 5}', '{"number": 2}')]


def test_a_timeout_gives_what_is_there(script: Script) -> None:
    model, _ = script("Hello, world.")
    result = model.generate("?", timeout=1e-9)
    assert (result.finish, result.value) == ("timeout", "")
    with pytest.raises(gg.ValidationFailed, match="Raise timeout"):
        model("?", Order, timeout=1e-9)


def test_strategies_by_value_and_by_name(script: Script) -> None:
    model, _ = script(TEXT)
    assert model("?", Order, strategy=gg.Plain()) == model("?", Order, strategy="plain") == VALUE
    with pytest.raises(ValueError, match=r"no strategy is called 'magic'. There are: .*plain"):
        model("?", Order, strategy="magic")


def test_searches_give_several_values_and_a_lattice_holds_all(script: Script) -> None:
    model, _ = script(TEXT)
    for strategy in ("beam:3", "conditional-beam:3:not-empty", "best-first:40", gg.ExactTopK()):
        assert model.generate("?", Order, strategy=strategy, n=2).values[0] == VALUE
    drawn = model.generate("?", Order, strategy="stochastic-beam:3", n=3, temperature=1.0, seed=1)
    assert len({sample.tokens for sample in drawn.samples}) == 3
    lattice = model.lattice("?", Order, strategy=gg.BestFirst(expansions=40))
    assert lattice.best()[0].text == TEXT
    assert model.lattice("?", Order).count() > 1
    with pytest.raises(ValueError, match="BestFirst"):
        model.lattice("?", Order, strategy="beam")


@pytest.mark.parametrize("align", ["resample", "smc", "asap", "reject"])
def test_align_draws_from_the_model_given_that_the_output_is_valid(script: Script, align: Align) -> None:
    model, _ = script(TEXT)
    assert model("?", Order, align=align, temperature=0.5, seed=1) == VALUE
    assert model("?", Order, strategy=f"conditioned:{align}", temperature=0.5, seed=1) == VALUE


def test_align_needs_a_temperature_and_no_other_strategy(script: Script) -> None:
    model, _ = script(TEXT)
    with pytest.raises(ValueError, match="temperature"):
        model("?", Order, align="smc")
    with pytest.raises(ValueError, match="strategy"):
        model("?", Order, align="smc", strategy="speculative", temperature=1.0)
    with pytest.raises(ValueError, match="align"):
        model("?", Order, align="sometimes")  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="align="):
        model("?", Order, strategy="conditioned:sometimes")


def test_long_outputs_get_a_budget_that_holds_them(script: Script) -> None:
    model, _ = script("x" * 2000)
    assert len(model("?", gg.Regex("x{2000}"))) == 2000


def test_models_and_results_print_shortly(script: Script) -> None:
    model, _ = script("x")
    assert repr(model) == "Model('toy', device='cpu', dtype='float32')"
    result = model.generate("?")
    assert repr(result).startswith("Result(value='x', finish='stop', tokens=1, logprob=")
    assert "error=ValidationFailed" in repr(model.generate("?", gg.Regex("[yz]{9}"), timeout=1e-9))


def test_penalties_spare_the_punctuation_of_typed_outputs(script: Script) -> None:
    """At each quote and comma the script's favourite was generated before; a strong penalty must not move it."""
    model, _ = script(TEXT)
    assert model("?", Order, presence_penalty=30.0) == VALUE
    everything = gg.Sampling(presence_penalty=30.0)
    assert everything.exempt == frozenset()
    free = model.generate("?", presence_penalty=30.0, max_tokens=40)
    assert free.text != TEXT
