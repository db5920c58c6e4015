"""The `guidedgen` command. Data goes to stdout, progress and messages to stderr; torch is imported only when needed."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from guidedgen import __version__
from guidedgen.errors import CompileError
from guidedgen.evaluate.command import app as evaluate_app
from guidedgen.inspect_command import app as inspect_app
from guidedgen.lattice_output import Shown, print_lattice
from guidedgen.output_options import OutputOptions
from guidedgen.result_output import print_result, print_stream
from guidedgen.terminal import (
    BAD_INPUT,
    EXIT_CODES,
    fail,
    loading_bars,
    logs,
    quiet_libraries,
    reported,
    training_bars,
)
from guidedgen.tool_options import tools_named

if TYPE_CHECKING:
    from guidedgen.api import Model

app = typer.Typer(
    name="guidedgen",
    help="Typed, structured, constrained text from language models.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
models_app = typer.Typer(name="models", help="List models, or fetch one ahead of time.", no_args_is_help=True)
app.add_typer(models_app)
app.add_typer(evaluate_app)
app.add_typer(inspect_app)

ModelName = Annotated[str, typer.Option("--model", "-m", help="smollm2, a hub id, a local folder or a GGUF file.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda ...")]
CacheName = Annotated[
    str, typer.Option("--cache", help="full, or approximate: int8, sink-window:4:1020, int8+top-tokens:512, ...")
]
Dtype = Annotated[str, typer.Option(help="auto, float32, bfloat16, float16, int8, int4")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output on stdout.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Typed, structured, constrained text from language models."""
    quiet_libraries()


@app.command(epilog="Example: guidedgen demo")
@reported
def demo(
    model: ModelName = "smollm2",
    device: Device = "auto",
    dtype: Dtype = "auto",
    quick: Annotated[bool, typer.Option("--quick", help="Only the first two acts.")] = False,
    as_json: AsJson = False,
) -> None:
    """Typed output from the embedded model, start to finish. Fetches the model (93 MB) the first time."""
    from guidedgen.demo import run_demo  # late: brings torch

    run_demo(_load(model, device, dtype), quick=quick, as_json=as_json)


GENERATE_EXAMPLES = """Examples:

guidedgen generate "Name three colours." --type "list[str]"

guidedgen generate "Is water wet?" --choice yes --choice no

guidedgen generate "A date in May 2024" --regex "2024-05-[0-3][0-9]"

guidedgen generate "Weather in Ulm?" --tools my_module:search,book --tool-choice auto

guidedgen generate "A name for a cat" --regex "[A-Z][a-z]{2,6}" --strategy best-first:64 --lattice best -n 10

cat mail.txt | guidedgen generate - --schema ticket.json --stream"""


