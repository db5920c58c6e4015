"""Never run: mypy and pyright read it. What a user writes must have the type that the user expects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, NamedTuple, TypedDict, assert_type

from pydantic import BaseModel

import guidedgen as gg
from guidedgen.events import Event


class Ticket(BaseModel):
    title: str


@dataclass
class Point:
    x: int


class Row(TypedDict):
    name: str


class Pair(NamedTuple):
    a: int
    b: str


class Colour(Enum):
    RED = "red"


def calls(model: gg.Model, anything: Any) -> None:
    assert_type(model("?"), str)
    assert_type(model("?", None), str)
    assert_type(model("?", str), str)
    assert_type(model("?", int), int)
    assert_type(model("?", Ticket), Ticket)
    assert_type(model("?", Point), Point)
    assert_type(model("?", Row), Row)
    assert_type(model("?", Pair), Pair)
    assert_type(model("?", Colour), Colour)
    assert_type(model("?", list[Ticket]), list[Ticket])
    assert_type(model("?", dict[str, int]), dict[str, int])
    assert_type(model("?", tuple[int, str]), tuple[int, str])
    assert_type(model("?", gg.Choice(["a", "b"])), str)
    assert_type(model("?", gg.Choice([1, 2])), int)
    assert_type(model("?", gg.Regex("a+")), str)
    assert_type(model("?", gg.Lark('start: "a"')), str)
    assert_type(model("?", gg.Gbnf('root ::= "a"')), str)
    assert_type(model("?", gg.Ebnf("a = 'b';")), str)
    assert_type(model("?", gg.JsonSchema({})), Any)
    assert_type(model("?", gg.Tools([calls])), gg.ToolCalls)
    assert_type(model.generate("?", gg.Tools([calls])).value[0], gg.ToolCall)
    assert_type(gg.run_tools(model, "?", [calls]).text, str)
    assert_type(model("?", anything), Any)
    assert_type(model("?", Ticket, temperature=0.7, seed=1, max_tokens=9, stop=["x"]), Ticket)


def results(model: gg.Model) -> None:
    assert_type(model.generate("?"), gg.Result[str])
    assert_type(model.generate("?", Ticket), gg.Result[Ticket])
    assert_type(model.generate("?", Ticket, n=3, temperature=1.0).values, list[Ticket])
    assert_type(model.generate(messages=[{"role": "user", "content": "?"}], output=Ticket).value, Ticket)
    assert_type(model.generate(messages=[{"role": "user", "content": "?"}]), gg.Result[str])
    assert_type(model.generate(prompt="?", output=list[int]).value, list[int])
    assert_type(model.batch(["?"], Ticket), list[gg.Result[Ticket]])
    assert_type(model.batch(["?"]), list[gg.Result[str]])


def streams(model: gg.Model) -> None:
    assert_type(model.stream("?", Ticket), Iterator[Event[Ticket]])
    assert_type(model.stream(messages=[{"role": "user", "content": "?"}], output=Ticket), Iterator[Event[Ticket]])
    for event in model.stream("?", Ticket):
        if isinstance(event, gg.Done):
            assert_type(event.result.value, Ticket)


async def twins(model: gg.Model) -> None:
    assert_type(await model.agenerate("?"), gg.Result[str])
    assert_type(await model.agenerate("?", Ticket), gg.Result[Ticket])
    assert_type(await model.agenerate(messages=[{"role": "user", "content": "?"}], output=Ticket), gg.Result[Ticket])
    assert_type(model.astream("?", Ticket), AsyncIterator[Event[Ticket]])
    async for event in model.astream("?", Ticket):
        if isinstance(event, gg.Done):
            assert_type(event.result.value, Ticket)


@gg.guided
def triage(mail: str, language: Literal["en", "de"] = "en") -> Ticket:
    """{mail} {language}"""
    raise NotImplementedError


@gg.guided(max_tokens=20, retries=1)
async def later(mail: str) -> Ticket | None:
    """{mail}"""
    raise NotImplementedError


@gg.guided(model="smollm2")
def many(mail: str) -> Iterator[Ticket]:
    """{mail}"""
    raise NotImplementedError


async def guided() -> None:
    assert_type(triage("x", language="de"), Ticket)
    assert_type(await later("x"), Ticket | None)
    assert_type(many("x"), Iterator[Ticket])
