"""The damage meter: what the mask did at each token, shared out among the fields of the output. Knows no strategy.

A strategy records of every token the mass that was allowed in its place, and the margin between the model's favourite
and the best allowed token. Here these numbers meet the bytes of the text and the spans that a scanner found in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from guidedgen.errors import UnsupportedFeature
from guidedgen.events import Delta, FieldClosed, Path, Scanned
from guidedgen.limits import Limits
from guidedgen.result import FieldReport, OutputReport, TokenReport
from guidedgen.sampler.sequence import TokenRecord

if TYPE_CHECKING:
    from guidedgen.grammars.report import Report
    from guidedgen.outputs import Output
    from guidedgen.sampler.sequence import Sequence as Tokens
    from guidedgen.streaming import Scanner
    from guidedgen.vocabulary import Vocabulary

Spans = Sequence[tuple[Path, int, int]]
"""Path, first byte and byte after the last of every field, in order of the text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """A token's record, and how much of the text it wrote."""

    record: TokenRecord
    text: bytes

    @property
    def known(self) -> bool:
        """Whether the model was asked about it."""
        return self.record.logprob is not None

    @property
    def logprob(self) -> float:
        """The model's log-probability, 0 where it is not known."""
        return self.record.logprob or 0.0

    @property
    def damage(self) -> float:
        """-log of the allowed mass, 0 where it is not known."""
        return 0.0 - (self.record.log_mass or 0.0)

    def report(self, path: Path | None) -> TokenReport:
        """For users."""
        record = self.record
        return TokenReport(
            token=record.token,
            text=self.text.decode("utf-8", errors="replace"),
            path=path,
            forced=record.forced,
            logprob=record.logprob,
            removed=None if record.log_mass is None else max(0.0, -math.expm1(record.log_mass)),
            margin=record.margin,
        )


def owners(notes: Sequence[Note], spans: Spans) -> list[int | None]:
    """For each token the number of the span whose text it carries; of several the first."""
    found: list[int | None] = []
    offset, current = 0, 0
    for note in notes:
        stop = offset + len(note.text)
        while current < len(spans) and spans[current][2] <= offset:
            current += 1
        inside = current < len(spans) and spans[current][1] < stop
        found.append(current if inside else None)
        offset = stop
    return found


def field_reports(notes: Sequence[Note], spans: Spans) -> tuple[FieldReport, ...]:
    """Share the tokens out among the fields by the bytes that they cover.

    Args:
        notes: in order of generation.
        spans: of the fields.
    """
    owned: list[list[Note]] = [[] for _ in spans]
    for note, owner in zip(notes, owners(notes, spans), strict=True):
        if owner is not None:
            owned[owner].append(note)
    return tuple(field_report(path, own) for (path, _, _), own in zip(spans, owned, strict=True))


def field_report(path: Path, notes: Sequence[Note]) -> FieldReport:
    """The report of one field whose tokens are known."""
    return FieldReport(
        path=path,
        tokens=len(notes),
        forced=sum(note.record.forced for note in notes),
        logprob=sum(note.logprob for note in notes),
        damage=sum(note.damage for note in notes),
        margin=max((note.record.margin or 0.0 for note in notes), default=0.0),
        pending=sum(not note.known for note in notes),
    )


def output_report(
    notes: Sequence[Note], spans: Spans, *, compiled: Report | None = None, spec: Any = None, text: str = ""
) -> OutputReport:
    """The report of a whole output.

    Args:
        notes: of all tokens, the end of the text included where one was chosen.
        spans: of its fields.
        compiled: what is enforced.
        spec: what was asked for; grammars have rules.
        text: the text.
    """
    owner = owners(notes, spans)
    paths = [None if own is None else spans[own][0] for own in owner]
    return OutputReport(
        compile=compiled,
        fields=field_reports(notes, spans),
        tokens=tuple(note.report(path) for note, path in zip(notes, paths, strict=True)),
        damage=sum(note.damage for note in notes),
        _by_rule=lambda: rule_reports(notes, spec, text),
    )


def rule_reports(notes: Sequence[Note], spec: Any, text: str) -> tuple[FieldReport, ...]:
    """The tokens shared out among the innermost rules of a grammar; see `OutputReport.by_rule`."""
    from guidedgen.grammars.parse_tree import parse_tree  # late: brings lark, and is seldom asked for

    try:
        tree = parse_tree(spec, text, Limits())
    except UnsupportedFeature:
        return ()
    return field_reports(notes, list(_rule_spans(tree, text)))


