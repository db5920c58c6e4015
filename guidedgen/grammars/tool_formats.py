"""How calls of tools are written: the formats that models were trained on, as data.

A format is text around two places, the name and the arguments of a call. Grammar, parser and prompts are made from it,
so that they cannot disagree. What is a special token of the vocabulary by name is that token.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from guidedgen.errors import CompileError

_NAME, _ARGUMENTS = "{name}", "{arguments}"
_NAME_CHARACTER: Final = re.compile(r"[A-Za-z0-9_./-]")

_CALLS_IN_TAGS: Final = """\
You may call functions to help with the request. They are, one JSON object a line:
<tools>
{tools}
</tools>

For each call write a JSON object with the function's name and arguments inside <tool_call></tool_call> tags:
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call>"""

_CALLS_BARE: Final = """\
You may call functions. They are, one JSON object a line:
{tools}

To call one, answer only with JSON of this form: {"name": <function-name>, "parameters": <args-json-object>}"""

_CALLS_AVAILABLE: Final = """\
[AVAILABLE_TOOLS] [{tools}][/AVAILABLE_TOOLS]
To call functions, answer with [TOOL_CALLS] and a JSON list: \
[{"name": <function-name>, "arguments": <args-json-object>}]"""


@dataclass(frozen=True, kw_only=True)
class ToolFormat:
    """How calls are written: `begin`, one or more `call` with `separator` between them, `end`.

    Args:
        name: what people call it.
        call: one call, with `{name}` and `{arguments}` (a JSON object) where those go.
        begin: text before the first call.
        separator: text between two calls.
        end: text after the last call.
        trigger: what free text before the calls cannot contain: with it the calls begin. Empty: there is no text beside
            calls, and an answer in words does not begin as calls do.
        lead: what may stand before `begin`, or not.
        most: calls in one answer at most; None: any number.
        prompt: what a model is told whose chat template does not know tools; `{tools}` stands for them. Empty: a
            sentence with an example of a call.
        result: what a tool's result looks like to such a model; `{result}` stands for it.

    Raises:
        CompileError: a format that cannot be read back.
    """

    name: str
    call: str
    begin: str = ""
    separator: str = "\n"
    end: str = ""
    trigger: str = ""
    lead: str = ""
    most: int | None = None
    prompt: str = ""
    result: str = "Result of {name}: {result}"

    def __post_init__(self) -> None:
        for place in (_NAME, _ARGUMENTS):
            if self.call.count(place) != 1:
                raise self._unreadable(f"a call has {place} once, not {self.call.count(place)} times")
        if self.call.index(_NAME) > self.call.index(_ARGUMENTS):
            raise self._unreadable("the name stands before the arguments")
        if not self.between or _NAME_CHARACTER.match(self.between):
            raise self._unreadable("between name and arguments stands a text that cannot go on with the name")
        if not self.opening:
            raise self._unreadable("some text stands before the first name")
        again = self.separator + self.before
        if not again:
            raise self._unreadable("some text stands between two calls")
        if self.end and (again.startswith(self.end) or self.end.startswith(again)):
            raise self._unreadable("the end cannot be mistaken for another call")
        if self.trigger and not self.opening.startswith(self.trigger):
            raise self._unreadable(f"calls begin with the trigger {self.trigger!r}")
        if any(self.trigger.endswith(self.trigger[:size]) for size in range(1, len(self.trigger))):
            raise self._unreadable(f"the trigger {self.trigger!r} does not end as it begins")

    def _unreadable(self, wanted: str) -> CompileError:
        return CompileError(f"the tool format {self.name!r} cannot be read back", hint=f"Write it so that {wanted}.")

    @cached_property
    def before(self) -> str:
        """The text of a call before its name."""
        return self.call.partition(_NAME)[0]

    @cached_property
    def between(self) -> str:
        """The text between name and arguments."""
        return self.call.partition(_NAME)[2].partition(_ARGUMENTS)[0]

    @cached_property
    def after(self) -> str:
        """The text after the arguments."""
        return self.call.partition(_ARGUMENTS)[2]

    @cached_property
    def opening(self) -> str:
        """The text up to the name of the first call."""
        return self.begin + self.before

    def write_call(self, name: str, arguments: str) -> str:
        """One call, its arguments as JSON text."""
        return f"{self.before}{name}{self.between}{arguments}{self.after}"

    def write(self, calls: Sequence[tuple[str, str]]) -> str:
        """Calls, each a name and the JSON text of its arguments; no calls: no text."""
        if not calls:
            return ""
        return self.begin + self.separator.join(self.write_call(*call) for call in calls) + self.end

    def write_result(self, name: str, result: str) -> str:
        """A tool's result as text of a user's message."""
        return self.result.replace(_NAME, name).replace("{result}", result)

    def told(self, declarations: Sequence[Mapping[str, Any]]) -> str:
        """What the prompt says to a model whose chat template does not know tools."""
        listed = "\n".join(json.dumps(declaration, ensure_ascii=False) for declaration in declarations)
        if self.prompt:
            return self.prompt.replace("{tools}", listed)
        example = self.write([("<function-name>", "<args-json-object>")])
        return f"You can call these functions:\n{listed}\n\nTo call functions, answer only with {example}"


FORMATS: Final[Mapping[str, ToolFormat]] = {
    made.name: made
    for made in (
        # Nous Research's Hermes 2 Pro, Qwen 2.5 and Qwen 3
        ToolFormat(
            name="hermes",
            call='<tool_call>\n{"name": "{name}", "arguments": {arguments}}\n</tool_call>',
            trigger="<tool_call>",
            prompt=_CALLS_IN_TAGS,
            result="<tool_response>\n{result}\n</tool_response>",
        ),
        # Llama 3.1 and later: its template refuses more than one call in an answer
        ToolFormat(
            name="llama3",
            call='{"name": "{name}", "parameters": {arguments}}',
            separator="; ",
            lead="<|python_tag|>",
            most=1,
            prompt=_CALLS_BARE,
        ),
        # Mistral's templates up to v7, from Mistral 7B Instruct v0.3 on
        ToolFormat(
            name="mistral",
            begin="[TOOL_CALLS] [",
            call='{"name": "{name}", "arguments": {arguments}}',
            separator=", ",
            end="]",
            trigger="[TOOL_CALLS]",
            prompt=_CALLS_AVAILABLE,
        ),
        # Mistral's templates from v11 on (Magistral, Devstral)
        ToolFormat(
            name="mistral-v11",
            call="[TOOL_CALLS]{name}[ARGS]{arguments}",
            separator="",
            trigger="[TOOL_CALLS]",
        ),
        # DeepSeek V3 and R1, and V3.1; the bars are U+FF5C and the marks between words U+2581
        ToolFormat(
            name="deepseek",
            begin="<｜tool▁calls▁begin｜>",
            call="<｜tool▁call▁begin｜>function<｜tool▁sep｜>{name}\n```json\n{arguments}\n```<｜tool▁call▁end｜>",
            end="<｜tool▁calls▁end｜>",
            trigger="<｜tool▁calls▁begin｜>",
        ),
        ToolFormat(
            name="deepseek-v3.1",
            begin="<｜tool▁calls▁begin｜>",
            call="<｜tool▁call▁begin｜>{name}<｜tool▁sep｜>{arguments}<｜tool▁call▁end｜>",
            separator="",
            end="<｜tool▁calls▁end｜>",
            trigger="<｜tool▁calls▁begin｜>",
        ),
        ToolFormat(
            name="json",
            begin="[",
            call='{"name": "{name}", "arguments": {arguments}}',
            separator=", ",
            end="]",
        ),
    )
}
"""The formats by name."""


def format_named(wanted: ToolFormat | str) -> ToolFormat:
    """A format by name, or itself.

    Raises:
        CompileError: there is none of that name.
    """
    if isinstance(wanted, ToolFormat):
        return wanted
    if wanted not in FORMATS:
        known = ", ".join(FORMATS)
        raise CompileError(f"no tool format is called {wanted!r}", hint=f"There are: {known}. Or give a ToolFormat.")
    return FORMATS[wanted]
