"""`guidedgen evaluate decoding`. What measures is imported when needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guidedgen.evaluate.tasks import NAMES
from guidedgen.terminal import logs, reported, stdout_console

if TYPE_CHECKING:
    from guidedgen.evaluate.decoding.records import DecodingFile
    from guidedgen.evaluate.decoding.runner import Plan

_STRATEGIES = "auto,speculative:forced,speculative:copy,speculative:forced+copy,speculative:forced+copy+recycle"
_PEERS = "transformers:generate,transformers:prompt-lookup,transformers:assisted"

EXAMPLE = "Example: guidedgen evaluate decoding --tasks editing --prompts 2 --dtypes bf16,int4 --out figures/"

Peers = Annotated[
    str, typer.Option(help="Others on the same prompts, free text; llama.cpp:FILE is one too; empty for none.")
]
ProcessorTime = Annotated[
    bool, typer.Option("--cpu-time", help="Figures by processor time: for one thread on a shared machine.")
]
Quality = Annotated[
    bool, typer.Option("--quality", help="What methods do to the texts instead: diversity, accuracy, perplexity.")
]


@reported
def decoding(
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder; runs that are there already are skipped.")],
    tasks: Annotated[str, typer.Option(help="Names, separated by commas; --quality has more.")] = ",".join(NAMES),
    strategies: Annotated[str, typer.Option(help="Names of strategies; plain is run besides.")] = _STRATEGIES,
    constraints: Annotated[str, typer.Option(help="Names that all tasks have: own, none; or those of a task.")] = "own",
    peers: Peers = _PEERS,
    peer_tokens: Annotated[int, typer.Option(min=2, help="Most tokens of theirs: rates need no more.")] = 128,
    model: Annotated[str, typer.Option(help="Embedded model, hub id, folder or GGUF file.")] = "smollm2",
    dtypes: Annotated[str, typer.Option(help="Number formats, separated by commas; side by side.")] = "auto",
    prompts: Annotated[int | None, typer.Option(min=1, help="Only the first of each task.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each; figures are medians.")] = 1,
    threads: Annotated[int | None, typer.Option(min=1, help="Of torch; default: its own choice.")] = None,
    cpu: ProcessorTime = False,
    quality: Quality = False,
    methods: Annotated[str, typer.Option(help="With --quality: names, settings behind colons; empty for all.")] = "",
    html: Annotated[bool, typer.Option(help="Plots as a page (extra: evaluate).")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The figures as JSON on stdout.")] = False,
) -> None:
    """Run decoding strategies over structured tasks, side by side: how fast, why, and whether the text is the same."""
    import torch

    from guidedgen.evaluate.decoding.records import DecodingFile
    from guidedgen.evaluate.decoding.runner import Plan

    if threads is not None:
        torch.set_num_threads(threads)
    if quality:
        _quality(out, model, _names(dtypes), _names(tasks), _names(methods), prompts)
        return _show_quality(out, html=html, as_json=as_json)
    plan = Plan(
        model=model,
        dtypes=_names(dtypes),
        tasks=_names(tasks),
        constraints=_names(constraints),
        strategies=_names(strategies),
        peers=_names(peers),
        peer_tokens=peer_tokens,
        prompts=prompts,
        rounds=rounds,
    )
    file = DecodingFile(out / "records.jsonl", {**_settings(plan), "threads": torch.get_num_threads()})
    try:
        _measure(plan, file)
    finally:
        file.close()
    show(out, cpu=cpu, html=html, as_json=as_json)


def _quality(
    out: Path,
    model: str,
    dtypes: tuple[str, ...],
    parts: tuple[str, ...],
    methods: tuple[str, ...],
    prompts: int | None,
) -> None:
    from guidedgen.evaluate.quality.asked import ASKED
    from guidedgen.evaluate.quality.command import measure
    from guidedgen.evaluate.quality.methods import METHODS
    from guidedgen.evaluate.quality.records import OPEN
    from guidedgen.evaluate.quality.runner import QualityPlan

    if len(dtypes) != 1:
        raise typer.BadParameter("--quality takes one number format")
    given = parts if parts != NAMES else (*NAMES, OPEN, *ASKED)
    plan = QualityPlan(model=model, dtype=dtypes[0], methods=methods or tuple(METHODS), parts=given, prompts=prompts)
    measure(plan, out)


def _show_quality(out: Path, *, html: bool, as_json: bool) -> None:
    from guidedgen.evaluate.quality.command import show as show_quality

    show_quality(out, html=html, as_json=as_json)


def show(out: Path, *, cpu: bool, html: bool, as_json: bool) -> None:
    """Write figures.json, figures.md and, if wanted, report.html beside the records, and the figures on stdout."""
    from guidedgen.evaluate.decoding import report
    from guidedgen.evaluate.decoding.figures import figures_of
    from guidedgen.evaluate.decoding.records import read_decoding
    from guidedgen.evaluate.tables import print_rows

    results = read_decoding(out / "records.jsonl")
    figures = figures_of(results, cpu=cpu)
    told = report.as_json(results, figures)
    (out / "figures.json").write_text(told + "\n", encoding="utf-8")
    (out / "figures.md").write_text(report.markdown(figures), encoding="utf-8")
    if as_json:
        typer.echo(told)
    else:
        print_rows(stdout_console(), report.COLUMNS, [report.row(found) for found in figures])
        for line in report.promises(figures):
            stdout_console().print(line, markup=False, highlight=False, soft_wrap=True)
    if html:
        (out / "report.html").write_text(report.page(results, figures), encoding="utf-8")
    logs.print(f"wrote {out}", markup=False, soft_wrap=True)


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _settings(plan: Plan) -> dict[str, object]:
    """What a file that is continued must agree in; more prompts, rounds and ways may be added."""
    return {"model": plan.model, "peers": list(plan.peers), "peer_tokens": plan.peer_tokens}


def _measure(plan: Plan, file: DecodingFile) -> None:
    """Run what is not in the file yet, under a bar on stderr."""
    from guidedgen.evaluate.decoding.runner import run
    from guidedgen.evaluate.progress import counter, noted

    with noted(file), counter("decoding", total=plan.total, done=len(file.finished)) as advance:
        run(plan, file, lambda _: advance())
