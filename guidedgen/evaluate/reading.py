"""Reading one instance token by token through a matcher: the verdict, and every time that is measured."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from time import perf_counter_ns, thread_time_ns

import numpy as np

from guidedgen.evaluate.clocks import Clock
from guidedgen.evaluate.engine import Matcher
from guidedgen.masks import Mask, mask_words


@dataclass(frozen=True, eq=False)
class Bench:
    """What reading needs beside a matcher; one for all schemas of a worker.

    Attributes:
        mask: the buffer that engines fill.
        clock: times the calls.
        ends: the end tokens.
        masks_end: whether the engine's masks contain end tokens.
    """

    mask: Mask
    clock: Clock
    ends: tuple[int, ...]
    masks_end: bool

    @classmethod
    def of(cls, size: int, ends: tuple[int, ...], *, masks_end: bool) -> Bench:
        """For a vocabulary of `size` ids. The buffer starts at a multiple of 64 bytes, as engines with SIMD like it."""
        words = mask_words(size)
        raw = np.zeros(words + 16, dtype=np.int32)
        start = (-raw.ctypes.data % 64) // 4
        return cls(raw[start : start + words], Clock.calibrated(), ends, masks_end)

    def allows(self, token: int) -> bool:
        """Whether the mask holds a token."""
        return bool(int(self.mask[token >> 5]) >> (token & 31) & 1)


@dataclass(kw_only=True)
class Reading:
    """How one instance was read. Times in nanoseconds; `fills` has one more than `commits` unless the engine raised.

    Attributes:
        valid: what the test says.
        tokens: how many the instance has.
        accepted: every token was in its mask and taken, and the text could end after the last one.
        read: tokens that were taken.
        fills: wall time of each mask.
        commits: wall time of each token that was taken.
        fills_cpu: CPU time of each mask.
        commits_cpu: CPU time of each token that was taken.
        refused_in_mask: the token that stopped it was in the mask.
        taken_outside_mask: the token that stopped it was not in the mask, and a commit takes it all the same.
        end_differs: at the end the mask allowed an end token and the matcher did not accept, or the reverse.
        error: what the engine raised.
    """

    valid: bool
    tokens: int
    accepted: bool = False
    read: int = 0
    fills: list[int] = field(default_factory=list)
    commits: list[int] = field(default_factory=list)
    fills_cpu: list[int] = field(default_factory=list)
    commits_cpu: list[int] = field(default_factory=list)
    refused_in_mask: bool = False
    taken_outside_mask: bool = False
    end_differs: bool = False
    error: str | None = None


def read_instance(matcher: Matcher, tokens: list[int], bench: Bench, *, valid: bool) -> Reading:
    """Read `tokens` as far as the engine allows; exceptions end in `error`."""
    reading = Reading(valid=valid, tokens=len(tokens))
    try:
        _read(matcher, tokens, bench, reading)
    except Exception as error:  # an engine may raise anything: it counts against this one instance
        reading.error = said(error)
        reading.accepted = False
    return reading


def said(error: BaseException) -> str:
    """An exception as it is recorded."""
    return f"{type(error).__name__}: {error}"[:1000]


def _read(matcher: Matcher, tokens: list[int], bench: Bench, reading: Reading) -> None:
    for token in tokens:
        _fill(matcher, bench, reading)
        if not bench.allows(token):
            with contextlib.suppress(Exception):  # raising is one way to refuse what must not be committed
                reading.taken_outside_mask = bool(matcher.commit(token))
            return
        if not _commit(matcher, token, bench, reading):
            reading.refused_in_mask = True
            return
        reading.read += 1
    _fill(matcher, bench, reading)
    reading.accepted = bool(matcher.accepting)
    if bench.masks_end:
        reading.end_differs = any(map(bench.allows, bench.ends)) != reading.accepted


def _fill(matcher: Matcher, bench: Bench, reading: Reading) -> None:
    cpu_from, wall_from = thread_time_ns(), perf_counter_ns()
    matcher.fill(bench.mask)
    wall_to, cpu_to = perf_counter_ns(), thread_time_ns()
    wall, cpu = bench.clock.spent(wall_from, wall_to, cpu_from, cpu_to)
    reading.fills.append(wall)
    reading.fills_cpu.append(cpu)


def _commit(matcher: Matcher, token: int, bench: Bench, reading: Reading) -> bool:
    cpu_from, wall_from = thread_time_ns(), perf_counter_ns()
    taken = matcher.commit(token)
    wall_to, cpu_to = perf_counter_ns(), thread_time_ns()
    if taken:
        wall, cpu = bench.clock.spent(wall_from, wall_to, cpu_from, cpu_to)
        reading.commits.append(wall)
        reading.commits_cpu.append(cpu)
    return bool(taken)
