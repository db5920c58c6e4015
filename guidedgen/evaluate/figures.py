"""From records to figures: verdicts, soundness, percentiles of times. Only arithmetic: no files, no layout."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from guidedgen.evaluate.reading import Reading
from guidedgen.evaluate.records import DEFECTS, Record
from guidedgen.evaluate.results import Results

Times = NDArray[np.float64]  # nanoseconds
Value = int | float | None

TBM_PERCENTILES = (50.0, 90.0, 99.0, 99.9)
TTFM_PERCENTILES = (50.0, 99.0)
_COMPILING = ("compile", "first use")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The schemas of one engine that figures are about.

    Attributes:
        results: the file they come from.
        records: for verdicts.
        timed: for times; with `common` only readings that are as long in every engine.
    """

    results: Results
    records: Sequence[Record]
    timed: Sequence[Record]


@dataclass(frozen=True, kw_only=True)
class Section:
    """Figures that belong together: label and value."""

    title: str
    rows: tuple[tuple[str, Value], ...]


def all_measured(results: Sequence[Results]) -> list[Measured]:
    """Each engine on its own files."""
    return [Measured(results=each, records=each.records, timed=each.records) for each in results]


def common_measured(results: Sequence[Results]) -> list[Measured]:
    """Every engine on the files that all of them finish; times of instances that all of them read equally far."""
    by_name = [{record.name: record for record in each.records if record.finished} for each in results]
    names = [record.name for record in results[0].records if all(record.name in there for there in by_name)]
    trimmed: list[list[Record]] = [[] for _ in results]
    for name in names:
        records = [there[name] for there in by_name]
        first = _equally_far([record.first for record in records])
        second = _equally_far([record.second for record in records])
        for kept, record in zip(trimmed, records, strict=True):
            kept.append(
                replace(
                    record,
                    first=[record.first[index] for index in first],
                    second=[record.second[index] for index in second],
                )
            )
    return [
        Measured(results=each, records=[there[name] for name in names], timed=timed)
        for each, there, timed in zip(results, by_name, trimmed, strict=True)
    ]


def _equally_far(uses: Sequence[Sequence[Reading]]) -> list[int]:
    shortest = min(map(len, uses))
    return [index for index in range(shortest) if len({len(use[index].commits) for use in uses}) == 1]


def between_masks(readings: Iterable[Reading], *, cpu: bool) -> Times:
    """TBM: each committed token with the mask after it."""
    parts = []
    for reading in readings:
        commits = reading.commits_cpu if cpu else reading.commits
        fills = (reading.fills_cpu if cpu else reading.fills)[1:]
        count = min(len(commits), len(fills))  # an engine that raised leaves a commit without a mask
        parts.append(np.array(commits[:count], dtype=np.float64) + np.array(fills[:count], dtype=np.float64))
    return np.concatenate(parts) if parts else np.empty(0)


def to_first_mask(measured: Measured, *, cpu: bool) -> Times:
    """TTFM of every schema that compiled; a timeout before the first mask counts with the time that it was given."""
    times = []
    for record in measured.timed:
        if record.ttfm is not None:
            times.append(record.ttfm[cpu])
        elif record.aborted is not None and record.aborted.reason == "timeout" and record.aborted.phase in _COMPILING:
            seconds = record.aborted.seconds
            times.append(int(1e9 * (min(seconds, measured.results.bounds.seconds) if cpu else seconds)))
    return np.array(times, dtype=np.float64)


def mask_copy(results: Results, *, cpu: bool) -> float | None:
    """Median time of copying one mask, over the workers of a run; nanoseconds."""
    times = [worker["copy_cpu_ns" if cpu else "copy_ns"] for worker in results.workers]
    return float(np.median(times)) if times else None


def sections(measured: Measured, *, cpu: bool) -> list[Section]:
    """All figures of an engine; the rows are the same for every engine."""
    first = between_masks((reading for record in measured.timed for reading in record.first), cpu=cpu)
    second = between_masks((reading for record in measured.timed for reading in record.second), cpu=cpu)
    return [
        _verdicts(measured.records),
        _soundness(measured.records),
        _ttfm(to_first_mask(measured, cpu=cpu)),
        _tbm("Time between masks, first use (µs)", first),
        _tbm("Time between masks, second use (µs)", second),
        _limit(measured.results, first, second, cpu=cpu),
        _loading(measured),
    ]


