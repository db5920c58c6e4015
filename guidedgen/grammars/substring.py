"""`Substring`: a span of a given text, and nothing else. The value knows where it stands in that text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from guidedgen.errors import CompileError, ValidationFailed
from guidedgen.grammars import ir
from guidedgen.grammars.specs import Translated
from guidedgen.grammars.translation import Translation
from guidedgen.kernel.automata import span_automaton
from guidedgen.limits import Limits

Unit = Literal["characters", "words", "lines"]

# A unit, and what stands between two of them.
_SHAPES: Final = {
    "characters": ("(?s:.)", ""),
    "words": (r"[^ \t\n\r\f\v]+", r"[ \t\n\r\f\v]+"),
    "lines": (r"[^\n\r]+", r"[\n\r]+"),
}


class Excerpt(str):
    """A span of a source text: a string that knows where it stands.

    Attributes:
        start: offset of its first occurrence in the source, in characters.
        stop: offset behind it.
    """

    start: int
    stop: int

    def __new__(cls, text: str, start: int) -> Excerpt:
        """The text, which stands at `start`."""
        made = super().__new__(cls, text)
        made.start, made.stop = start, start + len(text)
        return made

    def __reduce__(self) -> tuple[type[Excerpt], tuple[str, int]]:
        """For copies and pickles."""
        return Excerpt, (str(self), self.start)


@dataclass(frozen=True)
class Substring(Translated):
    """A part of a given text, copied exactly; its value is an `Excerpt`.

    Args:
        text: the source.
        unit: where parts begin and end: "words" (runs of anything but ASCII white space), "lines", or "characters".
        min: least number of units; 0 lets the empty text pass.
        max: most units; None for no limit.

    Raises:
        CompileError: the source is no text, or holds no part of that size.
    """

    text: str = field(repr=False)
    unit: Unit = "words"
    min: int = field(default=1, kw_only=True)
    max: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise CompileError(f"the source of a Substring must be a string, not {type(self.text).__name__}")
        if self.unit not in get_args(Unit):
            raise CompileError(f"the unit {self.unit!r} is not known", hint=f"Use one of {', '.join(get_args(Unit))}.")
        least, most = self.min, self.max
        if type(least) is not int or least < 0 or (most is not None and (type(most) is not int or most < least)):
            raise CompileError(f"a Substring cannot have from {least} to {most} {self.unit}")
        try:
            self.text.encode()
        except UnicodeEncodeError:
            raise CompileError("the source cannot be encoded as UTF-8", hint="Remove lone surrogates.") from None

    def translate(self, limits: Limits) -> Translation:
        """Raises `UnsatisfiableSchema` where no part is that long, `LimitExceeded` for a very long source."""
        limits.check("schema_bytes", len(self.text))
        expression: ir.Expression = ir.Nothing()
        if self.max != 0:
            least = max(self.min, 1)
            expression = ir.Automaton(
                span_automaton(self.text, self.unit, least=least, greatest=self.max, most=limits.states)
            )
        if self.min == 0:
            expression = ir.Union((ir.Epsilon(), expression))
        return Translation(grammar=ir.Grammar(start=ir.Terminal(expression, f"{self.unit} of the source")))

    def parse(self, text: str) -> Excerpt:
        """The text and its place. Raises `ValidationFailed` where it is no part of the source."""
        if not text and self.min == 0:
            return Excerpt("", 0)
        part, _ = _SHAPES[self.unit]
        count = len(re.findall(part, text))
        at = self.text.find(text) if text and self.min <= count <= (self.max or count) else -1
        while at >= 0 and not (self._is_border(at) and self._is_border(at + len(text))):
            at = self.text.find(text, at + 1)
        if at < 0 or not re.match(part, text) or not re.match(part, text[-1]):
            raise ValidationFailed(f"{text!r} is no part of the source", raw=text)
        return Excerpt(text, at)

    def _is_border(self, at: int) -> bool:
        """Whether no unit has characters on both sides of a place."""
        part, between = _SHAPES[self.unit]
        around = self.text[max(at - 1, 0) : at + 1]
        return not between or len(around) < 2 or at == 0 or not re.fullmatch(part, around)
