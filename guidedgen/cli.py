"""The `guidedgen` command. Data goes to stdout, progress and messages to stderr; torch is imported only when needed."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated, Any

import typer

from guidedgen import __version__, check_command, generate_command
from guidedgen.evaluate.command import app as evaluate_app
from guidedgen.inspect_command import app as inspect_app
from guidedgen.model_options import AsJson, Device, Dtype, ModelName, load_model
from guidedgen.terminal import EXIT_CODES, logs, quiet_libraries, reported, training_bars

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
app.command(epilog=generate_command.EXAMPLES)(generate_command.generate)
app.command(epilog=check_command.EXAMPLE)(check_command.check)


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

    run_demo(load_model(model, device, dtype), quick=quick, as_json=as_json)


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
    loaded = load_model(name, "auto", "auto")
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
    loaded = load_model(name, device, dtype).language_model
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
