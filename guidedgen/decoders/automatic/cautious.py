"""Any drafter, paused where it does not pay: what comes of its drafts is all that is known of it."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field, replace

from guidedgen.decoders.automatic.account import Account, Prices, affordable
from guidedgen.decoders.drafters.base import Drafter, DraftSession, Outcome, Request, Setting
from guidedgen.decoders.policies.base import Cost
from guidedgen.decoders.tree import DraftTree

_NOTHING = DraftTree(tokens=(), parents=())
_MEMORY = 0.8  # how much of what was gained before counts beside the last step
_LOSS = -1.0  # plain steps lost before a lane pauses
_FIRST_PAUSE, _LONGEST_PAUSE = 4, 64  # steps
_PROBATION = 0.7
_TRIAL = 4  # drafted tokens after a pause


@dataclass
class _Lane:
    account: Account = field(default_factory=Account)
    score: float = 0.0  # what was gained lately
    rest: int = 0  # steps to pause
    pause: int = _FIRST_PAUSE  # the next one


@dataclass(frozen=True)
class Cautious:
    """A drafter that pauses for sequences where drafts cost more than they gain.

    Args:
        inner: the drafter.
        cost: rows -> seconds of a forward, in any unit.
        most: drafted tokens for each sequence, at most.
        note: told when a sequence pauses for the first time.
    """

    inner: Drafter
    cost: Cost
    most: int
    note: Callable[[str], None] = lambda text: None
    lanes: dict[int, _Lane] = field(default_factory=dict, compare=False)  # of the last run

    @property
    def accounts(self) -> list[Account]:
        """Of the sequences of the last run."""
        return [lane.account for lane in self.lanes.values()]

    def open(self, setting: Setting) -> CautiousSession:
        """See `Drafter.open`."""
        self.lanes.clear()
        return CautiousSession(self.inner.open(setting), Prices(self.cost, self.most), self.note, self.lanes)


class CautiousSession:
    """`Cautious` at work."""

    def __init__(
        self, inner: DraftSession, prices: Prices, note: Callable[[str], None], lanes: dict[int, _Lane]
    ) -> None:
        self._inner = inner
        self._prices = prices
        self._note = note
        self._lanes = lanes
        self._now = prices.of(1)

    def propose(self, requests: ListOf[Request]) -> list[DraftTree]:
        """See `DraftSession.propose`."""
        self._now = self._prices.of(max(1, len(requests)))
        trees = [_NOTHING] * len(requests)
        asked: list[tuple[int, Request]] = []
        for place, request in enumerate(requests):
            lane = self._lanes.setdefault(request.lane, _Lane())
            lane.rest -= 1
            lane.account.plain += 1
            if lane.rest < 0 and (limited := self._limited(request, lane)).most:
                asked.append((place, limited))
        if asked:
            found = self._inner.propose([request for _, request in asked])
            for (place, request), tree in zip(asked, found, strict=True):
                trees[place] = replace(tree, room=request.most)
        return trees

    def observe(self, outcome: Outcome) -> None:
        """See `DraftSession.observe`: the account of the sequence, then the drafter."""
        self._inner.observe(outcome)
        lane = self._lanes.setdefault(outcome.lane, _Lane())
        if not len(outcome.tree):
            return
        extra = self._now[min(len(outcome.tree), len(self._now) - 1)] - 1
        chosen = lane.account.book(outcome, extra)
        lane.score = _MEMORY * lane.score + chosen - extra
        bound = _LOSS * min(1.0, 2 * extra)
        if lane.score < bound:
            self._pause(lane)
            lane.score = _PROBATION * bound  # the next failure pauses again
        elif lane.score > 0:
            lane.pause = _FIRST_PAUSE

    def _limited(self, request: Request, lane: _Lane) -> Request:
        """No draft is larger than what may be lost on it; a trial after a pause is a small one."""
        most = min(request.most, _TRIAL) if lane.pause > _FIRST_PAUSE else request.most
        return replace(request, most=min(most, affordable(self._now, lane.account.allowance)))

    def _pause(self, lane: _Lane) -> None:
        if lane.pause == _FIRST_PAUSE:
            account = lane.account
            self._note(f"drafts paused: {account.accepted} of {account.drafted} were accepted, too few for their rows")
        lane.rest = lane.pause
        lane.pause = min(2 * lane.pause, _LONGEST_PAUSE)
