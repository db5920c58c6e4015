"""`Tools`: the texts in which a model calls functions, as a spec, and how they are read.

Grammar and reader are made from one `ToolFormat`. The name of a call decides which arguments may follow, so every
mask is that of one tool's schema, and the number of tools matters only where the name is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, Literal, TypeAlias

from guidedgen.errors import CompileError, LimitExceeded, ValidationFailed
from guidedgen.grammars import ir, regex_text
from guidedgen.grammars.assembly import Assembly
from guidedgen.grammars.combinators import Composite
from guidedgen.grammars.free_text import Triggers, text_until
from guidedgen.grammars.marked_text import encode, without_marks
from guidedgen.grammars.reading import Reading, boundaries
from guidedgen.grammars.tool_calls import ToolCall, ToolCalls, call_id
from guidedgen.grammars.tool_formats import FORMATS, ToolFormat, format_named
from guidedgen.grammars.tool_specs import Tool, tools_of
from guidedgen.limits import Limits

ToolChoice: TypeAlias = Literal["auto", "required", "none"] | str

_MODES: Final = ("auto", "required", "none")
_SPACE: Final = "[ \t\r\n]*"
_DECODER: Final = json.JSONDecoder()


@dataclass(frozen=True, eq=False)
class Tools(Composite):
    """Calls of functions; the value is a `ToolCalls`, a list of `ToolCall`.

    Args:
        tools: functions, pydantic models and other classes, OpenAI's JSON, or `Tool`.
        choice: "required" (default) is at least one call; "auto" leaves it to the model whether to call or to answer
            in words, which are then the value's `text`; "none" is words only; a tool's name is a call of that one.
        parallel: whether there may be several calls in one answer; a number is the most.
        format: how calls are written: "hermes", "llama3", "mistral", "mistral-v11", "deepseek", "deepseek-v3.1",
            "json" or a `ToolFormat`. None takes what the model's chat template uses, "json" where it knows no tools.

    Raises:
        CompileError: something that is not a tool, two of one name, an unknown choice or format, or more calls than a
            format has.
    """

    tools: Sequence[Any]
    choice: ToolChoice = field(default="required", kw_only=True)
    parallel: bool | int = field(default=True, kw_only=True)
    format: ToolFormat | str | None = field(default=None, kw_only=True)
    depth = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "tools", tools_of(self.tools))
        names = [tool.name for tool in self.tools]
        if self.choice not in (*_MODES, *names):
            known = ", ".join((*_MODES, *names))
            raise CompileError(f"choice={self.choice!r} is no tool and no way to choose", hint=f"There are: {known}.")
        if not isinstance(self.parallel, bool) and self.parallel < 1:
            hint = "Use True, False, or the most calls."
            raise CompileError(f"parallel={self.parallel!r} is no number of calls", hint=hint)
        self.most  # noqa: B018 refuses what does not fit, here and not at the first use

    @property
    def written(self) -> ToolFormat:
        """The format that is used."""
        return FORMATS["json"] if self.format is None else format_named(self.format)

    @property
    def callable(self) -> tuple[Tool, ...]:
        """The tools that may be called."""
        if self.choice in ("auto", "required"):
            return tuple(self.tools)
        return tuple(tool for tool in self.tools if tool.name == self.choice)

    @property
    def speaks(self) -> bool:
        """Whether there may be text beside calls, or instead of them."""
        return self.choice in ("auto", "none")

    @property
    def declarations(self) -> list[dict[str, Any]]:
        """The tools as chat templates take them."""
        return [tool.declaration for tool in self.tools]

    @property
    def most(self) -> int | None:
        """The most calls in one answer, None where there may be any number."""
        written = self.written
        if self.parallel is True:
            return written.most
        if written.most is not None and self.parallel > written.most:
            hint = f"Use parallel=True, which takes as many as there may be, or at most {written.most}."
            raise CompileError(f"the tool format {written.name!r} has at most {written.most} calls", hint=hint)
        return int(self.parallel) or 1

    def embedded(self, scope: Assembly) -> ir.Node:
        """The grammar, as part of another one. Raises `CompileError` with the name of the tool that is at fault."""
        words = self._words(scope.limits)
        if self.choice == "none":
            return words
        made = _Calls(self, scope)
        if not self.speaks:
            return made.after(0)
        trigger = self.written.trigger
        if not trigger:
            return ir.Choice((made.after(0), words))
        begun = text_until(Triggers((trigger,)), trigger, scope)
        return ir.Choice((words, ir.Sequence((begun, made.after(len(trigger))))))

    def _words(self, limits: Limits) -> ir.Node:
        """Free text, which cannot be mistaken for calls."""
        written = self.written
        words = Triggers(tuple(mark for mark in (written.trigger, written.lead) if mark)).without()
        if not written.trigger:
            calls = regex_text.parse(f"(?s:{_SPACE}{_spaced(written.opening)}.*)", limits=limits)
            words = ir.Intersection((words, ir.Complement(calls)))
        return ir.Terminal(words, "text")

    def blame(self, compiled: Callable[[object], object]) -> None:
        """Raise the error of the tool that cannot be compiled, with its name; nothing where each one can.

        Args:
            compiled: compiles a part in the way in which all of it failed.
        """
        for tool in self.callable:
            try:
                compiled(tool.spec)
            except CompileError as error:
                raise tool.fault(error) from None
            except LimitExceeded as error:
                error.args = (f"tool {tool.name!r}: {error}",)
                raise

    # How they are read

    def parse(self, text: str) -> ToolCalls:
        """The calls with validated arguments, and the text beside them.

        Raises:
            ValidationFailed: a tool's own validation refuses the arguments, or it is no text of this format.
        """
        plain = without_marks(encode(text)).decode("utf-8", "replace")
        return _Reader(self, plain).read()

    def ends(self, reading: Reading, start: int) -> list[int]:
        """Every place where calls may end, the farthest first."""
        return [
            end
            for end in reversed(boundaries(reading.data, start, len(reading.data)))
            if self._fits(reading, start, end)
        ]

    def _fits(self, reading: Reading, start: int, end: int) -> bool:
        try:
            self.parse(reading.text(start, end))
        except ValidationFailed:
            return False
        return True

    def value(self, reading: Reading, start: int, end: int) -> ToolCalls:
        """The calls in a part of a text."""
        return self.parse(reading.text(start, end))

    @cached_property
    def by_name(self) -> dict[str, Tool]:
        """The tools that may be called, by name."""
        return {tool.name: tool for tool in self.callable}


class _Calls:
    """The grammar of the calls of one `Tools`; equal texts are one node."""

    def __init__(self, tools: Tools, scope: Assembly) -> None:
        self._tools, self._scope = tools, scope
        self._written = tools.written
        self._texts: dict[str, ir.Node] = {}

    def after(self, written: int) -> ir.Node:
        """All calls, where so many characters of the opening are there already."""
        one = ir.Choice(tuple(self._named(tool) for tool in self._tools.callable))
        most = self._tools.most
        again = self._text(self._written.separator + self._written.before)
        more = ir.Repetition(ir.Sequence((again, one)), 0, None if most is None else most - 1)
        opening = self._text(self._written.opening[written:])
        lead = (ir.Repetition(self._text(self._written.lead), 0, 1),) if self._written.lead else ()
        return ir.Sequence((*lead, opening, one, more, self._text(self._written.end)))

    def _named(self, tool: Tool) -> ir.Node:
        """The rest of a call of one tool, from its name on."""
        arguments = self._scope.node(tool.spec)
        if isinstance(arguments, ir.JsonText):
            arguments = replace(arguments, part=tool.name)
        return ir.Sequence((self._text(tool.name + self._written.between), arguments, self._text(self._written.after)))

    def _text(self, text: str) -> ir.Node:
        if text not in self._texts:
            self._texts[text] = self._scope.literal(text, repr(text)) if text else ir.Sequence(())
        return self._texts[text]


def _spaced(text: str) -> str:
    """A pattern for a text with any white space in it: laxer than JSON, so that nothing that looks like it slips by."""
    return _SPACE.join(re.escape(character) for character in text if not character.isspace())


class _Reader:
    """Reads one text of a format. What a model wrote under masks always fits; other texts may not."""

    def __init__(self, tools: Tools, text: str) -> None:
        self._tools = tools
        self._written = tools.written
        self._text = text
        self._at = 0

    def read(self) -> ToolCalls:
        start = self._start()
        if start is None:
            if not self._tools.speaks:
                raise self._fault("calls begin")
            return ToolCalls(text=self._text)
        self._at = start
        if self._written.lead and self._text.startswith(self._written.lead, start):
            self._at += len(self._written.lead)
        self._expect(self._written.begin)
        calls = [self._call(0)]
        end = len(self._text) - len(self._written.end)
        while self._at < end and self._text.startswith(self._written.separator, self._at):
            self._at += len(self._written.separator)
            calls.append(self._call(len(calls)))
        self._expect(self._written.end)
        if self._at < len(self._text):
            raise self._fault("the text ends")
        return ToolCalls(calls, text=self._text[:start])

    def _start(self) -> int | None:
        """Where the calls begin, None where there are none."""
        written = self._written
        if written.trigger and self._tools.speaks:
            found = self._text.find(written.trigger)
            return None if found < 0 else found
        rest = self._text.removeprefix(written.lead)
        return 0 if rest.startswith(written.opening) else None

    def _call(self, place: int) -> ToolCall:
        self._expect(self._written.before)
        name_end = self._text.find(self._written.between, self._at)
        name = self._text[self._at : name_end]
        tool = self._tools.by_name.get(name) if name_end >= 0 else None
        if tool is None:
            raise self._fault(f"the name of a tool stands ({', '.join(self._tools.by_name)})")
        self._at = name_end + len(self._written.between)
        try:
            _, end = _DECODER.raw_decode(self._text, self._at)
        except (ValueError, RecursionError):
            raise self._fault(f"the arguments of {name} stand") from None
        text = self._text[self._at : end]
        self._at = end
        self._expect(self._written.after)
        return ToolCall(name=name, arguments=tool.read(text), id=call_id(place, name, text), text=text, tool=tool)

    def _expect(self, text: str) -> None:
        if not self._text.startswith(text, self._at):
            raise self._fault(f"{text!r} stands")
        self._at += len(text)

    def _fault(self, wanted: str) -> ValidationFailed:
        found = self._text[self._at : self._at + 30]
        told = f"the calls cannot be read: at character {self._at}, where {wanted}, is {found!r}"
        return ValidationFailed(told, raw=self._text)
