"""`run_tools`: a model calls tools until it answers in words. Generation is `Model`'s, running a call is `ToolCall`'s.

What a tool raises, and that it took too long, is told to the model as text, within a limit; nothing of it ends the run.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Unpack

from guidedgen.errors import ToolError
from guidedgen.grammars.python_types import TypeSpec
from guidedgen.grammars.tool_calls import ToolCall, ToolCalls, call_id, result_text
from guidedgen.grammars.tool_specs import Tool, tool_of
from guidedgen.grammars.tools import Tools

if TYPE_CHECKING:
    from guidedgen.api import Model
    from guidedgen.options import Options
    from guidedgen.result import Result
    from guidedgen.tool_prompts import Message


@dataclass(frozen=True, kw_only=True)
class ToolStep:
    """One call that was run.

    Attributes:
        call: what the model asked for.
        result: what the function returned; None where it did not.
        error: what went wrong, in the words that the model is told; None where nothing did.
        seconds: how long it took.
    """

    call: ToolCall
    result: Any
    error: str | None
    seconds: float


@dataclass(frozen=True, kw_only=True)
class ToolRun:
    """What came of a run.

    Attributes:
        text: the answer in words; where there is an `output`, what was said beside it.
        value: the answer as a value of `output`; None without one.
        finish: "answer" where the model was done; "rounds" where it had no rounds left and was asked for its answer.
        messages: the whole conversation, the answer included; more can be appended and run again.
        steps: all calls in order.
        results: of every generation, the answer last.
    """

    text: str
    value: Any
    finish: Literal["answer", "rounds"]
    messages: list[Message]
    steps: list[ToolStep]
    results: list[Result[ToolCalls]]


def run_tools(
    model: Model,
    messages: str | Sequence[Message],
    tools: Tools | Sequence[Any],
    *,
    output: Any = None,
    max_rounds: int = 8,
    tool_timeout: float | None = 30.0,
    result_limit: int = 4000,
    on_step: Callable[[ToolStep], object] | None = None,
    **options: Unpack[Options],
) -> ToolRun:
    """Let a model call tools, run the calls, tell it the results, until it answers.

    Args:
        model: a loaded model.
        messages: a prompt, or a conversation that ends with the user.
        tools: functions and what else `Tools` takes, or `Tools`. Its `choice` is that of the first round: later ones
            leave the model free to answer.
        output: a type for the answer: the model gives it by a call of its own, and the run ends with its value. None:
            the run ends with words.
        max_rounds: most answers with calls; then the model is asked for its answer.
        tool_timeout: seconds that a call may take; None: any time. A function cannot be stopped: it goes on in its
            thread, and what it returns then is lost.
        result_limit: most characters of a result or error that the model is told.
        on_step: called after each call.
        **options: as for `Model.generate`, except `n`.

    Raises:
        ToolError: one of the tools cannot be run.
        ValidationFailed: an answer was cut, or its arguments refused (after `retries`).
        ModelError: the conversation is longer than the context.
        ValueError: an impossible option.
    """
    run = _Run(messages, tools, output, max_rounds, tool_timeout, result_limit)
    while not run.done:
        run.take(model.generate(messages=run.messages, output=run.asked, **run.options(options)))
        for call in run.calls:
            _tell(on_step, run.note(_run_call(call, tool_timeout)))
    return run.outcome()


async def arun_tools(
    model: Model,
    messages: str | Sequence[Message],
    tools: Tools | Sequence[Any],
    *,
    output: Any = None,
    max_rounds: int = 8,
    tool_timeout: float | None = 30.0,
    result_limit: int = 4000,
    on_step: Callable[[ToolStep], object] | None = None,
    **options: Unpack[Options],
) -> ToolRun:
    """`run_tools` for event loops: async functions are awaited, and the calls of one answer run at the same time."""
    run = _Run(messages, tools, output, max_rounds, tool_timeout, result_limit)
    while not run.done:
        run.take(await model.agenerate(messages=run.messages, output=run.asked, **run.options(options)))
        for step in await asyncio.gather(*(_await_call(call, tool_timeout) for call in run.calls)):
            _tell(on_step, run.note(step))
    return run.outcome()


class _Run:
    """The conversation of one run, and whose turn it is."""

    def __init__(
        self,
        messages: str | Sequence[Message],
        tools: Tools | Sequence[Any],
        output: Any,
        max_rounds: int,
        timeout: float | None,
        limit: int,
    ) -> None:
        for name, value in (("max_rounds", max_rounds), ("result_limit", limit), ("tool_timeout", timeout or 1)):
            if value <= 0:
                raise ValueError(f"{name} must be above 0, not {value!r}")
        given = tools if isinstance(tools, Tools) else Tools(tools, choice="auto")
        for tool in given.tools:
            if tool.function is None and tool.by_name:
                raise ToolError(f"the tool {tool.name} has no function to run: give it one, gg.Tool(..., function=...)")
        self._final = None if output is None else _final_tool(output)
        if self._final is not None:
            choice = "required" if given.choice in ("auto", "none") else given.choice
            given = replace(given, tools=[*given.tools, self._final], choice=choice)
        said: Sequence[Message] = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
        self.messages = list(said)
        self.asked = given
        self.calls: list[ToolCall] = []
        self.done = False
        self._value: Any = None
        self._left, self._limit = max_rounds, limit
        self._steps: list[ToolStep] = []
        self._results: list[Result[ToolCalls]] = []

    @staticmethod
    def options(options: Any) -> Any:
        """The options of one generation."""
        if options.get("n", 1) != 1:
            raise ValueError("a run has one answer: leave n out")
        return options

    def take(self, result: Result[ToolCalls]) -> None:
        """An answer of the model: its calls are to be run, or there are none and the run is over."""
        answer = result.value
        first = len(self._steps)
        calls = [
            replace(call, id=call_id(first + place, call.name, call.text)) for place, call in enumerate(answer)
        ]  # ids name a call in the whole conversation
        thoughts = {"reasoning_content": result.thinking} if result.thinking else {}  # as templates call it
        self.messages.append({**ToolCalls(calls, text=answer.text).message, **thoughts})
        self._results.append(result)
        self.calls, self.done = calls, not calls
        self._left -= 1
        self.asked = replace(self.asked, choice=self._next_choice())
        final = next((call for call in calls if self._final is not None and call.name == self._final.name), None)
        if final is not None:
            self._value, self.calls, self.done = final.call(), [], True
            self.messages.append(final.answer("Done."))

    def _next_choice(self) -> str:
        if self._final is None:
            return "auto" if self._left > 0 else "none"
        return "required" if self._left > 0 else self._final.name

    def note(self, step: ToolStep) -> ToolStep:
        """A call that was run."""
        self._steps.append(step)
        told = result_text(step.result) if step.error is None else f"Error: {step.error}"
        if len(told) > self._limit:
            told = f"{told[: self._limit]} [... {len(told) - self._limit} more characters]"
        self.messages.append(step.call.answer(told))
        return step

    def outcome(self) -> ToolRun:
        """What came of it."""
        return ToolRun(
            text=self._results[-1].value.text,
            value=self._value,
            finish="answer" if self._left >= 0 else "rounds",
            messages=self.messages,
            steps=self._steps,
            results=self._results,
        )


def _final_tool(output: Any) -> Tool:
    """The tool by which the answer is given: the class itself, or one with the value as its argument."""
    if isinstance(output, type) and TypeSpec(output).json and TypeSpec(output).schema.get("type") == "object":
        return tool_of(output)

    def answer(answer: Any) -> Any:
        """Give the final answer, when everything that is needed is known."""
        return answer

    answer.__annotations__ = {"answer": output}
    return Tool(function=answer)


def _run_call(call: ToolCall, timeout: float | None) -> ToolStep:
    """Run one call, in a thread of its own where its time is limited."""
    begun = time.monotonic()
    if timeout is None:
        result, error = _attempt(call)
        return ToolStep(call=call, result=result, error=error, seconds=time.monotonic() - begun)
    outcome: list[tuple[Any, str | None]] = []
    context = contextvars.copy_context()
    worker = threading.Thread(
        target=lambda: outcome.append(context.run(_attempt, call)), name=f"tool {call.name}", daemon=True
    )
    worker.start()
    worker.join(timeout)
    result, error = outcome[0] if outcome else (None, _late(timeout))
    return ToolStep(call=call, result=result, error=error, seconds=time.monotonic() - begun)


def _attempt(call: ToolCall) -> tuple[Any, str | None]:
    try:
        return call.call(), None
    except Exception as error:  # whatever a tool raises is for the model to know
        return None, _words(error)


async def _await_call(call: ToolCall, timeout: float | None) -> ToolStep:
    begun = time.monotonic()
    result, error = None, None
    try:
        result = await _within(call.acall(), timeout)
    except TimeoutError as late:
        error = _words(late) if str(late) or timeout is None else _late(timeout)
    except Exception as raised:
        error = _words(raised)
    return ToolStep(call=call, result=result, error=error, seconds=time.monotonic() - begun)


async def _within(work: Awaitable[Any], timeout: float | None) -> Any:
    return await asyncio.wait_for(work, timeout)


def _late(timeout: float) -> str:
    return f"no result within {timeout:g} seconds"


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _tell(on_step: Callable[[ToolStep], object] | None, step: ToolStep) -> None:
    if on_step is not None:
        on_step(step)
