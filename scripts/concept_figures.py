"""Draws the figures of the concept pages on damage and mixing into docs/figures, from runs of the embedded model.

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


FIGURES: dict[str, Callable[[gg.Model], Any]] = {"damage": damage}


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
