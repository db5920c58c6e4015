"""`guidedgen inspect`: what the layers of a model would say, and which parts of a prompt a text has used."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guidedgen.model_options import AsJson, Device, Dtype, ModelName, load_model
from guidedgen.terminal import logs, reported

if TYPE_CHECKING:
    from guidedgen.api import Model
    from guidedgen.result import Result

app = typer.Typer(name="inspect", help="Look into a model: its layers, and what it attends to.", no_args_is_help=True)

Prompt = Annotated[str, typer.Argument(help="What to ask.")]
Text = Annotated[str | None, typer.Option(help="A text to look at; without it the model writes one.")]
MaxTokens = Annotated[int, typer.Option(min=1, help="Most tokens of a text that the model writes.")]


def _continuation(model: Model, prompt: str, text: str | None, max_tokens: int) -> str | Result[str]:
    if text is not None:
        return text
    result = model.generate(prompt, max_tokens=max_tokens)
    logs.print(result.text, markup=False, highlight=False)
    return result


@app.command(epilog='Example: guidedgen inspect layers "The capital of France is" --max-tokens 8 --html layers.html')
@reported
def layers(
    prompt: Prompt,
    text: Text = None,
    max_tokens: MaxTokens = 16,
    layer: Annotated[list[int] | None, typer.Option(help="A layer, from 0; give it several times.")] = None,
    top: Annotated[int, typer.Option(min=1, help="Favourites of each layer that --json and --html keep.")] = 3,
    html: Annotated[Path | None, typer.Option(help="Write a table for a browser.")] = None,
    model: ModelName = "smollm2",
    device: Device = "auto",
    dtype: Dtype = "auto",
    as_json: AsJson = False,
) -> None:
    """What each layer would say at each token of a text: its favourite, and the rank of the token that was written."""
    loaded = load_model(model, device, dtype)
    readout = loaded.inspect_layers(prompt, _continuation(loaded, prompt, text, max_tokens), layers=layer, top=top)
    if html is not None:
        html.write_text(readout.html(), encoding="utf-8")
        logs.print(f"drawn: {html}", highlight=False, soft_wrap=True)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(readout)))
    elif html is None:
        typer.echo(readout.table(), nl=False)


@app.command(epilog='Example: guidedgen inspect spans "Name: Aromi. Food: pasta. Describe" --item Aromi --item pasta')
@reported
def spans(
    prompt: Prompt,
    item: Annotated[list[str], typer.Option(help="A part of the prompt; give it several times.")],
    text: Text = None,
    max_tokens: MaxTokens = 64,
    confident: Annotated[float, typer.Option(help="Share of attention of a head in the first layer.")] = 0.9,
    tentative: Annotated[float, typer.Option(help="Mean share in the lower half of the layers.")] = 0.3,
    model: ModelName = "smollm2",
    device: Device = "auto",
    dtype: Dtype = "auto",
    as_json: AsJson = False,
) -> None:
    """Which parts of the prompt a text has used, word for word or by attention."""
    from guidedgen.decoders.inspection import Thresholds  # late: brings torch

    loaded = load_model(model, device, dtype)
    thresholds = Thresholds(confident=confident, tentative=tentative)
    continuation = _continuation(loaded, prompt, text, max_tokens)
    report = loaded.inspect_spans(prompt, continuation, item, thresholds=thresholds)
    if as_json:
        typer.echo(json.dumps({**dataclasses.asdict(report), "missing": report.missing}))
    else:
        typer.echo(report.table(), nl=False)
