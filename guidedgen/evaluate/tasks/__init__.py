"""Structured tasks with real texts, for measuring decoding: records from mails, edited documents, edited programs.

Each is a TOML file beside this module: a message with places for a prompt's text and change, constraints by name (the
first is the task's own), and at least eight prompts. Texts are the project's own or free ones; each file states its
licence.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

from guidedgen.evaluate.engine import EvaluationError
from guidedgen.grammars.combinators import Sequence
from guidedgen.grammars.library import library
from guidedgen.grammars.specs import JsonSchema, Regex

NAMES = ("extraction", "editing", "code")
"""Every task."""

OWN, FREE = "own", "none"
"""Constraints that every task has: its own first one, and none at all."""

_LIBRARY, _FENCED, _OPENED = "library:", "fenced:", "opened:"


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """One prompt of a task.

    Attributes:
        name: within the task.
        message: what the model is asked.
    """

    name: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task.

    Attributes:
        name: of `NAMES`.
        about: in a few words.
        licence: SPDX identifier of its texts.
        most_tokens: of an answer.
        describe: what prompts say about the output type, see `Options`.
        constraints: by name, as the file has them; the first is the task's own.
        prompts: at least eight.
    """

    name: str
    about: str
    licence: str
    most_tokens: int
    describe: Literal["short", "schema", "none"]
    constraints: Mapping[str, str]
    prompts: tuple[Prompt, ...]

    def constraint_name(self, name: str) -> str:
        """The name that `name` stands for: `OWN` is the first one's.

        Raises:
            EvaluationError: the task has no constraint of that name.
        """
        if name == OWN:
            return next(iter(self.constraints))
        if name != FREE and name not in self.constraints:
            known = ", ".join((OWN, FREE, *self.constraints))
            raise EvaluationError(f"the task {self.name} has no constraint {name!r}. It has: {known}.")
        return name

    def output(self, name: str) -> Any:
        """The output type of a constraint: for `generate`. None for `FREE`.

        Raises:
            EvaluationError: the task has no constraint of that name.
        """
        name = self.constraint_name(name)
        return None if name == FREE else _spec(self.constraints[name])


def _spec(text: str) -> Any:
    """What a constraint's text stands for: a schema, a grammar of the library or a regex, in a code fence or not."""
    for fence, parts in ((_FENCED, ["```"]), (_OPENED, [])):
        if text.startswith(fence):
            language, _, inner = text.removeprefix(fence).partition(":")
            return Sequence(f"```{language}\n", _spec(inner), *parts)
    if text.startswith(_LIBRARY):
        return library(text.removeprefix(_LIBRARY))
    return JsonSchema(json.loads(text)) if text.startswith("{") else Regex(text)


@cache
def task_named(name: str) -> Task:
    """A task by name.

    Raises:
        EvaluationError: there is none of that name.
    """
    if name not in NAMES:
        raise EvaluationError(f"there is no task {name!r}. There are: {', '.join(NAMES)}.")
    content = tomllib.loads(resources.files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))
    message = content.pop("message")
    prompts = tuple(Prompt(name=given.pop("name"), message=message.format(**given)) for given in content.pop("prompts"))
    return Task(name=name, prompts=prompts, describe=content.pop("describe", "short"), **content)


__all__ = ["FREE", "NAMES", "OWN", "Prompt", "Task", "task_named"]
