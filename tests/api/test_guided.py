"""`@guided`: functions whose body is a model."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Literal

import pytest
from pydantic import BaseModel

import guidedgen as gg
from guidedgen import guided as decorator
from guidedgen.guided import shared_model

Script = Callable[..., tuple[gg.Model, Any]]


class Ticket(BaseModel):
    title: str


def test_the_docstring_is_the_prompt_and_the_annotation_the_type(script: Script) -> None:
    model, language_model = script('{"title": "Broken"}')

    @decorator(model=model, describe="none")
    def triage(mail: str, language: Literal["en", "de"] = "en") -> Ticket:
        """Turn this mail into a ticket, in {language}:

        {mail}"""

    assert triage("It {broke}", language="de") == Ticket(title="Broken")
    assert triage("x").title == "Broken"
    assert language_model.tokenizer.prompts == [
        "Turn this mail into a ticket, in de:\n\nIt {broke}",
        "Turn this mail into a ticket, in en:\n\nx",
    ]


def test_it_still_looks_like_the_function(script: Script) -> None:
    model, _ = script("x")

    @gg.guided(model=model)
    def echo(text: str) -> str:
        """Repeat {text}"""

    assert (echo.__name__, echo.__doc__) == ("echo", "Repeat {text}")
    assert echo(text="y") == "x"
    with pytest.raises(TypeError, match=r"\(\): missing a required argument"):
        echo()  # type: ignore[call-arg]


def test_types_defined_in_a_function_are_found(script: Script) -> None:
    model, _ = script('{"size": 3}')

    class Local(BaseModel):
        size: int

    @gg.guided(model=model)
    def measure() -> Local:
        """Measure."""

    assert measure() == Local(size=3)


def test_types_may_be_defined_later(script: Script) -> None:
    model, _ = script("[1]")

    @gg.guided(model=model)
    def count() -> LaterList:  # type: ignore[name-defined]  # noqa: F821
        """Count."""

    with pytest.raises(gg.CompileError, match=r"LaterList.*Define or import the type"):
        count()
    globals()["LaterList"] = list[int]
    try:
        assert count() == [1]
    finally:
        del globals()["LaterList"]


def test_methods_are_guided_too(script: Script) -> None:
    model, language_model = script("x")

    class Desk:
        @gg.guided(model=model)
        def ask(self, what: str) -> str:
            """Ask {what}"""

    assert Desk().ask("why") == "x"
    assert language_model.tokenizer.prompts == ["Ask why"]


def test_coroutines(script: Script) -> None:
    model, _ = script('{"title": "Broken"}')

    @gg.guided(model=model)
    async def triage(mail: str) -> Ticket:
        """{mail}"""

    assert asyncio.run(triage("x")) == Ticket(title="Broken")


ITEMS = '[{"title": "a"}, {"title": "b"}, {"title": "c"}]'


def test_iterators_give_items_as_they_close(script: Script) -> None:
    model, language_model = script(ITEMS)

    @gg.guided(model=model)
    def tickets() -> Iterator[Ticket]:
        """List tickets."""

    steps = [(ticket, language_model.steps) for ticket in tickets()]
    assert [ticket for ticket, _ in steps] == [Ticket(title="a"), Ticket(title="b"), Ticket(title="c")]
    assert steps[0][1] < steps[1][1] < steps[2][1]


def test_async_iterators(script: Script) -> None:
    model, _ = script(ITEMS)

    @gg.guided(model=model)
    def tickets() -> AsyncIterator[Ticket]:
        """List tickets."""

    @gg.guided(model=model)
    async def awaited() -> AsyncIterator[Ticket]:
        """List tickets."""

    async def collect() -> list[str]:
        first = [ticket.title async for ticket in tickets()]
        return first + [ticket.title async for ticket in await awaited()]

    assert asyncio.run(collect()) == ["a", "b", "c", "a", "b", "c"]


def test_a_list_that_is_cut_raises_after_its_complete_items(script: Script) -> None:
    model, _ = script(ITEMS)

    @gg.guided(model=model, max_tokens=30, on_budget="truncate")
    def tickets() -> Iterator[Ticket]:
        """List tickets."""

    found = []
    with pytest.raises(gg.ValidationFailed, match="Raise max_tokens"):
        found.extend(ticket.title for ticket in tickets())
    assert found == ["a"]


def test_a_list_ends_within_its_budget(script: Script) -> None:
    model, _ = script(ITEMS)

    @gg.guided(model=model, max_tokens=30)
    def tickets() -> Iterator[Ticket]:
        """List tickets."""

    assert next(iter(tickets())).title == "a"
    assert len(list(tickets())) < ITEMS.count("title")


def test_retries_and_other_options_reach_the_model(script: Script) -> None:
    model, _ = script("Hello")

    @gg.guided(model=model, max_tokens=2)
    def greet() -> str:
        """Greet."""

    assert greet() == "He"


def faulty(case: str) -> Any:
    if case == "field":

        def function(mail: str) -> str:
            """{male}"""

    elif case == "docstring":

        def function(mail: str) -> str: ...  # type: ignore[misc]

    elif case == "annotation":

        def function(mail: str):  # type: ignore[misc, no-untyped-def]
            """{mail}"""

    return function


@pytest.mark.parametrize(
    ("case", "told"), [("field", "male"), ("docstring", "no docstring"), ("annotation", "no return annotation")]
)
def test_faults_are_found_at_decoration(case: str, told: str) -> None:
    with pytest.raises(gg.CompileError, match=told):
        gg.guided(faulty(case))


def test_options_are_checked_at_decoration() -> None:
    with pytest.raises(TypeError, match="unknown option 'max_token'"):
        gg.guided(max_token=3)(lambda: None)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="@guided decorates functions"):
        gg.guided(3)  # type: ignore[call-overload]


def test_the_default_model_is_loaded_once(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = script("x")
    loads: list[str] = []

    def load(name: str) -> gg.Model:
        loads.append(name)
        return model

    monkeypatch.setattr("guidedgen.api.load", load)
    monkeypatch.setattr(sys.modules["guidedgen.guided"], "_models", {})

    @gg.guided
    def ask() -> str:
        """Ask."""

    assert loads == []
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ask() == "x"
    assert loads == ["smollm2"]
    assert shared_model("other") is model
    assert loads == ["smollm2", "other"]
