"""One text of one method, and the file of such records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guidedgen.evaluate.engine import EvaluationError
from guidedgen.evaluate.lines import LinesFile, read_lines

OPEN = "open"
Key = tuple[str, str, str]  # method, part, prompt


@dataclass(frozen=True, kw_only=True)
class TextRecord:
    """One text.

    Attributes:
        method: its name.
        part: the task, with form or without, or `OPEN`.
        prompt: its name in the part.
        text: what came out.
        tokens: of it.
        logprob: the model's log-probability of the tokens: no mask, no temperature.
        valid: whether the output type accepts it; of open texts, whether they ended well or were cut for length.
        score: how right it is, 0 to 1; None of open texts.
    """

    method: str
    part: str
    prompt: str
    text: str
    tokens: tuple[int, ...]
    logprob: float
    valid: bool
    score: float | None = None

    @property
    def key(self) -> Key:
        """Which text it is."""
        return self.method, self.part, self.prompt

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> TextRecord:
        """From one line of a file."""
        return cls(**{**content, "tokens": tuple(content["tokens"])})


class QualityFile(LinesFile):
    """A file that a run writes; one that exists already is continued.

    Attributes:
        finished: what it holds already.
    """

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        """Open it.

        Raises:
            EvaluationError: it exists and belongs to a run with other settings.
        """
        super().__init__(path, {"about": "quality", **settings}, {})
        known = [TextRecord.from_json(line["content"]) for line in self.known if line["kind"] == "record"]
        self.finished: dict[Key, TextRecord] = {record.key: record for record in known}


def read_quality(path: Path) -> tuple[dict[str, Any], tuple[TextRecord, ...]]:
    """Settings and records of a file.

    Raises:
        EvaluationError: it is of something else.
    """
    settings, *rest = read_lines(path) or [{}]
    if settings.get("kind") != "run" or settings.get("about") != "quality":
        raise EvaluationError("this is no file of results of `guidedgen evaluate decoding --quality`.")
    return settings, tuple(TextRecord.from_json(line["content"]) for line in rest if line["kind"] == "record")
