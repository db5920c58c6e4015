"""Generation with keywords that masks cannot enforce: values stay open until they are valid, or choices are undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import guidedgen as gg

Script = Callable[..., tuple[gg.Model, Any]]
LETTERS = {"type": "array", "items": {"enum": ["a", "b"]}, "contains": {"const": "b"}}


class Translated(gg.JsonSchema):
    """As where there is no native kernel: the schema becomes a grammar, which cannot say `contains`."""

    def compile_native(self, *_: Any) -> None:
        return None


def spec(**more: Any) -> Any:
    return Translated({**LETTERS, **more}, on_unsupported="validate")


def test_the_value_stays_open_until_it_is_valid(script: Script) -> None:
    model, _ = script('["a"]')
    result = model.generate("?", spec(), max_tokens=200, temperature=1.0, seed=1)
    assert result.error is None
    assert "b" in result.value
    assert result.value[0] == "a"
    assert result.report.compile is not None
    assert [entry.keyword for entry in result.report.compile.treated("validated")] == ["contains"]


def test_a_valid_value_is_taken_as_it_is(script: Script) -> None:
    model, _ = script('["a", "b"]')
    assert model("?", spec()) == ["a", "b"]


def test_where_nothing_can_follow_the_last_choice_is_taken_back(script: Script) -> None:
    model, _ = script('["a"]')
    assert model("?", spec(maxItems=1)) == ["b"]


def test_where_no_choice_helps_the_model_is_asked_again_and_the_fault_is_told(script: Script) -> None:
    model, language_model = script('["a"]')
    output = spec(items={"enum": ["a"]}, maxItems=1)
    result = model.generate("?", output, retries=1)
    assert result.finish == "dead_end"
    assert len(result.attempts) == 2
    assert len(set(language_model.tokenizer.prompts)) == 2
    assert "does not contain items" in language_model.tokenizer.prompts[-1]
    with pytest.raises(gg.ValidationFailed, match="does not contain items"):
        _ = result.value
