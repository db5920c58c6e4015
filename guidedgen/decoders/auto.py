"""`Auto`: speculation that watches what it costs and what it gains, and pauses where it does not pay.

A step with drafts costs more than a plain one by what further rows cost on this machine, and gains the accepted tokens.
Whether that pays depends on the constraint (what is forced), the prompt (what can be copied), the batch (rows that
others fill already) and the machine; all of them show in two numbers that every step knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field, replace

from guidedgen.decoders.base import Cancelled, Chunk, LogitsSource
from guidedgen.decoders.drafters import DRAFTERS, Drafter, DraftSession, Outcome, Request, Setting
from guidedgen.decoders.mix.base import Mix
from guidedgen.decoders.policies.base import Cost
from guidedgen.decoders.policies.measured import costs_of
from guidedgen.decoders.precision import fastest
from guidedgen.decoders.speculative import Speculative
from guidedgen.decoders.tree import ROOT, DraftTree
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.sampler.trace import Trace

_NOTHING = DraftTree(tokens=(), parents=())
_MEMORY = 0.8  # how much of what was gained before counts beside the last step
_LOSS = -1.0  # plain steps lost before a lane pauses
_FIRST_PAUSE, _LONGEST_PAUSE = 4, 64  # steps
_PROBATION = 0.7
_TRIAL = 4  # drafted tokens after a pause
_CREDIT, _SHARE = 2.0, 0.03  # plain steps that may be lost in all: so many, and this share of those of the text


@dataclass(frozen=True, kw_only=True)
class Auto:
    """Speculate while it pays: over a whole text at most two plain steps and 3 % are lost, by the table of costs.

    The text is plain decoding's, unless a `loss` is allowed. `result.trace.notes` says what was chosen and why. Costs
    are those that `guidedgen models costs NAME` has measured on this machine; without them a row is assumed to cost a
    twentieth of the first.

    Args:
        drafter: what proposes tokens, or its name; one that draws nothing.
        most: drafted tokens a step for each sequence.
        loss: most nats a token by which the model may be changed, on average (a divergence, see `precision`): above 0
            lets weights of fewer bits write where they are faster on this machine. 0.02 is about what 8 bits cost.
            Texts are then that model's, and `result.trace.approximate` says so.
        mix: see `Plain`.

    Raises:
        ValueError: the drafter's name is not known, or the loss is below 0.
    """

    drafter: Drafter | str = "forced+copy"
    most: int = 16
    loss: float = 0.0
    mix: tuple[Mix, ...] = field(default=())

    def __post_init__(self) -> None:
        """Check name and numbers."""
        Speculative(drafter=self.drafter, most=self.most)
        if not self.loss >= 0:
            raise ValueError(f"loss={self.loss!r} must be at least 0")

    def run(
        self,
        sampler: LogitsSource,
        sequences: ListOf[Sequence],
        sampling: Sampling,
        *,
        cancelled: Cancelled | None = None,
    ) -> Iterator[Chunk]:
        """See `Strategy.run`. Raises what `Plain.run` does."""
        rows, note = 1 + self.most, sampler.trace.note
        if self.loss and sequences:
            sampler = fastest(sampler, sequences[0], loss=self.loss, rows=rows, note=note)
        cost, told = costs_of(sampler.model)
        name = self.drafter if isinstance(self.drafter, str) else type(self.drafter).__name__
        note(f"drafts by {name}, up to {self.most}; {rows} rows cost {cost(rows) / cost(1):.2f} of one ({told})")
        inner = DRAFTERS[self.drafter] if isinstance(self.drafter, str) else self.drafter
        cautious = Cautious(inner, cost=cost, note=note)
        strategy = Speculative(drafter=cautious, most=self.most, mix=self.mix)
        yield from strategy.run(sampler, sequences, sampling, cancelled=cancelled)
        note(_told(list(cautious.accounts.values()), sampler.trace.snapshot()))


def _told(accounts: ListOf[_Account], trace: Trace) -> str:
    """What came of it: the constraint's part, and that of the drafts."""
    committed = trace.total("committed")
    share = trace.total("forced") / committed if committed else 0.0
    drafted, accepted = (sum(getattr(account, name) for account in accounts) for name in ("drafted", "accepted"))
    gained = sum(account.balance for account in accounts)
    return (
        f"{share:.0%} of the tokens were forced; {accepted} of {drafted} drafted ones were accepted: "
        f"{gained:+.1f} plain steps by these costs"
    )


