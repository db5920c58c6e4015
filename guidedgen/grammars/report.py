"""What a compiled constraint enforces, keyword by keyword. A record of facts; it decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

Treatment: TypeAlias = Literal["exact", "guarded", "validated", "annotation", "relaxed"]
"""How a keyword is treated.

    exact       every mask enforces it
    guarded     enforced by a check beside the grammar, before the point of no return
    validated   not enforced by masks; `parse` checks the finished value
    annotation  says nothing about which values are valid (or was told not to, as `format` can be)
    relaxed     not enforced at all, because the caller asked for it with on_unsupported="relax"
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One keyword at one place of the schema; `note` says what a reader should know about it.

    `part` names the part of a larger output whose schema it is: a tool. It is empty where there is one schema.
    """

    pointer: str
    keyword: str
    treatment: Treatment
    note: str = ""
    part: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All keywords that the compiled schema reaches, in the order in which they were read.

    Keywords in definitions that nothing refers to are not listed: they say nothing about any value.
    """

    entries: tuple[Entry, ...] = ()
    _unproved: Callable[[], tuple[str, ...]] = field(default=tuple, compare=False, repr=False)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def treated(self, treatment: Treatment) -> tuple[Entry, ...]:
        """The entries with this treatment."""
        return tuple(entry for entry in self.entries if entry.treatment == treatment)

    @property
    def warnings(self) -> tuple[Entry, ...]:
        """Entries that somebody should look at: not enforced by masks, or unknown."""
        return tuple(entry for entry in self.entries if entry.note or entry.treatment in ("validated", "relaxed"))

    @property
    def exact(self) -> bool:
        """Whether every text that the masks allow is valid."""
        return not self.treated("validated") and not self.treated("relaxed")

    @property
    def unproved(self) -> tuple[str, ...]:
        """JSON pointers of objects and arrays where it is not proved that every text can be completed.

        No search for a completion ended within its budget there (`Limits.steps`), so tokens are allowed that may lead
        to a dead end. Schemas are explored as texts reach them: later there may be more. Every text that is complete
        is valid all the same. The root, an empty pointer, stands for a vocabulary with bytes that are no tokens by
        themselves (`Vocabulary.spells_text`): what is left of a text may then have no tokens, with any constraint.
        """
        return self._unproved()

    def with_unproved(self, pointer: str) -> Report:
        """The report with one more place where that is not proved."""
        return replace(self, _unproved=lambda: tuple(sorted({pointer, *self._unproved()})))
