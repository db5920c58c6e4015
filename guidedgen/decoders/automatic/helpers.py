"""Models that draft: the model's own weights in few bits, and a drafter that was trained for it.

They are asked where they are in memory already, or where their loading was allowed. What a level of them costs says the
table of costs: the reading of one row by them beside one by the model. How often each level is right is learned.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, replace

from guidedgen.decoders.automatic.beliefs import Beliefs
from guidedgen.decoders.drafters import FewBits, Trained
from guidedgen.decoders.drafters.base import Drafter, DraftSession, Request, Setting
from guidedgen.decoders.policies.base import Cost, Growth, Unlearned
from guidedgen.decoders.policies.confident import ConfidentGrowth
from guidedgen.decoders.policies.measured import assumed_cost
from guidedgen.decoders.tree import ROOT, DraftTree
from guidedgen.errors import ModelError
from guidedgen.models.base import LanguageModel
from guidedgen.models.small_drafters import drafter_in_memory, few_bits_in_memory, load_drafter, load_few_bits
from guidedgen.sampler.costs import known_costs

_BESIDE = 0.1  # of a plain step: masks and distributions of a level
_LONGEST = 8
_FIFTH = 0.2
_SURE, _SURE_GREEDY = 0.6, 0.2  # a chain ends where its best token has less: a drawn token may well be another


@dataclass
class Helper:
    """A model that drafts chains.

    Args:
        name: of the drafter.
        session: of this run.
        level: cost of reading so many rows by it, in plain steps.
        own_cache: whether it reads texts itself, and does not see what the model has read.
        sure: a chain ends where its best token has less.
    """

    name: str
    session: DraftSession
    level: Callable[[int], float]
    own_cache: bool
    sure: float

    def meets(self, request: Request) -> None:
        """The first request for a text: a view of the model waits until the model has read the prompt."""
        if not self.own_cache:
            self.session.propose([replace(request, most=1, policy=_Lengths(1, self.sure))])

    def best(
        self, beliefs: Beliefs, prices: ListOf[float], lanes: int, *, allowance: float, unread: int
    ) -> tuple[int, float]:
        """The length of the chain with the most tokens for its cost, and that speed; 0 where none pays.

        Args:
            beliefs: about this text.
            prices: of verifying so many drafted tokens, in plain steps.
            lanes: sequences that are drafted for together.
            allowance: what the draft may lose.
            unread: tokens that it has not seen.
        """
        reached, gain, best, length = 1.0, 0.0, 1.0, 0
        for depth in range(1, min(_LONGEST, len(prices) - 1) + 1):
            reached *= beliefs.chance(self.grounds(depth))
            gain += reached
            price = prices[depth] + self.drafting(depth, lanes, unread)
            if price - 1 > allowance:
                break
            if (1 + gain) / price > best:
                best, length = (1 + gain) / price, depth
        return length, best

    def drafting(self, levels: int, lanes: int, unread: int) -> float:
        """The cost of a chain of so many levels, in plain steps."""
        level = self.level(lanes)
        catch_up = max(0.0, self.level(max(1, unread)) - level) if self.own_cache else 0.0
        return catch_up + level * levels

    def grounds(self, depth: int) -> tuple[str, int, int]:
        """What a token of it counts as."""
        return self.name, min(depth, 3) - 1, 0

    def propose(self, requests: ListOf[tuple[Request, int]]) -> list[DraftTree]:
        """Chains of the given lengths, at most."""
        return self.session.propose(
            [replace(request, most=length, policy=_Lengths(length, self.sure)) for request, length in requests]
        )

    def learn(self, beliefs: Beliefs, tree: DraftTree, node: int, length: int) -> None:
        """How far a chain of so many levels was right; its forced tokens are no guesses.

        A level that gave no token, since the model was unsure, was paid for and counts as wrong.
        """
        accepted = set() if node == ROOT else set(tree.path(node))
        drafted = [step for step in range(len(tree)) if step not in tree.forced]
        for depth, step in enumerate(drafted, start=1):
            beliefs.came(self.grounds(depth), right=step in accepted)
            if step not in accepted:
                return
        if len(drafted) < length:
            beliefs.came(self.grounds(len(drafted) + 1), right=False)


class _Lengths(Unlearned):
    """Chains of a length, of the best tokens, that end where the model is unsure."""

    def __init__(self, length: int, least: float) -> None:
        self._length = length
        self._least = least

    def grow(self, request: Request, *, level_cost: float = 0.0) -> Growth:
        """See `PolicySession.grow`."""
        return ConfidentGrowth(length=self._length, least=self._least, widths=((0.0, 1),), most=self._length, best=True)


def helpers_of(setting: Setting, cost: Cost, *, load: bool, note: Callable[[str], None]) -> list[Helper]:
    """The models that may draft in a run.

    Args:
        setting: of the run.
        cost: rows -> seconds of a forward of the model that is drafted for.
        load: whether they may be loaded; otherwise those that are in memory.
        note: told why one is left out that might have been had.
    """
    if setting.sampler is None:
        return []
    model = setting.sampler.model
    kinds: list[tuple[str, Drafter, Callable[[], LanguageModel | None], bool]] = [
        (
            "few-bits",
            FewBits(confidence=0.0),
            lambda: load_few_bits(model, "int4") if load else few_bits_in_memory(model, "int4"),
            False,
        ),
        ("trained", Trained(confidence=0.0), lambda: load_drafter(model) if load else drafter_in_memory(model), True),
    ]
    sure = _SURE_GREEDY if setting.sampling.greedy else _SURE
    found: list[Helper] = []
    for name, drafter, form, own_cache in kinds:
        try:
            other = form()
            table = None if other is None else known_costs(other)
            if other is None:
                continue
            if table is None and not own_cache:
                note(f"{name} is left out: what it costs is not known here (`guidedgen models costs --dtype int4`)")
                continue
            session = drafter.open(setting)
        except ModelError as error:
            note(f"{name} is left out: {error}")
            continue
        found.append(Helper(name, session, _level(table, cost), own_cache, sure))
    return found


def _level(table: Cost | None, cost: Cost) -> Callable[[int], float]:
    """Reading so many rows, in plain steps; a small model whose costs are not known is taken to be a fifth."""
    if table is None:
        return lambda rows: _FIFTH * assumed_cost(rows) + _BESIDE
    return lambda rows: table(rows) / cost(1) + _BESIDE
