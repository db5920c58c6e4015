"""The part of `guidedgen evaluate decoding` behind `--quality`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import typer

from guidedgen.evaluate.progress import counter, noted
from guidedgen.evaluate.quality import report
from guidedgen.evaluate.quality.records import QualityFile, read_quality
from guidedgen.evaluate.quality.runner import QualityPlan, run
from guidedgen.evaluate.tables import print_rows
from guidedgen.terminal import logs, stdout_console

NAME = "quality.jsonl"


def measure(plan: QualityPlan, out: Path) -> None:
    """Run what is not in the file yet, under a bar on stderr.

    Raises:
        GuidedGenError: a model cannot be loaded, generating failed, or the file belongs to another run.
    """
    file = QualityFile(out / NAME, {"model": plan.model, "dtype": plan.dtype})
    total = sum(1 for _ in plan.cells)
    with closing(file), noted(file), counter("texts", total=total, done=len(file.finished)) as advance:
        run(plan, file, lambda _: advance())


def show(out: Path, *, html: bool, as_json: bool) -> None:
    """Write quality.json, quality.md and, if wanted, quality.html beside the records, and the figures on stdout."""
    settings, records = read_quality(out / NAME)
    told = report.as_json(settings, records)
    (out / "quality.json").write_text(told + "\n", encoding="utf-8")
    (out / "quality.md").write_text(report.markdown(records), encoding="utf-8")
    if as_json:
        typer.echo(told)
    else:
        for _, columns, rows in report.tables(records):
            if rows:
                print_rows(stdout_console(), columns, rows)
    if html:
        (out / "quality.html").write_text(report.page(settings, records), encoding="utf-8")
    logs.print(f"wrote {out}", markup=False, soft_wrap=True)
