"""Tools on the command line: read from a file or a module, and printed as JSON lines."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guidedgen.errors import CompileError
from guidedgen.grammars.tool_calls import ToolCalls
from guidedgen.grammars.tools import Tools

if TYPE_CHECKING:
    from guidedgen.result import Result


def tools_named(given: str, choice: str) -> Tools:
    """The tools that an option names.

    Args:
        given: a JSON file with tools in OpenAI's form, in a list or under `tools`; or `module:function,Class`.
        choice: as in `Tools`.

    Raises:
        CompileError: no such file, module or name, or something that is not a tool.
    """
    return Tools(_from_file(Path(given)) if given.endswith(".json") else _from_module(given), choice=choice)


def _from_file(path: Path) -> list[Any]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CompileError(f"{path} cannot be read: {error.strerror}", hint="Give a JSON file with tools.") from error
    except ValueError as error:
        raise CompileError(f"{path} is no JSON: {error}", hint="Give a JSON file with tools.") from error
    listed = read.get("tools", [read]) if isinstance(read, dict) else read
    if not isinstance(listed, list):
        raise CompileError(f"{path} holds no list of tools", hint='Write [{"type": "function", "function": {...}}].')
    return listed


def _from_module(given: str) -> list[Any]:
    name, _, wanted = given.partition(":")
    if not name or not wanted:
        raise CompileError(f"{given!r} names no tools", hint="Give a .json file, or module:function,other_function.")
    sys.path.insert(0, "")
    try:
        module = importlib.import_module(name)
        return [getattr(module, part.strip()) for part in wanted.split(",")]
    except (ImportError, AttributeError, SyntaxError) as error:
        raise CompileError(f"the tools {given!r} cannot be imported: {error}", hint="Name module:function.") from error


def call_lines(calls: ToolCalls) -> list[str]:
    """What was said, and each call as one line of JSON."""
    said = [calls.text] if calls.text.strip() or not calls else []
    return [*said, *(json.dumps(fact, ensure_ascii=False) for fact in call_facts(calls))]


def call_facts(calls: ToolCalls) -> list[dict[str, Any]]:
    """Calls as JSON."""
    return [{"name": call.name, "arguments": json.loads(call.text), "id": call.id} for call in calls]


def calls_of(result: Result[Any]) -> ToolCalls | None:
    """The calls of a result; None where it has none, or is something else."""
    return result.parsed if isinstance(result.parsed, ToolCalls) else None
