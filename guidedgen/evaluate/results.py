"""Files of results: JSON lines, appended as schemas finish, so that whatever is there after an interrupt is whole.

Kinds of lines: `run` (settings, limits, the machine; first), `worker` (what loading cost; one for each start), `schema`
and `end` (seconds, and whether every schema was finished). A line that was cut in the middle is removed on resuming.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from guidedgen.evaluate.engine import EvaluationError
from guidedgen.evaluate.lines import LinesFile, read_lines
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
    lines = read_lines(path)
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


class ResultsFile(LinesFile):
    """A file of results that a run writes; one that exists already is continued."""

    def __init__(self, path: Path, choice: EngineChoice, checks: Checks, bounds: Bounds) -> None:
        """Open it.

        Raises:
            EvaluationError: it exists and belongs to a run with other settings.
        """
        super().__init__(path, to_json(choice, checks), {"bounds": asdict(bounds)})
        self.finished = frozenset(line["content"]["name"] for line in self.known if line["kind"] == "schema")
