"""Calls can be run, awaited, and answered."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from pydantic import BaseModel

import guidedgen as gg
from guidedgen.grammars.tool_calls import call_id, result_text


def add(a: int, b: int = 1) -> int:
    return a + b


async def later(a: int) -> int:
    await asyncio.sleep(0)
    return a + 1


class Ticket(BaseModel):
    title: str


@dataclass
class Point:
    x: int


def call_of(thing: Any, arguments: str) -> gg.ToolCall:
    tools = gg.Tools([thing], format="json")
    (call,) = tools.parse(f'[{{"name": "{tools.tools[0].name}", "arguments": {arguments}}}]')
    return call


def test_sync_functions() -> None:
    assert call_of(add, '{"a": 2}').call() == 3
    assert asyncio.run(call_of(add, '{"a": 2, "b": 5}').acall()) == 7


def test_async_functions() -> None:
    call = call_of(later, '{"a": 2}')
    assert call.call() == 3
    assert asyncio.run(call.acall()) == 3

    async def inside() -> Any:
        return call.call()

    with pytest.raises(gg.ToolError, match=r"await call.acall\(\)"):
        asyncio.run(inside())


def test_a_function_that_returns_something_to_await() -> None:
    assert asyncio.run(call_of(gg.Tool(name="x", function=lambda: later(1)), "{}").acall()) == 2


def test_classes_give_their_instance() -> None:
    call = call_of(Ticket, '{"title": "x"}')
    assert call.call() == call.arguments == Ticket(title="x")
    assert asyncio.run(call.acall()) == Ticket(title="x")
    assert call_of(gg.Tool(name="p", parameters=Point, function=lambda point: point.x), '{"x": 3}').call() == 3


def test_a_declaration_alone_cannot_be_run() -> None:
    call = call_of({"name": "f", "parameters": {"type": "object"}}, "{}")
    with pytest.raises(gg.ToolError, match=r"the tool f has no function.*gg\.Tool"):
        call.call()
    with pytest.raises(gg.ToolError):
        asyncio.run(call.acall())


def test_messages() -> None:
    calls = gg.Tools([add], choice="auto", format="hermes").parse(
        'Well.\n<tool_call>\n{"name": "add", "arguments": {"a": 2}}\n</tool_call>'
    )
    message = calls.message
    assert message == {
        "role": "assistant",
        "content": "Well.",
        "tool_calls": [{"type": "function", "id": calls[0].id, "function": {"name": "add", "arguments": {"a": 2}}}],
    }
    assert calls[0].answer(3) == {"role": "tool", "name": "add", "tool_call_id": calls[0].id, "content": "3"}
    json.dumps(message)
    assert gg.ToolCalls(text="Hi").message == {"role": "assistant", "content": "Hi"}


def test_results_as_text() -> None:
    assert result_text("as it is") == "as it is"
    assert result_text(None) == "null"
    assert json.loads(result_text({"a": [date(2024, 5, 1), Point(3), Ticket(title="ä")]})) == {
        "a": ["2024-05-01", {"x": 3}, {"title": "ä"}]
    }
    assert result_text(object()).startswith('"<object')


def test_ids_are_stable_and_name_one_call() -> None:
    ids = {call_id(place, name, text) for place in range(9) for name in "fg" for text in ("{}", '{"a": 1}')}
    assert len(ids) == 36
    assert all(len(made) == 9 and made.isalnum() for made in ids)
    assert call_id(0, "f", "{}") == call_id(0, "f", "{}")


def test_calls_are_a_list() -> None:
    call = call_of(add, '{"a": 2}')
    calls = gg.ToolCalls([call], text="Hi")
    assert calls == [call]
    assert calls != gg.ToolCalls([call])
    assert repr(gg.ToolCalls([])) == "ToolCalls([])"
    assert "text='Hi'" in repr(calls)
