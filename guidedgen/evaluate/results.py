"""Files of results: JSON lines, appended as schemas finish, so that whatever is there after an interrupt is whole.

Kinds of lines: `run` (settings, limits, the machine; first), `worker` (what loading cost; one for each start), `schema`
and `end` (seconds, and whether every schema was finished). A line that was cut in the middle is removed on resuming.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from guidedgen.evaluate.engine import EvaluationError
from guidedgen.evaluate.records import Record
from guidedgen.evaluate.settings import Bounds, Checks, EngineChoice, from_json, to_json


@dataclass(frozen=True, kw_only=True)
class Results:
    """What a file holds.

    Attributes:
        path: the file.
        choice: which engine.
        checks: what was checked.
        bounds: what a schema might cost.
        workers: what loading cost and the copy of a mask took, one for each worker.
        records: the schemas, in the order in which they finished.
        seconds: how long it took, over all runs that added to the file.
        complete: whether the last run came to its end.
    """

    path: Path
    choice: EngineChoice
    checks: Checks
    bounds: Bounds
    workers: list[dict[str, Any]]
    records: list[Record]
    seconds: float
    complete: bool

    @property
    def label(self) -> str:
        """How reports call the engine."""
        return self.choice.label


def read_results(path: Path) -> Results:
    """Read a file. Raises EvaluationError where it is no file of results."""
    lines = _lines(path)
    if not lines or lines[0].get("kind") != "run":
        raise EvaluationError(f"{path} is not a file of results of `guidedgen evaluate masks`.")
    choice, checks = from_json(lines[0])
    of = {kind: [line["content"] for line in lines if line["kind"] == kind] for kind in ("worker", "schema", "end")}
    return Results(
        path=path,
        choice=choice,
        checks=checks,
        bounds=Bounds(**lines[0]["bounds"]),
        workers=of["worker"],
        records=[Record.from_json(content) for content in of["schema"]],
        seconds=sum(content["seconds"] for content in of["end"]),
        complete=bool(of["end"]) and bool(of["end"][-1]["complete"]),
    )


def _lines(path: Path) -> list[dict[str, Any]]:
    found = []
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True), start=1):
        if not line.endswith(b"\n"):
            break  # the run was killed while it wrote this one
        try:
            found.append(json.loads(line))
        except ValueError as error:
            raise EvaluationError(f"{path}, line {number} is not JSON: {error}.") from error
    return found


class ResultsFile:
    """A file of results that a run writes; one that exists already is continued."""

    def __init__(self, path: Path, choice: EngineChoice, checks: Checks, bounds: Bounds) -> None:
        """Open it.

        Raises:
            EvaluationError: it exists and belongs to a run with other settings.
        """
        self.finished: frozenset[str] = frozenset()
        settings = to_json(choice, checks)
        if path.exists() and path.stat().st_size:
            self.finished = _finished(path, settings)
            self._file: BinaryIO = path.open("ab")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("wb")
            machine = {"machine": platform.platform(), "cores": os.cpu_count()}
            self._write({"kind": "run", **settings, "bounds": asdict(bounds), **machine})

    def add(self, kind: str, content: Mapping[str, Any]) -> None:
        """Append one line."""
        self._write({"kind": kind, "content": content})

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close it."""
        self._file.close()


def _finished(path: Path, settings: Mapping[str, Any]) -> frozenset[str]:
    """Names of the schemas in a file that is continued; cuts off an unfinished line."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with path.open("rb+") as file:
            file.truncate(whole)
    lines = _lines(path)
    if lines:
        there = {name: lines[0].get(name) for name in settings}
        if lines[0].get("kind") != "run" or there != json.loads(json.dumps(settings)):
            raise EvaluationError(
                f"{path} holds results of other settings: name another file with --out, or remove it."
            )
    return frozenset(line["content"]["name"] for line in lines if line["kind"] == "schema")
