"""Runs schemas through workers: hands them out, watches limits, starts a new worker where one ended. In one thread.

The order of results is the order in which schemas finish. One whose worker ended or was ended keeps what it had told.
"""

from __future__ import annotations

import select
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from guidedgen.evaluate.child import Child
from guidedgen.evaluate.engine import EvaluationError
from guidedgen.evaluate.settings import Bounds, Checks, EngineChoice

_WATCH = 0.05  # seconds between looks at limits

Sink = Callable[[str, Mapping[str, Any]], None]  # kind of line and its content, as `ResultsFile.add`


def run(
    cases: Mapping[str, Path],
    choice: EngineChoice,
    checks: Checks,
    bounds: Bounds,
    *,
    jobs: int,
    sink: Sink,
) -> None:
    """Evaluate every case.

    Args:
        cases: files by name.
        choice: the engine.
        checks: what to do with each schema.
        bounds: what one may cost.
        jobs: how many workers; more than one disturb each other's times.
        sink: takes a `worker` line for each start and a `schema` line for each case.

    Raises:
        EvaluationError: a worker could not load the engine or did not become ready.
        KeyboardInterrupt: as it comes; the workers are ended first.
    """
    waiting = deque(cases.items())
    slots = [_Slot(choice, checks, bounds, sink) for _ in range(min(jobs, len(cases)))]
    try:
        while True:
            for slot in slots:
                if slot.idle and waiting:
                    slot.begin(*waiting.popleft())
            busy = [slot for slot in slots if not slot.idle]
            if not busy:
                return
            select.select([slot.child for slot in busy], [], [], _WATCH)
            for slot in busy:
                slot.look()
    finally:
        for slot in slots:
            slot.close()


class _Slot:
    """One worker at a time and the schema that it has."""

    def __init__(self, choice: EngineChoice, checks: Checks, bounds: Bounds, sink: Sink) -> None:
        self._choice, self._checks, self._bounds, self._sink = choice, checks, bounds, sink
        self._child: Child | None = None
        self._ready = False
        self._base = 0.0
        self._case: tuple[str, Path] | None = None
        self._record: dict[str, Any] = {}
        self._phase = "start"

    @property
    def idle(self) -> bool:
        return self._case is None

    @property
    def child(self) -> Child:
        assert self._child is not None
        return self._child

    def begin(self, name: str, path: Path) -> None:
        """Take a case; a worker that is not there yet is started first."""
        self._case, self._record, self._phase = (name, path), {"name": name}, "start"
        if self._child is not None and not self._child.alive:
            self.close()  # it ended after its last schema was done: that is no fault of this one
        if self._child is None:
            self._child, self._ready = Child(self._choice, self._checks), False
        else:
            self._send()

    def _send(self) -> None:
        assert self._case is not None
        self.child.mark()
        self.child.send({"name": self._case[0], "path": str(self._case[1])})

    def look(self) -> None:
        """Take in what the worker told, and end it where it is beyond a limit."""
        events = self.child.events()
        for event in events or ():
            self._take(event)
        if self.idle or self._child is None:
            return
        if events is None:
            self._lost("crash", self.child.ended())
        elif not self._ready:
            if self.child.seconds > self._bounds.start_seconds:
                self.close()
                raise EvaluationError(f"{self._choice.label}: not ready within {self._bounds.start_seconds:g} s.")
        elif (beyond := self.child.exceeded(self._bounds)) is not None:
            self._lost(*beyond)

    def _take(self, event: dict[str, Any]) -> None:
        if "fatal" in event:
            raise EvaluationError(event["fatal"])
        if "ready" in event:
            self._ready, self._base = True, self.child.resident_megabytes()
            self._sink("worker", event["ready"])
            self._send()
        elif "phase" in event:
            self._phase = event["phase"]
            if self._phase != "first use":  # which shares its time with compiling: lazy engines do the work there
                self.child.mark()
        elif "put" in event:
            self._record |= event["put"]
        elif "use" in event:
            self._record.setdefault(event["use"], []).append(event["reading"])
        elif "done" in event:
            self._finish()
            if self.child.resident_megabytes() > (self._base + self._bounds.megabytes) / 2:
                self.close()  # so that what earlier schemas left in caches does not fail a later one

    def _lost(self, reason: str, detail: str) -> None:
        seconds = self.child.seconds
        if not self._ready:
            raise EvaluationError(f"{self._choice.label}: the worker ended before it was ready ({detail}).")
        self._record["aborted"] = {"reason": reason, "phase": self._phase, "detail": detail, "seconds": seconds}
        self.close()
        self._finish()

    def _finish(self) -> None:
        self._sink("schema", self._record)
        self._case = None

    def close(self) -> None:
        """End the worker."""
        if self._child is not None:
            self._child.kill()
            self._child = None