@dataclass(frozen=True)
class Cautious:
    """A drafter that pauses for sequences where drafts cost more than they gain.

    Args:
        inner: the drafter.
        cost: rows -> seconds of a forward, in any unit.
        note: told when a sequence pauses for the first time.
    """

    inner: Drafter
    cost: Cost
    note: Callable[[str], None] = lambda text: None
    accounts: dict[int, _Account] = field(default_factory=dict, compare=False)  # by sequence, of the last run

    def open(self, setting: Setting) -> CautiousSession:
        """See `Drafter.open`."""
        self.accounts.clear()
        return CautiousSession(self.inner.open(setting), self.cost, self.note, self.accounts)


@dataclass
class _Account:
    """What drafting has brought one sequence lately, in plain steps."""

    score: float = 0.0
    rest: int = 0  # steps to pause
    pause: int = _FIRST_PAUSE  # the next one
    drafted: int = 0
    accepted: int = 0
    plain: int = 0  # steps that plain decoding would have taken so far
    balance: float = 0.0  # gained since the beginning

    @property
    def allowance(self) -> float:
        """What may be lost on the next draft: the text as a whole never loses more than its share."""
        return _CREDIT + _SHARE * self.plain + self.balance


class CautiousSession:
    """`Cautious` at work."""

    def __init__(
        self, inner: DraftSession, cost: Cost, note: Callable[[str], None], accounts: dict[int, _Account]
    ) -> None:
        self._inner = inner
        self._cost = cost
        self._note = note
        self._accounts = accounts
        self._lanes = 1

    def propose(self, requests: ListOf[Request]) -> list[DraftTree]:
        """See `DraftSession.propose`."""
        self._lanes = max(1, len(requests))
        trees = [_NOTHING] * len(requests)
        asking: list[int] = []
        for place, request in enumerate(requests):
            account = self._accounts.setdefault(request.lane, _Account())
            account.rest -= 1
            account.plain += 1
            if account.rest < 0:
                asking.append(place)
        asked = [(place, request) for place in asking if (request := self._limited(requests[place])).most]
        if asked:
            found = self._inner.propose([request for _, request in asked])
            for (place, _), tree in zip(asked, found, strict=True):
                trees[place] = tree
        return trees

    def observe(self, outcome: Outcome) -> None:
        """See `DraftSession.observe`: the account of the sequence, then the drafter."""
        self._inner.observe(outcome)
        tree, account = outcome.tree, self._accounts.setdefault(outcome.lane, _Account())
        if not len(tree):
            return
        chosen = 0 if outcome.node == ROOT else sum(node not in tree.forced for node in tree.path(outcome.node))
        account.drafted += len(tree) - len(tree.forced)
        account.accepted += chosen
        extra = self._extra(len(tree))
        account.plain += chosen
        account.balance += chosen - extra
        account.score = _MEMORY * account.score + chosen - extra
        bound = _LOSS * min(1.0, 2 * extra)
        if account.score < bound:
            self._pause(account)
            account.score = _PROBATION * bound  # the next failure pauses again
        elif account.score > 0:
            account.pause = _FIRST_PAUSE

    def _extra(self, drafted: int) -> float:
        """What so many drafted tokens for each sequence cost, in plain steps."""
        own = self._lanes  # rows of a step without drafts
        return self._cost(own * (1 + drafted)) / self._cost(own) - 1

    def _limited(self, request: Request) -> Request:
        """No draft is larger than what may be lost on it; a trial after a pause is a small one."""
        account = self._accounts[request.lane]
        most = min(request.most, _TRIAL) if account.pause > _FIRST_PAUSE else request.most
        while most and self._extra(most) > account.allowance:
            most -= 1
        return replace(request, most=most)

    def _pause(self, account: _Account) -> None:
        if account.pause == _FIRST_PAUSE:
            self._note(f"drafts paused: {account.accepted} of {account.drafted} were accepted, too few for their rows")
        account.rest = account.pause
        account.pause = min(2 * account.pause, _LONGEST_PAUSE)
