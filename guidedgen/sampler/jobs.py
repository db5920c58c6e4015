"""Jobs: what one call of the sampler has to compute below one cached prefix, as a chain or as a tree of rows.

Pure bookkeeping over cache nodes and row numbers; computes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Sequence as ListOf
from dataclasses import dataclass

import torch

from guidedgen.sampler.cache import Node


@dataclass
class Job:
    """Rows of one segment: what is cached (`tip`), and what has to be computed, parents before children.

    Args:
        tip: the deepest cached node before all rows.
        missing: tokens of the rows that are left.
        answers: by row, counted from the job's first: which entries of the call its logits answer.
        parents: of a tree: by row the row before it, -1 for the tip; None is a chain.
        again: cached already, but wanted: its row, the first of those missing, is computed once more, in place.
        done: rows of a chain that earlier forwards computed.
        ahead: nobody waits for its answers: it takes the rows that others leave.
    """

    tip: Node
    missing: tuple[int, ...]
    answers: dict[int, list[int]]
    parents: tuple[int, ...] | None = None
    again: Node | None = None
    done: int = 0
    ahead: bool = False

    @property
    def key(self) -> tuple[int, int]:
        """Equal for chains that would compute the same first row."""
        return id(self.tip), self.missing[0]

    def answer(self, other: Job) -> bool:
        """Take over the answers of a chain that would begin alike, where it lies on the way of this one."""
        on_the_way = self.missing[: len(other.missing)] == other.missing
        if on_the_way:
            for row, entries in other.answers.items():
                self.answers.setdefault(row, []).extend(entries)
        return on_the_way

    def branch(self) -> Job:
        """The chain of a tree's last row alone: what can be computed where there is no room for all of it."""
        assert self.parents is not None
        way = [len(self.missing) - 1]
        while self.parents[way[-1]] >= 0:
            way.append(self.parents[way[-1]])
        way.reverse()
        answers = {own: self.answers[row] for own, row in enumerate(way) if row in self.answers}
        return Job(self.tip, tuple(self.missing[row] for row in way), answers)


@dataclass(frozen=True)
class Part:
    """The rows of one job in one forward."""

    job: Job
    tokens: tuple[int, ...]
    slots: list[int]
    base: list[int] | None = None  # slots for the base that is due behind it

    def wanted(self) -> list[int]:
        """Which of its rows answer something, ascending, counted from its first."""
        start = self.job.done
        return sorted(row - start for row in self.job.answers if start <= row < start + len(self.tokens))

    def positions(self) -> list[int]:
        """The position of each row's token in its sequence."""
        depth = self.job.tip.depth
        if self.job.parents is None:
            return list(range(depth, depth + len(self.tokens)))
        positions: list[int] = []
        for parent in self.job.parents:
            positions.append(depth if parent < 0 else positions[parent] + 1)
        return positions

    def ancestors(self) -> torch.Tensor | None:
        """Which rows each row sees, itself included [n, n] bool; None for a chain."""
        if self.job.parents is None:
            return None
        seen = torch.eye(len(self.tokens), dtype=torch.bool)
        for row, parent in enumerate(self.job.parents):
            if parent >= 0:
                seen[row] |= seen[parent]
        return seen


def waves_of(
    jobs: Iterable[Job], *, most_rows: int, trees: bool, room: Callable[[Node], int] = lambda _: 1 << 62
) -> list[Job]:
    """The jobs that can be computed together: no two of them begin with the same uncached row.

    Args:
        jobs: one chain for each sequence.
        most_rows: rows in one forward; larger trees are computed branch by branch instead.
        trees: whether branches below one prefix may share a segment.
        room: rows on one branch below a node.
    """
    if trees:
        jobs = _planted(jobs, most_rows, room)
    wave: dict[tuple[int, int], Job] = {}
    for job in sorted(jobs, key=lambda job: -len(job.missing)):  # the longest answers those on its way
        first = wave.setdefault(job.key, job)
        if first is not job and first.parents is None and job.parents is None:
            first.answer(job)
    return list(wave.values())[::-1]


def _planted(jobs: Iterable[Job], most_rows: int, room: Callable[[Node], int]) -> list[Job]:
    """The jobs, with those below one prefix joined to a tree where that has branches and fits into one forward."""
    groups: dict[int, list[Job]] = {}
    planted = []
    for job in jobs:
        if job.again is not None:
            planted.append(job)
        else:
            groups.setdefault(id(job.tip), []).append(job)
    for group in groups.values():
        deepest = max(len(job.missing) for job in group)
        tree = _tree(group) if len(group) > 1 and deepest <= room(group[0].tip) else None
        fits = tree is not None and len(tree.missing) <= most_rows
        planted += [tree] if tree is not None and fits else group
    return planted


def _tree(chains: ListOf[Job]) -> Job:
    """All chains below one tip as one tree, rows in the order in which the chains first reach them."""
    rows: dict[tuple[int, int], int] = {}  # (row before, token) -> row
    tokens: list[int] = []
    parents: list[int] = []
    answers: dict[int, list[int]] = {}
    for chain in chains:
        row, passed = -1, []
        for token in chain.missing:
            known = rows.get((row, token))
            if known is None:
                known = rows[row, token] = len(tokens)
                tokens.append(token)
                parents.append(row)
            row = known
            passed.append(row)
        for own, entries in chain.answers.items():
            answers.setdefault(passed[own], []).extend(entries)
    branching = any(parent != row - 1 for row, parent in enumerate(parents))
    return Job(chains[0].tip, tuple(tokens), answers, tuple(parents) if branching else None)
