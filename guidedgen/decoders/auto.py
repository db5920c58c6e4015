"""`Auto`: drafts what promises most at the costs of this machine, and nothing where nothing pays.

A step with drafts costs more than a plain one by what further rows cost here, and gains the accepted tokens. What can
be gained depends on the constraint (what is forced, among how few tokens a choice is), on the prompt (what is
repeated), on the batch (rows that others fill already) and on the machine; `automatic` weighs all of it at every step.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field
from typing import Literal, get_args

from guidedgen.decoders.automatic.account import Account
from guidedgen.decoders.automatic.cautious import Cautious
from guidedgen.decoders.automatic.choosing import Choosing
from guidedgen.decoders.automatic.report import told
from guidedgen.decoders.base import Cancelled, Chunk, LogitsSource
from guidedgen.decoders.drafters import DRAFTERS, Drafter
from guidedgen.decoders.mix.base import Mix
from guidedgen.decoders.policies.base import Cost
from guidedgen.decoders.policies.measured import costs_of
from guidedgen.decoders.precision import fastest
from guidedgen.decoders.speculative import Speculative
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.sampler.trace import Trace

Models = Literal["loaded", "cached"]


@dataclass(frozen=True, kw_only=True)
class Auto:
    """Draft what pays: over a whole text at most two plain steps and 3 % are lost, by the table of costs.

    Without a `drafter`, every step weighs what the constraint dictates and what little it allows, what followed the
    last tokens before, the model's own runners-up, and models that draft where they are at hand, and drafts the tree or
    chain with the most expected tokens for its cost; how often each is right is learned while the text is written.

    The text is plain decoding's, unless a `loss` is allowed. `result.trace.notes` says what was chosen and why. Costs
    are those that `guidedgen models costs NAME` has measured on this machine; without them a row is assumed to cost a
    twentieth of the first.

    Args:
        drafter: what alone proposes tokens, or its name; one that draws nothing. None chooses at every step.
        most: drafted tokens a step for each sequence.
        loss: most nats a token by which the model may be changed, on average (a divergence, see `precision`): above 0
            lets weights of fewer bits write where they are faster on this machine. 0.02 is about what 8 bits cost.
            Texts are then that model's, and `result.trace.approximate` says so.
        models: which models may draft (`few-bits`, `trained`): "loaded" takes those that are in memory already,
            "cached" also loads them from the user's cache at the first call, which takes that once, and memory.
        mix: see `Plain`.

    Raises:
        ValueError: the drafter's name is not known, the loss is below 0, or `models` is neither of both.
    """

    drafter: Drafter | str | None = None
    most: int = 24
    loss: float = 0.0
    models: Models = "loaded"
    mix: tuple[Mix, ...] = field(default=())

    def __post_init__(self) -> None:
        """Check name and numbers."""
        if self.drafter is not None:
            Speculative(drafter=self.drafter)
        if self.most < 0:
            raise ValueError(f"most={self.most!r} must be at least 0")
        if not self.loss >= 0:
            raise ValueError(f"loss={self.loss!r} must be at least 0")
        if self.models not in get_args(Models):
            raise ValueError(f"models={self.models!r} must be one of {', '.join(get_args(Models))}")

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
        cost, source = costs_of(sampler.model)
        chooser = self._chooser(cost, sampler)
        note(f"{self._named()}, up to {self.most}; {rows} rows cost {cost(rows) / cost(1):.2f} of one ({source})")
        strategy = Speculative(drafter=chooser, most=self.most, mix=self.mix)
        yield from strategy.run(sampler, sequences, sampling, cancelled=cancelled)
        trace = sampler.trace.snapshot()
        if isinstance(chooser, Choosing):
            for line in told(chooser.counts, chooser.accounts, trace):
                note(line)
        else:
            note(_told(chooser.accounts, trace))

    def _named(self) -> str:
        if self.drafter is None:
            return "drafts what promises most"
        return f"drafts by {self.drafter if isinstance(self.drafter, str) else type(self.drafter).__name__}"

    def _chooser(self, cost: Cost, sampler: LogitsSource) -> Choosing | Cautious:
        """What drafts, and keeps the accounts."""
        note = sampler.trace.note
        if self.drafter is None:
            return Choosing(cost, self.most, load=self.models == "cached", note=note)
        inner = DRAFTERS[self.drafter] if isinstance(self.drafter, str) else self.drafter
        return Cautious(inner, cost, self.most, note)


def _told(accounts: ListOf[Account], trace: Trace) -> str:
    """What came of the drafts of one drafter: the constraint's part, and theirs."""
    committed = trace.total("committed")
    share = trace.total("forced") / committed if committed else 0.0
    drafted, accepted = (sum(getattr(account, name) for account in accounts) for name in ("drafted", "accepted"))
    gained = sum(account.balance for account in accounts)
    return (
        f"{share:.0%} of the tokens were forced; {accepted} of {drafted} drafted ones were accepted: "
        f"{gained:+.1f} plain steps by these costs"
    )