@app.command(epilog=GENERATE_EXAMPLES)
@reported
def generate(
    prompt: Annotated[str, typer.Argument(help="What to ask; - reads it from stdin.")],
    schema: Annotated[Path | None, typer.Option(help="A JSON Schema file.")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="A Python type: list[str], or module:Name.")] = None,
    grammar: Annotated[
        str | None, typer.Option("--library", help="A grammar of the library: sql, python, json, url ...")
    ] = None,
    regex: Annotated[str | None, typer.Option(help="A regular expression, Python syntax.")] = None,
    choice: Annotated[list[str] | None, typer.Option(help="An option; give it several times.")] = None,
    lark: Annotated[Path | None, typer.Option(help="A Lark grammar file.")] = None,
    gbnf: Annotated[Path | None, typer.Option(help="A GBNF grammar file, as llama.cpp has them.")] = None,
    ebnf: Annotated[Path | None, typer.Option(help="An EBNF grammar file, ISO 14977 or W3C.")] = None,
    tools: Annotated[
        str | None, typer.Option(help="Functions to call: a JSON file of tools, or module:function,other.")
    ] = None,
    tool_choice: Annotated[str, typer.Option(help="required, auto, none, or a tool's name.")] = "required",
    system: Annotated[str | None, typer.Option(help="A system message.")] = None,
    strategy: Annotated[
        str, typer.Option(help="A name, with settings behind colons: see `guidedgen strategies`.")
    ] = "plain",
    stream: Annotated[bool, typer.Option("--stream", help="Print fields as they close.")] = False,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Most tokens of the output.")] = None,
    on_budget: Annotated[
        str, typer.Option(help="At that length: complete (a typed output is complete by then) or truncate.")
    ] = "complete",
    temperature: Annotated[float, typer.Option(min=0.0, help="0 is greedy.")] = 0.0,
    top_p: Annotated[float | None, typer.Option(help="Nucleus sampling.")] = None,
    seed: Annotated[int | None, typer.Option(help="Makes sampling repeatable.")] = None,
    samples: Annotated[int, typer.Option("-n", min=1, help="Number of samples.")] = 1,
    timeout: Annotated[float | None, typer.Option(help="Seconds.")] = None,
    describe: Annotated[str, typer.Option(help="What the prompt says about the type: short, schema, none.")] = "short",
    thinking: Annotated[int | None, typer.Option(min=0, help="Reason first, in so many tokens; to stderr.")] = None,
    report: Annotated[
        bool, typer.Option("--report", help="What the constraint did, by field and token; to stderr.")
    ] = False,
    lattice: Annotated[
        str | None,
        typer.Option(help="With --strategy best-first: all texts it met: the -n best, -n drawn ones (sample), or dot."),
    ] = None,
    model: ModelName = "smollm2",
    device: Device = "auto",
    dtype: Dtype = "auto",
    cache: CacheName = "full",
    as_json: AsJson = False,
) -> None:
    """Generate one output of a type and print it."""
    shown = _lattice_view(lattice, strategy, stream=stream)
    files = {"--schema": schema, "--lark": lark, "--gbnf": gbnf, "--ebnf": ebnf}
    called = None if tools is None else tools_named(tools, tool_choice)
    given = OutputOptions(files=files, type_=type_, grammar=grammar, regex=regex, choice=choice, tools=called)
    output = given.output()
    text = sys.stdin.read() if prompt == "-" else prompt
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": text})
    options: dict[str, Any] = {
        "strategy": strategy,
        "max_tokens": max_tokens,
        "on_budget": on_budget,
        "temperature": temperature,
        "top_p": top_p,
        "seed": seed,
        "timeout": timeout,
        "describe": describe,
        "thinking": False if thinking is None else thinking,
    }
    loaded = _load(model, device, dtype, cache)
    if shown is not None:
        found = loaded.lattice(output=output, messages=messages, **options)
        print_lattice(found, show=shown, count=samples, seed=seed, as_json=as_json)
    elif stream:
        if samples > 1:
            raise typer.BadParameter("--stream shows one sample; leave -n out")
        print_stream(loaded.stream(output=output, messages=messages, **options), output, as_json=as_json, report=report)
    else:
        result = loaded.generate(output=output, messages=messages, n=samples, **options)
        print_result(result, as_json=as_json, report=report)


def _lattice_view(wanted: str | None, strategy: str, *, stream: bool) -> Shown | None:
    """What is to be shown of a lattice, None where there is none."""
    views: dict[str, Shown] = {"best": "best", "sample": "sample", "dot": "dot"}
    if wanted is None:
        return None
    if wanted not in views:
        raise typer.BadParameter(f"--lattice is one of {', '.join(views)}, not {wanted}")
    if stream or strategy.partition(":")[0] != "best-first":
        raise typer.BadParameter("a lattice comes from --strategy best-first, without --stream")
    return views[wanted]


