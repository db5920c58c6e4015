"""What one run of one way on one cell is recorded as, and the file of records.

Kinds of lines: `run` (settings), `costs` (a table of a number format), `record`, `difference` (how near the choice was
where a text left plain decoding's) and `end`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from guidedgen.evaluate.engine import EvaluationError
from guidedgen.evaluate.lines import LinesFile, read_lines
from guidedgen.sampler.costs import CostTable

Cell = tuple[str, str, str]  # task, prompt, constraint
Key = tuple[str, str, str, str, str, int]  # cell, number format, way, round

PLAIN = "plain"


@dataclass(frozen=True, kw_only=True)
class Record:
    """One run. Seconds are wall time where they are not said to be of the processor; parts are without the first step.

    Attributes:
        task: of `tasks.NAMES`.
        prompt: its name in the task.
        constraint: its name in the task.
        dtype: number format.
        way: the strategy's name, or a peer's.
        round: which repetition, from 0.
        tokens: of the output.
        seconds: of the whole call.
        first_seconds: of the first step.
        cpu_seconds: processor time of the whole call.
        first_cpu_seconds: of the first step.
        decoded: tokens after the first step.
        forced: of those, tokens that no alternative was allowed to.
        rows: of each step after the first, the rows of its forwards.
        drafts: nodes, longest way and accepted tokens of each tree.
        forward_seconds: in forwards of the model.
        mask_seconds: in masks.
        draft_seconds: in drafters.
    """

    task: str
    prompt: str
    constraint: str
    dtype: str
    way: str
    round: int
    tokens: tuple[int, ...]
    seconds: float
    first_seconds: float
    cpu_seconds: float
    first_cpu_seconds: float
    decoded: int
    forced: int = 0
    rows: tuple[int, ...] = ()
    drafts: tuple[tuple[int, int, int], ...] = ()
    forward_seconds: float = 0.0
    mask_seconds: float = 0.0
    draft_seconds: float = 0.0

    @property
    def cell(self) -> Cell:
        """What it was run on."""
        return self.task, self.prompt, self.constraint

    @property
    def key(self) -> Key:
        """Which run it was."""
        return (*self.cell, self.dtype, self.way, self.round)

    def decode_seconds(self, *, cpu: bool = False) -> float:
        """Seconds after the first step."""
        return self.cpu_seconds - self.first_cpu_seconds if cpu else self.seconds - self.first_seconds

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Record:
        """From one line of a file."""
        values = {field.name: content[field.name] for field in fields(cls)}
        values["tokens"], values["rows"] = tuple(values["tokens"]), tuple(values["rows"])
        values["drafts"] = tuple((nodes, longest, accepted) for nodes, longest, accepted in values["drafts"])
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Where a text left plain decoding's.

    Attributes:
        task: as in `Record`, like the following.
        prompt: its name.
        constraint: its name.
        dtype: number format.
        way: the strategy's name.
        place: how many tokens agree.
        gap: how much the model prefers one of the two tokens to the other there, in logits.
    """

    task: str
    prompt: str
    constraint: str
    dtype: str
    way: str
    place: int
    gap: float

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """Whose difference."""
        return self.task, self.prompt, self.constraint, self.dtype, self.way


@dataclass(frozen=True, kw_only=True)
class DecodingResults:
    """What a file holds.

    Attributes:
        settings: of the run, and the machine.
        costs: by number format.
        records: in the order in which they were made.
        differences: by what they are about.
        complete: whether the last run came to its end.
    """

    settings: dict[str, Any]
    costs: dict[str, CostTable]
    records: tuple[Record, ...]
    differences: tuple[Difference, ...]
    complete: bool


def results_of(lines: Iterable[dict[str, Any]]) -> DecodingResults:
    """What the lines of a file say.

    Raises:
        EvaluationError: they are of something else.
    """
    settings, *rest = lines or [{}]
    if settings.get("kind") != "run" or settings.get("about") != "decoding":
        raise EvaluationError("this is no file of results of `guidedgen evaluate decoding`.")
    of = {
        kind: [line["content"] for line in rest if line["kind"] == kind]
        for kind in ("costs", "record", "difference", "end")
    }
    costs = {
        found["dtype"]: CostTable(rows=tuple(found["rows"]), medians=tuple(found["medians"])) for found in of["costs"]
    }
    return DecodingResults(
        settings=settings,
        costs=costs,
        records=tuple(map(Record.from_json, of["record"])),
        differences=tuple(Difference(**content) for content in of["difference"]),
        complete=bool(of["end"]) and bool(of["end"][-1]["complete"]),
    )


def read_decoding(path: Path) -> DecodingResults:
    """Read a file. Raises EvaluationError where it is none of decoding results."""
    return results_of(read_lines(path))


class DecodingFile(LinesFile):
    """A file that a run writes; one that exists already is continued.

    Attributes:
        finished: what it holds already.
        judged: whose differences it holds.
        costed: the number formats whose costs it holds.
    """

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        """Open it.

        Raises:
            EvaluationError: it exists and belongs to a run with other settings.
        """
        super().__init__(path, {"about": "decoding", **settings}, {})
        known = results_of(self.known) if self.known else None
        self.finished: dict[Key, Record] = {} if known is None else {record.key: record for record in known.records}
        self.judged = set() if known is None else {difference.key for difference in known.differences}
        self.costed = set() if known is None else set(known.costs)
