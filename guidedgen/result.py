"""What generation returns: the validated value, the text it came from, and what the mask did to the model."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from guidedgen.errors import GuidedGenError

if TYPE_CHECKING:
    from guidedgen.grammars.report import Report
    from guidedgen.sampler.trace import Trace

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, kw_only=True)
class TokenReport:
    """One token of an output, and what the mask did where it was chosen.

    Attributes:
        token: its id.
        text: what it reads; empty for the end of the text. A token may hold a part of a character only.
        path: of the field whose text it carries, or None for what stands between fields, and where nobody reads fields.
        forced: whether the constraint left no choice.
        logprob: the model's own log-probability, in nats; None where it was not computed.
        removed: share of the model's probability that the mask removed, from 0 to 1; None as above.
        margin: the model's favourite's log-probability less that of the best allowed token, in nats: 0 where the
            favourite was allowed; None as above.
    """

    token: int
    text: str
    path: tuple[str | int, ...] | None = None
    forced: bool = False
    logprob: float | None = None
    removed: float | None = None
    margin: float | None = None


@dataclass(frozen=True, kw_only=True)
class FieldReport:
    """How sure the model was of one field, and how much the constraint had to steer it there.

    Attributes:
        path: keys and indices from the root; of `OutputReport.by_rule` the names of rules from the start rule on.
        tokens: tokens that carry the field's text; a token that spans two fields counts for the first.
        forced: those of them that the grammar left no choice about.
        logprob: sum of the model's own (unmasked, untempered) log-probabilities, in nats.
        damage: probability mass that the mask removed, summed over the tokens as -log(allowed mass), in nats;
            0 means that the model would have written valid text anyway.
        margin: the largest `TokenReport.margin` of its tokens.
        pending: tokens whose probabilities were not computed (yet) and count as 0 in the sums. Only a stream has any,
            for forced tokens that close a field: the next forward weighs them.
    """

    path: tuple[str | int, ...]
    tokens: int
    forced: int
    logprob: float
    damage: float
    margin: float = 0.0
    pending: int = 0

    @property
    def forced_share(self) -> float:
        """Share of the tokens that the grammar left no choice about."""
        return self.forced / self.tokens if self.tokens else 0.0


@dataclass(frozen=True, kw_only=True)
class OutputReport:
    """What was enforced, and what that did to the model: the damage meter.

    Attributes:
        compile: what is enforced, keyword by keyword; None for free text.
        fields: of this output, in order.
        tokens: of this output, in order; the last one may be the end of the text.
        damage: of all tokens together, see `FieldReport`.
        bounded: where the text is as long as `bounds` let it be; there the model was turned away from going on.
    """

    compile: Report | None = None
    fields: tuple[FieldReport, ...] = ()
    tokens: tuple[TokenReport, ...] = ()
    damage: float = 0.0
    bounded: tuple[str, ...] = ()
    _by_rule: Callable[[], tuple[FieldReport, ...]] = field(default=tuple, compare=False, repr=False)

    @property
    def margin(self) -> float:
        """The largest margin of a token."""
        return max((token.margin or 0.0 for token in self.tokens), default=0.0)

    @property
    def forced_share(self) -> float:
        """Share of the tokens that the grammar left no choice about."""
        return sum(token.forced for token in self.tokens) / len(self.tokens) if self.tokens else 0.0

    def by_rule(self) -> tuple[FieldReport, ...]:
        """Of an output of a grammar: what the fields are to JSON, for every rule each time that it was read.

        Worked out when asked for, by parsing the text again: its innermost rules share the tokens out among them. Empty
        for outputs that are not of a Lark, GBNF or EBNF grammar; rules of the latter two without recursion count as one
        with those inside them.

        Raises:
            CompileError: the text is not finished.
            LimitExceeded: the text is too long to be parsed into a tree.
        """
        return self._by_rule()

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
