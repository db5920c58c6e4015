"""What `guidedgen check` prints: the report in short or in full, and how a text was read. Knows no files."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from guidedgen.explanation import place_label
from guidedgen.source_lines import Place, excerpt
from guidedgen.terminal import report_table, stdout_console

if TYPE_CHECKING:
    from guidedgen.checking import Checked, Reading, Verdict
    from guidedgen.grammars.report import Report

_LAST = 12  # steps of a reading, and open rules, that are shown
_LABELS = 20  # expected terminals that are shown


def print_checked(file: Path, checked: Checked, *, full: bool) -> None:
    """The report, sizes and times, and how the text was read if there is one."""
    _print_report(file, checked.constraint.report, checked.facts, full=full)
    text, verdict = checked.text or "", checked.verdict
    if checked.reading is not None:
        _print_reading(text, checked.reading)
        if verdict is not None and not verdict.accepted:
            _print_place(text, verdict)
    elif verdict is not None:
        _print_verdict(text, verdict)


def print_json(checked: Checked) -> None:
    """The same as one JSON object."""
    report = checked.constraint.report
    told: dict[str, Any] = {
        "report": [dataclasses.asdict(entry) for entry in report],
        "exact": report.exact,
        "unproved": list(report.unproved),
        "facts": checked.facts,
    }
    if checked.verdict is not None:
        told["text"] = dataclasses.asdict(checked.verdict)
    if checked.reading is not None:
        told["explain"] = _reading_facts(checked.reading)
    typer.echo(json.dumps(told))


def _print_report(file: Path, report: Report, facts: Mapping[str, object], *, full: bool) -> None:
    """The report (in full, or counts and what somebody should look at) and the facts about sizes and times."""
    console = stdout_console()
    shown = report if full else type(report)(report.warnings)
    if len(shown):
        console.print(report_table(shown))
        console.print()
    if any(entry.keyword != entry.pointer for entry in report) and not full:  # else there are only notes on rules
        counts = Counter(entry.treatment for entry in report)
        told = ", ".join(f"{count} {treatment}" for treatment, count in counts.items())
        console.print(f"{len(report)} keywords: {told} (--report lists them)", highlight=False, soft_wrap=True)
    told = (
        "every text that the masks allow is valid"
        if report.exact
        else "some keywords are checked at the end, not by masks"
    )
    console.print(f"{file}: {told}", highlight=False, markup=False, soft_wrap=True)
    if report.unproved:
        places = ", ".join(map(place_label, report.unproved))
        told = f"not proved within the limits that every text can be completed: {places}"
        console.print(f"{file}: {told}", highlight=False, markup=False, soft_wrap=True)
    for name, value in facts.items():
        number = f"{value:.2f}" if isinstance(value, float) else str(value)
        console.print(f"  {name:<24} {number}", markup=False, highlight=False)


def _print_verdict(text: str, verdict: Verdict) -> None:
    """Whether a text is valid; otherwise where it stops fitting, what was expected there, and which rules are open."""
    console = stdout_console()

    def told(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    if verdict.accepted:
        return told("text: valid")
    told(f"text: not valid: {verdict.read} bytes read, expected {verdict.expected or 'the end'}")
    _print_place(text, verdict)


def _print_place(text: str, verdict: Verdict) -> None:
    """The line in which a text stops fitting, with a mark; what was expected there, and which rules are open."""
    console = stdout_console()
    offset = len(text.encode("utf-8", "surrogatepass")[: verdict.read].decode("utf-8", errors="ignore"))
    lines = [f"line {verdict.line}, column {verdict.column}:", excerpt(text, Place(offset, offset + 1))]
    if verdict.labels:
        lines.append(f"  expected: {_listed(verdict.labels)}")
    lines += [
        f"  {'open rules' if place == 0 else 'or'}: {_path(names)}" for place, names in enumerate(verdict.open) if names
    ]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _listed(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - _LABELS} more" if len(labels) > _LABELS else ""
    return ", ".join(labels[:_LABELS]) + more


def _path(names: Sequence[str]) -> str:
    """Rules from the outermost to the innermost; of many the first and the last."""
    shown = names if len(names) <= _LAST else [*names[: _LAST // 2], "...", *names[-_LAST // 2 :]]
    return " > ".join(shown)


def _print_reading(text: str, reading: Reading) -> None:
    """What each piece of the text was read as; where it stops fitting, and why."""
    console = stdout_console()
    skipped = max(0, len(reading.steps) - _LAST)
    if skipped:
        console.print(f"  ... {skipped} pieces before", highlight=False)
    width = max((len(repr(piece)) for piece, _ in reading.steps[skipped:]), default=0)
    for piece, names in reading.steps[skipped:]:
        line = f"  {piece!r:<{min(width, 40)}}  {', '.join(names)}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if reading.explanation is None:
        console.print("text: valid", highlight=False)
        return
    told = reading.explanation
    data = text.encode("utf-8", "surrogatepass")
    rest = data[told.offset :].decode("utf-8", errors="backslashreplace")
    found = f"{rest[:20]!r} does not fit" if rest else "the text ends too early"
    place = f" in {', '.join(told.labels)}" if told.labels else ""
    place += f" (at {told.instance})" if told.instance else ""
    console.print(
        f"text: not valid: {told.offset} bytes read, then {found}{place}: expected {told.wanted}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    for expectation in told.expectations:
        console.print(f"  {expectation}", markup=False, highlight=False, soft_wrap=True)
    if reading.refusal is not None:
        console.print(f"  {reading.refusal}", markup=False, highlight=False, soft_wrap=True)


def _reading_facts(reading: Reading) -> dict[str, Any]:
    """A reading as JSON."""
    told = reading.explanation
    return {
        "steps": [{"text": piece, "read_as": list(names)} for piece, names in reading.steps],
        "stops": None
        if told is None
        else {
            "offset": told.offset,
            "labels": list(told.labels),
            "pointers": list(told.pointers),
            "expected": told.wanted,
            "instance": told.instance,
            "expectations": [dataclasses.asdict(expectation) for expectation in told.expectations],
        },
        "refusal": reading.refusal,
    }
