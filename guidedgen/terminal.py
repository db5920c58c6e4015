"""What the command line shows: bars while a model loads, tables, errors. Only data goes to stdout."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn, ParamSpec

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from guidedgen.errors import DeadEnd, GuidedGenError, ModelError, ValidationFailed

if TYPE_CHECKING:
    from guidedgen.grammars.report import Report
    from guidedgen.models.progress import Stage

P = ParamSpec("P")

BAD_INPUT, FAILED, NO_MODEL, INTERRUPTED = 1, 3, 4, 130  # 2 is click's, for wrong usage
EXIT_CODES = """Exit codes: 0 done; 1 the input cannot be used (schema, grammar, type, text, budget); 2 wrong usage;
3 the model gave no valid value (cut, refused, dead end); 4 the model cannot be loaded or run; 130 interrupted."""

logs = Console(stderr=True)
_STAGES = {"download": "downloading", "convert": "converting once", "load": "loading"}
_COLOURS = {"exact": "green", "guarded": "green", "validated": "yellow", "annotation": "dim", "relaxed": "red"}


def fail(message: str, code: int) -> NoReturn:
    """End the program with a message on stderr."""
    logs.print(f"[bold red]error:[/] {escape(message)}", highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def exit_code(error: GuidedGenError) -> int:
    """The exit code for an error."""
    if isinstance(error, ValidationFailed | DeadEnd):
        return FAILED
    return NO_MODEL if isinstance(error, ModelError) else BAD_INPUT


def reported(command: Callable[P, None]) -> Callable[P, None]:
    """A command whose expected errors end in a message and an exit code instead of a traceback."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except GuidedGenError as error:
            fail(str(error), exit_code(error))
        except (OSError, ValueError) as error:
            fail(str(error), BAD_INPUT)
        except KeyboardInterrupt:
            logs.print("interrupted")
            raise typer.Exit(INTERRUPTED) from None

    return run


def quiet_libraries() -> None:
    """Environment for torch and transformers; only works before they are imported.

    Two OpenMP threads that spin beside a busy process slow a step down tenfold, hence GOMP_SPINCOUNT.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


class _Amount(DownloadColumn):
    """Bytes for what is counted in bytes, nothing for the few steps of loading."""

    def render(self, task: Task) -> Text:
        """The cell of one bar."""
        return Text() if task.description == _STAGES["load"] else super().render(task)


@contextmanager
def loading_bars() -> Iterator[Callable[[Stage, int, int | None], None]]:
    """One bar for each stage of loading a model; gone when all is done."""
    columns = (TextColumn("{task.description:>16}"), BarColumn(), _Amount(), TimeElapsedColumn())
    with Progress(*columns, console=logs, transient=True, disable=not logs.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def told(stage: Stage, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(_STAGES[stage], total=total)
                if not logs.is_terminal:
                    logs.print(f"{_STAGES[stage]} the model")
            bars.update(tasks[stage], completed=done, total=total)

        yield told


@contextmanager
def training_bars() -> Iterator[Callable[[str, int, int], None]]:
    """One bar for each stage of training a drafter; gone when all is done."""
    columns = (TextColumn("{task.description:>16}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    names = {"write": "writing texts", "ask": "asking the model", "train": "training"}
    with Progress(*columns, console=logs, transient=True, disable=not logs.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def told(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(names[stage], total=total)
                if not logs.is_terminal:
                    logs.print(names[stage])
            bars.update(tasks[stage], completed=done, total=total)

        yield told


def report_table(report: Report) -> Table:
    """A compile report, one line for each keyword."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("keyword", overflow="fold", no_wrap=True)
    table.add_column("treatment", no_wrap=True)
    table.add_column("note")
    for entry in report:
        colour = _COLOURS[entry.treatment]
        table.add_row(
            escape(f"{entry.part}{entry.pointer or '/'}"), f"[{colour}]{entry.treatment}[/]", escape(entry.note)
        )
    return table


def stdout_console() -> Console:
    """A console on the stdout of this moment (tests and pipes replace it)."""
    return Console(file=sys.stdout)
