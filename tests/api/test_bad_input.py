"""What is wrong with an input is told in a typed error that names the place and the remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import guidedgen as gg
from guidedgen.toy import ToyModel, toy_vocabulary
from guidedgen.vocabulary import Vocabulary

Script = Callable[..., tuple[gg.Model, Any]]

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
    with pytest.raises(TypeError, match=r"unknown option 'max_token'. Options are: .*max_tokens"):
        model("?", max_token=3)  # type: ignore[call-overload]


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
