"""The async twins: same results, and cancelling ends the decoding."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

import guidedgen as gg

Script = Callable[..., tuple[gg.Model, Any]]
TEXT = "[1, 22, 333]"


def test_agenerate_gives_what_generate_gives(script: Script) -> None:
    model, _ = script(TEXT)
    result = asyncio.run(model.agenerate("?", list[int]))
    assert result.value == model("?", list[int]) == [1, 22, 333]


def test_astream_gives_the_events_of_stream(script: Script) -> None:
    model, _ = script(TEXT)

    async def collect() -> list[Any]:
        return [event async for event in model.astream("?", list[int])]

    assert asyncio.run(collect())[:-1] == list(model.stream("?", list[int]))[:-1]


def test_calls_run_side_by_side(script: Script) -> None:
    model, _ = script(lambda prompt: f"[{prompt}]")

    async def gather() -> list[Any]:
        return list(await asyncio.gather(*(model.agenerate(str(n), list[int], describe="none") for n in range(8))))

    assert [result.value for result in asyncio.run(gather())] == [[n] for n in range(8)]


def test_errors_arrive(script: Script) -> None:
    model, _ = script(TEXT)
    with pytest.raises(gg.BudgetTooSmall):
        asyncio.run(model.agenerate("?", gg.Regex("a{9}"), max_tokens=3))
    with pytest.raises(ValueError, match="prompt"):
        asyncio.run(model.agenerate())


def slow(model: Any) -> None:
    """Make every step take 10 ms."""
    quick = model.logits_after

    def logits_after(tokens: Any) -> Any:
        time.sleep(0.01)
        return quick(tokens)

    model.logits_after = logits_after


def test_cancelling_a_task_ends_the_decoding(script: Script) -> None:
    model, language_model = script("x" * 900)
    slow(language_model)

    async def cancel_early() -> int:
        task = asyncio.create_task(model.agenerate("?"))
        while language_model.steps < 3:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        steps: int = language_model.steps
        await asyncio.sleep(0.1)
        return steps

    steps = asyncio.run(cancel_early())
    assert language_model.steps <= steps + 2
    language_model.answer = lambda _: "fine"
    assert model("?") == "fine"


def test_leaving_an_async_stream_ends_the_decoding(script: Script) -> None:
    model, language_model = script("x" * 900)
    slow(language_model)

    async def leave_early() -> None:
        events = model.astream("?")
        async for event in events:
            if isinstance(event, gg.Delta):
                break
        await events.aclose()  # type: ignore[attr-defined]

    asyncio.run(leave_early())
    steps = language_model.steps
    time.sleep(0.05)
    assert language_model.steps <= steps + 1 < 20
