"""From records to figures: how fast each way is beside plain decoding, and why."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from guidedgen.evaluate.decoding.peers import GENERATE
from guidedgen.evaluate.decoding.records import PLAIN, DecodingResults, Difference, Record

ALL = "all"
DEPTHS = 8  # of acceptance
NEAR = {
    "float32": 1e-3,
    "fp32": 1e-3,
}  # decoding turns at near-ties only: logits' gap at which two choices count as one
NEAR_ROUNDED = 0.5  # the same in formats of 16 bits and fewer, whose logits are multiples of 1/8 or 1/16


@dataclass(frozen=True, kw_only=True)
class Figures:
    """A way on one task, or on all, under one constraint. Rates are tokens per second; None where nothing is known.

    Attributes:
        task: its name, or `ALL`.
        constraint: its name.
        dtype: number format.
        way: its name.
        prompts: how many it was run on.
        rate: of decoding, the first step left out.
        whole_rate: of whole calls, prompts read anew.
        speedup: over plain decoding in the same format under the same constraint.
        over_generate: the rate beside that of the transformers library's `generate`.
        modelled: the speed-up that the table of costs gives.
        per_forward: tokens for each forward.
        chosen_per_forward: the same without forced tokens.
        forced: share of tokens that were forced.
        drafted: tokens in a drafted tree.
        accepted: by depth the share of trees so deep of which so many tokens were accepted.
        forward_ms: of a forward.
        mask_ms: beside each forward, in masks.
        draft_ms: in drafters.
        rest_ms: in all else: distributions, choices, bookkeeping.
        same: texts equal to plain decoding's.
        near: texts that leave it at a near-tie.
        different: other texts.
    """

    task: str
    constraint: str
    dtype: str
    way: str
    prompts: int
    rate: float | None
    whole_rate: float | None
    speedup: float | None
    over_generate: float | None
    modelled: float | None
    per_forward: float | None
    chosen_per_forward: float | None
    forced: float
    drafted: float | None
    accepted: tuple[float, ...]
    forward_ms: float | None
    mask_ms: float | None
    draft_ms: float | None
    rest_ms: float | None
    same: int
    near: int
    different: int


def figures_of(results: DecodingResults, *, cpu: bool = False) -> list[Figures]:
    """Figures of every way, task by task and then over all tasks, whose own constraints count as one.

    Args:
        results: of a run.
        cpu: processor time instead of wall time: right where one thread shares a machine with others.
    """
    groups: dict[tuple[str, str], list[Record]] = {}
    first: dict[str, str] = {}  # by task its own constraint: over all tasks they count as one
    for record in results.records:
        if record.way not in _peer_names(results):
            first.setdefault(record.task, record.constraint)
    for record in results.records:
        own = first.get(record.task) == record.constraint
        groups.setdefault((record.task, record.constraint), []).append(record)
        groups.setdefault((ALL, "own" if own else record.constraint), []).append(record)
    ordered = sorted(groups, key=lambda group: group[0] == ALL)
    return [found for group in ordered for found in _group(results, *group, groups, cpu=cpu)]


def _peer_names(results: DecodingResults) -> frozenset[str]:
    return frozenset(results.settings.get("peers", ()))


def _group(
    results: DecodingResults,
    task: str,
    constraint: str,
    groups: dict[tuple[str, str], list[Record]],
    *,
    cpu: bool,
) -> list[Figures]:
    records = groups[task, constraint]
    ways = dict.fromkeys((record.dtype, record.way) for record in records)
    library = [record for record in groups.get((task, "none"), ()) if record.way == GENERATE]
    generate = _rate(library, cpu=cpu)
    made = []
    for dtype, way in ways:
        own = [record for record in records if (record.dtype, record.way) == (dtype, way)]
        plain = [record for record in records if (record.dtype, record.way) == (dtype, PLAIN)]
        cells = {record.cell for record in own}
        differences = [
            found
            for found in results.differences
            if (found.dtype, found.way) == (dtype, way) and (found.task, found.prompt, found.constraint) in cells
        ]
        made.append(_figures(task, constraint, own, plain, generate, _model_of(results, dtype), differences, cpu=cpu))
    return made


Cost = Callable[[int], float]


def _model_of(results: DecodingResults, dtype: str) -> Cost | None:
    table = results.costs.get(dtype)
    return None if table is None else table.seconds


def _figures(
    task: str,
    constraint: str,
    own: Sequence[Record],
    plain: Sequence[Record],
    generate: float | None,
    cost: Cost | None,
    differences: Sequence[Difference],
    *,
    cpu: bool,
) -> Figures:
    one = own[0]
    rate, plain_rate = _rate(own, cpu=cpu), _rate(plain, cpu=cpu)
    decoded, forwards = sum(record.decoded for record in own), sum(len(record.rows) for record in own)
    forced = sum(record.forced for record in own)
    trees = [draft for record in own for draft in record.drafts]
    measured = bool(sum(record.forward_seconds for record in own))
    steps = _step_ms(own, forwards, cpu=cpu) if measured and forwards else {}
    near = sum(found.gap <= NEAR.get(found.dtype, NEAR_ROUNDED) for found in differences)
    compared = len({record.cell for record in own}) if plain else 0
    return Figures(
        task=task,
        constraint=constraint,
        dtype=one.dtype,
        way=one.way,
        prompts=len({record.cell for record in own}),
        rate=rate,
        whole_rate=_ratio(
            sum(len(record.tokens) for record in own),
            sum(record.cpu_seconds if cpu else record.seconds for record in own),
        ),
        speedup=_ratio(rate, plain_rate),
        over_generate=_ratio(rate, generate),
        modelled=_ratio(_modelled(own, cost), _modelled(plain, cost)) if measured else None,
        per_forward=_ratio(decoded, forwards),
        chosen_per_forward=_ratio(decoded - forced, forwards) if measured else None,
        forced=_ratio(forced, decoded) or 0.0,
        drafted=_ratio(sum(nodes for nodes, _, _ in trees), len(trees)),
        accepted=acceptance(trees),
        forward_ms=steps.get("forward"),
        mask_ms=steps.get("mask"),
        draft_ms=steps.get("draft"),
        rest_ms=steps.get("rest"),
        same=compared - len(differences),
        near=near,
        different=len(differences) - near,
    )


def _step_ms(own: Sequence[Record], forwards: int, *, cpu: bool) -> dict[str, float]:
    """Milliseconds of a forward, by what they went to."""
    parts = {name: sum(getattr(record, f"{name}_seconds") for record in own) for name in ("forward", "mask", "draft")}
    wall = sum(record.decode_seconds() for record in own)
    parts["rest"] = wall - sum(parts.values())
    spent = sum(record.decode_seconds(cpu=cpu) for record in own)
    return {name: 1e3 * seconds / wall * spent / forwards for name, seconds in parts.items()}


def acceptance(trees: Iterable[tuple[int, int, int]]) -> tuple[float, ...]:
    """By depth the share of trees at least so deep of which at least so many drafted tokens were accepted.

    Args:
        trees: nodes, longest way, accepted tokens; forced tokens left out.
    """
    shares = []
    known = list(trees)
    for depth in range(1, DEPTHS + 1):
        deep = [accepted for _, longest, accepted in known if longest >= depth]
        if not deep:
            break
        shares.append(sum(accepted >= depth for accepted in deep) / len(deep))
    return tuple(shares)


def _rate(records: Sequence[Record], *, cpu: bool) -> float | None:
    """Decoded tokens per second: over prompts, of each the median of its rounds."""
    cells: dict[object, list[Record]] = {}
    for record in records:
        cells.setdefault(record.cell, []).append(record)
    tokens = sum(statistics.median(record.decoded for record in group) for group in cells.values())
    seconds = sum(statistics.median(record.decode_seconds(cpu=cpu) for record in group) for group in cells.values())
    return _ratio(tokens, seconds)


def _modelled(records: Sequence[Record], cost: Cost | None) -> float | None:
    """Decoded tokens for each second that forwards cost by the table."""
    if cost is None:
        return None
    seconds = sum(cost(rows) for record in records for rows in record.rows)
    return _ratio(sum(record.decoded for record in records), seconds)


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None
