"""Why no value is valid: what an `UnsatisfiableSchema` error will say."""

from __future__ import annotations

from dataclasses import dataclass

from guidedgen.errors import UnsatisfiableSchema


@dataclass(frozen=True, slots=True)
class Reason:
    """A contradiction between the keywords at `pointers`."""

    message: str
    pointers: tuple[str, ...]

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
