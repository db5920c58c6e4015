"""`Thinking`: reasoning in free text between two markers, with a limit, and then a value.

The markers are those of the model where it has some; who knows the model settles them (`Markers`, `settled`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from guidedgen.errors import CompileError
from guidedgen.grammars import ir
from guidedgen.grammars.assembly import Assembly
from guidedgen.grammars.combinators import Composite, Text, depth_of, part_of
from guidedgen.grammars.free_text import Triggers, text_until
from guidedgen.grammars.marked_text import match_literal
from guidedgen.grammars.reading import Reading, chain, split
from guidedgen.grammars.tags import UntilEnd
from guidedgen.grammars.translation import Spec

GAP: Final = 2  # most newlines and spaces between the end marker and the value


@dataclass(frozen=True)
class Markers:
    """What stands around the reasoning of a model.

    Attributes:
        begin: how it begins; names of special tokens are those tokens.
        end: how it ends.
        opened: whether the prompt ends with `begin`, so that the output starts within the reasoning.
    """

    begin: str
    end: str
    opened: bool = False


DEFAULT_MARKERS: Final = Markers("<think>", "</think>")

# Of families of models, the common ones first. Sources: the chat templates that are published with the models of
# DeepSeek R1 and Qwen3, Magistral, Seed-OSS, Kimi, EXAONE Deep, and OpenAI's harmony format.
KNOWN_MARKERS: Final = (
    DEFAULT_MARKERS,
    Markers("[THINK]", "[/THINK]"),
    Markers("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    Markers("<seed:think>", "</seed:think>"),
    Markers("◁think▷", "◁/think▷"),
    Markers("<thought>", "</thought>"),
    Markers("<reasoning>", "</reasoning>"),
)


def markers_of(names: Collection[str], template: str, opening: str) -> Markers | None:
    """The markers that a model was trained with; None where nothing tells.

    Args:
        names: its special and added tokens.
        template: its chat template.
        opening: what the template writes where the answer starts.
    """

    def known(marker: str) -> bool:
        return marker.startswith(tuple(names)) and marker.endswith(tuple(names))

    found = next((markers for markers in KNOWN_MARKERS if known(markers.begin) and known(markers.end)), None)
    found = found or next((markers for markers in KNOWN_MARKERS if markers.end in template), None)
    if found is None:
        return None
    return replace(found, opened=opening.rstrip().endswith(found.begin))


@dataclass(frozen=True)
class Thinking(Composite):
    """Free text between the model's markers for reasoning, then a value; `result.thinking` and `result.value`.

    Args:
        output: what the value is: a spec or a Python type; None or `str` is free text.
        max_tokens: the most tokens of the reasoning. When they are used up the end marker follows, in the middle of a
            sentence if need be. None: no limit of its own.
        begin: the marker before the reasoning. Default: the model's own, else `<think>`.
        end: the marker behind it.
        opened: whether the prompt ends with `begin` already; None: the model's chat template tells.

    Raises:
        CompileError: a limit below 0, an empty marker, or only one of the two.
    """

    output: Any = None
    max_tokens: int | None = 512
    begin: str | None = field(default=None, kw_only=True)
    end: str | None = field(default=None, kw_only=True)
    opened: bool | None = field(default=None, kw_only=True)
    depth: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "output", part_of(str if self.output is None else self.output))
        object.__setattr__(self, "depth", depth_of((self.output,)))
        if self.max_tokens is not None and (type(self.max_tokens) is not int or self.max_tokens < 0):
            raise CompileError(f"max_tokens={self.max_tokens!r} is no number of tokens", hint="Use 0 or more, or None.")
        if (self.begin is None) != (self.end is None):
            raise CompileError("Thinking needs both markers, or none", hint='Give begin="<think>", end="</think>".')
        given: tuple[Any, ...] = (self.begin, self.end)
        for marker in given:
            if marker is not None and (not isinstance(marker, str) or not marker):
                raise CompileError(f"{marker!r} is no marker", hint="Markers are texts, and not empty.")

    @property
    def markers(self) -> Markers:
        """The markers that are used."""
        if self.begin is None or self.end is None:
            return replace(DEFAULT_MARKERS, opened=bool(self.opened))
        return Markers(self.begin, self.end, bool(self.opened))

    def settled(self, own: Markers | None) -> Thinking:
        """The same with the markers of a model; what was given explicitly stays."""
        if self.begin is not None or own is None:
            return self
        opened = own.opened if self.opened is None else self.opened
        return replace(self, begin=own.begin, end=own.end, opened=opened)

    def embedded(self, scope: Assembly) -> ir.Node:
        """Marker, thoughts, marker, white space, value."""
        markers = self.markers
        begin = [] if markers.opened else [scope.literal(markers.begin, "begin of thinking")]
        gap = ir.Terminal(ir.Repeat(ir.ByteSet(1 << ord("\n") | 1 << ord(" ")), 0, GAP), "space after thinking")
        return ir.Sequence((*begin, self._thoughts(scope, markers.end), gap, scope.node(self.output)))

    def _thoughts(self, scope: Assembly, end: str) -> ir.Node:
        """A limit counts tokens of the thoughts; the end marker comes on top."""
        if self.max_tokens is None:
            return text_until(Triggers((end,)), end, scope)
        thoughts = ir.Limited(ir.Terminal(Triggers((end,)).before(end)), max_tokens=self.max_tokens, label="thinking")
        return ir.Sequence((thoughts, scope.literal(end, "end of thinking")))

    def ends(self, reading: Reading, start: int) -> list[int]:
        """Those of the value."""
        begin = self._begin(reading, start)
        return [] if begin is None else chain(reading, self._parts, begin)

    def value(self, reading: Reading, start: int, end: int) -> Any:
        """The value behind the thoughts."""
        return reading.value(self.output, *self._spans(reading, start, end)[-1])

    def thoughts(self, text: str) -> str:
        """The reasoning in a finished text, without the white space around it."""
        reading = Reading(text.encode("utf-8", "surrogateescape"))
        return reading.text(*self._spans(reading, 0, len(reading.data))[0]).strip()

    @property
    def _parts(self) -> list[Spec[Any]]:
        end = self.markers.end
        return [UntilEnd(end), Text(end), _Gap(), self.output]

    def _begin(self, reading: Reading, start: int) -> int | None:
        markers = self.markers
        return start if markers.opened else match_literal(reading.data, start, markers.begin.encode())

    def _spans(self, reading: Reading, start: int, end: int) -> Sequence[tuple[int, int]]:
        begin = self._begin(reading, start)
        if begin is None:
            raise ValueError("the text does not begin with the marker of thinking")
        return split(reading, self._parts, begin, end)


@dataclass(frozen=True)
class _Gap(Composite):
    """The white space between end marker and value, as much of it as there is."""

    depth = 0

    def embedded(self, scope: Assembly) -> ir.Node:
        """Never asked for: `Thinking` writes it."""
        raise NotImplementedError

    def ends(self, reading: Reading, start: int) -> list[int]:
        """Behind the white space, the farthest place first."""
        found = [start]
        while len(found) <= GAP and reading.data[found[-1] : found[-1] + 1] in (b"\n", b" "):
            found.append(found[-1] + 1)
        return found[::-1]

    def value(self, reading: Reading, start: int, end: int) -> None:
        """Nothing."""
        return
