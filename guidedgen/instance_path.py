"""Where in a JSON text that is not finished yet one is: the open objects and arrays, by name and index."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Final

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|"', re.DOTALL)


def open_steps(text: str) -> list[str]:
    """For each open container the name or index of the member or item that began last; `*` where no name was read."""
    steps: list[str | int] = []
    named = True  # what is a string now is no name
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token in ("{", "["):
            steps.append("*" if token == "{" else 0)
            named = token == "["
        elif token in ("}", "]"):
            named = True
            if steps:
                steps.pop()
        elif token == "," and steps:
            last = steps[-1]
            steps[-1] = last + 1 if isinstance(last, int) else "*"
            named = isinstance(last, int)
        elif token == '"':
            break  # a string that is not finished
        elif token[0] == '"' and not named:
            steps[-1], named = _unescaped(token), True
    return [str(step) for step in steps]


def pointer_to(steps: Iterable[str | None]) -> str:
    """The JSON pointer of a path; `*` for steps that are not known."""
    return "".join("/" + ("*" if step is None else step.replace("~", "~0").replace("/", "~1")) for step in steps)


def _unescaped(token: str) -> str:
    try:
        return str(json.loads(token, strict=False))
    except ValueError:
        return token[1:-1]
