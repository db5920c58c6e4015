"""Options that several commands share: which model, on what, and how the answer is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from guidedgen.terminal import loading_bars

if TYPE_CHECKING:
    from guidedgen.api import Model

ModelName = Annotated[str, typer.Option("--model", "-m", help="smollm2, a hub id, a local folder or a GGUF file.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda ...")]
Dtype = Annotated[str, typer.Option(help="auto, float32, bfloat16, float16, int8, int4")]
CacheName = Annotated[
    str, typer.Option("--cache", help="full, or approximate: int8, sink-window:4:1020, int8+top-tokens:512, ...")
]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output on stdout.")]


def load_model(name: str, device: str, dtype: str, cache: str = "full") -> Model:
    """The model that the options name, with a bar on stderr while it loads.

    Raises:
        ModelError: as `guidedgen.load` does.
    """
    from guidedgen import api  # late: brings torch
    from guidedgen.sampler.named_views import cache_named

    kept: Any = cache_named(cache)  # what does not go together is refused by `load`
    with loading_bars() as told:
        return api.load(name, device=device, dtype=dtype, progress=told, cache=kept)
