"""What a policy is: it decides how many tokens are drafted, and after which nodes; drafters ask it.

A policy never decides which token is drafted. Where tokens are drawn it may therefore look at everything drawn so far
and the draft stays an honest sample; where it throws nodes away again (`Growth.kept`) it must take best tokens instead
(`Growth.best`), since throwing away a drawn token after a look at it would change its distribution.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from guidedgen.decoders.tree import ROOT

if TYPE_CHECKING:
    from guidedgen.decoders.drafters.base import Outcome, Request

Cost = Callable[[int], float]  # rows of one forward of the target -> seconds, or any other unit


def flat_cost(rows: int) -> float:
    """The shape of 16-bit matrix products on a CPU with matrix instructions: 32 rows cost a quarter more than one."""
    return 1.0 + 0.008 * (rows - 1)


@dataclass
class Grown:
    """A tree while it is drafted, as policies see it.

    Attributes:
        tokens: by node.
        parents: by node; `ROOT` for those that come first.
        depths: by node, 1 for the root's children.
        shares: by node, its probability after its parent under the drafter.
        values: by node, the product of the shares on the way to it.
        children: by node (`ROOT` included), in the order in which they were drafted.
        opened: nodes whose distribution is known: drafting more children there costs no forward.
        spent: nodes after which nothing more can be drafted.
    """

    tokens: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    children: dict[int, list[int]] = field(default_factory=lambda: {ROOT: []})
    opened: set[int] = field(default_factory=set)
    spent: set[int] = field(default_factory=set)

    def add(self, parent: int, token: int, share: float) -> int:
        """A new node, the next child of `parent`."""
        node = len(self.tokens)
        self.tokens.append(token)
        self.parents.append(parent)
        self.depths.append(self.depth(parent) + 1)
        self.shares.append(share)
        self.values.append(self.value(parent) * share)
        self.children[parent].append(node)
        self.children[node] = []
        return node

    def depth(self, node: int) -> int:
        """How many tokens a node is after the root; 0 for the root."""
        return 0 if node == ROOT else self.depths[node]

    def value(self, node: int) -> float:
        """Probability of the way to a node under the drafter; 1 for the root."""
        return 1.0 if node == ROOT else self.values[node]

    def left(self, node: int) -> float:
        """What the children of a node leave of its distribution."""
        return max(0.0, 1.0 - sum(self.shares[child] for child in self.children[node]))

    def level(self, depth: int) -> list[int]:
        """The nodes of a depth."""
        return [ROOT] if depth == 0 else [node for node, own in enumerate(self.depths) if own == depth]

    def __len__(self) -> int:
        """Number of drafted tokens."""
        return len(self.tokens)


class Growth(Protocol):
    """How one tree grows."""

    @property
    def best(self) -> bool:
        """Whether the drafter's best tokens are wanted, not drawn ones."""

    @property
    def most(self) -> int:
        """Nodes at any time; a draft that needs no tree (a copy) is cut to so many tokens."""

    def wants(self, tree: Grown) -> list[tuple[int, int]]:
        """Where to draft next: nodes with the number of further children, 0 to only learn the distribution there.

        Asked again after each round, until it wants nothing more. Nodes get fewer children where there are no more
        tokens, and are `spent` then.
        """

    def kept(self, tree: Grown) -> list[int]:
        """The nodes that are verified, ascending, parents included."""


class PolicySession(Protocol):
    """Mutable progress of one run."""

    def grow(self, request: Request, *, level_cost: float = 0.0) -> Growth:
        """How the tree of a request grows.

        Args:
            request: where drafts are wanted.
            level_cost: of one forward of the drafter, in forwards of the target over one row.
        """

    def observe(self, outcome: Outcome) -> None:
        """Learn what came of a tree."""


class Policy(Protocol):
    """Frozen settings."""

    @property
    def nodes(self) -> int | None:
        """Drafted tokens a step for each sequence, forced ones included; None leaves it to `Speculative.most`."""

    def open(self, cost: Cost) -> PolicySession:
        """A session for one run.

        Args:
            cost: of one forward of the target by its number of rows.
        """


class Unlearned:
    """A session that learns nothing."""

    def observe(self, outcome: Outcome) -> None:
        """See `PolicySession.observe`."""


class WholeTree:
    """A growth of which every node is verified."""

    best: bool = False

    def kept(self, tree: Grown) -> list[int]:
        """See `Growth.kept`."""
        return list(range(len(tree)))


def chain_length(growth: Growth) -> int:
    """How long a chain a growth lets grow where every token is certain: for drafts that need no forward."""
    chain = Grown()
    while len(chain) < growth.most:
        tip = len(chain) - 1  # the root is -1
        asked = dict(growth.wants(chain))
        if asked.get(tip):
            chain.opened.add(tip)
            chain.add(tip, 0, 1.0)
        elif tip in asked and tip not in chain.opened:
            chain.opened.add(tip)
        else:
            break
    return len(chain)


Extend = Callable[[list[tuple[int, int, int]]], None]


def grow_all(trees: ListOf[Grown], growths: ListOf[Growth], extend: Extend) -> None:
    """Let trees grow side by side until no growth wants anything more.

    Args:
        trees: empty ones, filled by `extend`.
        growths: one for each tree.
        extend: drafts children for (number of the tree, node, how many); opens those nodes, and marks as spent those
            that got fewer.
    """
    while True:
        wanted = [
            (number, node, min(count, growth.most - len(tree)))
            for number, (tree, growth) in enumerate(zip(trees, growths, strict=True))
            if len(tree) < growth.most
            for node, count in growth.wants(tree)
            if node not in tree.spent and (count or node not in tree.opened)
        ]
        if not wanted:
            return
        extend(_within(wanted, trees, growths))


def _within(
    wanted: list[tuple[int, int, int]], trees: ListOf[Grown], growths: ListOf[Growth]
) -> list[tuple[int, int, int]]:
    """The same with no tree above its growth's number of nodes."""
    room = {number: growths[number].most - len(trees[number]) for number, _, _ in wanted}
    fitting = []
    for number, node, count in wanted:
        granted = min(count, room[number])
        room[number] -= granted
        if granted or not count:
            fitting.append((number, node, granted))
    return fitting
