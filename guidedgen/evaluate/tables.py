"""Figures as tables on a terminal: engines side by side."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from guidedgen.evaluate.blame import blame, reasons
from guidedgen.evaluate.figures import Measured, Value, sections
from guidedgen.evaluate.records import DEFECTS

KEYWORDS_SHOWN, REASONS_SHOWN = 15, 15
_WIDEST = 2000


def printed(value: Value) -> str:
    """A figure as people read it."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}" if abs(value) >= 10 else f"{value:.3g}"


def labels(measured: Sequence[Measured]) -> list[str]:
    """Names of engines; where two are the same, with their file, its path, or its place in the list."""
    paths = [each.results.path for each in measured]
    names = [each.results.label for each in measured]
    for told in ([path.name for path in paths], [str(path) for path in paths], map(str, range(1, len(paths) + 1))):
        repeated = {name for name in names if names.count(name) > 1}
        names = [f"{name} ({more})" if name in repeated else name for name, more in zip(names, told, strict=True)]
    return names


def print_figures(console: Console, measured: Sequence[Measured], *, cpu: bool) -> None:
    """Every section in one table."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("CPU time" if cpu else "wall time", no_wrap=True)
    for label in labels(measured):
        table.add_column(escape(label.replace(" ", "\n")), justify="right", no_wrap=True)
    for group in zip(*(sections(each, cpu=cpu) for each in measured), strict=True):
        table.add_row(f"[bold]{escape(group[0].title)}[/]")
        for rows in zip(*(section.rows for section in group), strict=True):
            table.add_row(f"  {escape(rows[0][0])}", *(printed(value) for _, value in rows))
    wide = Measurement.get(console, console.options.update(max_width=_WIDEST), table).maximum
    console.width = max(console.width, wide)  # better a line that the terminal breaks than figures that are cut
    console.print(table)


def print_rows(console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows of text, wider than the terminal where they have to be."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(escape(name), no_wrap=True)
    for cells in rows:
        table.add_row(*map(escape, cells))
    wide = Measurement.get(console, console.options.update(max_width=_WIDEST), table).maximum
    console.width = max(console.width, wide)
    console.print(table)


def print_blame(console: Console, measured: Sequence[Measured]) -> None:
    """For each engine the keywords to blame and the reasons that were given."""
    for label, each in zip(labels(measured), measured, strict=True):
        blamed, given = blame(each.records), reasons(each.records)
        if blamed:
            table = Table(title=f"{escape(label)}: keywords in schemas with a defect", title_justify="left", box=None)
            table.add_column("keyword", no_wrap=True)
            for name in ("schemas", "failing", "lift"):
                table.add_column(name, justify="right")
            table.add_column("defects")
            for entry in blamed[:KEYWORDS_SHOWN]:
                told = ", ".join(f"{DEFECTS[name]} {count}" for name, count in entry.defects.items())
                table.add_row(
                    escape(entry.keyword), str(entry.schemas), str(entry.failing), f"{entry.lift:.2f}", escape(told)
                )
            console.print(table)
        if given:
            table = Table(title=f"{escape(label)}: reasons", title_justify="left", box=None)
            table.add_column("schemas", justify="right")
            table.add_column("reason", overflow="fold")
            table.add_column("for example", overflow="fold")
            for reason in given[:REASONS_SHOWN]:
                table.add_row(str(reason.schemas), escape(reason.text), escape(reason.example))
            console.print(table)
