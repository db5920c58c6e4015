"""Measures engines on grammars of the library, with real files as instances: `guidedgen evaluate grammars`.

For each file the grammar is compiled anew. *First mask* is the time from the grammar to the first mask; the engine has
prepared the vocabulary before. *Cold* masks are those of the first reading of a file, *warm* ones those of a second;
each is the time to commit a token and to fill the mask after it. All are CPU time of the calling thread.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic, thread_time_ns
from typing import Final

import numpy as np

from guidedgen.evaluate.engine import EvaluationError, Matcher, Tokenizer
from guidedgen.evaluate.engines.grammars import GrammarEngine, grammar_engine, known_grammar
from guidedgen.evaluate.reading import Bench, Reading, read_instance, said

_WARMING: Final = "json"  # compiled first, so that no grammar pays for what is done once


@dataclass(kw_only=True)
class GrammarRecord:
    """What an engine did with a grammar and its files. Times in nanoseconds.

    Attributes:
        grammar: its name in the library.
        engine: the engine's name, with its version.
        lost: what the engine's dialect could not say of the grammar.
        files: how many were read, and how many of them are in the language.
        tokens: of all files.
        accepted: the files that the engine accepted as a whole.
        first: time to the first mask, for each file.
        cold: each mask of the first readings.
        warm: each mask of the second readings.
        error: why the engine does not take the grammar, or failed on a file.
    """

    grammar: str
    engine: str
    lost: tuple[str, ...] = ()
    files: int = 0
    tokens: int = 0
    accepted: int = 0
    first: list[int] = field(default_factory=list)
    cold: list[int] = field(default_factory=list)
    warm: list[int] = field(default_factory=list)
    error: str | None = None


def find_instances(folder: Path, names: Sequence[str], *, limit: int | None = None) -> dict[str, list[Path]]:
    """The files below `folder / name`, for each grammar.

    Raises:
        EvaluationError: no grammar has a folder with files, or a name is not in the library.
    """
    wanted = names or sorted(path.name for path in folder.iterdir() if path.is_dir())
    found = {known_grammar(name).name: _files(folder / name)[:limit] for name in wanted}
    if not any(found.values()):
        raise EvaluationError(f"{folder} has no files: it needs folders named like grammars of the library.")
    return {name: files for name, files in found.items() if files}


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []


def measure(
    engine: str, tokenizer: Tokenizer, instances: dict[str, list[Path]], *, seconds: float = 60.0
) -> Iterator[GrammarRecord]:
    """One record for each grammar, whose later files are left out after that many seconds.

    Raises:
        EvaluationError: the engine is not installed.
    """
    made = grammar_engine(engine, tokenizer)
    bench = Bench.of(tokenizer.vocabulary.size, tokenizer.ends, masks_end=made.masks_end)
    _compiled(made, made.prepare(known_grammar(_WARMING))[0], bench)
    for name, files in instances.items():
        record = GrammarRecord(grammar=name, engine=f"{engine} {made.version}")
        try:
            prepared, record.lost = made.prepare(known_grammar(name))
            until = monotonic() + seconds
            for file in files:
                if monotonic() > until:
                    break
                _read_file(made, prepared, tokenizer.vocabulary.encode(file.read_text(encoding="utf-8")), bench, record)
        except Exception as error:  # an engine may raise anything: it counts against this one grammar
            record.error = said(error)
        yield record


def _read_file(
    engine: GrammarEngine, prepared: object, tokens: Sequence[int], bench: Bench, record: GrammarRecord
) -> None:
    matcher, spent = _compiled(engine, prepared, bench)
    record.files += 1
    record.tokens += len(tokens)
    record.first.append(spent)
    cold = read_instance(matcher, list(tokens), bench, valid=True)
    record.accepted += cold.accepted
    record.cold += _between(cold)
    record.warm += _between(read_instance(matcher.fresh(), list(tokens), bench, valid=True))
    if cold.error is not None:
        record.error = cold.error


def _compiled(engine: GrammarEngine, prepared: object, bench: Bench) -> tuple[Matcher, int]:
    before = thread_time_ns()
    matcher = engine.compile(prepared)
    matcher.fill(bench.mask)
    return matcher, thread_time_ns() - before


def _between(reading: Reading) -> list[int]:
    """Commit a token, fill the next mask: the first mask belongs to compiling."""
    return [commit + fill for commit, fill in zip(reading.commits_cpu, reading.fills_cpu[1:], strict=False)]


COLUMNS: Final = (
    "grammar", "engine", "files", "accepted", "tokens", "first mask ms",
    "cold avg", "p50", "p99", "max", "warm avg", "remarks",
)  # fmt: skip


def row(record: GrammarRecord) -> tuple[str, ...]:
    """A record as the columns show it; masks in microseconds."""
    first = f"{np.median(record.first) / 1e6:.1f}" if record.first else "-"
    remarks = record.error.splitlines()[0][:80] if record.error else "; ".join(f"no {lost}" for lost in record.lost)
    counts = (str(record.files), str(record.accepted), str(record.tokens))
    return (record.grammar, record.engine, *counts, first, *_masks(record), remarks)


def _masks(record: GrammarRecord) -> tuple[str, ...]:
    if not record.cold:
        return ("-",) * 5
    cold = np.asarray(record.cold) / 1e3
    figures = (cold.mean(), *np.percentile(cold, [50, 99, 100]), np.mean(record.warm or [0]) / 1e3)
    return tuple(f"{figure:,.0f}" if figure >= 100 else f"{figure:.1f}" for figure in figures)


def markdown(records: Sequence[GrammarRecord]) -> str:
    """The figures as a table for a page."""
    lines = [COLUMNS, tuple("---" if name in ("grammar", "engine", "remarks") else "--:" for name in COLUMNS)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [*lines, *map(row, records)]) + "\n"


def write(records: Sequence[GrammarRecord], path: Path) -> None:
    """One JSON object a line."""
    path.write_text("".join(json.dumps(asdict(record)) + "\n" for record in records), encoding="utf-8")
