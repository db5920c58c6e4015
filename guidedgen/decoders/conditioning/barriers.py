"""Barriers: where particles wait for each other, so that those are compared that have come equally far.

After equally many *tokens* one particle may have closed a string, and paid for the form that must follow, where another
one is still writing its string, which costs nothing. The second looks better and is copied, though its payment is still
to come; at every field anew, those survive that ramble longest. Resampling at stopping times of the particles instead
of at fixed ones leaves the target as it is (Chen, Xie and Liu 2005, "Stopping-time resampling").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from guidedgen.constraint import AllOfState, State
from guidedgen.kernel.explain import places_of

Path: TypeAlias = tuple[str | None, ...]


def path_of(state: State) -> Path | None:
    """The path of the JSON value that is being written, outermost step first; None where a constraint knows of none."""
    for part in state.parts if isinstance(state, AllOfState) else (state,):
        places = places_of(part)  # type: ignore[arg-type]
        if places:
            return places[0].path
    return None


@dataclass(frozen=True, slots=True)
class Fields:
    """Counts the fields that a text has closed, however its tokens cut them.

    A field is closed where its path is left for one that does not lie in it. What closes with it counts no more: a
    bracket may be a token of its own or not.

    Args:
        path: where the text stands.
        closed: how many fields it has closed.
        inside: whether something was opened since the last one.
    """

    path: Path = ()
    closed: int = 0
    inside: bool = False

    def moved(self, path: Path) -> Fields:
        """After a step to another place, or to none."""
        if path == self.path:
            return self
        if _within(path, self.path):
            return Fields(path, self.closed, inside=True)
        return Fields(path, self.closed + self.inside, inside=not _within(self.path, path))


def _within(inner: Path, outer: Path) -> bool:
    return inner[: len(outer)] == outer
