"""What `guidedgen generate` prints: values, events, and with `--report` what the constraint did to the model."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from rich.markup import escape
from rich.table import Table

from guidedgen.errors import CompileError, GuidedGenError, LimitExceeded
from guidedgen.events import Delta, Done, Event, FieldClosed, ThinkingDelta, pointer_of
from guidedgen.grammars.grammar_specs import Ebnf, Gbnf
from guidedgen.grammars.specs import Choice, Lark, Regex
from guidedgen.terminal import exit_code, fail, logs
from guidedgen.tool_options import call_facts, call_lines, calls_of

if TYPE_CHECKING:
    from guidedgen.result import FieldReport, OutputReport, Result, TokenReport

_WORST = 5  # tokens that are shown


def facts_of(result: Result[Any], *, report: bool) -> dict[str, Any]:
    """A result as JSON; the value as it stands in the text, or its error. With a report every token is in it."""
    calls = calls_of(result)
    value = result.raw if calls is None else call_facts(calls)
    found = result.report
    return {
        "value": value if result.error is None else None,
        "text": result.text,
        **({} if result.thinking is None else {"thinking": result.thinking}),
        "finish": result.finish,
        "error": None if result.error is None else str(result.error),
        "tokens": len(result.tokens),
        "prompt_tokens": result.prompt_tokens,
        "logprob": result.logprob,
        "damage": found.damage,
        "fields": [dataclasses.asdict(entry) for entry in found.fields],
        "bounded": list(found.bounded),
        **(
            {"report": [dataclasses.asdict(entry) for entry in found.tokens], "notes": notes_of(result)}
            if report
            else {}
        ),
    }


def print_result(result: Result[Any], *, as_json: bool, report: bool) -> None:
    """All samples; ends with an exit code where one has no value."""
    if as_json:
        facts = [facts_of(sample, report=report) for sample in result.samples]
        typer.echo(json.dumps(facts if len(facts) > 1 else facts[0]))
    else:
        for sample in result.samples:
            if sample.thinking:
                typer.echo(sample.thinking, err=True)
            calls = calls_of(sample)
            plain = sample.text if sample.answer is None else sample.answer
            typer.echo(plain if calls is None else "\n".join(call_lines(calls)))
            for place in sample.report.bounded:
                typer.echo(f"bounded: {place}", err=True)
            if report:
                print_report(sample.report)
        if report:
            print_notes(result)
    failed = next((sample.error for sample in result.samples if sample.error is not None), None)
    if failed is not None:
        end_with(failed)


def print_stream(events: Iterable[Event[Any]], output: Any, *, as_json: bool, report: bool) -> None:
    """Events as they come; ends with an exit code where there is no value."""
    free = output is None or isinstance(output, Regex | Choice | Lark | Gbnf | Ebnf)
    for event in events:
        if isinstance(event, Done):
            if as_json:
                typer.echo(json.dumps({"event": "Done", **facts_of(event.result, report=report)}))
            elif free:
                typer.echo()
            if report and not as_json:
                print_report(event.result.report)
                print_notes(event.result)
            if event.result.error is not None:
                end_with(event.result.error)
        elif as_json:
            typer.echo(json.dumps({"event": type(event).__name__, **_event_facts(event, report=report)}))
        elif isinstance(event, ThinkingDelta):
            typer.echo(event.text, nl=False, err=True)
        elif free and isinstance(event, Delta):
            typer.echo(event.text, nl=False)
        elif not free and isinstance(event, FieldClosed) and not isinstance(event.value, dict | list):
            typer.echo(f"{event.pointer or '/'}: {json.dumps(event.value, ensure_ascii=False)}")


def _event_facts(event: Any, *, report: bool) -> dict[str, Any]:
    facts = dataclasses.asdict(event)
    metered = () if report else ("damage", "report")
    return {name: value for name, value in facts.items() if name not in metered}


def end_with(error: GuidedGenError) -> NoReturn:
    """End the program with an error's message and code."""
    fail(str(error), exit_code(error))


def print_report(report: OutputReport) -> None:
    """The damage meter: fields (or rules of a grammar), all tokens together, and the tokens that were steered most."""
    logs.print(_fields(report.fields, "field", pointer=True))
    try:
        rules = report.by_rule()
    except (CompileError, LimitExceeded):  # an unfinished text, or one too long for a tree
        rules = ()
    if rules:
        logs.print(_fields(rules, "rule", pointer=False))
    known = [token for token in report.tokens if token.removed is not None]
    worst = sorted(known, key=lambda token: -(token.removed or 0.0))[:_WORST]
    logs.print(
        f"all: {len(report.tokens)} tokens, {report.forced_share:.0%} forced, damage {report.damage:.2f} nats, "
        f"largest margin {report.margin:.2f}",
        highlight=False,
    )
    logs.print(_tokens(worst))


def notes_of(result: Result[Any]) -> list[str]:
    """What the strategy chose by itself, and why."""
    return [] if result.trace is None else list(result.trace.notes)


def print_notes(result: Result[Any]) -> None:
    """The same, a line each."""
    for note in notes_of(result):
        logs.print(f"strategy: {note}", markup=False, highlight=False, soft_wrap=True)


def _fields(fields: Sequence[FieldReport], title: str, *, pointer: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(title, overflow="fold")
    for name in ("tokens", "forced", "logprob", "damage", "margin"):
        table.add_column(name, justify="right")
    for entry in fields:
        name = pointer_of(entry.path) or "/" if pointer else ".".join(map(str, entry.path))
        numbers = (f"{number:.2f}" for number in (entry.logprob, entry.damage, entry.margin))
        table.add_row(escape(name), str(entry.tokens), str(entry.forced), *numbers)
    return table


def _tokens(tokens: Sequence[TokenReport]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("most removed at", "field", "removed", "margin", "forced"):
        table.add_column(name)
    for token in tokens:
        place = "" if token.path is None else pointer_of(token.path) or "/"
        removed, margin = f"{token.removed or 0.0:.1%}", f"{token.margin or 0.0:.2f}"
        table.add_row(escape(repr(token.text)), escape(place), removed, margin, "yes" if token.forced else "")
    return table
