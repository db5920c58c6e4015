"""What is wrong with an input is told in a typed error that names the place and the remedy."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import guidedgen as gg
from guidedgen.options import Options, check_options
from guidedgen.toy import ToyModel, toy_vocabulary
from guidedgen.vocabulary import Vocabulary

Script = Callable[..., tuple[gg.Model, Any]]


@dataclass
class Point:
    x: int


BAD_OUTPUTS = [
    ({"type": "strin"}, gg.CompileError, ["/type"]),
    ({"properties": {"a": {"minLength": "3"}}}, gg.CompileError, ["/properties/a/minLength"]),
    ({"$ref": "#/nowhere"}, gg.CompileError, ["$ref", "#/nowhere"]),
    (
        gg.JsonSchema({"type": "object", "requried": ["a"]}, strict_keywords=True),
        gg.CompileError,
        ["requried", "required"],
    ),
    (gg.JsonSchema('{"type": '), gg.GrammarSyntaxError, ["line 1, column 10"]),
    (gg.Regex("(ab"), gg.GrammarSyntaxError, ["column"]),
    ({"type": "string", "pattern": "["}, gg.CompileError, ["/pattern"]),
    (gg.Lark("start: nobody"), gg.CompileError, ["nobody"]),
    (gg.Lark("start: ("), gg.GrammarSyntaxError, ["line 1"]),
    ({"type": "integer", "minimum": 3, "maximum": 2}, gg.UnsatisfiableSchema, ["minimum"]),
    ({"const": {1, 2}}, gg.CompileError, ["not JSON"]),
    ({"enum": []}, gg.CompileError, ["/enum"]),
    ({"properties": {"a": {"pattern": "(a)\\1"}}}, gg.UnsupportedFeature, ["/properties/a/pattern"]),
    (object(), gg.CompileError, []),
    ({"name": str, "age": int}, gg.CompileError, ["'name'", "TypedDict"]),
    ({"title": str}, gg.CompileError, ["'title'"]),
    ({"name": "Ann"}, gg.CompileError, ["'name'", "JSON Schema"]),
    (len, gg.CompileError, ["gg.Tools"]),
    (lambda text: text, gg.CompileError, ["gg.Tools"]),
    (re.compile("a+"), gg.CompileError, ["gg.Regex(pattern.pattern)"]),
    (gg.Regex(re.compile("a+")), gg.CompileError, [".pattern"]),  # type: ignore[arg-type]
    (Point(1), gg.CompileError, ["give its class, Point"]),
]


@pytest.mark.parametrize(("output", "error", "told"), BAD_OUTPUTS, ids=str)
def test_output_types_that_cannot_be_enforced(
    script: Script, output: Any, error: type[gg.CompileError], told: list[str]
) -> None:
    model, language_model = script("x")
    with pytest.raises(error) as caught:
        model.generate("?", output)
    assert [part for part in told if part not in str(caught.value)] == []
    assert str(caught.value).endswith((".", "^")) or caught.value.hint is not None
    assert language_model.steps == 0


def test_python_types_that_cannot_be_enforced(script: Script) -> None:
    model, _ = script("x")
    with pytest.raises(gg.CompileError, match=r"(?s)Opaque.*Use pydantic models"):
        model.generate("?", type("Opaque", (), {}))


def test_an_empty_vocabulary() -> None:
    with pytest.raises(gg.VocabularyError, match=r"the vocabulary is empty.*Give the tokenizer"):
        Vocabulary.from_tokens([])


def test_a_tokenizer_of_another_model() -> None:
    language_model = ToyModel(vocabulary=toy_vocabulary(8))
    language_model.vocabulary = toy_vocabulary(9)
    with pytest.raises(gg.ModelError, match=r"the tokenizer has 9 tokens, toy gives logits for 8. Load the tokenizer"):
        gg.Model(language_model)


def test_a_prompt_longer_than_the_context(script: Script) -> None:
    model, language_model = script("x", context_length=64)
    with pytest.raises(gg.ModelError, match=r"the prompt has 101 tokens, but toy reads at most 64.*Shorten the prompt"):
        model("y" * 100)
    assert language_model.steps == 0


def test_a_prompt_that_leaves_too_little_room(script: Script) -> None:
    model, _ = script("x", context_length=64)
    with pytest.raises(
        gg.BudgetTooSmall, match=r"13 tokens left.*shortest one has 20 tokens.*shorter prompt"
    ) as caught:
        model("y" * 50, gg.Regex("[ab]{20}"), describe="none")
    assert caught.value.minimum == 20


def test_a_budget_that_holds_no_valid_output(script: Script) -> None:
    model, language_model = script("x")
    with pytest.raises(gg.BudgetTooSmall, match=r"max_tokens=3 cannot hold.*Use max_tokens=5 or more") as caught:
        model("?", gg.Regex("[ab]{5}"), max_tokens=3)
    assert caught.value.minimum == 5
    assert language_model.steps == 0
    assert len(model("?", gg.Regex("[ab]{5}"), max_tokens=5)) == 5


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"max_tokens": 0}, "max_tokens must be at least 1"),
        ({"n": 0}, "n must be at least 1"),
        ({"timeout": 0}, "timeout must be"),
        ({"retries": -1}, "retries must be"),
        ({"describe": "long"}, "describe must be 'short' or 'schema' or 'none'"),
        ({"stop": ["a", ""]}, "stop must be"),
        ({"temperature": -1.0}, "temperature must be"),
        ({"seed": "seven"}, "seed must be an integer"),
        ({"temperature": None}, "temperature must be a number, not None"),
        ({"temperature": "hot"}, "temperature must be a number, not 'hot'"),
        ({"top_p": "0.9"}, "top_p must be a number, or None, not '0.9'"),
        ({"max_tokens": 1.5}, "max_tokens must be an integer, or None, not 1.5"),
        ({"n": "2"}, "n must be an integer, not '2'"),
        ({"stop": 3}, "stop must be a text or a list of texts"),
        ({"strategy": 3}, "strategy must be a name"),
        ({"strategy": gg.Speculative}, r"such as gg.Speculative\(\)"),
        ({"top_p": 2.0}, "top_p must be"),
        ({"repetition_penalty": 0.0}, "repetition_penalty must be"),
    ],
)
def test_impossible_options_are_named(script: Script, options: Any, told: str) -> None:
    model, _ = script("x")
    with pytest.raises(ValueError, match=told):
        model.generate("?", **options)


def test_a_call_gives_one_value(script: Script) -> None:
    model, _ = script("x")
    with pytest.raises(ValueError, match="use generate"):
        model("?", n=2, temperature=1.0)


def test_unknown_options_are_named_with_the_known_ones(script: Script) -> None:
    model, _ = script("x")
    with pytest.raises(TypeError, match=r"unknown option 'max_token'. Did you mean max_tokens\? Options are: align"):
        model("?", max_token=3)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("response_model", "Use output=Ticket, or the second argument"),
        ("max_new_tokens", "Use max_tokens"),
        ("num_return_sequences", "Use n"),
        ("temprature", "Did you mean temperature"),
    ],
)
def test_options_of_other_libraries_are_told_what_they_are_here(script: Script, given: str, told: str) -> None:
    model, _ = script("x")
    with pytest.raises(TypeError, match=rf"unknown option '{given}'. {told}[.?] "):
        model("?", **{given: 3})  # type: ignore[call-overload]


def test_every_numeric_option_is_checked() -> None:
    others = {"on_budget", "bounds", "stop", "describe", "strategy", "align", "limits", "thinking"}
    for name in set(Options.__annotations__) - others:
        with pytest.raises(ValueError, match=f"{name} must be"):
            check_options({name: "three"})


@pytest.mark.parametrize("messages", ["hello", {"role": "user", "content": "hello"}, ["hello"]])
def test_messages_that_are_no_list_of_dicts(script: Script, messages: Any) -> None:
    model, _ = script("x")
    with pytest.raises(TypeError, match=r'"role": "user", "content": \.\.\.'):
        model.generate(messages=messages)


def test_a_type_in_the_place_of_the_prompt(script: Script) -> None:
    model, _ = script("x")
    with pytest.raises(TypeError, match="the output type comes second"):
        model(Point, "?")  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "make",
    [
        lambda: gg.JsonSchema("schemas/ticket.json"),
        lambda: gg.Lark("sql.lark").translate(gg.Limits()),
        lambda: gg.Lark(Path("sql.lark")).translate(gg.Limits()),  # type: ignore[arg-type]
        lambda: gg.Gbnf("sql.gbnf").translate(gg.Limits()),
        lambda: gg.Ebnf("sql.ebnf").translate(gg.Limits()),
    ],
)
def test_the_name_of_a_file_is_not_its_text(make: Callable[[], object]) -> None:
    with pytest.raises(gg.CompileError, match=r"is the name of a file.*read_text\(\)"):
        make()


def test_a_type_is_not_a_schema() -> None:
    with pytest.raises(gg.CompileError, match="Give the type itself"):
        gg.JsonSchema(Point)  # type: ignore[arg-type]


def test_what_compiling_takes() -> None:
    with pytest.raises(TypeError, match=r"takes a gg\.Vocabulary, not 'tokenizer\.json'"):
        gg.compile(int, "tokenizer.json")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="AllOf takes constraints"):
        gg.AllOf([int])  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"tokens are bytes, not str\. .*\.encode\(\)"):
        Vocabulary.from_tokens(["a"])  # type: ignore[list-item]


def test_ctrl_c_leaves_the_model_usable(script: Script) -> None:
    model, language_model = script("[1, 22, 333]")
    whole = model.generate("?", list[int])
    quick = language_model.logits_after

    def interrupt(tokens: Any) -> Any:
        if language_model.steps == 3:
            raise KeyboardInterrupt
        return quick(tokens)

    for run in (lambda: model.generate("?!", list[int]), lambda: list(model.stream("?!", list[int]))):
        language_model.steps, language_model.logits_after = 0, interrupt
        with pytest.raises(KeyboardInterrupt):
            run()
        language_model.logits_after = quick
        again = model.generate("?!", list[int])
        assert (again.tokens, again.logprob) == (whole.tokens, pytest.approx(whole.logprob))
