"""A lane: one sequence being decoded, with what a strategy must remember about it besides its tip.

The rules that every strategy shares live here: forced tokens, stop rules, the end of a text, and backing up from a dead
end. A lane collects what happened in a step and hands it over as one chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field
from itertools import takewhile

from guidedgen.constraint import State
from guidedgen.decoders.base import Cancelled, Chunk, Finish, LogitsSource
from guidedgen.decoders.score import Score, unscored, with_scores
from guidedgen.errors import DeadEnd
from guidedgen.sampler.sequence import Sequence, TokenRecord
from guidedgen.sampler.streams import fresh_seed, uniform
from guidedgen.sampler.trace import TraceRecorder


@dataclass(kw_only=True)
class Lane:
    """Mutable progress of one sequence.

    Args:
        index: which of the given sequences.
        tip: the sequence so far.
        seed: of its random stream.
        sample: which sample of its prompt.
        trace: told about every token.
        retries: how often it may still back up from a dead end.
        room: longest sequence that the model can read.
        complete: whether forced tokens that end the text wait for their log-probabilities before it is handed over.
        held: while the text goes on, tokens behind so many are not handed over: they may still be taken back.
    """

    index: int
    tip: Sequence
    seed: int
    sample: int
    trace: TraceRecorder
    retries: int
    room: int
    complete: bool = True
    held: int | None = None
    finish: Finish | None = None
    _root: Sequence = field(init=False)
    _forbidden: dict[Sequence, set[int]] = field(default_factory=dict)  # choices that led to dead ends, by position
    _fresh: list[int] = field(default_factory=list)
    _retracted: int = 0
    _ending: TokenRecord | None = None

    def __post_init__(self) -> None:
        self._root = self.tip

    def uniform(self, draw: int = 0) -> float:
        """The random number of the next position."""
        return uniform(self.seed, self.sample, self.tip.length, draw)

    def forbidden(self) -> frozenset[int] | set[int]:
        """Tokens that were tried at the tip and led to a dead end."""
        return self._forbidden.get(self.tip, frozenset()) if self._forbidden else frozenset()

    def take(self, record: TokenRecord, eos: frozenset[int]) -> None:
        """Append a chosen token and everything that is forced after it, or end the text.

        Raises:
            DeadEnd: the constraint refuses a token that its mask allowed.
        """
        if record.token in eos and self.tip.state.accepting:
            self.trace.commit(record)
            self._ending = record
            self.finish = "stop"
            return
        self._append(record)
        self.settle()

    def settle(self) -> None:
        """Append forced tokens until a choice, a stop rule or the end of the model's context is reached."""
        while not self._stopped():
            forced = self.tip.state.forced()
            if not forced:
                return
            for token in forced:
                self._append(TokenRecord(token=token, proposal_logprob=0.0, forced=True))
                if self._stopped():
                    return

    def exhaust(self) -> None:
        """Nothing but the end is allowed at the tip: finish if the text is complete, else back up or give up."""
        if self.tip.state.accepting:
            self.finish = "stop"
        elif not self._back_up():
            self.finish = "dead_end"

    def cancel(self) -> None:
        """End here: as complete where nothing could follow anyway, otherwise as cancelled."""
        self.complete = False
        if self.finish is None:
            state = self.tip.state
            self.finish = "stop" if state.accepting and not state.mask().any() else "cancelled"

    def unscored(self) -> list[Sequence]:
        """Forced tokens that the next forward should score: those appended since the last choice, oldest first."""
        return unscored(self.tip, root=self._root)

    def score(self, scores: Mapping[Sequence, Score]) -> None:
        """Complete the records of forced tokens at the tip."""
        self.tip = with_scores(self.tip, scores)

    @property
    def waiting(self) -> bool:
        """Whether the text is over and only its last forced tokens are still to be scored."""
        return self.finish is not None and self.complete and bool(self.unscored())

    def flush(self) -> Chunk | None:
        """What happened since the last chunk, or None where nothing did or it still waits for scores."""
        back = 0 if self.held is None or self.finish else min(len(self._fresh), max(0, self.tip.length - self.held))
        ready = len(self._fresh) - back
        if not (ready or self._retracted or self.finish) or self.waiting:
            return None
        chunk = Chunk(
            index=self.index,
            sequence=before(self.tip, self.tip.length - back),
            tokens=tuple(self._fresh[:ready]),
            retracted=self._retracted,
            finish=self.finish,
            ending=self._ending,
        )
        self._fresh = self._fresh[ready:]
        self._retracted = 0
        return chunk

    def _stopped(self) -> bool:
        """Whether the lane is over; a stop rule or the model's context may end it now."""
        if self.finish is None:
            if self.tip.state.done is not None:
                self.finish = finish_of(self.tip.state)
            elif self.tip.length > self.room and self.tip is not self._root:
                self.finish = "length"
        return self.finish is not None

    def _append(self, record: TokenRecord) -> None:
        self.tip = extended(self.tip, record)
        self._fresh.append(record.token)
        self.trace.commit(record)

    def _back_up(self) -> bool:
        """Take back the last choice and forbid it; False where there is none or the retries are used up."""
        node, count = self.tip, 0
        while node is not self._root and node.record is not None and node.record.forced and node.parent is not None:
            node, count = node.parent, count + 1
        if node is self._root or node.parent is None or self.retries == 0:
            return False
        self.retries -= 1
        self._forbidden.pop(self.tip, None)
        self._retract(node.parent, count + 1)
        self._forbidden.setdefault(self.tip, set()).add(node.token)
        return True

    def rewind(self, tip: Sequence) -> None:
        """Go back to a sequence on the way to the tip, also from the end of the text, as if what followed never was.

        Args:
            tip: an earlier tip of this lane.
        """
        self.finish = None
        self._ending = None
        self._retract(tip, self.tip.length - tip.length)

    def resume(self, tip: Sequence, finish: Finish | None = None, ending: TokenRecord | None = None) -> None:
        """Go on from another sequence, whose first tokens are those of the tip; `rewind` comes before.

        Args:
            tip: it may stand under another constraint.
            finish: why its text is over already.
            ending: the record of its end, where one was chosen.
        """
        added = [*takewhile(lambda node: node.length > self.tip.length, tip.nodes())][::-1]
        for node in added:
            self._fresh.append(node.token)
            if node.record is not None:
                self.trace.commit(node.record)
        if tip.prompt_node is not self._root.prompt_node:
            self._root = before(tip, self._root.length)
        self.tip, self.finish, self._ending = tip, finish, ending

    @property
    def ending(self) -> TokenRecord | None:
        """The record of the end of the text, where one was chosen."""
        return self._ending

    def _retract(self, tip: Sequence, count: int) -> None:
        self.tip = tip
        unseen = min(count, len(self._fresh))
        del self._fresh[len(self._fresh) - unseen :]
        self._retracted += count - unseen
        self.trace.retract(count)