@app.command(epilog='Example: guidedgen check ticket.json --tokenizer tokenizer.json --text \'{"title": "x"}\'')
@reported
def check(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A .json schema, or a .lark, .gbnf or .ebnf grammar.")
    ],
    tokenizer: Annotated[Path | None, typer.Option(exists=True, help="tokenizer.json, tekken.json, ...")] = None,
    text: Annotated[str | None, typer.Option(help="A text to test; the exit code is 1 if it is not valid.")] = None,
    text_file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Like --text, with the text of a file.")
    ] = None,
    explain: Annotated[
        str | None, typer.Option(help="Like --text; tells how the text is read and where it stops.")
    ] = None,
    picture: Annotated[Path | None, typer.Option(help="Draw the grammar's rules into an SVG file.")] = None,
    tree: Annotated[Path | None, typer.Option(help="Draw how the text is read into an SVG file.")] = None,
    report: Annotated[bool, typer.Option("--report", help="Every keyword, how it is enforced, and notes.")] = False,
    parser: Annotated[str | None, typer.Option(help="For .lark: earley or lalr.")] = None,
    lexer: Annotated[str | None, typer.Option(help="For .lark: dynamic, basic, contextual, ...")] = None,
    as_json: AsJson = False,
) -> None:
    """Compile a schema or grammar without a model: what is enforced, sizes, warnings, errors with their line."""
    from guidedgen import checking, pictures
    from guidedgen.check_output import print_check, print_place, print_reading, print_verdict, reading_facts
    from guidedgen.testing import byte_vocabulary
    from guidedgen.vocabulary import Vocabulary

    vocabulary = byte_vocabulary() if tokenizer is None else Vocabulary.from_file(tokenizer)
    lark = {name: value for name, value in (("parser", parser), ("lexer", lexer)) if value is not None}
    spec = checking.read_spec(file, lark=lark)
    try:
        constraint, costs = checking.compile_timed(spec, vocabulary)
    except CompileError as error:
        fail(checking.show_error(file, error), BAD_INPUT)
    given = [one for one in (text, explain, text_file) if one is not None]
    if len(given) > 1:
        raise typer.BadParameter("give only one of --text, --text-file and --explain")
    if tree is not None and not given:
        raise typer.BadParameter("--tree draws a text: give --text or --text-file")
    tested = _exact_text(text_file) if text_file is not None else text if explain is None else explain
    verdict = None if tested is None else checking.accepts(constraint, tested)
    reading = None if explain is None else checking.explain(constraint, explain)
    facts = {"kernel": constraint.implementation, "vocabulary": vocabulary.size}
    facts |= dataclasses.asdict(costs) | constraint.stats()
    if as_json:
        entries = [dataclasses.asdict(entry) for entry in constraint.report]
        outcome = {} if verdict is None else {"text": dataclasses.asdict(verdict)}
        if reading is not None:
            outcome["explain"] = reading_facts(reading)
        proofs = {"exact": constraint.report.exact, "unproved": list(constraint.report.unproved)}
        typer.echo(json.dumps({"report": entries, **proofs, "facts": facts, **outcome}))
    else:
        print_check(file, constraint.report, facts, full=report)
        if reading is not None:
            print_reading(tested or "", reading)
            if verdict is not None and not verdict.accepted:
                print_place(tested or "", verdict)
        elif verdict is not None:
            print_verdict(tested or "", verdict)
    if picture is not None:
        _write(picture, pictures.railroad(spec))
    if tree is not None and verdict is not None and verdict.accepted:
        _write(tree, pictures.tree(spec, tested or ""))
    if verdict is not None and not verdict.accepted:
        raise typer.Exit(BAD_INPUT)


def _write(path: Path, svg: str) -> None:
    path.write_text(svg, encoding="utf-8")
    logs.print(f"drawn: {path}", highlight=False, soft_wrap=True)


def _exact_text(path: Path) -> str:
    """A file's text with its own line ends."""
    return path.read_bytes().decode("utf-8")


@app.command(epilog="Example: guidedgen generate ... --strategy speculative:forced+copy:point-mass:sequoia")
@reported
def strategies(as_json: AsJson = False) -> None:
    """What --strategy may say: strategies, and the drafters, verifiers and policies of speculation."""
    from guidedgen.decoders.catalogue import catalogue  # late: brings torch

    found = catalogue()
    if as_json:
        typer.echo(json.dumps(found))
        return
    for kind, names in found.items():
        typer.echo(kind)
        for name, what in names.items():
            typer.echo(f"  {name:<22} {what}")


