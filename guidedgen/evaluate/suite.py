"""Schemas with instances: folders, single files and lists of files in the format of MaskBench.

A file is `{"schema": ..., "tests": [{"description": ..., "valid": true, "data": ...}, ...]}`; others are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guidedgen.evaluate.engine import EvaluationError


@dataclass(frozen=True)
class Instance:
    """One test of a schema: a JSON text, and whether it is valid."""

    text: str
    valid: bool


@dataclass(frozen=True)
class Case:
    """A schema with its tests."""

    schema: Any
    instances: tuple[Instance, ...]


def find_cases(paths: Iterable[Path], *, data: Path | None = None) -> dict[str, Path]:
    """The files that `paths` name, by a name that is stable between runs (the path as far as it differs).

    Args:
        paths: folders (all .json files below them), single .json files, or text files that list files one a line.
        data: where listed names are looked up; default: the folder of the list.

    Raises:
        EvaluationError: a path or a listed file does not exist, nothing is found, or two files have one name.
    """
    found: dict[str, Path] = {}
    for path in paths:
        for name, file in _expanded(path, data):
            if found.setdefault(name, file) != file:
                raise EvaluationError(f"two files are called {name}: {found[name]} and {file}. Evaluate them apart.")
    if not found:
        raise EvaluationError("no .json files found: name folders, .json files, or text files that list them.")
    return found


def _expanded(path: Path, data: Path | None) -> Sequence[tuple[str, Path]]:
    if path.is_dir():
        return [(file.relative_to(path).as_posix(), file) for file in sorted(path.rglob("*.json"))]
    if not path.is_file():
        raise EvaluationError(f"{path} does not exist.")
    if path.suffix == ".json":
        return [(path.name, path)]
    folder = path.parent if data is None else data
    names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise EvaluationError(
            f"{path} lists {len(missing)} files that are not in {folder}, first {missing[0]}. "
            "Name their folder with --data."
        )
    return [(name, folder / name) for name in names]


def read_case(path: Path) -> Case:
    """Read one file. Raises EvaluationError where it has not the format."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        schema = content["schema"]
        instances = tuple(Instance(json_text(test["data"]), bool(test["valid"])) for test in content.get("tests", ()))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EvaluationError(f"{path} is not a file of schema and tests: {type(error).__name__} {error}.") from error
    return Case(schema, instances)


def json_text(value: Any) -> str:
    """A value as `json.dumps` writes it, unescaped where it has no lone surrogates, which UTF-8 cannot hold."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return text
