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

    Extraction and editing: the share of the answer's values that stand in their places, and of no others. Code: the
    share of what the program should have and does, and should not have and does not; 0 where it is no program.
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
    return _agreement(json.loads(known), _document(text))


def _agreement(wanted: Any, found: Any) -> float:
    """Values that agree, of all places of either document."""
    expected, given = dict(leaves(wanted)), dict(leaves(found))
    agreeing = sum(_alike(given.get(path), value) for path, value in expected.items())
    return agreeing / len(expected.keys() | given.keys())


def _alike(found: object, wanted: object) -> bool:
    if isinstance(wanted, str) and isinstance(found, str):
        return found.strip().casefold() == wanted.casefold()
    return isinstance(found, bool) == isinstance(wanted, bool) and found == wanted


def _editing(known: list[Mapping[str, Any]], prompt: Prompt, text: str) -> float:
    (given,) = (part for part in prompt.message.split("\n\n") if part.startswith("{"))
    return _agreement(changed(json.loads(given), known), _document(text))


def _code(known: Mapping[str, list[str]], prompt: Prompt, text: str) -> float:
    program = text.removeprefix("```python\n").partition("```")[0]
    try:
        ast.parse(program)
    except (SyntaxError, ValueError):
        return 0.0
    right = [part in program for part in known["has"]] + [part not in program for part in known["lacks"]]
    return sum(right) / len(right)


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