def _verdicts(records: Sequence[Record]) -> Section:
    defects = [record.defects for record in records]
    passing = sum(record.passing for record in records)
    readings = [reading for record in records for reading in record.first]
    schemas = [(f"  {label}", sum(key in found for found in defects)) for key, label in DEFECTS.items()]
    return Section(
        title="Schemas",
        rows=(
            ("schemas", len(records)),
            ("passing (all tests right)", passing),
            ("passing, %", 100.0 * passing / len(records) if records else None),
            ("without any defect", sum(not found for found in defects)),
            *schemas,
            ("instances read", len(readings)),
            ("valid instances rejected", sum(found.get("rejects valid", 0) for found in defects)),
            ("invalid instances accepted", sum(found.get("accepts invalid", 0) for found in defects)),
        ),
    )


def _soundness(records: Sequence[Record]) -> Section:
    probes = [record.probes for record in records if record.probes is not None]
    walks = [record.walks for record in records if record.walks is not None]
    readings = [reading for record in records for reading in (*record.first, *record.second)]
    inside_refused = sum(part.inside_refused for part in probes) + sum(reading.refused_in_mask for reading in readings)
    outside_taken = sum(part.outside_taken for part in probes) + sum(each.taken_outside_mask for each in readings)
    return Section(
        title="Soundness",
        rows=(
            ("probes in the mask", sum(part.inside for part in probes)),
            ("  refused (also while reading)", inside_refused),
            ("probes not in the mask", sum(part.outside for part in probes)),
            ("  taken (also while reading)", outside_taken),
            ("end token's bit differs from accepting", sum(reading.end_differs for reading in readings)),
            ("walks that ended", sum(part.closed for part in walks)),
            ("  not JSON", sum(part.not_json for part in walks)),
            ("  refused by every validator", sum(part.invalid for part in walks)),
            ("  validators differ", sum(part.disagreements for part in walks)),
            ("  no validator could tell", sum(part.unchecked for part in walks)),
            ("  a key twice in an object", sum(part.duplicate_keys for part in walks)),
            ("walks that did not end in their length", sum(part.open for part in walks)),
            ("walks in a dead end", sum(part.dead_ends for part in walks)),
            ("walks with an allowed token refused", sum(part.refused for part in walks)),
        ),
    )


def _ttfm(times: Times) -> Section:
    return Section(
        title="Time to first mask (ms)",
        rows=(
            ("schemas", len(times)),
            ("average", _average(times, 1e6)),
            *((_name(level), _percentile(times, level, 1e6)) for level in TTFM_PERCENTILES),
            ("max", _percentile(times, 100.0, 1e6)),
        ),
    )


def _tbm(title: str, times: Times) -> Section:
    return Section(
        title=title,
        rows=(
            ("tokens", len(times)),
            ("average", _average(times, 1e3)),
            *((_name(level), _percentile(times, level, 1e3)) for level in TBM_PERCENTILES),
            ("max", _percentile(times, 100.0, 1e3)),
        ),
    )


def _limit(results: Results, first: Times, second: Times, *, cpu: bool) -> Section:
    copy = mask_copy(results, cpu=cpu)

    def distance(times: Times, level: float | None) -> float | None:
        value = _average(times, 1.0) if level is None else _percentile(times, level, 1.0)
        return None if value is None or not copy else value / copy

    return Section(
        title="Distance to the limit (times the copy of one mask)",
        rows=(
            ("copy of one mask, µs", None if copy is None else copy / 1e3),
            ("first use, average", distance(first, None)),
            ("first use, p50", distance(first, 50.0)),
            ("second use, average", distance(second, None)),
            ("second use, p50", distance(second, 50.0)),
        ),
    )


def _loading(measured: Measured) -> Section:
    workers = measured.results.workers

    def middle(name: str, scale: float) -> float | None:
        return float(np.median([worker[name] for worker in workers])) / scale if workers else None

    helpers = sum(record.helper_ns or 0 for record in measured.records)
    return Section(
        title="Loading, once for a vocabulary",
        rows=(
            ("tokens in the vocabulary", workers[0]["vocabulary"] if workers else None),
            ("reading the vocabulary, ms", middle("vocabulary_ns", 1e6)),
            ("engine, ms", middle("engine_ns", 1e6)),
            ("its first trivial schema, ms", middle("warm_up_ns", 1e6)),
            ("memory of the engine, MB", middle("engine_bytes", 1e6)),
            ("memory of the process, MB", middle("process_bytes", 1e6)),
            ("CPU time of helper threads, all schemas, ms", helpers / 1e6),
            ("workers started", len(workers)),
        ),
    )


def _average(times: Times, scale: float) -> float | None:
    return float(times.mean()) / scale if len(times) else None


def _percentile(times: Times, level: float, scale: float) -> float | None:
    return float(np.percentile(times, level)) / scale if len(times) else None


def _name(level: float) -> str:
    return f"p{level:g}"
