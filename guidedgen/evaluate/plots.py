"""Plots as SVG texts, drawn by matplotlib (extra `evaluate`), which is imported only here and only when asked for."""

from __future__ import annotations

import importlib
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from guidedgen.evaluate.engine import EvaluationError
from guidedgen.evaluate.figures import Measured, Times, between_masks, mask_copy, to_first_mask
from guidedgen.evaluate.records import DEFECTS, Record

_POINTS = 400  # of a curve: more cannot be seen
_SLICES: Mapping[str, str] = {  # in the order of the bar; "other defect" is what `DEFECTS` has beside these
    "passing": "#2a9d5c",
    "rejects valid": "#e9b949",
    "accepts invalid": "#c0392b",
    "compile error": "#8d99ae",
    "timeout": "#5c677d",
    "memory": "#33415c",
    "crash": "#111111",
    "other defect": "#8e6fc1",
}


def draw(measured: Sequence[Measured], labels: Sequence[str], *, cpu: bool) -> dict[str, str]:
    """Every plot, by its title.

    Raises:
        EvaluationError: matplotlib is not installed.
    """
    clock = "CPU time" if cpu else "wall time"
    first, second = (
        {label: _use(each, use, cpu=cpu) / 1e3 for label, each in zip(labels, measured, strict=True)}
        for use in ("first", "second")
    )
    compiled = {label: to_first_mask(each, cpu=cpu) / 1e6 for label, each in zip(labels, measured, strict=True)}
    limits = [copy / 1e3 for each in measured if (copy := mask_copy(each.results, cpu=cpu))]
    limit = float(np.median(limits)) if limits else None
    with drawing() as figures:
        return {
            "Coverage": svg(_bars(figures, measured, labels)),
            "Time to first mask": svg(_curves(figures, compiled, f"{clock}, ms", "share of schemas")),
            "Time between masks, first use": svg(_curves(figures, first, f"{clock}, µs", "share of tokens", limit)),
            "Time between masks, second use": svg(_curves(figures, second, f"{clock}, µs", "share of tokens", limit)),
        }


def _use(measured: Measured, use: str, *, cpu: bool) -> Times:
    readings = (reading for record in measured.timed for reading in (record.first if use == "first" else record.second))
    return between_masks(readings, cpu=cpu)


def slice_of(record: Record) -> str:
    """Where a schema stands in the bar: what keeps it from passing, the worst where there are several."""
    if record.passing:
        return "passing"
    worst = next((name for name in DEFECTS if name in record.defects), "other defect")
    return worst if worst in _SLICES else "other defect"


def _bars(figures: Any, measured: Sequence[Measured], labels: Sequence[str]) -> Any:
    figure = figures.Figure(figsize=(9, 1.1 + 0.45 * len(measured)), layout="constrained")
    axes = figure.add_subplot()
    shares = []
    for each in measured:
        counts = Counter(map(slice_of, each.records))
        shares.append({name: 100 * counts[name] / max(1, len(each.records)) for name in _SLICES})
    left = np.zeros(len(measured))
    for name, colour in _SLICES.items():
        width = np.array([share[name] for share in shares])
        if width.any():
            axes.barh(
                list(range(len(labels))), width, left=left, color=colour, label=DEFECTS.get(name, name), height=0.7
            )
        left += width
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("% of schemas")
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    return figure


def _curves(figures: Any, times: Mapping[str, Times], unit: str, share: str, limit: float | None = None) -> Any:
    """How much of each engine is not done after a time. The tail is where engines differ: both axes are logarithmic."""
    figure = figures.Figure(figsize=(9, 4), layout="constrained")
    axes = figure.add_subplot()
    for label, values in times.items():
        if len(values):
            above = np.geomspace(1.0, 1.0 / len(values), _POINTS)
            axes.plot(np.maximum(np.quantile(values, 1.0 - above), 1e-3), above, label=label)
    if limit is not None:
        axes.axvline(limit, color="#999999", linestyle="--", linewidth=1, label="copy of one mask")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(unit)
    axes.set_ylabel(f"{share} that take longer")
    axes.grid(visible=True, alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)
    return figure


@contextmanager
def drawing() -> Iterator[Any]:
    """matplotlib's module of figures, with the settings that plots here have.

    Raises:
        EvaluationError: matplotlib is not installed.
    """
    try:
        figures: Any = importlib.import_module("matplotlib.figure")
        matplotlib: Any = importlib.import_module("matplotlib")
    except ImportError as error:
        raise EvaluationError(
            f"plots need matplotlib ({error}). Install it: pip install 'guidedgen[evaluate]'."
        ) from error
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "guidedgen", "font.size": 9}):
        yield figures


def svg(figure: Any) -> str:
    """A figure as the text of an SVG element."""
    written = io.StringIO()
    figure.savefig(written, format="svg", metadata={"Date": None})
    text = written.getvalue()
    return text[text.index("<svg") :]  # what stands before is for files of their own
