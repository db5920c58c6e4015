"""What is recorded about one schema, and which defects that amounts to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from guidedgen.evaluate.probing import Probes
from guidedgen.evaluate.reading import Reading
from guidedgen.evaluate.walks import Walks

# Defects, worst first, by the key under which they are counted: what a report calls them.
DEFECTS: Mapping[str, str] = {
    "unreadable": "file not readable",
    "crash": "crash",
    "memory": "out of memory",
    "timeout": "timeout",
    "compile error": "compile error",
    "error": "engine error while reading",
    "accepts invalid": "invalid instance accepted",
    "rejects valid": "valid instance rejected",
    "uses differ": "second use differs from the first",
    "mask and commit differ": "mask and commit differ",
    "end differs": "end token's bit differs from accepting",
    "unsound walk": "sampled text not valid",
    "dead end": "walk in a dead end",
}
_TESTING = ("start", "compile", "first use", "second use")  # the phases that give the verdicts


@dataclass(frozen=True, kw_only=True)
class Aborted:
    """Why a worker was ended, or ended by itself, in the middle of a schema.

    Attributes:
        reason: "timeout", "memory" or "crash".
        phase: what it was doing.
        detail: limit, exit code or signal, and the last line on stderr.
        seconds: wall time since the phase began.
    """

    reason: str
    phase: str
    detail: str
    seconds: float


@dataclass(kw_only=True)
class Record:
    """One schema. What was not reached is missing (None, empty).

    Attributes:
        name: of the file.
        keywords: of the schema, see `keywords.keywords_of`.
        tests: number of its instances.
        compile_ns: wall time of compiling, also where that failed.
        compile_cpu_ns: CPU time of the process for compiling, helper threads included.
        first_ns: wall time of the first mask, none or one number.
        first_cpu_ns: CPU time of the same.
        helper_ns: CPU time of threads other than the measured one, over compiling and both uses.
        first: the readings of the first use.
        second: the readings of the second use.
        compile_error: type and message.
        error: what the engine raised for a schema without tests.
        unreadable: why the file was skipped.
    """

    name: str
    keywords: list[str] = field(default_factory=list)
    tests: int = 0
    compile_ns: int | None = None
    compile_cpu_ns: int | None = None
    first_ns: list[int] = field(default_factory=list)
    first_cpu_ns: list[int] = field(default_factory=list)
    helper_ns: int | None = None
    first: list[Reading] = field(default_factory=list)
    second: list[Reading] = field(default_factory=list)
    compile_error: dict[str, str] | None = None
    error: str | None = None
    unreadable: str | None = None
    probes: Probes | None = None
    walks: Walks | None = None
    aborted: Aborted | None = None

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Record:
        """From one line of results."""
        values = dict(content)
        for use in ("first", "second"):
            values[use] = [Reading(**reading) for reading in values.get(use, ())]
        for name, made in (("probes", Probes), ("walks", Walks), ("aborted", Aborted)):
            if values.get(name) is not None:
                values[name] = made(**values[name])
        return cls(**values)

    @property
    def defects(self) -> dict[str, int]:
        """How often each defect occurs, by the keys of `DEFECTS`, worst first."""
        counts = {
            "unreadable": int(self.unreadable is not None),
            "compile error": int(self.compile_error is not None),
            "error": self._errors(),
            "accepts invalid": sum(reading.accepted and not reading.valid for reading in self.first),
            "rejects valid": sum(_rejects_valid(reading) for reading in self.first),
            "uses differ": sum(one.accepted != two.accepted for one, two in zip(self.first, self.second, strict=False)),
            "mask and commit differ": sum(
                reading.refused_in_mask or reading.taken_outside_mask for reading in (*self.first, *self.second)
            ),
            "end differs": sum(reading.end_differs for reading in (*self.first, *self.second)),
        }
        if self.aborted is not None and self.aborted.phase != "validation":  # that is a validator's fault
            counts[self.aborted.reason] = 1
        if self.probes is not None:
            counts["mask and commit differ"] += self.probes.inside_refused + self.probes.outside_taken
        if self.walks is not None:
            counts["mask and commit differ"] += self.walks.refused
            counts["unsound walk"] = self.walks.invalid + self.walks.not_json
            counts["dead end"] = self.walks.dead_ends
        return {name: counts[name] for name in DEFECTS if counts.get(name)}

    def _errors(self) -> int:
        told = [self.error, *(reading.error for reading in (*self.first, *self.second))]
        told += [part.error for part in (self.probes, self.walks) if part is not None]
        return sum(error is not None for error in told)

    @property
    def passing(self) -> bool:
        """Every test came out as it says on the first use, and nothing kept from finding out."""
        right = all(reading.accepted == reading.valid and reading.error is None for reading in self.first)
        return self.finished and right and self.error is None and len(self.first) == self.tests

    @property
    def finished(self) -> bool:
        """It compiled, and both uses were gone through."""
        aborted = self.aborted is not None and self.aborted.phase in _TESTING
        return self.compile_error is None and self.unreadable is None and not aborted

    @property
    def ttfm(self) -> tuple[int, int] | None:
        """Wall and CPU nanoseconds to the first mask: compiling, then filling it. None where there was none."""
        if self.compile_ns is None or self.compile_cpu_ns is None or not self.first_ns:
            return None
        return self.compile_ns + self.first_ns[0], self.compile_cpu_ns + self.first_cpu_ns[0]


def _rejects_valid(reading: Reading) -> bool:
    return reading.valid and not reading.accepted and reading.error is None
