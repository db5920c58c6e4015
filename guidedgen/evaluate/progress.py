"""The bar of a run: how much of it is done, and of schemas how many have a defect."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from guidedgen.evaluate.lines import LinesFile
from guidedgen.evaluate.records import Record
from guidedgen.terminal import logs


@contextmanager
def noted(file: LinesFile) -> Iterator[None]:
    """A run whose last line in its file says how long it took, and whether it was stopped on the way."""
    began, complete = time.monotonic(), False
    try:
        yield
        complete = True
    finally:
        begun = file.added > 0
        file.add("end", {"seconds": time.monotonic() - began, "complete": complete})
        if begun and not complete:
            logs.print("stopped: the same command goes on from here")


@contextmanager
def bar(label: str, *, total: int, done: int) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Yields what is to be called with each finished record. Nothing is shown where stderr is no terminal."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[defects]} with a defect"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=logs, disable=not logs.is_terminal) as bars:
        task = bars.add_task(label, total=total, completed=done, defects=0)
        defects = 0

        def finished(content: Mapping[str, Any]) -> None:
            nonlocal defects
            defects += bool(Record.from_json(content).defects)
            bars.update(task, advance=1, defects=defects)

        yield finished


@contextmanager
def counter(label: str, *, total: int, done: int) -> Iterator[Callable[[], None]]:
    """Yields what is to be called with each finished run. Nothing is shown where stderr is no terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=logs, disable=not logs.is_terminal) as bars:
        task = bars.add_task(label, total=total, completed=done)
        yield lambda: bars.update(task, advance=1)
