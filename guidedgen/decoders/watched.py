"""A strategy under watch: the damage meter is read while a text is written, and triggers act on what it says."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field, replace
from typing import Any

from guidedgen.constraint import Constraint
from guidedgen.decoders.base import Cancelled, Chunk, Finish, LogitsSource
from guidedgen.decoders.lane import Lane, before, open_lanes, run_lanes
from guidedgen.decoders.plain import Plain
from guidedgen.decoders.triggers import LaneStrategy, Resample, Steps, Switch, Trigger, Unit, Widen, units_of, widened
from guidedgen.grammars.compile import compile as compile_spec
from guidedgen.sampler.sequence import Sequence, TokenRecord
from guidedgen.sampler.settings import Sampling

_SEEDS = 0x9E3779B97F4A7C15  # between the streams of two attempts


@dataclass(frozen=True, kw_only=True)
class Watched:
    """Another strategy, whose text is measured unit by unit (see `Trigger`), and changed where a trigger fires.

    A unit is handed over when nothing can happen to it any more, so streams never take text back; they come field by
    field instead of token by token.

    Args:
        strategy: `Plain` or `Speculative`.
        triggers: the first that fires acts. None is one for `damage`, with `Resample()`.
        damage: nats; see `Trigger`.
        retries: see `Plain`.

    Raises:
        ValueError: `damage` or `retries` is negative.
    """

    strategy: LaneStrategy = field(default_factory=Plain)
    triggers: tuple[Trigger, ...] | None = None
    damage: float = 4.0
    retries: int = 64

    def __post_init__(self) -> None:
        """Check the numbers."""
        self.chosen()
        if self.retries < 0:
            raise ValueError(f"retries={self.retries!r} must be at least 0")

    def chosen(self) -> tuple[Trigger, ...]:
        """The triggers."""
        return (Trigger(damage=self.damage, then=Resample()),) if self.triggers is None else self.triggers

    def run(
        self,
        sampler: LogitsSource,
        sequences: ListOf[Sequence],
        sampling: Sampling,
        *,
        cancelled: Cancelled | None = None,
    ) -> Iterator[Chunk]:
        """See `Strategy.run`. Raises what the strategies and constraints inside raise."""
        lanes = open_lanes(sampler, sequences, seed=sampling.seed, retries=self.retries, complete=True)
        for lane in lanes:
            lane.held = lane.tip.length
        watch = _Watch(self.chosen(), _Writers(sampler, self.strategy, sampling))
        yield from run_lanes(lanes, watch.step, sampler.trace, cancelled)


class _Writers:
    """Who writes: the strategies of a run, each opened once for each way to draw."""

    def __init__(self, sampler: LogitsSource, strategy: LaneStrategy, sampling: Sampling) -> None:
        self.sampler = sampler
        self.sampling = sampling
        self.strategy = strategy
        self._opened: dict[tuple[int, Sampling], tuple[LaneStrategy, Steps]] = {}
        self._constraints: dict[int, Constraint] = {}

    def steps(self, strategy: LaneStrategy, sampling: Sampling) -> Steps:
        """The steps of a strategy; the same object for the same arguments."""
        key = id(strategy), sampling
        if key not in self._opened:
            self._opened[key] = strategy, strategy.opened(self.sampler, sampling)
        return self._opened[key][1]

    def constraint(self, action: Widen) -> Constraint:
        """The compiled wider constraint."""
        if id(action) not in self._constraints:
            vocabulary = self.sampler.model.vocabulary
            to: Any = action.to
            self._constraints[id(action)] = to if isinstance(to, Constraint) else compile_spec(to, vocabulary)
        return self._constraints[id(action)]


@dataclass
class _Attempt:
    """A way to write a unit."""

    value: float
    tip: Sequence
    finish: Finish | None = None
    ending: TokenRecord | None = None


@dataclass
class _Retry:
    """A unit that is being written again."""

    trigger: Trigger
    start: Sequence  # the sequence before it
    best: _Attempt
    seed: int  # of the lane
    done: int = 0


@dataclass
class _Course:
    """What a lane is up to."""

    strategy: LaneStrategy
    sampling: Sampling
    decided: int  # units before this length stay
    retry: _Retry | None = None
    wide: bool = False
    fired: dict[int, int] = field(default_factory=dict)  # by trigger


class _Watch:
    """The steps of a watched run."""

    def __init__(self, triggers: tuple[Trigger, ...], writers: _Writers) -> None:
        self._triggers = triggers
        self._writers = writers
        self._courses: dict[int, _Course] = {}
        self._vocabulary = writers.sampler.model.vocabulary
        self._trace = writers.sampler.trace

    def step(self, lanes: list[Lane]) -> None:
        """A step of each lane by whoever writes it; then the units that it has finished are judged."""
        groups: dict[int, tuple[Steps, list[Lane]]] = {}
        for lane in lanes:
            course = self._course(lane)
            steps = self._writers.steps(course.strategy, self._drawn(course))
            groups.setdefault(id(steps), (steps, []))[1].append(lane)
        for steps, group in groups.values():
            steps.step(group)
        for lane in lanes:
            course = self._courses[lane.index]
            if lane.finish == "dead_end" and course.retry is not None:
                self._settle(lane, course)
            elif not lane.waiting and lane.finish not in ("dead_end", "cancelled"):
                self._judge(lane, course)

    def _course(self, lane: Lane) -> _Course:
        if lane.index not in self._courses:
            start = lane.tip.length if lane.held is None else lane.held
            self._courses[lane.index] = _Course(self._writers.strategy, self._writers.sampling, start)
        return self._courses[lane.index]

    @staticmethod
    def _drawn(course: _Course) -> Sampling:
        """How the next tokens are drawn."""
        if course.retry is None:
            return course.sampling
        action = course.retry.trigger.then
        assert isinstance(action, Resample)
        heat = course.sampling.temperature or 1.0
        return replace(course.sampling, temperature=heat if action.temperature is None else action.temperature)

    def _judge(self, lane: Lane, course: _Course) -> None:
        """Judge the units behind those that are decided, as long as they stay."""
        course.decided = min(course.decided, lane.tip.length)  # backed out of a dead end
        if course.retry is not None and course.retry.start.length > lane.tip.length:
            self._settle(lane, course)
        units = units_of(lane.tip, course.decided, self._vocabulary)
        for number, unit in enumerate(units):
            closed = number + 1 < len(units) or lane.finish is not None
            if course.retry is not None:
                self._compare(lane, course, unit, closed=closed)
                break
            if not closed or not (unit.known or lane.finish is not None):
                break
            trigger = self._firing(course, unit)
            if trigger is not None and self._act(lane, course, trigger, unit):
                break
            course.decided = unit.stop
        lane.held = course.decided

    def _firing(self, course: _Course, unit: Unit) -> Trigger | None:
        for number, trigger in enumerate(self._triggers):
            often = course.fired.get(number, 0)
            if trigger.about(unit.place) and trigger.value(unit) > trigger.threshold and often < trigger.times:
                course.fired[number] = often + 1
                return trigger
        return None

    def _act(self, lane: Lane, course: _Course, trigger: Trigger, unit: Unit) -> bool:
        """Do what a trigger says; whether the unit is gone."""
        action, start = trigger.then, before(lane.tip, unit.start)
        found = f"{trigger.measure} {trigger.value(unit):.3g} in {unit.place or 'the root'}"
        if isinstance(action, Switch):
            changed = (course.strategy, course.sampling) != (action.to, action.sampling or course.sampling)
            if changed:
                lane.rewind(start)
                lane.settle()
                course.strategy, course.sampling = action.to, action.sampling or course.sampling
                self._trace.note(f"{found}: another strategy")
            return changed
        if isinstance(action, Widen):
            wider = None if course.wide else widened(start, self._writers.constraint(action))
            if wider is not None:
                lane.rewind(start)
                lane.resume(wider)
                lane.settle()
                course.wide = True
                self._trace.note(f"{found}: a wider constraint")
            return wider is not None
        if unit.forced == 1:
            return False  # it would come out the same
        self._trace.note(f"{found}: drawn again")
        course.retry = _Retry(trigger, start, self._attempt(lane, trigger, unit), lane.seed)
        self._again(lane, course.retry)
        return True

    def _compare(self, lane: Lane, course: _Course, unit: Unit, *, closed: bool) -> None:
        """Judge an attempt: keep it, try again, or take the best one."""
        retry = course.retry
        assert retry is not None
        trigger, value = retry.trigger, retry.trigger.value(unit)
        growing = trigger.measure != "forced"  # what only grows need not be waited for
        if not (closed and (unit.known or lane.finish is not None)) and not (growing and value >= retry.best.value):
            return
        cut = lane.finish == "length" and retry.best.finish != "length"
        if closed and not cut and value < retry.best.value:
            retry.best = self._attempt(lane, trigger, unit)
        action = trigger.then
        assert isinstance(action, Resample)
        if retry.best.value > trigger.threshold and retry.done < action.tries:
            self._again(lane, retry)
            return
        self._settle(lane, course)

    def _attempt(self, lane: Lane, trigger: Trigger, unit: Unit) -> _Attempt:
        over = lane.finish is not None and lane.tip.length == unit.stop
        tip = before(lane.tip, unit.stop)
        return _Attempt(trigger.value(unit), tip, lane.finish if over else None, lane.ending if over else None)

    @staticmethod
    def _again(lane: Lane, retry: _Retry) -> None:
        """Back to the beginning of the unit, with other random numbers."""
        retry.done += 1
        lane.rewind(retry.start)
        lane.settle()
        lane.seed = retry.seed + retry.done * _SEEDS

    @staticmethod
    def _settle(lane: Lane, course: _Course) -> None:
        """Take the best attempt; the text goes on from there as before."""
        retry = course.retry
        assert retry is not None
        if lane.tip.length >= retry.start.length:
            best = retry.best
            lane.rewind(retry.start)
            lane.resume(best.tip, best.finish, best.ending)
            course.decided = best.tip.length
            if best.finish is None:
                lane.settle()
        lane.seed = retry.seed
        course.retry = None
