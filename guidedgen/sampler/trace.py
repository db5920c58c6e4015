"""Trace: what a request cost, step by step. The sampler reports forwards, the strategy reports tokens; tests, reports
and benchmarks read the frozen snapshot. Counting must stay far below the cost of a step.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from guidedgen.sampler.sequence import TokenRecord

_NOTES = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class TraceStep:
    """One step of a strategy: usually one forward, and for every live sequence one chosen token and its forced ones.

    `rows` counts computed rows, `reused` prefix tokens that came from the cache. Seconds are wall time; `seconds` are
    all since the step before, or since the recorder was made; `cpu_seconds` is the process's time in them, which other
    programs do not lengthen.
    `log_masses` has one entry per chosen token: log of the model's mass on the allowed tokens, temperature 1.
    `drafts` has one entry per drafted tree, forced tokens left out: nodes, tokens of the longest way, accepted tokens.
    """

    forwards: int
    rows: int
    reused: int
    committed: int  # chosen and forced tokens
    forced: int
    retracted: int  # tokens that were taken back after a dead end
    log_masses: tuple[float, ...]
    forward_seconds: float
    mask_seconds: float
    drafts: tuple[tuple[int, int, int], ...] = ()
    draft_seconds: float = 0.0
    seconds: float = 0.0
    cpu_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """The steps of one request.

    `approximate` names what made the model's answers differ from its own, if anything; `notes` says what a strategy
    chose by itself, and why.
    """

    steps: tuple[TraceStep, ...] = ()
    approximate: str | None = None
    notes: tuple[str, ...] = ()

    def total(self, name: str) -> float:
        """Sum of one numeric field of `TraceStep` over all steps."""
        return float(sum(getattr(step, name) for step in self.steps))

    def summary(self) -> dict[str, float]:
        """Totals by name, plus the number of steps and the summed log mass."""
        names = ("forwards", "rows", "reused", "committed", "forced", "retracted", "forward_seconds", "mask_seconds")
        totals: dict[str, float] = {name: self.total(name) for name in names}
        return {"steps": len(self.steps), **totals, "log_mass": sum(sum(step.log_masses) for step in self.steps)}


class TraceRecorder:
    """Collects one request's trace. Not thread-safe: one recorder belongs to one running request.

    Attributes:
        approximate: see `Trace`; the sampler sets it.
    """

    def __init__(self) -> None:
        self.approximate: str | None = None
        self._steps: list[TraceStep] = []
        self._notes: list[str] = []
        self._began, self._cpu_began = time.perf_counter(), time.process_time()
        self._reset()

    def _reset(self) -> None:
        self._forwards = self._rows = self._reused = self._committed = self._forced = self._retracted = 0
        self._forward_seconds = self._mask_seconds = self._draft_seconds = 0.0
        self._log_masses: list[float] = []
        self._drafts: list[tuple[int, int, int]] = []

    def forward(self, *, rows: int, reused: int = 0, seconds: float = 0.0) -> None:
        """One forward of the model computed `rows` rows and took `reused` tokens from the cache."""
        self._forwards += 1
        self._rows += rows
        self._reused += reused
        self._forward_seconds += seconds

    def mask(self, seconds: float) -> None:
        """Masks were computed."""
        self._mask_seconds += seconds

    def commit(self, record: TokenRecord) -> None:
        """A token was appended, or ended the text."""
        self._committed += 1
        if record.forced:
            self._forced += 1
        if record.log_mass is not None:
            self._log_masses.append(record.log_mass)

    def note(self, text: str) -> None:
        """The strategy chose something by itself; the first notes are kept."""
        if len(self._notes) < _NOTES and text not in self._notes:
            self._notes.append(text)

    def drafting(self, seconds: float) -> None:
        """Drafts were made, and what the constraint forbids cut off."""
        self._draft_seconds += seconds

    def draft(self, *, nodes: int, depth: int, accepted: int) -> None:
        """A tree was drafted, with so many nodes on so many levels, and so many tokens of it accepted."""
        self._drafts.append((nodes, depth, accepted))

    def retract(self, count: int) -> None:
        """`count` tokens were taken back."""
        self._retracted += count

    def end_step(self) -> None:
        """Close the current step if anything happened in it."""
        if not (self._forwards or self._committed or self._retracted):
            return
        now, cpu_now = time.perf_counter(), time.process_time()
        self._steps.append(
            TraceStep(
                forwards=self._forwards,
                rows=self._rows,
                reused=self._reused,
                committed=self._committed,
                forced=self._forced,
                retracted=self._retracted,
                log_masses=tuple(self._log_masses),
                forward_seconds=self._forward_seconds,
                mask_seconds=self._mask_seconds,
                drafts=tuple(self._drafts),
                draft_seconds=self._draft_seconds,
                seconds=now - self._began,
                cpu_seconds=cpu_now - self._cpu_began,
            )
        )
        self._began, self._cpu_began = now, cpu_now
        self._reset()

    def snapshot(self) -> Trace:
        """Everything so far, the open step included; frozen."""
        self.end_step()
        return Trace(steps=tuple(self._steps), approximate=self.approximate, notes=tuple(self._notes))
