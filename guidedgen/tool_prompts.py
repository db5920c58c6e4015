"""Tools in prompts: what a chat template can do with them, and conversations with calls for templates that cannot.

What a template can do is found by trying: a conversation with one call is rendered, and looked at. So the format of the
answers that masks ask for is the one that the model was trained to write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from guidedgen.grammars.tool_formats import FORMATS, ToolFormat
from guidedgen.grammars.tools import Tools

Message: TypeAlias = Mapping[str, Any]
"""`role` and `content`; an assistant's may have `tool_calls`, a tool's `name` and `tool_call_id`, as OpenAI's have."""

Render: TypeAlias = Callable[[Sequence[Message], Sequence[Mapping[str, Any]]], str]
"""Text of a conversation and declarations of tools under a chat template; raises where the template refuses them."""

_DESCRIPTION: Final = "A tool that is not there."
_TOOL: Final = {
    "type": "function",
    "function": {
        "name": "probe",
        "description": _DESCRIPTION,
        "parameters": {"type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"]},
    },
}
_ASKED: Final = {"role": "user", "content": "A question."}
_ARGUMENTS: Final = {"key": "value"}
_RESULT: Final = {"role": "tool", "name": "probe", "tool_call_id": "abcDEF123", "content": "The result of it."}
_TIGHT_MISTRAL: Final = replace(FORMATS["mistral"], begin="[TOOL_CALLS][")
_IN_TAGS: Final = re.compile(r"<tool_call>\s*(\{.*?\})\s*</tool_call>", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class TemplateTools:
    """What a chat template can do.

    Attributes:
        format: how it writes calls; None where it cannot, or in a way that is not known here.
        tells: whether it tells the model of the tools.
        text: whether it wants arguments as JSON text, and not as objects.
    """

    format: ToolFormat | None = None
    tells: bool = False
    text: bool = False


def template_tools(render: Render) -> TemplateTools:
    """Try a chat template: does it show a call, in one of the known formats, its result, and the declarations?"""
    for text in (False, True):
        arguments = json.dumps(_ARGUMENTS) if text else _ARGUMENTS
        call = {
            "type": "function",
            "id": _RESULT["tool_call_id"],
            "function": {"name": "probe", "arguments": arguments},
        }
        called = {"role": "assistant", "content": "", "tool_calls": [call]}
        try:
            rendered = render([_ASKED, called, _RESULT], [_TOOL])
        except Exception:  # whatever a template raises: it is a program that somebody else wrote
            continue
        found = _format_in(rendered)
        if found is not None and _RESULT["content"] in rendered:
            return TemplateTools(format=found, tells=_DESCRIPTION in rendered, text=text)
    return TemplateTools()


def _format_in(text: str) -> ToolFormat | None:
    """The format that the call in a rendered conversation is written in; formats with a trigger are told apart best."""
    arguments = json.dumps(_ARGUMENTS)
    for written in sorted([*FORMATS.values(), _TIGHT_MISTRAL], key=lambda made: not made.trigger):
        at = text.find(written.opening + "probe" + written.between + arguments)
        if at >= 0 and (written.trigger or not _continues(text[:at])):
            return written
    bodies = map(_parsed, _IN_TAGS.findall(text))  # templates differ in spaces and in the order of the two
    return FORMATS["hermes"] if {"name": "probe", "arguments": _ARGUMENTS} in bodies else None


def _continues(before: str) -> bool:
    """Whether a call without a trigger is a part of something longer, such as another list or a tag."""
    return before.rstrip().endswith(
        ("[", "{", ",", ":", "tool_call>", "|tool_call|>", "[TOOL_CALLS]", "function_call>")
    )


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def native_messages(
    conversation: Sequence[Message], *, text: bool = False, told: str | None = None
) -> tuple[dict[str, Any], ...]:
    """Messages as chat templates with tools take them; every content is a text.

    Args:
        conversation: what was said.
        text: arguments are JSON text, otherwise objects.
        told: what the system message says about tools, where the template does not.
    """
    made: list[dict[str, Any]] = []
    for message in conversation:
        changed = {**message, "content": message.get("content") or ""}
        if message.get("tool_calls"):
            changed["tool_calls"] = [_native_call(call, text) for call in message["tool_calls"]]
        made.append(changed)
    if told and made and made[0]["role"] == "system":
        made[0]["content"] += f"\n\n{told}"
    elif told:
        made.insert(0, {"role": "system", "content": told})
    return tuple(made)


def _native_call(call: Mapping[str, Any], text: bool) -> dict[str, Any]:
    arguments = arguments_of(call)
    given = json.dumps(arguments, ensure_ascii=False) if text else arguments
    return {**call, "type": "function", "function": {**call["function"], "arguments": given}}


def arguments_of(call: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call in a message; OpenAI's interface has them as JSON text.

    Raises:
        ValueError: they are no JSON object.
    """
    given = call["function"]["arguments"]
    arguments = json.loads(given) if isinstance(given, str) else given
    if not isinstance(arguments, Mapping):
        raise ValueError(f"the arguments of {call['function']['name']} are no JSON object")
    return dict(arguments)


def plain_messages(
    conversation: Sequence[Message], written: ToolFormat, told: str | None = None
) -> tuple[dict[str, str], ...]:
    """Messages of texts only, for templates that know no tools.

    Args:
        conversation: what was said, calls and results included.
        written: how calls and results look.
        told: what the system message says about tools.
    """
    made: list[dict[str, str]] = [{"role": "system", "content": told}] if told else []
    results: dict[str, str] | None = None  # the message that collects the results of one answer's calls
    for message in conversation:
        role, content = message["role"], message.get("content") or ""
        if role == "tool":
            text = written.write_result(str(message.get("name") or "the tool"), content)
            if results is None:
                results = {"role": "user", "content": text}
                made.append(results)
            else:
                results["content"] += "\n" + text
            continue
        results = None
        if role == "system" and told and len(made) == 1:
            made[0]["content"] = f"{content}\n\n{told}"
            continue
        calls = [(call["function"]["name"], json.dumps(arguments_of(call))) for call in message.get("tool_calls") or ()]
        made.append({"role": role, "content": "\n".join(filter(None, [content, written.write(calls)]))})
    return tuple(made)


def told_of(tools: Tools) -> str:
    """What a system message says about tools."""
    text = tools.written.told(tools.declarations)
    return f"{text}\n{_ADVICE[tools.choice]}" if tools.choice in _ADVICE else text


_ADVICE: Final = {
    "auto": "Where no function helps, answer in plain text instead.",
    "none": "Do not call a function now: answer in plain text.",
}
