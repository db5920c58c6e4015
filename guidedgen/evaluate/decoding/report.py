"""Figures as a table on a terminal, as Markdown, as JSON and as a page with plots."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from typing import Any, Final

from guidedgen.evaluate.decoding.figures import ALL, Figures
from guidedgen.evaluate.decoding.records import DecodingResults
from guidedgen.evaluate.page import document
from guidedgen.evaluate.plots import drawing, svg

COLUMNS: Final = (
    "task", "constraint", "format", "way", "tokens/s", "× plain", "modelled", "× generate", "tokens/forward",
    "chosen", "accepted at 1, 2, 4, 8", "forward ms", "mask", "draft", "rest", "same/near/different",
)  # fmt: skip
AUTO: Final = "auto"
LEAST_OF_AUTO: Final = 0.95
_TEXTS: Final = 4  # columns of text


def row(found: Figures) -> tuple[str, ...]:
    """Figures as the columns show them."""
    shares = [f"{100 * found.accepted[depth - 1]:.0f}" for depth in (1, 2, 4, 8) if depth <= len(found.accepted)]
    compared = found.same + found.near + found.different
    return (
        found.task,
        found.constraint,
        found.dtype,
        found.way,
        _told(found.rate, 1),
        _told(found.speedup, 2),
        _told(found.modelled, 2),
        _told(found.over_generate, 2),
        _told(found.per_forward, 2),
        _told(found.chosen_per_forward, 2),
        " ".join(shares) + " %" if shares else "-",
        _told(found.forward_ms, 1),
        _told(found.mask_ms, 2),
        _told(found.draft_ms, 2),
        _told(found.rest_ms, 2),
        f"{found.same}/{found.near}/{found.different}" if compared else "-",
    )


def promises(figures: Sequence[Figures]) -> list[str]:
    """Whether `auto` kept its word, format by format: never more than 5 % slower than plain decoding on a task."""
    lines = []
    for dtype in dict.fromkeys(found.dtype for found in figures):
        known = [
            (found.speedup, found.task)
            for found in figures
            if (found.way, found.dtype) == (AUTO, dtype) and found.task != ALL and found.speedup is not None
        ]
        if known:
            slowest, task = min(known)
            kept = "kept" if slowest >= LEAST_OF_AUTO else "BROKEN"
            lines.append(
                f"auto in {dtype}: at least {LEAST_OF_AUTO} times plain on every task: {kept} ({task}: {slowest:.2f})"
            )
    return lines


def _told(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def markdown(figures: Sequence[Figures]) -> str:
    """The table for a page of the documentation."""
    lines = [COLUMNS, tuple("---" if place < _TEXTS else "--:" for place in range(len(COLUMNS)))]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in [*lines, *map(row, figures)]) + "\n"
    return table + "".join(f"\n{line}\n" for line in promises(figures))


def as_json(results: DecodingResults, figures: Sequence[Figures]) -> str:
    """Settings, costs and figures."""
    settings = {name: value for name, value in results.settings.items() if name != "kind"}
    told: dict[str, Any] = {
        "settings": settings,
        "complete": results.complete,
        "costs": {dtype: asdict(table) for dtype, table in results.costs.items()},
        "figures": [asdict(found) for found in figures],
        "promises": promises(figures),
    }
    return json.dumps(told, indent=1)


def page(results: DecodingResults, figures: Sequence[Figures]) -> str:
    """One HTML page: plots, then the table.

    Raises:
        EvaluationError: matplotlib is not installed.
    """
    settings = results.settings
    about = f"{settings['model']}, {settings['threads']} threads, {settings['machine']}, {settings['cores']} cores."
    if not results.complete:
        about += " The run is not complete."
    cells = [f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row(found))}</tr>" for found in figures]
    head = "".join(f"<th>{escape(name)}</th>" for name in COLUMNS)
    body = "\n".join(["<h2>Figures</h2>", "<table>", f"<tr>{head}</tr>", *cells, "</table>"])
    return document("Decoding strategies side by side", about, _plots(figures), body)


def _plots(figures: Sequence[Figures]) -> dict[str, str]:
    with drawing() as made:
        return {
            "Tokens per second over plain decoding": svg(_bars(made, figures)),
            "Drafted tokens that are accepted": svg(_curves(made, figures)),
        }


def _bars(made: Any, figures: Sequence[Figures]) -> Any:
    """Real speed-ups as bars, modelled ones as marks."""
    shown = [found for found in figures if found.speedup is not None and found.way != "plain"]
    figure = made.Figure(figsize=(9, 1.2 + 0.26 * len(shown)), layout="constrained")
    axes = figure.add_subplot()
    places = range(len(shown))
    axes.barh(places, [found.speedup for found in shown], color="#2a9d5c", height=0.7, label="measured")
    known = [place for place in places if shown[place].modelled is not None]
    axes.plot([shown[place].modelled for place in known], known, "k|", markersize=9, label="modelled from costs")
    axes.axvline(1.0, color="#999999", linewidth=1)
    axes.set_yticks(places, [f"{found.task}, {found.constraint}: {found.dtype} {found.way}" for found in shown])
    axes.invert_yaxis()
    axes.set_xlabel("times plain decoding")
    axes.legend(frameon=False)
    return figure


def _curves(made: Any, figures: Sequence[Figures]) -> Any:
    """Over all tasks, by depth."""
    figure = made.Figure(figsize=(9, 4), layout="constrained")
    axes = figure.add_subplot()
    for found in figures:
        if found.task == ALL and found.accepted:
            depths = range(1, len(found.accepted) + 1)
            label = f"{found.constraint}: {found.dtype} {found.way}"
            axes.plot(depths, [100 * share for share in found.accepted], marker=".", label=label)
    axes.set_xlabel("depth in the draft, forced tokens not counted")
    axes.set_ylabel("% accepted of the drafts so deep")
    axes.set_ylim(0, 100)
    axes.grid(visible=True, alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=7)
    return figure
