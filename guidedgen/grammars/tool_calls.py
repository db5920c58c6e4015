"""Calls of tools as values: what a model wrote, with validated arguments, ready to be run and to be answered."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_core import to_jsonable_python

from guidedgen.errors import ToolError
from guidedgen.grammars.tool_functions import is_async
from guidedgen.grammars.tool_specs import Tool

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH: Final = 9  # what Mistral's templates ask for


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """One call.

    Attributes:
        name: of the tool.
        arguments: validated and typed: a dict by parameter; an instance where the tool's parameters are a type.
        id: nine letters and digits that name the call in a conversation; made from the call and its place.
        text: the arguments as the model wrote them, JSON.
        tool: what is called.
    """

    name: str
    arguments: Any
    id: str = field(compare=False)
    text: str = field(compare=False, repr=False)
    tool: Tool = field(compare=False, repr=False)

    def call(self) -> Any:
        """Run the tool's function; a coroutine is run to its end. A type without a function gives the instance.

        Raises:
            ToolError: there is no function, or it is async and this thread runs an event loop already: use `acall`.
        """
        if not self._runs():
            return self.arguments
        assert self.tool.function is not None
        if not is_async(self.tool.function):
            return self.tool.run(self.arguments)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self.acall())
        raise ToolError(f"{self.name} is async and an event loop runs here already. Use: await call.acall()")

    async def acall(self) -> Any:
        """As `call`, awaited; a function that is not async runs in a thread. Raises `ToolError` without a function."""
        if not self._runs():
            return self.arguments
        assert self.tool.function is not None
        if not is_async(self.tool.function):
            made = await asyncio.to_thread(self.tool.run, self.arguments)
        else:
            made = self.tool.run(self.arguments)
        return await made if inspect.isawaitable(made) else made

    def _runs(self) -> bool:
        """Whether there is a function to run; where there is none, an instance of a class is the result."""
        if self.tool.function is None and self.tool.by_name:
            raise ToolError(f"the tool {self.name} has no function to run. Give it one: gg.Tool(..., function=...).")
        return self.tool.function is not None

    def answer(self, result: Any) -> dict[str, Any]:
        """The message that brings the result into the conversation; what is no text becomes JSON."""
        return {"role": "tool", "name": self.name, "tool_call_id": self.id, "content": result_text(result)}


class ToolCalls(list[ToolCall]):
    """The calls of one answer, in order. `text` is what was said beside them."""

    def __init__(self, calls: Iterable[ToolCall] = (), *, text: str = "") -> None:
        super().__init__(calls)
        self.text = text

    @property
    def message(self) -> dict[str, Any]:
        """The assistant's message, as conversations and chat templates take it."""
        said: dict[str, Any] = {"role": "assistant", "content": self.text.strip()}
        if self:
            said["tool_calls"] = [
                {"type": "function", "id": call.id, "function": {"name": call.name, "arguments": json.loads(call.text)}}
                for call in self
            ]
        return said

    def __eq__(self, other: object) -> bool:
        same_text = self.text == other.text if isinstance(other, ToolCalls) else True
        return same_text and super().__eq__(other)

    def __ne__(self, other: object) -> bool:  # a list's own would look at the items only
        return not self == other

    __hash__ = None

    def __repr__(self) -> str:
        told = f", text={self.text!r}" if self.text else ""
        return f"ToolCalls({super().__repr__()}{told})"


def call_id(place: int, name: str, arguments: str) -> str:
    """Nine letters and digits, the same ones for the same call at the same place."""
    digest = int.from_bytes(hashlib.sha256(f"{place}\0{name}\0{arguments}".encode()).digest()[:8], "big")
    letters = []
    for _ in range(_ID_LENGTH):
        digest, digit = divmod(digest, len(_ALPHABET))
        letters.append(_ALPHABET[digit])
    return "".join(letters)


def result_text(result: Any) -> str:
    """A tool's result as text: strings as they are, all else as JSON, or as `str` gives it where JSON cannot."""
    if isinstance(result, str):
        return result
    try:
        return json.dumps(to_jsonable_python(result, fallback=str), ensure_ascii=False)
    except (TypeError, ValueError):
        return str(result)
