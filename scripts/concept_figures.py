"""Draws the figures of the concept pages on damage and search into docs/figures, from runs of the embedded model.

    python scripts/concept_figures.py [NAME ...]

Needs matplotlib (extra `evaluate`) and the embedded model. Runs are greedy, so they can be repeated.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt
from typing_extensions import TypedDict

import guidedgen as gg
from guidedgen.decoders.search.lattice import LatticeEdge

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "figures"
MAIL = "Hello, since Monday the export to CSV gives us an empty file. Our customer Acme is waiting for it. Regards, Ada"
STYLE = {"svg.hashsalt": "guidedgen", "svg.fonttype": "none", "font.size": 9, "axes.spines.top": False}


class Ticket(TypedDict):
    """What the runs write."""

    title: str
    component: Literal["export", "login", "billing"]
    priority: int


def damage(model: gg.Model) -> Any:
    """Damage at each token of one ticket, with and without a description of the type."""
    figure, axes = plt.subplots(2, 1, figsize=(8, 4.2), sharey=True)
    details: Sequence[Literal["none", "short"]] = ("none", "short")
    for axis, detail in zip(axes, details, strict=True):
        result = model.generate("Turn this mail into a ticket:\n" + MAIL, Ticket, describe=detail, max_tokens=80)
        tokens = [token for token in result.report.tokens if token.removed is not None]
        lost = [-math.log(max(1e-12, 1 - (token.removed or 0.0))) for token in tokens]
        colours = ["#bbbbbb" if token.forced else "#d1495b" for token in tokens]
        axis.bar(range(len(tokens)), lost, color=colours)
        axis.set_xticks(range(len(tokens)), [token.text for token in tokens], rotation=90, fontsize=6)
        axis.set_title(
            f'describe="{detail}": {result.report.damage:.0f} nats, forced tokens grey', loc="left", fontsize=9
        )
        axis.set_ylabel("nats")
    figure.tight_layout()
    return figure


def lattice(model: gg.Model) -> Any:
    """The ways of a small lattice: merged edges dashed, ends ringed, the width of an edge by its probability."""
    prompt, output = "What do you see?", gg.Regex(r"(It|This) (is|was) (a|the) (big|red) house\.")
    search = gg.BestFirst(expansions=22, branching=2, merge=1)
    found = model.lattice(prompt, output, strategy=search, describe="none")
    edges = [(node, edge) for node, leaving in enumerate(found.edges) for edge in leaving]
    useful = {node for node, end in enumerate(found.ends) if end is not None}
    while more := {node for node, edge in edges if edge.target in useful} - useful:
        useful |= more  # what leads to an end
    edges = [(node, edge) for node, edge in edges if {node, edge.target} <= useful]
    places = _placed(edges)
    figure, axis = plt.subplots(figsize=(8, 3.4))
    for node, edge in edges:
        (left, low), (right, high) = places[node], places[edge.target]
        style = {"linestyle": "--", "color": "#d1495b"} if edge.merged else {"color": "#777777"}
        axis.plot([left, right], [low, high], linewidth=0.6 + 3 * math.exp(edge.logprob), zorder=1, **style)
        text = model.vocabulary.decode_bytes(edge.tokens).decode(errors="replace")
        axis.text(0.45 * left + 0.55 * right, 0.45 * low + 0.55 * high + 0.08, text.strip(), ha="center", fontsize=7)
    for node, place in places.items():
        end = found.ends[node] is not None
        axis.plot(*place, "o", markersize=7, color="#2a9d5c" if end else "white", markeredgecolor="#555555", zorder=2)
    axis.axis("off")
    figure.tight_layout()
    return figure


def _placed(edges: Sequence[tuple[int, LatticeEdge]]) -> dict[int, tuple[float, float]]:
    """Every node behind all that lead to it; those of one column spread evenly."""
    columns = {0: 0}
    for _ in edges:
        for node, edge in edges:
            if node in columns:
                columns[edge.target] = max(columns.get(edge.target, 0), columns[node] + 1)
    nodes: dict[int, list[int]] = {}
    for node, column in sorted(columns.items()):
        nodes.setdefault(column, []).append(node)
    return {
        node: (float(column), (len(others) - 1) / 2 - row)
        for column, others in nodes.items()
        for row, node in enumerate(others)
    }


FIGURES: dict[str, Callable[[gg.Model], Any]] = {"damage": damage, "lattice": lattice}


def main(names: Sequence[str]) -> int:
    """Draw the named figures, or all; 2 for a name that is not known."""
    unknown = sorted(set(names) - set(FIGURES))
    if unknown:
        print(f"no figure is called {unknown[0]}. There are: {', '.join(FIGURES)}", file=sys.stderr)
        return 2
    FOLDER.mkdir(exist_ok=True)
    model = gg.load("smollm2", dtype="float32")
    with plt.rc_context(STYLE):
        for name in names or FIGURES:
            figure = FIGURES[name](model)
            figure.savefig(FOLDER / f"{name}.svg", metadata={"Date": None})
            plt.close(figure)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
