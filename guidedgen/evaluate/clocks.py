"""Nanoseconds on two clocks, what reading them costs, and the time of copying one mask: the limit for any engine."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from time import perf_counter_ns, process_time_ns, thread_time_ns

import numpy as np

from guidedgen.masks import Mask

_REPEATS = 2000


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Times single calls.

    CPU time is that of the calling thread: on a shared machine it is not inflated by others. Reading that clock costs
    about as much as a fast mask, hence what two readings with nothing between them show is taken off.

    Attributes:
        cpu_floor: CPU time that an empty measurement shows, nanoseconds.
        wall_floor: wall time of the same.
    """

    cpu_floor: int = 0
    wall_floor: int = 0

    @classmethod
    def calibrated(cls) -> Clock:
        """Measure the floors on this machine."""
        empty = [_empty() for _ in range(_REPEATS)]
        return cls(cpu_floor=int(median(cpu for _, cpu in empty)), wall_floor=int(median(wall for wall, _ in empty)))

    def spent(self, wall_from: int, wall_to: int, cpu_from: int, cpu_to: int) -> tuple[int, int]:
        """Wall and CPU time between readings taken in the order cpu, wall, call, wall, cpu."""
        return max(0, wall_to - wall_from - self.wall_floor), max(0, cpu_to - cpu_from - self.cpu_floor)

    def mask_copy(self, words: int) -> tuple[int, int]:
        """Median wall and CPU time of copying a mask of `words` words."""
        source, target = np.ones(words, dtype=np.int32), np.zeros(words, dtype=np.int32)
        times = [self._copy(source, target) for _ in range(_REPEATS)]
        return int(median(wall for wall, _ in times)), int(median(cpu for _, cpu in times))

    def _copy(self, source: Mask, target: Mask) -> tuple[int, int]:
        cpu_from, wall_from = thread_time_ns(), perf_counter_ns()
        np.copyto(target, source)
        wall_to, cpu_to = perf_counter_ns(), thread_time_ns()
        return self.spent(wall_from, wall_to, cpu_from, cpu_to)


def _empty() -> tuple[int, int]:
    cpu_from, wall_from = thread_time_ns(), perf_counter_ns()
    wall_to, cpu_to = perf_counter_ns(), thread_time_ns()
    return wall_to - wall_from, cpu_to - cpu_from


class HelperTime:
    """CPU time of the process that the calling thread did not spend: what helper threads did meanwhile."""

    def __init__(self) -> None:
        self._from = self._now()

    @staticmethod
    def _now() -> int:
        return process_time_ns() - thread_time_ns()

    def spent(self) -> int:
        """Nanoseconds since this object was made."""
        return max(0, self._now() - self._from)
