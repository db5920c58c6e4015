"""The whole path with the embedded model: the demo's answers are right, and the prompt format is the model's own."""

from __future__ import annotations

from io import StringIO

import pytest
from pydantic import BaseModel
from rich.console import Console

import guidedgen as gg
from guidedgen.demo import ACTS, Bill

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]

RIGHT = {
    "bill": [
        {
            "shop": "Green Garden",
            "items": [
                {"name": "Rose Bush", "count": 2, "price": 12.5},
                {"name": "Watering Can", "count": 1, "price": 18.0},
            ],
            "total": 43.0,
            "currency": "EUR",
        }
    ],
    "date": ["1969-07-20"],
    "reviews": ["negative", "positive"],
    "query": ["SELECT * FROM users WHERE age > 30;"],
    "cities": [
        [
            {"city": "London", "country": "UK"},
            {"city": "New York", "country": "USA"},
            {"city": "Paris", "country": "France"},
        ]
    ],
}


class Story(BaseModel):
    story: str
    words: list[str]


@pytest.fixture(scope="module")
def model() -> gg.Model:
    return gg.load()


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.name)
def test_the_demo_gets_it_right(model: gg.Model, act: object) -> None:
    from pydantic_core import to_jsonable_python

    results = act.run(model, Console(file=StringIO()))  # type: ignore[attr-defined]
    values = [to_jsonable_python(result.value) for result in results]
    if act.name == "cities":  # type: ignore[attr-defined]
        values = [sorted(cities, key=lambda city: city["city"]) for cities in values]  # which comes first is a near-tie
    assert values == RIGHT[act.name]  # type: ignore[attr-defined]


def test_the_prompt_is_in_the_chat_format(model: gg.Model) -> None:
    tokenizer = model.language_model.tokenizer  # type: ignore[attr-defined]
    whole = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hello"}], add_generation_prompt=True, tokenize=True, return_dict=False
    )
    assert model.generate("Hello", max_tokens=1).prompt_tokens == len(whole)


def test_free_text_ends_by_itself(model: gg.Model) -> None:
    result = model.generate("What is the capital of France?", max_tokens=40)
    assert (result.finish, result.error) == ("stop", None)
    assert "Paris" in result.value


@pytest.mark.parametrize("spare", [0, 3, 12])
def test_an_endless_answer_ends_within_its_budget(model: gg.Model, spare: int) -> None:
    """Asked for far more than fits, in a type without any bound."""
    prompt = "Write a very long story about a rainbow, and list a hundred words in it."
    with pytest.raises(gg.BudgetTooSmall) as caught:
        model(prompt, Story, max_tokens=1)
    budget = caught.value.minimum + spare
    for settings in ({}, {"temperature": 1.5, "seed": spare}):
        result = model.generate(prompt, Story, max_tokens=budget, **settings)
        assert isinstance(result.value, Story)
        assert len(result.tokens) <= budget
    cut = model.generate(prompt, Story, max_tokens=budget, on_budget="truncate")
    assert spare == 0 or cut.error is not None


def test_the_description_lowers_the_damage(model: gg.Model) -> None:
    prompt = "Extract the bill.\n\nAt Green Garden you bought 2 rose bushes at 12.50 each. Total: 25.00 euros."
    damage = {
        detail: model.generate(prompt, Bill, describe=detail, max_tokens=150).report.damage
        for detail in ("short", "none")
    }
    assert damage["short"] < damage["none"] / 2


def test_samples_of_a_real_model(model: gg.Model) -> None:
    result = model.generate("Name a colour.", gg.Regex("[a-z]{3,8}"), n=3, temperature=1.0, seed=5)
    assert [len(value) in range(3, 9) for value in result.values] == [True] * 3
    assert len(set(result.values)) > 1


@pytest.mark.parametrize(
    "prompt",
    [
        "Name three colours.",
        "List the planets of the solar system.",
        "Name some fruits.",
        "Extract the names: Anna met Bob and Carla in Paris.",
        "Which languages are spoken in Switzerland?",
    ],
)
def test_a_list_of_texts_is_not_left_empty(model: gg.Model, prompt: str) -> None:
    found = model(prompt, list[str], max_tokens=60)
    assert found
    assert all(text.strip() for text in found)
