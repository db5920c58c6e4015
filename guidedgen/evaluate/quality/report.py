"""Figures as tables, as Markdown, as JSON and as plots."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from html import escape
from typing import Any, Final

from guidedgen.evaluate.page import document
from guidedgen.evaluate.plots import drawing, svg
from guidedgen.evaluate.quality.figures import (
    Judgement,
    OpenFigures,
    TaskFigures,
    judgements,
    open_figures,
    task_figures,
)
from guidedgen.evaluate.quality.methods import HUMAN
from guidedgen.evaluate.quality.metrics import Estimate
from guidedgen.evaluate.quality.not_run import NOT_RUN
from guidedgen.evaluate.quality.records import TextRecord
from guidedgen.evaluate.quality.varied import method_named

OPEN_COLUMNS: Final = ("method", "texts", "tokens", "distinct-2 %", "rep-4 %", "self-BLEU %", "perplexity")
TASK_COLUMNS: Final = ("task", "method", "texts", "valid %", "accuracy %", "perplexity")
CLAIM_COLUMNS: Final = ("method", "source", "settings", "claim", "difference", "verdict")
_WORDS: Final = {"repeated": "rep-4", "distinct": "distinct-2", "perplexity": "perplexity", "accuracy": "accuracy"}
_SHARES: Final = ("repeated", "distinct", "accuracy")


def told(found: Estimate | None, *, percent: bool = False, sign: bool = False) -> str:
    """A figure with its interval; alone where all samples agree."""
    if found is None:
        return "-"
    values = [100 * value if percent else value for value in (found.value, found.low, found.high)]
    digits = 0 if percent and not sign else 1
    value, low, high = (f"{value:{'+' if sign else ''}.{digits}f}" for value in values)
    return value if found.low == found.high else f"{value} ({low} to {high})"


def open_row(found: OpenFigures) -> tuple[str, ...]:
    """Continuations of a method."""
    shares = (told(value, percent=True) for value in (found.distinct, found.repeated, found.alike))
    return found.method, str(found.texts), f"{found.length:.0f}", *shares, told(found.perplexity)


def task_row(found: TaskFigures) -> tuple[str, ...]:
    """Answers of a method."""
    accuracy = told(found.accuracy, percent=True)
    return found.part, found.method, str(found.texts), f"{100 * found.valid:.0f}", accuracy, told(found.perplexity)


def claim_row(found: Judgement) -> tuple[str, ...]:
    """What becomes of a claim."""
    method, claim = method_named(found.method), found.claim
    if claim is None:
        return found.method, method.source, method.settings, "-", "-", found.verdict
    said = f"{'more' if claim.more else 'less'} {_WORDS[claim.figure]} than {claim.than}"
    difference = told(found.difference, percent=claim.figure in _SHARES, sign=True)
    return found.method, method.source, method.settings, said, difference, found.verdict


def tables(records: Sequence[TextRecord]) -> list[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    """Title, columns and rows of each table."""
    told_claims = [found for found in judgements(records) if method_named(found.method).source]
    return [
        ("Open continuations", OPEN_COLUMNS, [open_row(found) for found in open_figures(records)]),
        ("Structured tasks", TASK_COLUMNS, [task_row(found) for found in task_figures(records)]),
        ("What the sources claim", CLAIM_COLUMNS, [*map(claim_row, told_claims), *_not_run(told_claims)]),
    ]


def _not_run(judged: Sequence[Judgement]) -> list[tuple[str, ...]]:
    """Rows of methods that no figure here is about."""
    if not judged:
        return []
    return [
        (name, found.source, found.settings, found.claim, found.why, "algorithm only")
        for name, found in NOT_RUN.items()
    ]


def markdown(records: Sequence[TextRecord]) -> str:
    """All tables, for a page of the documentation."""
    return "\n\n".join(f"### {title}\n\n" + _table(columns, rows) for title, columns, rows in tables(records)) + "\n"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def as_json(settings: dict[str, Any], records: Sequence[TextRecord]) -> str:
    """Settings and figures."""
    content = {
        "settings": {name: value for name, value in settings.items() if name != "kind"},
        "open": [asdict(found) for found in open_figures(records)],
        "tasks": [asdict(found) for found in task_figures(records)],
        "claims": [asdict(found) for found in judgements(records)],
    }
    return json.dumps(content, indent=1)


def page(settings: dict[str, Any], records: Sequence[TextRecord]) -> str:
    """One HTML page: plots, then the tables.

    Raises:
        EvaluationError: matplotlib is not installed.
    """
    about = f"{settings['model']} in {settings['dtype']}; intervals hold 95 % of bootstrap samples of the prompts."
    parts = []
    for title, columns, rows in tables(records):
        head = "".join(f"<th>{escape(name)}</th>" for name in columns)
        body = [f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>" for cells in rows]
        parts.append("\n".join([f"<h2>{escape(title)}</h2>", "<table>", f"<tr>{head}</tr>", *body, "</table>"]))
    return document("What methods do to texts", about, plots(records), "\n".join(parts))


def plots(records: Sequence[TextRecord]) -> dict[str, str]:
    """Title -> SVG, of what there are records for.

    Raises:
        EvaluationError: matplotlib is not installed.
    """
    found, tasks = open_figures(records), task_figures(records)
    made = {}
    with drawing() as library:
        if found:
            made["Repetition and perplexity of continuations"] = svg(_scatter(library, found))
        for part in dict.fromkeys(each.part for each in tasks):
            own = [each for each in tasks if each.part == part and each.accuracy is not None]
            made[f"Accuracy: {part}"] = svg(_bars(library, own))
    return made


def _scatter(library: Any, found: Sequence[OpenFigures]) -> Any:
    figure = library.Figure(figsize=(9, 5.5), layout="constrained")
    axes = figure.add_subplot()
    for each in found:
        if each.repeated is not None and each.perplexity is not None:
            colour = "#2a9d5c" if each.method != HUMAN else "#c8553d"
            axes.plot([each.perplexity.value], [100 * each.repeated.value], "o", color=colour)
            place = (each.perplexity.value, 100 * each.repeated.value)
            axes.annotate(each.method, place, xytext=(4, 3), textcoords="offset points", fontsize=7)
    axes.set_xscale("log")
    axes.set_xlabel("perplexity under the model")
    axes.set_ylabel("% of 4-grams that stood there before")
    axes.grid(visible=True, alpha=0.3)
    return figure


def _bars(library: Any, found: Sequence[TaskFigures]) -> Any:
    figure = library.Figure(figsize=(9, 1.2 + 0.24 * len(found)), layout="constrained")
    axes = figure.add_subplot()
    known = [(each.method, each.accuracy) for each in found if each.accuracy is not None]
    values = [100 * each.value for _, each in known]
    low = [100 * (each.value - each.low) for _, each in known]
    high = [100 * (each.high - each.value) for _, each in known]
    axes.barh(range(len(known)), values, xerr=[low, high], color="#2a9d5c", ecolor="#777777", height=0.7)
    axes.set_yticks(range(len(known)), [method for method, _ in known])
    axes.invert_yaxis()
    axes.set_xlabel("% right, with intervals")
    return figure
