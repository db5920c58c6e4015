"""`guidedgen evaluate masks`, `grammars`, `decoding`, `report`. What measures and computes is imported when needed."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from guidedgen.evaluate.decoding import command as decoding_command
from guidedgen.evaluate.engine import ENGINES
from guidedgen.evaluate.settings import Bounds, Checks, EngineChoice
from guidedgen.terminal import logs, reported, stdout_console

if TYPE_CHECKING:
    from guidedgen.evaluate.results import Results, ResultsFile

app = typer.Typer(name="evaluate", help="Measure mask engines and decoding strategies.", no_args_is_help=True)
app.command(epilog=decoding_command.EXAMPLE)(decoding_command.decoding)

Html = Annotated[Path | None, typer.Option(help="Write tables and plots into this HTML file (extra: evaluate).")]
Wall = Annotated[bool, typer.Option("--wall", help="Report wall time instead of CPU time.")]
AsJson = Annotated[bool, typer.Option("--json", help="The figures as JSON on stdout.")]

_ENGINES = "Engines: " + "; ".join(f"{name} ({known.about})" for name, known in ENGINES.items()) + "; or module:Class."
_EXAMPLE = (
    """Example: guidedgen evaluate masks schemas/ --tokenizer llama3/ --engine llguidance --out llguidance.jsonl"""
)


@app.command(epilog=_EXAMPLE)
@reported
def masks(
    paths: Annotated[list[Path], typer.Argument(help="Folders, .json files, or text files that list files.")],
    tokenizer: Annotated[str, typer.Option(help="tokenizer.json or its folder; bytes: one token a byte.")],
    out: Annotated[Path, typer.Option(help="JSON lines; schemas that are there already are skipped.")],
    engine: Annotated[str, typer.Option(help=_ENGINES)] = "guidedgen",
    option: Annotated[list[str] | None, typer.Option("--option", "-o", help="name=value for the engine.")] = None,
    pythonpath: Annotated[list[Path] | None, typer.Option(help="Folder to import the engine from.")] = None,
    data: Annotated[Path | None, typer.Option(exists=True, help="Folder of the files in lists.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first files.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Workers; more than one blur the times.")] = 1,
    time_limit: Annotated[float, typer.Option(min=0.01, help="CPU seconds for each phase of a schema.")] = 30.0,
    memory_limit: Annotated[float, typer.Option(min=1, help="Megabytes of a worker.")] = 4096.0,
    second_use: Annotated[bool, typer.Option(help="Read all instances a second time.")] = True,
    probes: Annotated[int, typer.Option(min=0, help="Tokens a schema: in the mask <=> taken?")] = 32,
    walks: Annotated[int, typer.Option(min=0, help="Texts a schema, sampled under the masks and validated.")] = 4,
    walk_tokens: Annotated[int, typer.Option(min=1, help="Tokens after which such a text is ended.")] = 40,
    formats: Annotated[bool, typer.Option(help="Whether formats assert when texts are validated.")] = True,
    seed: Annotated[int, typer.Option(min=0, help="Of what is sampled.")] = 0,
    html: Html = None,
    wall: Wall = False,
    as_json: AsJson = False,
) -> None:
    """Run an engine over schemas with valid and invalid instances: how fast, how much of it right."""
    from guidedgen.evaluate.results import ResultsFile, read_results
    from guidedgen.evaluate.suite import find_cases

    choice = EngineChoice(
        engine=engine,
        tokenizer=tokenizer,
        options=_options(option or []),
        pythonpath=tuple(str(folder.resolve()) for folder in pythonpath or ()),
    )
    checks = Checks(
        second_use=second_use, probes=probes, walks=walks, walk_tokens=walk_tokens, formats=formats, seed=seed
    )
    bounds = Bounds(seconds=time_limit, megabytes=memory_limit)
    cases = dict(list(find_cases(paths, data=data).items())[:limit])
    file = ResultsFile(out, choice, checks, bounds)
    try:
        _measure(cases, file, choice, checks, bounds, jobs)
    finally:
        file.close()
    _show([read_results(out)], common=False, html=html, wall=wall, as_json=as_json)


@app.command(
    epilog="Example: guidedgen evaluate grammars files/ --tokenizer llama3/ --engine guidedgen --engine llguidance"
)
@reported
def grammars(
    files: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="Folders named like grammars, with files.")
    ],
    tokenizer: Annotated[str, typer.Option(help="tokenizer.json or its folder; bytes: one token a byte.")],
    engine: Annotated[
        list[str] | None, typer.Option(help="guidedgen, llguidance, xgrammar or kbnf; several in turn.")
    ] = None,
    grammar: Annotated[list[str] | None, typer.Option(help="Only these grammars.")] = None,
    pythonpath: Annotated[list[Path] | None, typer.Option(help="Folder to import peers from.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first files of each grammar.")] = None,
    time_limit: Annotated[
        float, typer.Option(min=0.01, help="Seconds for each grammar, checked between files.")
    ] = 60.0,
    out: Annotated[Path | None, typer.Option(help="All times as JSON lines.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table as Markdown on stdout.")] = False,
) -> None:
    """Run engines over grammars of the library with real files: time to the first mask, and times between masks."""
    from guidedgen.evaluate import grammar_bench
    from guidedgen.evaluate.engine import Tokenizer
    from guidedgen.evaluate.tables import print_rows

    sys.path[:0] = [str(folder.resolve()) for folder in pythonpath or ()]
    instances = grammar_bench.find_instances(files, grammar or [], limit=limit)
    read = Tokenizer.read(tokenizer)
    records = []
    for name in engine or ["guidedgen"]:
        for record in grammar_bench.measure(name, read, instances, seconds=time_limit):
            logs.print(f"{record.grammar}: {record.engine}", markup=False)
            records.append(record)
    records.sort(key=lambda record: record.grammar)
    if out is not None:
        grammar_bench.write(records, out)
    if markdown:
        typer.echo(grammar_bench.markdown(records), nl=False)
    else:
        print_rows(stdout_console(), grammar_bench.COLUMNS, [grammar_bench.row(record) for record in records])


@app.command(epilog="Example: guidedgen evaluate report guidedgen.jsonl llguidance.jsonl --common --html report.html")
@reported
def report(
    results: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="Files of `evaluate masks`.")],
    common: Annotated[bool, typer.Option("--common", help="Only files that every engine finishes.")] = False,
    html: Html = None,
    wall: Wall = False,
    as_json: AsJson = False,
) -> None:
    """Show results again, of several engines side by side."""
    from guidedgen.evaluate.results import read_results

    _show([read_results(path) for path in results], common=common, html=html, wall=wall, as_json=as_json)


def _options(given: list[str]) -> dict[str, str]:
    options = {}
    for entry in given:
        name, equals, value = entry.partition("=")
        if not equals:
            raise typer.BadParameter(f"{entry!r} is not name=value", param_hint="--option")
        options[name] = value
    return options


def _measure(
    cases: Mapping[str, Path],
    file: ResultsFile,
    choice: EngineChoice,
    checks: Checks,
    bounds: Bounds,
    jobs: int,
) -> None:
    """Run what is not in the file yet, under a bar on stderr."""
    from guidedgen.evaluate.progress import bar, noted
    from guidedgen.evaluate.runner import run

    waiting = {name: path for name, path in cases.items() if name not in file.finished}
    if not waiting:
        return
    with noted(file), bar(choice.label, total=len(cases), done=len(cases) - len(waiting)) as finished:

        def sink(kind: str, content: Mapping[str, Any]) -> None:
            file.add(kind, content)
            if kind == "schema":
                finished(content)

        run(waiting, choice, checks, bounds, jobs=jobs, sink=sink)


def _show(results: list[Results], *, common: bool, html: Path | None, wall: bool, as_json: bool) -> None:
    from guidedgen.evaluate import figures
    from guidedgen.evaluate.tables import labels, print_blame, print_figures

    measured = figures.common_measured(results) if common else figures.all_measured(results)
    if as_json:
        told = {
            label: {section.title: dict(_stripped(section.rows)) for section in figures.sections(each, cpu=not wall)}
            for label, each in zip(labels(measured), measured, strict=True)
        }
        typer.echo(json.dumps(told))
    else:
        console = stdout_console()
        print_figures(console, measured, cpu=not wall)
        print_blame(console, measured)
    if html is not None:
        from guidedgen.evaluate.page import page

        html.write_text(page(measured, cpu=not wall, common=common), encoding="utf-8")
        logs.print(f"wrote {html}", markup=False, soft_wrap=True)


def _stripped(rows: tuple[tuple[str, Any], ...]) -> list[tuple[str, Any]]:
    return [(label.strip(), value) for label, value in rows]
