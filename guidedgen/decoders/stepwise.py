"""Reward-guided speculation: a small model writes step by step, and what a reward refuses the target writes itself.

Source: Liao et al. 2025, "Reward-guided speculative decoding for efficient LLM reasoning" (RSD). The text is not
distributed as the target's: good steps of the small model stay, by design.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from collections.abc import Sequence as ListOf
from dataclasses import dataclass

from guidedgen.decoders.base import Cancelled, Chunk, LogitsSource
from guidedgen.decoders.drafters.reading import same_vocabulary
from guidedgen.decoders.lane import Lane, open_lanes, run_lanes
from guidedgen.decoders.plain import PlainBatch
from guidedgen.models.base import LanguageModel
from guidedgen.models.small_drafters import load_drafter
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling


@dataclass(frozen=True, kw_only=True)
class Step:
    """A drafted step, for a reward to judge.

    Args:
        text: bytes of the step, its end included.
        before: bytes of the output before it.
        tip: the sequence after it; its `state` says whether the text is complete.
        start: the sequence before it.
        target: gives the target's logits, for rewards that ask it.
    """

    text: bytes
    before: bytes
    tip: Sequence
    start: Sequence
    target: LogitsSource


Reward = Callable[[Step], float]


def likelihood(step: Step) -> float:
    """The target's mean probability of the step's tokens (geometric): one forward over the step, no second model."""
    nodes: list[Sequence] = []
    node = step.tip
    while node is not step.start and node.parent is not None:
        nodes.append(node)
        node = node.parent
    if not nodes:
        return 1.0
    parents = [one.parent for one in nodes if one.parent is not None]
    rows = step.target.logits(parents).log_softmax(-1)
    total = sum(float(row[one.token]) for row, one in zip(rows, nodes, strict=True))
    return math.exp(total / len(nodes))


REWARDS: dict[str, Reward] = {"likelihood": likelihood}
"""Rewards by name."""


@dataclass(frozen=True, kw_only=True)
class RewardGuided:
    """The draft model writes a step; it stays if its reward reaches the threshold, otherwise the target writes it.

    A step of the target is not judged. Both models write under the same constraint. Texts may shrink while they are
    written: chunks take back the steps that were refused. Records of a step hold the probabilities of who wrote it.

    Args:
        draft: the small model; its vocabulary must be the target's. Without one, what `guidedgen models train-drafter`
            made for the target.
        reward: what judges a step, or its name in `REWARDS`.
        threshold: 0 keeps every step that has a reward of at least 0; above the largest reward the target writes all.
        end: bytes that end a step; the paper has two line ends. The end of the text does too.
        longest: tokens of a step, at most.
        retries: see `Plain`.

    Raises:
        ValueError: a name is not known, `end` is empty or `longest` below 1.
    """

    draft: LanguageModel | None = None
    reward: Reward | str = "likelihood"
    threshold: float = 0.7
    end: bytes = b"\n\n"
    longest: int = 256
    retries: int = 64

    def __post_init__(self) -> None:
        """Check names and numbers."""
        if isinstance(self.reward, str) and self.reward not in REWARDS:
            raise ValueError(f"no reward is called {self.reward!r}. There are: {', '.join(sorted(REWARDS))}")
        if not self.end or self.longest < 1:
            raise ValueError(f"end={self.end!r} must not be empty and longest={self.longest!r} at least 1")

    def run(
        self,
        sampler: LogitsSource,
        sequences: ListOf[Sequence],
        sampling: Sampling,
        *,
        cancelled: Cancelled | None = None,
    ) -> Iterator[Chunk]:
        """See `Strategy.run`. Raises ModelError where the vocabularies differ, and whatever the reward raises."""
        draft = load_drafter(sampler.model) if self.draft is None else self.draft
        same_vocabulary(draft, sampler.model.vocabulary)
        lanes = open_lanes(sampler, sequences, seed=sampling.seed, retries=self.retries, complete=False)
        batch = _Steps(self, Sampler(draft), sampler, sampling)
        yield from run_lanes(lanes, batch.step, sampler.trace, cancelled)


@dataclass
class _Author:
    drafting: bool
    start: Sequence  # where the step began


class _Steps:
    """Who writes at present in each lane."""

    def __init__(self, settings: RewardGuided, draft: LogitsSource, sampler: LogitsSource, sampling: Sampling) -> None:
        self._settings = settings
        self._sampler = sampler
        self._reward = REWARDS[settings.reward] if isinstance(settings.reward, str) else settings.reward
        self._draft = PlainBatch(draft, sampling, ())
        self._target = PlainBatch(sampler, sampling, ())
        self._authors: dict[int, _Author] = {}

    def step(self, lanes: list[Lane]) -> None:
        """A token for every lane, from whoever writes there; then judge the steps that are over."""
        authors = [self._authors.setdefault(lane.index, _Author(True, lane.tip)) for lane in lanes]
        for drafting, batch in ((True, self._draft), (False, self._target)):
            group = [lane for lane, author in zip(lanes, authors, strict=True) if author.drafting is drafting]
            if group:
                batch.step(group)
        for lane, author in zip(lanes, authors, strict=True):
            if lane.tip.length < author.start.length:  # backed out of a dead end
                author.start = lane.tip
            if lane.finish is not None or self._over(lane, author):
                self._judge(lane, author)

    def _over(self, lane: Lane, author: _Author) -> bool:
        written = _text(self._sampler, author.start, lane.tip)
        return self._settings.end in written or lane.tip.length - author.start.length >= self._settings.longest

    def _judge(self, lane: Lane, author: _Author) -> None:
        """Begin the next step, or give this one to the target."""
        refused = False
        if author.drafting:
            step = Step(
                text=_text(self._sampler, author.start, lane.tip),
                before=_text(self._sampler, lane.tip.prompt_node, author.start),
                tip=lane.tip,
                start=author.start,
                target=self._sampler,
            )
            refused = self._reward(step) < self._settings.threshold
        if refused:
            lane.rewind(author.start)
        self._authors[lane.index] = _Author(not refused, lane.tip)


def _text(sampler: LogitsSource, start: Sequence, tip: Sequence) -> bytes:
    """The bytes between two sequences."""
    return sampler.model.vocabulary.decode_bytes(tip.tokens()[start.length :])
