"""`run_tools`: calls are run and answered until the model is done, whatever tools do."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pydantic import BaseModel

import guidedgen as gg

Script = Callable[..., tuple[gg.Model, Any]]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def fail(a: int) -> int:
    """Never works."""
    raise LookupError(f"no such thing as {a}")


def calls(*wanted: tuple[str, dict[str, Any]]) -> str:
    return json.dumps([{"name": name, "arguments": arguments} for name, arguments in wanted])


def in_turn(*answers: str) -> Callable[[str], str]:
    """One answer after another, by the number of answers that the prompt holds already."""
    return lambda prompt: answers[min(prompt.count("\n\nAssistant: "), len(answers) - 1)]


def both(model: gg.Model, messages: Any, tools: Sequence[Any], **options: Any) -> gg.ToolRun:
    """The same run with and without an event loop; they agree."""
    run = gg.run_tools(model, messages, tools, **options)
    other = asyncio.run(gg.arun_tools(model, messages, tools, **options))
    assert (run.text, run.finish, run.messages) == (other.text, other.finish, other.messages)
    assert [step.error for step in run.steps] == [step.error for step in other.steps]
    return run


def test_results_are_told_until_the_model_answers(script: Script) -> None:
    model, language_model = script(
        in_turn(calls(("add", {"a": 2, "b": 3})), calls(("add", {"a": 5, "b": 1})), "It is 6.")
    )
    run = both(model, "What is 2 + 3 + 1?", [add])
    assert (run.text, run.finish) == ("It is 6.", "answer")
    assert [step.result for step in run.steps] == [5, 6]
    assert [message["role"] for message in run.messages] == [
        "user",
        "assistant",
        "tool",
        "assistant",
        "tool",
        "assistant",
    ]
    assert len(run.results) == 3
    assert "Result of add: 5" in language_model.tokenizer.prompts[-1]
    assert len({message["tool_call_id"] for message in run.messages if message["role"] == "tool"}) == 2


def test_a_conversation_can_go_on(script: Script) -> None:
    model, language_model = script("Hello.")
    run = gg.run_tools(model, [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}], [add])
    again = gg.run_tools(model, [*run.messages, {"role": "user", "content": "And now?"}], [add])
    assert "Be kind." in language_model.tokenizer.prompts[-1]
    assert len(again.messages) == 5


def test_equal_calls_have_different_ids(script: Script) -> None:
    same = calls(("add", {"a": 1, "b": 1}), ("add", {"a": 1, "b": 1}))
    model, _ = script(in_turn(same, same, "Done."))
    run = both(model, "?", [add])
    ids = [message["tool_call_id"] for message in run.messages if message["role"] == "tool"]
    asked = [call["id"] for message in run.messages for call in message.get("tool_calls", ())]
    assert len(set(ids)) == 4
    assert ids == asked


def test_errors_are_told_to_the_model(script: Script) -> None:
    model, language_model = script(in_turn(calls(("fail", {"a": 3}), ("add", {"a": 1, "b": 1})), "Sorry."))
    run = both(model, "?", [fail, add])
    assert [step.error for step in run.steps] == ["LookupError: no such thing as 3", None]
    assert "Error: LookupError: no such thing as 3" in language_model.tokenizer.prompts[-1]
    assert run.text == "Sorry."


def test_a_call_that_takes_too_long(script: Script) -> None:
    release = threading.Event()

    def wait() -> str:
        """Wait."""
        release.wait(20)
        return "late"

    model, _ = script(in_turn(calls(("wait", {})), "Well."))
    begun = time.monotonic()
    run = gg.run_tools(model, "?", [wait], tool_timeout=0.05)
    release.set()
    assert time.monotonic() - begun < 10
    assert (run.steps[0].error, run.steps[0].result) == ("no result within 0.05 seconds", None)
    assert run.text == "Well."

    async def wait_later() -> str:
        """Wait."""
        await asyncio.sleep(20)
        return "late"

    model, _ = script(in_turn(calls(("wait_later", {})), "Well."))
    run = both(model, "?", [wait_later], tool_timeout=0.05)
    assert run.steps[0].error == "no result within 0.05 seconds"


def test_without_a_timeout_calls_run_in_this_thread(script: Script) -> None:
    threads: list[str] = []

    def where() -> None:
        """Where."""
        threads.append(threading.current_thread().name)

    model, _ = script(in_turn(calls(("where", {})), "Well."))
    gg.run_tools(model, "?", [where], tool_timeout=None)
    gg.run_tools(model, "?", [where])
    assert threads == [threading.current_thread().name, "tool where"]


def test_long_results_are_cut(script: Script) -> None:
    def long() -> str:
        """Long."""
        return "x" * 900

    model, _ = script(in_turn(calls(("long", {})), "Well."))
    run = both(model, "?", [long], result_limit=100)
    assert run.messages[2]["content"] == "x" * 100 + " [... 800 more characters]"
    assert run.steps[0].result == "x" * 900


def test_rounds_are_limited_and_end_in_words(script: Script) -> None:
    again = calls(("add", {"a": 1, "b": 1}))
    model, language_model = script(lambda prompt: "Enough." if "Do not call a function now" in prompt else again)
    run = both(model, "?", [add], max_rounds=3)
    assert (run.finish, run.text, len(run.steps)) == ("rounds", "Enough.", 3)
    assert language_model.tokenizer.prompts


def test_the_choice_is_that_of_the_first_round(script: Script) -> None:
    wanted = calls(("add", {"a": 1, "b": 1}))
    model, _ = script(lambda prompt: wanted if "\n\nAssistant: " not in prompt else "Done.")
    run = both(model, "?", gg.Tools([add], choice="required"))
    assert (len(run.steps), run.text) == (1, "Done.")


def test_steps_are_told_as_they_happen(script: Script) -> None:
    model, _ = script(in_turn(calls(("add", {"a": 1, "b": 1})), "Done."))
    seen: list[gg.ToolStep] = []
    run = gg.run_tools(model, "?", [add], on_step=seen.append)
    assert seen == run.steps


def test_calls_of_one_answer_run_together_in_an_event_loop(script: Script) -> None:
    barrier: list[int] = []

    async def meet(a: int) -> int:
        """Meet."""
        barrier.append(a)
        while len(barrier) < 2:
            await asyncio.sleep(0.001)
        return a

    model, _ = script(in_turn(calls(("meet", {"a": 1}), ("meet", {"a": 2})), "Done."))
    run = asyncio.run(gg.arun_tools(model, "?", [meet], tool_timeout=5))
    assert [step.result for step in run.steps] == [1, 2]


class Bill(BaseModel):
    """The bill, when it is known."""

    total: int


def test_the_answer_may_be_a_value(script: Script) -> None:
    model, _ = script(in_turn(calls(("add", {"a": 2, "b": 3})), calls(("Bill", {"total": 5}))))
    run = both(model, "?", [add], output=Bill)
    assert (run.value, run.text, run.finish) == (Bill(total=5), "", "answer")
    assert [step.call.name for step in run.steps] == ["add"]
    assert run.messages[-1]["role"] == "tool"
    again = gg.run_tools(model, [*run.messages, {"role": "user", "content": "Again."}], [add], output=Bill)
    assert again.value == Bill(total=5)


@pytest.mark.parametrize(
    ("output", "given", "value"), [(int, 5, 5), (list[int], [1, 2], [1, 2]), (Bill | None, None, None)]
)
def test_values_that_are_no_objects(script: Script, output: Any, given: Any, value: Any) -> None:
    model, _ = script(calls(("answer", {"answer": given})))
    run = both(model, "?", [add], output=output)
    assert (run.value, run.finish) == (value, "answer")


def test_a_value_is_asked_for_when_the_rounds_are_over(script: Script) -> None:
    model, _ = script(in_turn(calls(("add", {"a": 2, "b": 3})), calls(("Bill", {"total": 5}))))
    run = both(model, "?", [add], output=Bill, max_rounds=1)
    assert (run.value, run.finish, len(run.steps)) == (Bill(total=5), "rounds", 1)


def test_thoughts_are_kept_beside_what_was_said(script: Script) -> None:
    wanted = "<think>Two numbers.</think>" + calls(("add", {"a": 1, "b": 1}))
    model, _ = script(in_turn(wanted, "<think>Done.</think>It is 2."))
    run = both(model, "?", [add], thinking=True)
    assert (run.text, run.results[0].thinking) == ("It is 2.", "Two numbers.")
    assert [message.get("reasoning_content") for message in run.messages] == [None, "Two numbers.", None, "Done."]


def test_what_cannot_work_is_refused_before_anything_is_generated(script: Script) -> None:
    model, language_model = script("x")
    with pytest.raises(gg.ToolError, match="the tool f has no function"):
        gg.run_tools(model, "?", [{"name": "f"}])
    for options in ({"max_rounds": 0}, {"result_limit": 0}, {"tool_timeout": -1}, {"n": 2}):
        with pytest.raises(ValueError, match=next(iter(options))):
            gg.run_tools(model, "?", [add], **options)  # type: ignore[arg-type]
    assert language_model.steps == 0


def test_an_answer_that_is_cut_ends_the_run(script: Script) -> None:
    model, _ = script('[{"name": "add", "arguments": {"a": ' + "1" * 300)
    with pytest.raises(gg.ValidationFailed, match="incomplete"):
        gg.run_tools(model, "?", gg.Tools([add]), max_tokens=60, on_budget="truncate")
