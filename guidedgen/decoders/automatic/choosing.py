"""Step by step: the draft that promises most, whoever drafts it, as long as the account of the sequence can bear it."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field, replace

from guidedgen.decoders.automatic.account import Account, Prices, affordable
from guidedgen.decoders.automatic.foresight import Foresight
from guidedgen.decoders.automatic.growing import Plan
from guidedgen.decoders.automatic.helpers import Helper, helpers_of
from guidedgen.decoders.automatic.report import Counts
from guidedgen.decoders.automatic.sources import Allowed, Grounds, Recycled
from guidedgen.decoders.drafters.base import Outcome, Request, Setting
from guidedgen.decoders.drafters.grammar import ForcedSession
from guidedgen.decoders.policies.base import Cost
from guidedgen.decoders.tree import ROOT, DraftTree

_NOTHING = DraftTree(tokens=(), parents=())
_BETTER = 1.05  # times faster a model's draft must promise to be than what is looked up
_BYTES = 200  # that a constraint dictates, at most


@dataclass
class _Lane:
    foresight: Foresight
    account: Account = field(default_factory=Account)
    counts: Counts = field(default_factory=Counts)
    read: dict[str, int] = field(default_factory=dict)  # by helper, tokens of the text that it has read
    grounds: tuple[Grounds, ...] = ()  # of its tokens
    helper: Helper | None = None  # who drafts now
    length: int = 0  # how long its chain may be
    unread: int = 0  # tokens that it had not seen
    beside: float = 0.0  # what that costs, in plain steps
    tree: DraftTree = _NOTHING  # the present draft

    def helped(self, tree: DraftTree, live: int) -> None:
        """The helper has drafted: a level more than it has tokens where it was unsure."""
        if self.helper is not None:
            self.grounds = tuple(self.helper.grounds(depth) for depth in tree.depths)
            self.beside = self.helper.drafting(min(self.length, len(tree) + 1), live, self.unread)


@dataclass(frozen=True)
class Choosing:
    """A drafter that chooses among all that need no training, and the models that are at hand.

    Args:
        cost: rows -> seconds of a forward, in any unit.
        most: drafted tokens for each sequence, at most.
        load: whether models that draft may be loaded.
        note: told what models draft, and why others do not.
    """

    cost: Cost
    most: int
    load: bool = False
    note: Callable[[str], None] = lambda text: None
    lanes: dict[int, _Lane] = field(default_factory=dict, compare=False)  # of the last run

    @property
    def accounts(self) -> list[Account]:
        """Of the sequences of the last run."""
        return [lane.account for lane in self.lanes.values()]

    @property
    def counts(self) -> list[Counts]:
        """Of the sequences of the last run."""
        return [lane.counts for lane in self.lanes.values()]

    def open(self, setting: Setting) -> ChoosingSession:
        """See `Drafter.open`."""
        self.lanes.clear()
        helpers = helpers_of(setting, self.cost, load=self.load, note=self.note)
        for helper in helpers:
            self.note(f"{helper.name} may draft too: a token of it costs {helper.level(1):.2f} of a plain step")
        return ChoosingSession(setting, Prices(self.cost, self.most), helpers, self.lanes)


class ChoosingSession:
    """`Choosing` at work."""

    def __init__(self, setting: Setting, prices: Prices, helpers: list[Helper], lanes: dict[int, _Lane]) -> None:
        self._prices = prices
        self._helpers = helpers
        self._lanes = lanes
        self._dictated = ForcedSession(setting.vocabulary, _BYTES)
        self._allowed = Allowed(setting.vocabulary)
        self._recycled = Recycled()
        self._now = prices.of(1)

    def _lane(self, number: int) -> _Lane:
        if number not in self._lanes:
            self._lanes[number] = _Lane(Foresight(self._dictated, self._allowed, self._recycled))
        return self._lanes[number]

    def propose(self, requests: ListOf[Request]) -> list[DraftTree]:
        """See `DraftSession.propose`."""
        live = max(1, len(requests))
        self._now = self._prices.of(live)
        lanes = [self._lane(request.lane) for request in requests]
        trees = [self._planned(lane, request, live) for lane, request in zip(lanes, requests, strict=True)]
        for helper in self._helpers:
            asked = [place for place, lane in enumerate(lanes) if lane.helper is helper]
            if asked:
                drafted = helper.propose([(requests[place], lanes[place].length) for place in asked])
                for place, tree in zip(asked, drafted, strict=True):
                    lanes[place].helped(tree, live)
                    trees[place] = replace(trees[place], tokens=tree.tokens, parents=tree.parents)
        for lane, request, tree in zip(lanes, requests, trees, strict=True):
            lane.tree = tree
            lane.counts.step(
                request.tip.length - request.tip.prompt_length, [name for name, _, _ in lane.grounds], tree
            )
        return trees

    def _planned(self, lane: _Lane, request: Request, live: int) -> DraftTree:
        """What is looked up; where a model promises more, an empty tree with room for its draft."""
        lane.account.plain += 1
        room = min(request.most, affordable(self._now, lane.account.allowance))
        plan = lane.foresight.plan(request.tip, self._now[: room + 1])
        lane.counts.allowed.append(lane.foresight.count)
        lane.grounds, lane.beside = plan.grounds, 0.0
        lane.helper, lane.length = self._helper(lane, request, plan, live)
        if lane.helper is not None:
            return DraftTree(tokens=(), parents=(), room=room)
        return DraftTree(tokens=plan.tokens, parents=plan.parents, source=request.source, room=room)

    def _helper(self, lane: _Lane, request: Request, plan: Plan, live: int) -> tuple[Helper | None, int]:
        """The model that promises more than the plan, where the account can bear it, and the length of its chain."""
        chosen: tuple[Helper | None, int] = None, 0
        best, tip = plan.speed * _BETTER, request.tip.length
        for helper in self._helpers:
            if helper.name not in lane.read:
                lane.read[helper.name] = 0
                helper.meets(request)
                continue
            unread, allowance = tip - lane.read[helper.name], lane.account.allowance
            length, speed = helper.best(
                lane.foresight.beliefs, self._now[: request.most + 1], live, allowance=allowance, unread=unread
            )
            if length and speed > best:
                best, chosen, lane.unread = speed, (helper, length), unread
        if chosen[0] is not None:
            lane.read[chosen[0].name] = tip
        return chosen

    def observe(self, outcome: Outcome) -> None:
        """See `DraftSession.observe`: beliefs, candidates, the account and the counts of the sequence."""
        lane, tree = self._lane(outcome.lane), outcome.tree
        lane.foresight.learn(outcome.tip, lane.counts)
        if lane.helper is not None:
            lane.helper.learn(lane.foresight.beliefs, tree, outcome.node, lane.length)
        if self._recycled.wanted(lane.foresight.recycling(), self._now):
            last = outcome.base.token if outcome.node == ROOT else tree.tokens[outcome.node]
            self._recycled.learn(last, outcome.logits[outcome.node + 1])
        extra = self._now[min(len(tree), len(self._now) - 1)] - 1
        lane.account.book(outcome, extra + lane.beside)
        self._credit(lane, outcome)

    @staticmethod
    def _credit(lane: _Lane, outcome: Outcome) -> None:
        """Count the accepted tokens for their sources: the verified tree has forced tokens besides."""
        node = ROOT
        for step in [] if outcome.node == ROOT else outcome.tree.path(outcome.node):
            below = [
                child for child in lane.tree.children[node] if lane.tree.tokens[child] == outcome.tree.tokens[step]
            ]
            if not below:
                return
            node = below[0]
            lane.counts.accepted[lane.grounds[node][0]] += 1