def _rule_spans(tree: Any, text: str) -> Iterator[tuple[Path, int, int]]:
    """The spans of the pieces of text in a tree, each with the way of rules to it; pieces side by side are one."""
    offset = 0
    last: tuple[Any, Path, int, int] | None = None
    for rule, path, piece in _pieces(tree, ()):
        found = text.find(piece, offset)  # what a grammar ignores is not in the tree
        start, offset = found, found + len(piece)
        if last is not None and last[0] is rule:
            last = (rule, path, last[2], offset)
            continue
        if last is not None:
            yield _in_bytes(last, text)
        last = (rule, path, start, offset)
    if last is not None:
        yield _in_bytes(last, text)


def _in_bytes(span: tuple[Any, Path, int, int], text: str) -> tuple[Path, int, int]:
    _, path, start, stop = span
    return path, len(text[:start].encode()), len(text[:stop].encode())


def _pieces(tree: Any, above: Path) -> Iterator[tuple[Any, Path, str]]:
    """The pieces of the text in order: the rule that holds each, and the way to it."""
    stack: list[tuple[Any, Path, Iterator[Any]]] = [(tree, (*above, tree.label), iter(tree.children))]
    while stack:
        rule, path, children = stack[-1]
        child = next(children, None)
        if child is None:
            stack.pop()
        elif isinstance(child, str):
            yield rule, path, child
        else:
            stack.append((child, (*path, child.label), iter(child.children)))


def notes_of(nodes: Iterable[Tokens], output: Output, vocabulary: Vocabulary) -> list[Note]:
    """Notes of some nodes, oldest first; where nothing was recorded nothing is known."""
    records = [node.record or TokenRecord(token=node.token, proposal_logprob=0.0) for node in nodes]
    return [note_of(record, output, vocabulary) for record in records]


def note_of(record: TokenRecord, output: Output, vocabulary: Vocabulary) -> Note:
    """The note of one token."""
    return Note(record=record, text=output.spell([record.token], vocabulary))


class StreamMeter:
    """The meter of a text that is still being written.

    Args:
        output: what is written.
        vocabulary: of the model.
        scanner: whose events are told about.
    """

    def __init__(self, output: Output, vocabulary: Vocabulary, scanner: Scanner) -> None:
        self._output = output
        self._vocabulary = vocabulary
        self._scanner = scanner
        self._notes: list[Note] = []
        self._damage = 0.0  # of all tokens so far
        self._told = 0.0  # what of it is in deltas already
        self._settled = 0  # notes before this one are known
        self._closed = 0  # spans that were told
        self._owned = 0  # notes before this one belong to those

    def see(self, sequence: Tokens) -> None:
        """Take in what is known of the tokens so far; forced ones are known only after the forward behind them."""
        start = sequence.prompt_length + self._settled
        fresh = list(takewhile(lambda node: node.length > start, sequence.nodes()))
        notes = notes_of(fresh[::-1], self._output, self._vocabulary)
        self._damage -= sum(note.damage for note in self._notes[self._settled :])
        self._damage += sum(note.damage for note in notes)
        self._notes[self._settled :] = notes
        while self._settled < len(self._notes) and self._notes[self._settled].known:
            self._settled += 1

    def told(self, events: Iterable[Scanned]) -> Iterator[Scanned]:
        """The events with what the meter says: of each delta and of each scalar that is closed."""
        for event in events:
            if isinstance(event, Delta):
                yield Delta(event.path, event.text, self._damage - self._told)
                self._told = self._damage
            elif isinstance(event, FieldClosed):
                yield FieldClosed(event.path, event.value, self._field(event.path))
            else:
                yield event

    def _field(self, path: Path) -> FieldReport | None:
        spans = self._scanner.spans
        for number in range(self._closed, len(spans)):
            if spans[number].path == path:
                self._closed = number + 1
                return self._span(path, spans[number].start, spans[number].stop)
        return None

    def _span(self, path: Path, start: int, stop: int) -> FieldReport:
        """Tokens are looked for from the end: a field that closes is the last one, or one of a few in one step."""
        end, first, last = sum(len(note.text) for note in self._notes), len(self._notes), len(self._notes)
        while first > self._owned and end > start:
            first -= 1
            end -= len(self._notes[first].text)
            if end >= stop:
                last = first
        self._owned = last
        return field_report(path, self._notes[first:last])
