"""What is right: answers to the prompts of the tasks, and how much of one a text has."""

from __future__ import annotations

import ast
import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from guidedgen.evaluate.tasks import Prompt, Task

Path = tuple[str | int, ...]


@cache
def answers() -> Mapping[str, Mapping[str, Any]]:
    """By task and prompt."""
    content: dict[str, dict[str, Any]] = tomllib.loads(
        resources.files(__package__).joinpath("answers.toml").read_text(encoding="utf-8")
    )
    return content


def score(task: Task, prompt: Prompt, text: str) -> float:
    """How right a text is, 0 to 1.

    Extraction: the share of the answer's values that stand in their places. Editing: whether the document is the
    changed one. Code: whether it is a program that has what it should have, and nothing that it should not.
    """
    known = answers()[task.name][prompt.name]
    return _SCORES[task.name](known, prompt, text)


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The scalars of a document, with where they stand."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if parts is None:
        yield path, value
        return
    for name, part in parts:
        yield from leaves(part, (*path, name))


def changed(document: Any, changes: list[Mapping[str, Any]]) -> Any:
    """A document after changes."""
    made = json.loads(json.dumps(document))
    for change in changes:
        *above, last = change["at"]
        place = made
        for name in above:
            place = place[name]
        if "to" in change:
            place[last] = change["to"]
        else:
            del place[last]
    return made


def _extraction(known: str, prompt: Prompt, text: str) -> float:
    wanted = dict(leaves(json.loads(known)))
    found = dict(leaves(_document(text)))
    return sum(_alike(found.get(path), value) for path, value in wanted.items()) / len(wanted)


def _alike(found: object, wanted: object) -> bool:
    if isinstance(wanted, str) and isinstance(found, str):
        return found.strip().casefold() == wanted.casefold()
    return type(found) in (int, float) and type(wanted) in (int, float) and found == wanted


def _editing(known: list[Mapping[str, Any]], prompt: Prompt, text: str) -> float:
    (given,) = (part for part in prompt.message.split("\n\n") if part.startswith("{"))
    return float(_document(text) == changed(json.loads(given), known))


def _code(known: Mapping[str, list[str]], prompt: Prompt, text: str) -> float:
    program = text.removeprefix("```python\n").partition("```")[0]
    try:
        ast.parse(program)
    except (SyntaxError, ValueError):
        return 0.0
    right = all(part in program for part in known["has"]) and not any(part in program for part in known["lacks"])
    return float(right)


def _document(text: str) -> Any:
    """The JSON document of an answer, in a code fence or not; None where it is none."""
    inner = text.strip().removeprefix("```json").removeprefix("```").removesuffix("```")
    try:
        return json.loads(inner)
    except ValueError:
        return None


_SCORES: Mapping[str, Callable[[Any, Prompt, str], float]] = {
    "extraction": _extraction,
    "editing": _editing,
    "code": _code,
}
