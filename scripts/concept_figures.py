"""Draws the figures of the concept pages on decoding into docs/figures, from runs of the embedded model.

    python scripts/concept_figures.py [NAME ...]

Needs matplotlib (extra `evaluate`) and the embedded model. Runs are greedy, so they can be repeated.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt
from typing_extensions import TypedDict

import guidedgen as gg
from guidedgen.decoders.search.lattice import LatticeEdge
from guidedgen.sampler.pipeline import logits_to_probabilities
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence as Tokens

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


def layers(model: gg.Model) -> Any:
    """Probability of each written token behind each layer, and where it becomes the favourite."""
    prompt = "Name the capital of France and say one thing about it."
    readout = model.inspect_layers(prompt, model.generate(prompt, max_tokens=24), top=1)
    shares = [[token.layers[row].probability for token in readout.tokens] for row in range(len(readout.layers))]
    figure, axis = plt.subplots(figsize=(8, 4.2))
    image = axis.imshow(shares, aspect="auto", origin="lower", cmap="viridis", vmin=0, vmax=1)
    settled = [(at, token.settled) for at, token in enumerate(readout.tokens) if token.settled is not None]
    axis.plot([at for at, _ in settled], [layer for _, layer in settled], "w.", markersize=5)
    axis.set_xticks(range(len(readout.tokens)), [token.text for token in readout.tokens], rotation=90, fontsize=7)
    axis.set_ylabel("layer")
    axis.set_title("probability of the written token; dots: favourite from here on", loc="left", fontsize=9)
    figure.colorbar(image)
    figure.tight_layout()
    return figure


def repetition(model: gg.Model) -> Any:
    """How many of the four-grams so far came before, along one open continuation by each method."""
    methods: dict[str, gg.Plain] = {
        "greedy": gg.Plain(),
        "ContrastiveSearch": gg.Plain(mix=(gg.ContrastiveSearch(),)),
        "AgainstRepetition": gg.Plain(mix=(gg.AgainstRepetition(),)),
        "Momentum": gg.Plain(mix=(gg.Momentum(),)),
        "LayerContrast": gg.Plain(mix=(gg.LayerContrast(),)),
    }
    figure, axis = plt.subplots(figsize=(8, 3.4))
    for name, strategy in methods.items():
        tokens = model.generate("Write a long story about a lighthouse.", strategy=strategy, max_tokens=256).tokens
        grams = list(zip(*(tokens[shift:] for shift in range(4)), strict=False))
        repeated = [1 - len(set(grams[:count])) / count for count in range(1, len(grams) + 1)]
        axis.plot(range(4, len(tokens) + 1), repeated, label=name)
    axis.set_xlabel("tokens")
    axis.set_ylabel("share of repeated 4-grams")
    axis.legend(fontsize=8)
    figure.tight_layout()
    return figure


CUTS: Mapping[str, Mapping[str, float]] = {
    "top_n_sigma=1": {"top_n_sigma": 1.0},
    "top_k=40": {"top_k": 40},
    "top_p=0.95": {"top_p": 0.95},
    "min_p=0.1": {"min_p": 0.1},
    "typical_p=0.95": {"typical_p": 0.95},
    "epsilon_cutoff=3e-4": {"epsilon_cutoff": 3e-4},
    "eta_cutoff=3e-4": {"eta_cutoff": 3e-4},
}


def cuts(model: gg.Model) -> Any:
    """Which of the most probable tokens each cut keeps, where the model is sure and where it is not."""
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), sharey=True)
    sampler = Sampler(model.language_model)
    for axis, text in zip(axes, ("The capital of France is", "Yesterday evening I"), strict=True):
        node = Tokens.prompt(model.vocabulary.encode(text), gg.AnyText(model.vocabulary).start())
        logits = sampler.logits([node])
        order = logits[0].argsort(descending=True)
        for row, settings in enumerate(CUTS.values()):
            sampling = gg.Sampling(temperature=1.0, **settings)  # type: ignore[arg-type]
            shares = logits_to_probabilities(logits, [node], logits * 0, sampling)[0]
            kept = (shares[order] > 0).int().tolist()
            edges = [at for at, (a, b) in enumerate(pairwise([0, *kept, 0])) if a != b]
            axis.hlines(
                [row] * (len(edges) // 2),
                [start + 1 for start in edges[::2]],
                [end + 1 for end in edges[1::2]],
                "#2a6f97",
                linewidth=6,
            )
        axis.set_xscale("log")
        axis.set_xlabel("rank of the token")
        axis.set_title(f"{text} …", loc="left", fontsize=9)
        axis.set_yticks(range(len(CUTS)), list(CUTS))
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


FIGURES: dict[str, Callable[[gg.Model], Any]] = {
    "lattice": lattice,
    "cuts": cuts,
    "damage": damage,
    "layers": layers,
    "repetition": repetition,
}


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
