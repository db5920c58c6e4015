"""What generation returns: the validated value, the text it came from, and what the mask did to the model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from guidedgen.errors import GuidedGenError

if TYPE_CHECKING:
    from guidedgen.grammars.report import Report
    from guidedgen.sampler.trace import Trace

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, kw_only=True)
class FieldReport:
    """How sure the model was of one field, and how much the constraint had to steer it there.

    Attributes:
        path: keys and indices from the root.
        tokens: tokens that carry the field's text; a token that spans two fields counts for the first.
        forced: those of them that the grammar left no choice about.
        logprob: sum of the model's own (unmasked, untempered) log-probabilities, in nats.
        damage: probability mass that the mask removed, summed over the tokens as -log(allowed mass), in nats;
            0 means that the model would have written valid text anyway.
    """

    path: tuple[str | int, ...]
    tokens: int
    forced: int
    logprob: float
    damage: float


@dataclass(frozen=True, kw_only=True)
class OutputReport:
    """What was enforced (`compile`, keyword by keyword; None for free text), and the fields of this output.

    `bounded` says where the text is as long as `bounds` let it be: there the model was turned away from going on.
    """

    compile: Report | None = None
    fields: tuple[FieldReport, ...] = ()
    damage: float = 0.0
    bounded: tuple[str, ...] = ()

    def __getitem__(self, path: str | int | tuple[str | int, ...]) -> FieldReport:
        """The report of one field, by path; `report["name"]` is short for `report[("name",)]`.

        Raises:
            KeyError: no scalar was generated there.
        """
        wanted = path if isinstance(path, tuple) else (path,)
        for entry in self.fields:
            if entry.path == wanted:
                return entry
        raise KeyError(path)


@dataclass(frozen=True, kw_only=True, repr=False)
class Result(Generic[T_co]):
    """One generated output. With `n > 1` this is the first sample, and `samples` holds all of them.

    Attributes:
        text: what the model wrote.
        tokens: the generated token ids, end-of-sequence excluded.
        logprob: the model's own log-probability of `tokens` in nats: no mask, no temperature, no penalties.
        finish: `stop` (complete), `length` (max_tokens reached), `timeout`, `dead_end` or `cancelled`.
        error: why there is no value, or None.
        complaint: what a validator refused, in the few words that the model is told when it is asked again.
        thinking: the reasoning before the value, where `Thinking` was asked for; also of an unfinished output.
        answer: the text behind that reasoning; None where it was not asked for.
        attempts: every text that was tried, oldest first; the last one is `text`.
        prompt_tokens: length of the (last) prompt in tokens.
        report: what was enforced, and the log-probability and damage of every field.
        trace: counts and times of the whole call.
        captures: of a grammar, what rules with a capture have read, by name: texts, or lists of those that can come
            several times.
    """

    text: str
    tokens: tuple[int, ...]
    logprob: float
    finish: str
    prompt_tokens: int
    report: OutputReport = field(default_factory=OutputReport)
    trace: Trace | None = None
    attempts: tuple[str, ...] = ()
    error: GuidedGenError | None = None
    complaint: str | None = None
    parsed: T_co | None = None
    thinking: str | None = None
    answer: str | None = None
    samples: tuple[Result[T_co], ...] = ()
    captures: Mapping[str, str | list[str]] = field(default_factory=dict)

    @property
    def value(self) -> T_co:
        """The validated value.

        Raises:
            ValidationFailed: the text is unfinished, or a validator refused it; the message says which.
            DeadEnd: the constraints left no token to continue with.
        """
        if self.error is not None:
            raise self.error
        return cast(T_co, self.parsed)

    @property
    def values(self) -> list[T_co]:
        """The values of all samples, in order; raises as `value` does where one of them has none."""
        return [sample.value for sample in self.samples]

    @property
    def raw(self) -> Any:
        """The value before validation: parsed JSON where the text is JSON, otherwise the text."""
        text = self.text if self.answer is None else self.answer
        try:
            return json.loads(text)
        except ValueError:
            return text

    def __repr__(self) -> str:
        outcome = f"error={self.error!r}" if self.error is not None else f"value={self.parsed!r}"
        more = f", samples={len(self.samples)}" if len(self.samples) > 1 else ""
        return f"Result({outcome}, finish={self.finish!r}, tokens={len(self.tokens)}, logprob={self.logprob:.2f}{more})"


@dataclass(frozen=True, kw_only=True)
class TokenNote:
    """The part of a token's record that reports are made of."""

    length: int  # bytes
    logprob: float
    log_mass: float
    forced: bool


def field_reports(
    tokens: Sequence[TokenNote], spans: Sequence[tuple[tuple[str | int, ...], int, int]]
) -> tuple[FieldReport, ...]:
    """Share the tokens out among the fields by the bytes that they cover.

    Args:
        tokens: in order of generation.
        spans: (path, first byte, byte after the last) of every scalar, in order of the text.
    """
    owned: list[list[TokenNote]] = [[] for _ in spans]
    offset, current = 0, 0
    for token in tokens:
        while current < len(spans) and spans[current][2] <= offset:
            current += 1
        if current < len(spans) and spans[current][1] < offset + token.length:
            owned[current].append(token)
        offset += token.length
    return tuple(_field(path, notes) for (path, _, _), notes in zip(spans, owned, strict=True))


def _field(path: tuple[str | int, ...], notes: Sequence[TokenNote]) -> FieldReport:
    return FieldReport(
        path=path,
        tokens=len(notes),
        forced=sum(note.forced for note in notes),
        logprob=sum(note.logprob for note in notes),
        damage=0.0 - sum(note.log_mass for note in notes),
    )
