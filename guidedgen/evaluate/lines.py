"""Files of JSON lines, appended line by line, so that whatever is there after an interrupt is whole.

The first line has the kind `run` and the settings of what was run; a line that was cut in the middle is removed on
resuming.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from guidedgen.evaluate.engine import EvaluationError


def read_lines(path: Path) -> list[dict[str, Any]]:
    """All whole lines.

    Raises:
        EvaluationError: one is not JSON.
    """
    found = []
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True), start=1):
        if not line.endswith(b"\n"):
            break  # the run was killed while it wrote this one
        try:
            found.append(json.loads(line))
        except ValueError as error:
            raise EvaluationError(f"{path}, line {number} is not JSON: {error}.") from error
    return found


class LinesFile:
    """A file that a run writes; one that exists already is continued.

    Args:
        path: the file.
        settings: of the run; a file that is continued must have the same.
        more: what else the first line tells.

    Attributes:
        known: the lines that were there already.
        added: how many were added since.

    Raises:
        EvaluationError: it exists and belongs to a run with other settings.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], more: Mapping[str, Any]) -> None:
        self.known: list[dict[str, Any]] = []
        self.added = 0
        if path.exists() and path.stat().st_size:
            self.known = _continued(path, settings)
            self._file: BinaryIO = path.open("ab")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("wb")
            machine = {"machine": platform.platform(), "cores": os.cpu_count()}
            self._write({"kind": "run", **settings, **more, **machine})

    def add(self, kind: str, content: Mapping[str, Any]) -> None:
        """Append one line."""
        self._write({"kind": kind, "content": content})
        self.added += 1

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close it."""
        self._file.close()


def _continued(path: Path, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The lines of a file that is continued; cuts off an unfinished one."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with path.open("rb+") as file:
            file.truncate(whole)
    lines = read_lines(path)
    if lines:
        there = {name: lines[0].get(name) for name in settings}
        if lines[0].get("kind") != "run" or there != json.loads(json.dumps(settings)):
            raise EvaluationError(
                f"{path} holds results of other settings: name another file with --out, or remove it."
            )
    return lines
