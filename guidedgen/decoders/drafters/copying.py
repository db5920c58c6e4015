"""Drafts copied from the text so far: prompt and output repeat themselves and each other."""

from __future__ import annotations

from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from typing import Literal

from guidedgen.decoders.drafters.base import Outcome, Request, Setting
from guidedgen.decoders.drafters.history import History
from guidedgen.decoders.tree import DraftTree, chain


@dataclass(frozen=True, kw_only=True)
class Copy:
    """Where the last tokens occurred before, propose what followed them there.

    Source: Dumitru et al. 2025, "CopySpec" (first occurrence, runs of 3 to 5 tokens, 10 copied); the latest occurrence
    is what prompt lookup takes (Saxena 2023).

    Args:
        shortest: tokens of the shortest run that counts as the same place.
        longest: of the longest one that is looked for first.
        most: tokens copied at a time.
        occurrence: which one of several.
    """

    shortest: int = 2
    longest: int = 5
    most: int = 10
    occurrence: Literal["first", "latest"] = "latest"

    def __post_init__(self) -> None:
        """Check the settings."""
        if not 1 <= self.shortest <= self.longest:
            raise ValueError(f"shortest={self.shortest!r} must be at least 1 and at most longest={self.longest!r}")
        if self.most < 1:
            raise ValueError(f"most={self.most!r} must be at least 1")
        if self.occurrence not in ("first", "latest"):
            raise ValueError(f'occurrence={self.occurrence!r} must be "first" or "latest"')

    def open(self, setting: Setting) -> CopySession:
        """See `Drafter.open`."""
        return CopySession(self)


class CopySession:
    """The histories of one run's lanes."""

    def __init__(self, settings: Copy) -> None:
        self._settings = settings
        self._histories: dict[int, History] = {}

    def propose(self, requests: ListOf[Request]) -> list[DraftTree]:
        """See `DraftSession.propose`."""
        return [chain(self._continuation(request)) for request in requests]

    def _continuation(self, request: Request) -> list[int]:
        settings = self._settings
        history = self._histories.get(request.lane)
        if history is None:
            first = settings.occurrence == "first"
            history = self._histories[request.lane] = History(settings.shortest, settings.longest, keep_first=first)
        history.follow(request.tip)
        return history.continuation(request.length(settings.most))

    def observe(self, outcome: Outcome) -> None:
        """See `DraftSession.observe`."""
