"""What `guidedgen generate --lattice` prints: texts that a best-first search has met, ranked, drawn or as a graph."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Literal

import typer

from guidedgen.terminal import FAILED, fail, logs

if TYPE_CHECKING:
    from guidedgen.decoders.search.lattice import Lattice, LatticePath

Shown = Literal["best", "sample", "dot"]


def print_lattice(lattice: Lattice, *, show: Shown, count: int, seed: int | None, as_json: bool) -> None:
    """The lattice; how large it is goes to stderr.

    Args:
        lattice: what was found.
        show: "best" ranks texts, "sample" draws some by probability, "dot" is a graph for Graphviz.
        count: texts that are shown.
        seed: of the draws.
        as_json: everything as one object, texts with their log-probabilities.
    """
    found = lattice.count()
    if not found:
        fail(
            "the search met no finished text. Give it more expansions (--strategy best-first:512), or more tokens.",
            FAILED,
        )
    size = {"nodes": lattice.nodes, "merges": lattice.merges, "count": found}
    if show == "dot":
        typer.echo(json.dumps({**size, "dot": lattice.dot()}) if as_json else lattice.dot(), nl=as_json)
    else:
        paths = lattice.best(count) if show == "best" else lattice.sample(count, seed=seed or 0)
        _print_paths(paths, size, as_json=as_json)
    if not as_json:
        logs.print(f"{found} texts in {lattice.nodes} nodes, {lattice.merges} merged edges", markup=False)


def _print_paths(paths: list[LatticePath], size: dict[str, int], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({**size, "texts": [dataclasses.asdict(path) for path in paths]}))
        return
    for path in paths:
        typer.echo(path.text)