@models_app.command("list", epilog="Example: guidedgen models list --json")
@reported
def list_models(as_json: AsJson = False) -> None:
    """Models that can be named, and whether they are on this machine already."""
    from guidedgen.models import KNOWN  # late: brings torch

    known: list[dict[str, Any]] = [
        {
            "name": entry.name,
            "title": entry.title,
            "licence": entry.licence,
            "download_bytes": entry.download_bytes,
            "cached": entry.is_cached(),
        }
        for entry in KNOWN.values()
    ]
    if as_json:
        typer.echo(json.dumps(known))
        return
    for entry in known:
        size = f"{entry['download_bytes'] / 1e6:.0f} MB"
        state = "cached" if entry["cached"] else f"not fetched yet, {size}"
        typer.echo(f"{entry['name']:<12} {entry['title']} ({entry['licence']}), {state}")
    logs.print("Hub ids, local folders and GGUF files can be named as well.")


@models_app.command("fetch", epilog="Example: guidedgen models fetch smollm2")
@reported
def fetch_model(name: Annotated[str, typer.Argument(help="smollm2, a hub id, a folder or a GGUF file.")]) -> None:
    """Download and convert a model now, so that later loads are quick, and check that it runs."""
    loaded = _load(name, "auto", "auto")
    logs.print(f"{loaded.info.name} is ready")


@models_app.command("costs", epilog="Example: guidedgen models costs smollm2 --dtype int4 --threads 1")
@reported
def model_costs(
    name: Annotated[str, typer.Argument(help="smollm2, a hub id, a folder or a GGUF file.")],
    device: Device = "auto",
    dtype: Dtype = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="Threads that compute; default: torch's.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Measure even where a table is kept.")] = False,
    as_json: AsJson = False,
) -> None:
    """What a forward over 1 to 64 rows costs here: measured once, kept in the cache, read by tree policies."""
    loaded = _load(name, device, dtype).language_model
    import torch  # late, and only after the model: what it prints comes first

    from guidedgen.sampler.costs import cost_table

    if threads is not None:
        torch.set_num_threads(threads)
    table = cost_table(loaded, cached=not again)
    if as_json:
        typer.echo(json.dumps({"threads": torch.get_num_threads(), **dataclasses.asdict(table)}))
        return
    info, threads_now = loaded.info, torch.get_num_threads()
    typer.echo(f"{info.name}, {info.dtype} on {info.device}, {info.forward} forward, {threads_now} threads")
    typer.echo("rows  milliseconds  of one row")
    for rows in table.rows:
        seconds = table.seconds(rows)
        typer.echo(f"{rows:>4}  {seconds * 1e3:>12.2f}  {seconds / table.seconds(1):>10.2f}")


@models_app.command("train-drafter", epilog="Example: guidedgen models train-drafter smollm2")
@reported
def train_drafter_command(
    name: Annotated[str, typer.Argument(help="The model to draft for: smollm2, a hub id or a folder.")] = "smollm2",
    layers: Annotated[int, typer.Option(min=1, help="Layers of the drafter.")] = 2,
    tokens: Annotated[int, typer.Option(min=1000, help="Tokens that the model writes to learn from.")] = 60_000,
    epochs: Annotated[int, typer.Option(min=1, help="How often each is learned from.")] = 3,
    seed: Annotated[int, typer.Option(help="Makes it repeatable.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Train a small drafter on what the model itself writes; then use --strategy speculative:trained."""
    from guidedgen.decoders.training import TrainingPlan, train_drafter  # late: brings torch

    plan = TrainingPlan(layers=layers, tokens=tokens, epochs=epochs, seed=seed)
    with training_bars() as told:
        report = train_drafter(name, plan, told=told)
    if as_json:
        facts = dataclasses.asdict(report) | {"folder": str(report.folder)}
        typer.echo(json.dumps(facts))
        return
    drafter, model = report.parameters
    typer.echo(f"{report.folder}")
    logs.print(
        f"{drafter / 1e6:.0f} million parameters beside {model / 1e6:.0f}. The best token is the model's in "
        f"{report.after:.0%} of places (before training {report.before:.0%}); "
        f"a drawn token is accepted with {report.overlap:.0%}."
    )


def _load(name: str, device: str, dtype: str, cache: str = "full") -> Model:
    from guidedgen.api import load  # late: brings torch
    from guidedgen.sampler.named_views import cache_named

    with loading_bars() as told:
        kept: Any = cache_named(cache)  # what does not go together is refused by `load`
        return load(name, device=device, dtype=dtype, progress=told, cache=kept)
