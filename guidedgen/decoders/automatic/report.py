"""Why what was drafted was drafted: counts of a run, told in a few lines of `trace.notes`."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field

from guidedgen.decoders.automatic.account import Account
from guidedgen.decoders.automatic.growing import ONLY
from guidedgen.decoders.tree import DraftTree
from guidedgen.sampler.trace import Trace

NOTHING = "nothing"
_WINDOW = 4  # steps of which the leading source is told
_SWITCHES = 8


@dataclass
class Counts:
    """What was seen while one sequence was written."""

    steps: int = 0
    idle: int = 0  # steps without a draft: none was worth its rows
    trees: int = 0  # drafts that were no chain
    allowed: list[int] = field(default_factory=list)  # tokens, at each step
    repeated: int = 0  # chosen tokens that had followed the same run before
    chosen: int = 0
    drafted: Counter[str] = field(default_factory=Counter)  # by source
    accepted: Counter[str] = field(default_factory=Counter)
    switches: list[tuple[int, str]] = field(default_factory=list)  # token, source that leads from there on
    _recent: list[str] = field(default_factory=list)

    def step(self, place: int, sources: ListOf[str], tree: DraftTree) -> None:
        """A step was planned, `place` tokens after the prompt, with a draft whose tokens have these sources."""
        self.steps += 1
        self.idle += not sources
        self.trees += len(set(tree.parents)) < len(tree)
        for name in sources:
            self.drafted[name] += 1
        self._recent = [*self._recent[1 - _WINDOW :], sources[0] if sources else NOTHING]
        leader = max(self._recent, key=self._recent.count)
        known = self.switches[-1][1] if self.switches else ""
        if leader != known and (not known or self._recent.count(leader) > _WINDOW // 2):
            self.switches.append((place, leader))


def told(counts: ListOf[Counts], accounts: ListOf[Account], trace: Trace) -> list[str]:
    """What came of it, and why."""
    committed = trace.total("committed")
    share = trace.total("forced") / committed if committed else 0.0
    steps, idle = sum(count.steps for count in counts), sum(count.idle for count in counts)
    allowed = [number for count in counts for number in count.allowed]
    chosen, repeated = sum(count.chosen for count in counts), sum(count.repeated for count in counts)
    lines = [
        f"{share:.0%} of the tokens were forced; half of the choices were among {_median(allowed)} tokens or fewer; "
        f"{repeated / max(1, chosen):.0%} of the chosen tokens had followed the same tokens before"
    ]
    drafted, accepted = Counter[str](), Counter[str]()
    for count in counts:
        drafted += count.drafted
        accepted += count.accepted
    if drafted:
        named = [(name, number) for name, number in drafted.most_common() if name != ONLY[0]]
        parts = ", ".join(f"{name} {accepted[name]} of {number}" for name, number in named)
        trees = sum(count.trees for count in counts)
        lines.append(f"accepted: {parts}; {trees} of {steps - idle} drafts were trees")
    lines += [line for number, count in enumerate(counts[:2]) if (line := _switched(count, number, len(counts)))]
    gained = sum(account.balance for account in accounts)
    lines.append(f"{idle} of {steps} steps had no draft worth its rows; {gained:+.1f} plain steps by these costs")
    return lines


def _median(numbers: list[int]) -> int:
    return int(statistics.median(numbers)) if numbers else 0


def _switched(count: Counts, number: int, texts: int) -> str:
    if len(count.switches) < 2:
        return ""
    parts = ", ".join(f"{name} from token {place} on" for place, name in count.switches[:_SWITCHES])
    more = f", {len(count.switches) - _SWITCHES} further changes" if len(count.switches) > _SWITCHES else ""
    return f"what led{f' in text {number}' if texts > 1 else ''}: {parts}{more}"