def before(tip: Sequence, length: int) -> Sequence:
    """The first tokens of a sequence, so many that they are no fewer than its prompt's."""
    node = tip
    while node.length > length and node.parent is not None:
        node = node.parent
    return node


def extended(tip: Sequence, record: TokenRecord) -> Sequence:
    """The sequence with one more token.

    Raises:
        DeadEnd: the constraint refuses a token that its mask allowed.
    """
    state = tip.state.advance(record.token)
    if state is None:
        raise DeadEnd(
            f"the constraint allowed token {record.token} after {tip.length} tokens and then refused it. "
            "Run guidedgen.testing.check_constraint on it."
        )
    return tip.extend(record.token, state, record)


def finish_of(state: State) -> Finish:
    """The finish reason where a stop rule fired: "length" for a budget, unless the text was complete and over."""
    if state.done == "stop" or (state.accepting and not state.mask().any()):
        return "stop"
    return "length"


def open_lanes(
    sampler: LogitsSource, sequences: ListOf[Sequence], *, seed: int | None, retries: int, complete: bool
) -> list[Lane]:
    """A lane for every sequence. The k-th lane of one prompt node is its k-th sample.

    With a seed, each prompt uses that seed, so that a prompt gives the same samples in any batch. Without one every
    prompt gets a seed of its own.
    """
    seeds: dict[Sequence, int] = {}
    counts: dict[Sequence, int] = {}
    lanes = []
    for index, tip in enumerate(sequences):
        prompt = tip.prompt_node
        if prompt not in seeds:
            seeds[prompt] = fresh_seed() if seed is None else seed
        sample = counts.get(prompt, 0)
        counts[prompt] = sample + 1
        lanes.append(
            Lane(
                index=index,
                tip=tip,
                seed=seeds[prompt],
                sample=sample,
                trace=sampler.trace,
                retries=retries,
                room=sampler.model.info.context_length,
                complete=complete,
            )
        )
    return lanes


def run_lanes(
    lanes: list[Lane], step: Callable[[list[Lane]], None], trace: TraceRecorder, cancelled: Cancelled | None
) -> Iterator[Chunk]:
    """Step until every lane is over, and yield what happened after each step.

    Args:
        lanes: as `open_lanes` made them.
        step: gives every lane that is not over its next tokens; lanes that wait for scores get those.
        trace: closes a step after each.
        cancelled: polled once a step.
    """
    for lane in lanes:
        lane.settle()
    while True:
        yield from (chunk for chunk in map(Lane.flush, lanes) if chunk is not None)
        lanes = [lane for lane in lanes if lane.finish is None or lane.waiting]
        if not lanes:
            return
        if cancelled is not None and cancelled():
            for lane in lanes:
                lane.cancel()
        else:
            step(lanes)
        trace.end_step()
