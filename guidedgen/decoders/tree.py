"""DraftTree: tokens that a drafter proposes after a sequence, with the distributions that they were drawn from.

A *node* is a proposed token, numbered from 0, parents before children. The *root* (-1) stands for the sequence itself.
Children of a node are in the order in which the drafter drew them. A tree is *deterministic* where its tokens were not
drawn: top tokens, copies, n-grams.
"""

from __future__ import annotations

from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field
from functools import cached_property

import torch

ROOT = -1


@dataclass(frozen=True, kw_only=True)
class DraftTree:
    """A tree of proposed tokens.

    Args:
        tokens: by node.
        parents: by node the node before it; `ROOT` for those that come first.
        drawn_from: by node of which children were drawn (`ROOT` included) the probabilities they were drawn with [V],
            after mask and warps; children of nodes that are not in it were not drawn.
        order: by node its children in the order in which they were drawn, where one of them was drawn more than once
            (with replacement); otherwise that of their numbers.
        forced: nodes that the constraint leaves no alternative to; not counted as drafts.
        source: which part of a combined drafter made it, for policies that learn; "" for a drafter that is whole.
        room: most nodes with the forced ones that are appended on the way; None leaves it to who asked.

    Raises:
        ValueError: parents do not come before children.
    """

    tokens: tuple[int, ...]
    parents: tuple[int, ...]
    drawn_from: dict[int, torch.Tensor] = field(default_factory=dict)
    order: dict[int, tuple[int, ...]] = field(default_factory=dict)
    forced: frozenset[int] = frozenset()
    source: str = ""
    room: int | None = None

    def __post_init__(self) -> None:
        """Check what verifiers rely on."""
        if len(self.tokens) != len(self.parents):
            raise ValueError(f"{len(self.tokens)} tokens and {len(self.parents)} parents: give each token one")
        late = [node for node, parent in enumerate(self.parents) if not ROOT <= parent < node]
        if late:
            raise ValueError(f"node {late[0]} comes before its parent {self.parents[late[0]]}: put parents first")

    @cached_property
    def children(self) -> dict[int, list[int]]:
        """By node (`ROOT` included) its children in the order in which they were drawn."""
        children: dict[int, list[int]] = {node: [] for node in range(ROOT, len(self.tokens))}
        for node, parent in enumerate(self.parents):
            children[parent].append(node)
        return children

    @cached_property
    def depths(self) -> tuple[int, ...]:
        """By node how many tokens it is after the root: 1 for its children."""
        depths: list[int] = []
        for parent in self.parents:
            depths.append(1 if parent == ROOT else depths[parent] + 1)
        return tuple(depths)

    def path(self, node: int) -> list[int]:
        """The nodes from the root's child to `node`."""
        way = []
        while node != ROOT:
            way.append(node)
            node = self.parents[node]
        return way[::-1]

    def __len__(self) -> int:
        """Number of proposed tokens."""
        return len(self.tokens)


def after_rejection(drawn_from: torch.Tensor, rejected: ListOf[int]) -> torch.Tensor:
    """What the next sibling is drawn from, without replacement: the rest of q, or where none is left all others alike.

    Args:
        drawn_from: what the first sibling was drawn from [V].
        rejected: tokens of the siblings before, in order.
    """
    rest = drawn_from.double().clone()
    rest[list(rejected)] = 0.0
    if not rest.sum() > 0:
        rest.fill_(1.0)
        rest[list(rejected)] = 0.0
    return rest / rest.sum().clamp(min=1e-300)


def chain(tokens: ListOf[int], *, forced: int = 0) -> DraftTree:
    """One token after another, not drawn; the first `forced` of them are forced."""
    parents = tuple(range(ROOT, len(tokens) - 1))
    return DraftTree(tokens=tuple(tokens), parents=parents, forced=frozenset(range(forced)))
