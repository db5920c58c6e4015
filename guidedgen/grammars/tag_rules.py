"""Which tags may follow which: counts for each tag and for all, their order, and tags that end the text.

A *state* is what has to be remembered of the tags so far, no more: counts stop where they make no difference any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

State: TypeAlias = tuple[int, ...]  # how many came of each tag, how many in all, the first tag that may come, ended


@dataclass(frozen=True, kw_only=True)
class Counts:
    """At least and at most so many (None: no limit)."""

    least: int = 0
    most: int | None = None

    def after(self, count: int) -> int | None:
        """The count after one more; None where that is too many."""
        if self.most is None:
            return min(count + 1, self.least)
        return count + 1 if count < self.most else None

    def reached(self, count: int) -> bool:
        """Whether it may stop at this count."""
        return count >= self.least


@dataclass(frozen=True, kw_only=True)
class TagRules:
    """The rules for the tags of one text, which are numbered.

    Attributes:
        tags: for each tag.
        total: for all together.
        ordered: whether no tag may follow one of a higher number.
        last: tags that end the text.
    """

    tags: tuple[Counts, ...]
    total: Counts
    ordered: bool
    last: frozenset[int]

    def start(self) -> State:
        """No tags yet."""
        return (*(0 for _ in self.tags), 0, 0, 0)

    def after(self, state: State, tag: int) -> State | None:
        """The state after one more tag; None where it may not come."""
        *counts, total, first, ended = state
        count, in_all = self.tags[tag].after(counts[tag]), self.total.after(total)
        if count is None or in_all is None or ended or tag < first:
            return None
        counts[tag] = count
        return (*counts, in_all, tag if self.ordered else 0, int(tag in self.last))

    def complete(self, state: State) -> bool:
        """Whether the text may end."""
        *counts, total, _, _ = state
        enough = all(rule.reached(count) for rule, count in zip(self.tags, counts, strict=True))
        return enough and self.total.reached(total)

    def ended(self, state: State) -> bool:
        """Whether the text has to end."""
        return bool(state[-1])

    def following(self, state: State) -> Iterator[tuple[int, State]]:
        """The tags that may come, and the state after each."""
        for tag in range(len(self.tags)):
            after = self.after(state, tag)
            if after is not None:
                yield tag, after
