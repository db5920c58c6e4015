"""Why no value is valid: what an `UnsatisfiableSchema` error will say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from guidedgen.errors import UnsatisfiableSchema

_MADE: Final = re.compile(r" \([^/()]*\)$")  # what a complement is called: `1 (not 0)` is made of branch 1


@dataclass(frozen=True, slots=True)
class Reason:
    """A contradiction between the keywords at `pointers`."""

    message: str
    pointers: tuple[str, ...]

    def within(self, root: Any) -> Reason:
        """The same with pointers into a schema as it was written.

        The proof works with locations that it makes itself, such as complements: those stand where they come from.
        """
        return Reason(self.message, tuple(dict.fromkeys(written(root, pointer) for pointer in self.pointers)))

    def error(self) -> UnsatisfiableSchema:
        """The error for a schema that fails because of this."""
        first = self.pointers[0] if self.pointers else ""
        others = [f"#{pointer}" for pointer in self.pointers[1:] if pointer != first]
        message = self.message + (f"; see also {', '.join(others)}" if others else "")
        keyword = first.rsplit("/", 1)[-1] or None
        return UnsatisfiableSchema(
            message,
            pointer=first,
            keyword=keyword,
            hint="No value is valid: change one of them.",
            pointers=tuple(dict.fromkeys(self.pointers)),
        )


def written(root: Any, pointer: str) -> str:
    """The pointer, or as much of it as leads somewhere in a schema; other documents' are left as they are."""
    if not pointer.startswith("/"):
        return pointer
    value, found = root, ""
    for step in pointer.split("/")[1:]:
        for name in dict.fromkeys((step, _MADE.sub("", step))):
            inner = _member(value, name.replace("~1", "/").replace("~0", "~"))
            if inner is not None:
                found, value = f"{found}/{name}", inner[0]
                break
        else:
            return found
        if name != step:
            return found
    return found


def _member(value: Any, token: str) -> tuple[Any] | None:
    if isinstance(value, dict) and token in value:
        return (value[token],)
    if isinstance(value, list) and token.isdigit() and int(token) < len(value):
        return (value[int(token)],)
    return None
