"""Tools and texts of calls for tests; texts are put together by `json` alone, not by the code under test."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

Call = tuple[str, dict[str, Any]]


def search(city: str, days: Annotated[int, Field(ge=1, le=7)] = 3, unit: Literal["c", "f"] = "c") -> str:
    """Look up the weather.

    Args:
        city: Where.
    """
    return f"{city} {days} {unit}"


def book(id: int) -> bool:
    """Book a room."""
    return id > 0


class Ticket(BaseModel):
    """Open a ticket."""

    title: str
    urgent: bool = False


FIND = {
    "type": "function",
    "function": {
        "name": "find",
        "description": "Find things.",
        "parameters": {
            "type": "object",
            "properties": {"tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "maxItems": 2}},
            "required": ["tags"],
            "$defs": {"tag": {"enum": ["a", "b", 3]}},
        },
    },
}
TOOLS = [search, book, Ticket, FIND]


def _hermes(calls: Sequence[Call]) -> str:
    bodies = [json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False) for name, arguments in calls]
    return "\n".join(f"<tool_call>\n{body}\n</tool_call>" for body in bodies)


def _llama3(calls: Sequence[Call]) -> str:
    return "; ".join(
        json.dumps({"name": name, "parameters": arguments}, ensure_ascii=False) for name, arguments in calls
    )


def _json(calls: Sequence[Call]) -> str:
    return json.dumps([{"name": name, "arguments": arguments} for name, arguments in calls], ensure_ascii=False)


def _mistral_v11(calls: Sequence[Call]) -> str:
    return "".join(f"[TOOL_CALLS]{name}[ARGS]{json.dumps(arguments, ensure_ascii=False)}" for name, arguments in calls)


def _deepseek(one: str, separator: str) -> Callable[[Sequence[Call]], str]:
    def write(calls: Sequence[Call]) -> str:
        made = [one.replace("N", name).replace("A", json.dumps(given, ensure_ascii=False)) for name, given in calls]
        return f"<｜tool▁calls▁begin｜>{separator.join(made)}<｜tool▁calls▁end｜>"

    return write


WRITERS: dict[str, Callable[[Sequence[Call]], str]] = {
    "hermes": _hermes,
    "llama3": _llama3,
    "mistral": lambda calls: f"[TOOL_CALLS] {_json(calls)}",
    "mistral-v11": _mistral_v11,
    "deepseek": _deepseek("<｜tool▁call▁begin｜>function<｜tool▁sep｜>N\n```json\nA\n```<｜tool▁call▁end｜>", "\n"),
    "deepseek-v3.1": _deepseek("<｜tool▁call▁begin｜>N<｜tool▁sep｜>A<｜tool▁call▁end｜>", ""),
    "json": _json,
}
"""How each format writes calls, as its source documents it."""
