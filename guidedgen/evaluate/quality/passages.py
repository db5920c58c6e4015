"""Open texts: beginnings of works in the public domain, and how their authors went on."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Passage:
    """One beginning.

    Attributes:
        name: of the passage.
        source: author, work, year.
        message: what the model is asked.
        next: what the author wrote.
    """

    name: str
    source: str
    message: str
    next: str


@cache
def passages() -> tuple[Passage, ...]:
    """All of them."""
    content = _content()
    return tuple(
        Passage(
            name=found["name"],
            source=found["source"],
            message=content["message"].format(text=found["text"]),
            next=found["next"],
        )
        for found in content["passages"]
    )


def most_tokens() -> int:
    """Of a continuation."""
    return int(_content()["most_tokens"])


@cache
def _content() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("passages.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
