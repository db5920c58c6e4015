"""The worker process: `python -m guidedgen.evaluate.worker`. Knows nothing of limits, files of results, other workers.

stdin: one line of settings, then one line a schema, `{"name", "path"}`. stdout: JSON lines, `{"ready": ...}` or
`{"fatal": ...}` first; then for each schema `{"phase": ...}` where a phase begins, `{"put": ...}` and `{"use": ...,
"reading": ...}` as soon as something is known (the process may die in the next moment), and `{"done": true}`.
What an engine prints goes to stderr.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import sys
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from time import perf_counter_ns, process_time_ns
from typing import Any, TextIO

import numpy as np

from guidedgen.errors import GuidedGenError
from guidedgen.evaluate.clocks import HelperTime
from guidedgen.evaluate.engine import Engine, Matcher, Tokenizer, find_engine, make_engine
from guidedgen.evaluate.keywords import keywords_of
from guidedgen.evaluate.probing import FirstBytes, probe
from guidedgen.evaluate.reading import Bench, Reading, read_instance, said
from guidedgen.evaluate.settings import Checks, EngineChoice, from_json
from guidedgen.evaluate.suite import Case, read_case
from guidedgen.evaluate.validators import Validators, installed
from guidedgen.evaluate.walks import Walker, judge, sample

_COLLECT_EVERY = 50  # schemas; in between the collector is off, so that it does not run inside a measurement
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Worker:
    """One engine, made once, and the schemas that it is given."""

    def __init__(self, choice: EngineChoice, checks: Checks, out: TextIO) -> None:
        """Load everything. Raises GuidedGenError, and whatever the engine raises."""
        self._checks, self._out = checks, out
        began, memory = perf_counter_ns(), [resident()]
        tokenizer = Tokenizer.read(choice.tokenizer)
        vocabulary_ns = perf_counter_ns() - began
        found = find_engine(choice.engine, pythonpath=choice.pythonpath)
        if checks.walks:
            installed()  # so that their import is not billed to a schema
        memory.append(resident())
        began = perf_counter_ns()
        self._engine = make_engine(found, tokenizer, choice.options)
        self._vocabulary = tokenizer.vocabulary
        masks_end = bool(getattr(self._engine, "masks_end", True))
        engine_ns = perf_counter_ns() - began
        self._bench = Bench.of(self._vocabulary.size, tokenizer.ends, masks_end=masks_end)
        began = perf_counter_ns()
        _warm_up(self._engine, self._vocabulary.encode('{"a": 1}'), self._bench)
        warm_up_ns = perf_counter_ns() - began
        memory.append(resident())
        self._first_bytes = FirstBytes(self._vocabulary)
        self._walker = Walker(self._vocabulary, self._bench, self._first_bytes, length=checks.walk_tokens)
        copy_wall, copy_cpu = self._bench.clock.mask_copy(len(self._bench.mask))
        self.ready: dict[str, Any] = {
            "version": str(getattr(self._engine, "version", "")),
            "vocabulary": self._vocabulary.size,
            "vocabulary_ns": vocabulary_ns,
            "engine_ns": engine_ns,
            "warm_up_ns": warm_up_ns,
            "engine_bytes": max(0, memory[2] - memory[1]),
            "process_bytes": memory[2],
            "copy_ns": copy_wall,
            "copy_cpu_ns": copy_cpu,
            "validators": sorted(installed()) if checks.walks else [],
        }

    def tell(self, **event: Any) -> None:
        """Send one event at once."""
        self._out.write(json.dumps(event, separators=(",", ":")) + "\n")
        self._out.flush()

    def evaluate(self, name: str, path: Path) -> None:
        """Everything about one schema."""
        try:
            case = read_case(path)
            texts = [self._vocabulary.encode(instance.text) for instance in case.instances]
        except GuidedGenError as error:
            self.tell(put={"unreadable": str(error)})
            return
        self.tell(put={"keywords": keywords_of(case.schema), "tests": len(texts)})
        helpers = HelperTime()
        matcher = self._compile(case.schema)
        if matcher is None:
            return
        accepted = self._first_use(matcher, case, texts)
        if self._checks.second_use:
            self.tell(phase="second use")
            self._use("second", (matcher.fresh() for _ in texts), case, texts)
        self.tell(put={"helper_ns": helpers.spent()})
        seed = (self._checks.seed, zlib.crc32(name.encode()))
        self._probe(matcher, accepted, seed)
        self._walk(matcher, case.schema, seed)

    def _compile(self, schema: Any) -> Matcher | None:
        self.tell(phase="compile")
        wall, cpu = perf_counter_ns(), process_time_ns()
        try:
            matcher = self._engine.compile(schema)
        except Exception as error:  # an engine may raise anything: that is its compile error
            spent = perf_counter_ns() - wall
            failure = {"type": type(error).__name__, "message": str(error)[:1500]}
            self.tell(put={"compile_error": failure, "compile_ns": spent})
            return None
        spent, spent_cpu = perf_counter_ns() - wall, process_time_ns() - cpu
        self.tell(put={"compile_ns": spent, "compile_cpu_ns": spent_cpu})
        return matcher

    def _first_use(self, matcher: Matcher, case: Case, texts: Sequence[list[int]]) -> list[list[int]]:
        """The texts that were rightly accepted. The compiled matcher reads the first: its first mask is the TTFM's."""
        self.tell(phase="first use")
        if not texts:
            lone = read_instance(matcher, [], self._bench, valid=False)
            self.tell(put={"first_ns": lone.fills[:1], "first_cpu_ns": lone.fills_cpu[:1], "error": lone.error})
            return []
        matchers = (matcher if index == 0 else matcher.fresh() for index in range(len(texts)))
        readings = self._use("first", matchers, case, texts)
        self.tell(put={"first_ns": readings[0].fills[:1], "first_cpu_ns": readings[0].fills_cpu[:1]})
        return [text for text, reading in zip(texts, readings, strict=True) if reading.accepted and reading.valid]

    def _use(self, use: str, matchers: Iterable[Matcher], case: Case, texts: Sequence[list[int]]) -> list[Reading]:
        readings = []
        for matcher, instance, text in zip(matchers, case.instances, texts, strict=True):
            reading = read_instance(matcher, text, self._bench, valid=instance.valid)
            readings.append(reading)
            self.tell(use=use, reading=vars(reading))
        return readings

    def _probe(self, matcher: Matcher, accepted: list[list[int]], seed: tuple[int, ...]) -> None:
        if self._checks.probes and accepted:
            self.tell(phase="probes")
            random = np.random.default_rng(seed)
            probes = probe(matcher, accepted, self._bench, self._first_bytes, tokens=self._checks.probes, random=random)
            self.tell(put={"probes": vars(probes)})

    def _walk(self, matcher: Matcher, schema: Any, seed: tuple[int, ...]) -> None:
        if not self._checks.walks or getattr(matcher, "unsatisfiable", False):
            return
        self.tell(phase="walks")
        walks, texts = sample(matcher, self._walker, count=self._checks.walks, seed=seed)
        self.tell(put={"walks": vars(walks)})
        if texts:
            self.tell(phase="validation")
            validators = Validators(schema, formats=self._checks.formats)
            for text in texts:
                judge(walks, text, validators.judge(text))
            self.tell(put={"walks": vars(walks)})


def _warm_up(engine: Engine, tokens: list[int], bench: Bench) -> None:
    """Compile and read something trivial, so that what an engine builds on first use is billed to loading."""
    try:
        matcher = engine.compile({"type": "object", "properties": {"a": {"type": "integer"}}})
        read_instance(matcher, tokens, bench, valid=True)
    except Exception:  # an engine that cannot do even this fails on every schema, with its reason
        return


def resident() -> int:
    """Resident memory of this process in bytes."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _end_with_parent() -> None:
    """Have the kernel kill this process with its parent, which may itself be killed while an engine hangs here."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """Read settings, load, then evaluate one schema a line until stdin ends."""
    _end_with_parent()
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    choice, checks = from_json(json.loads(sys.stdin.readline()))
    try:
        worker = Worker(choice, checks, out)
    except Exception as error:  # told to the parent, which ends the run
        told = str(error) if isinstance(error, GuidedGenError) else said(error)
        out.write(json.dumps({"fatal": f"{choice.label}: {told}"}) + "\n")
        out.flush()
        return
    gc.collect()
    gc.freeze()
    gc.disable()
    worker.tell(ready=worker.ready)
    for count, line in enumerate(sys.stdin, start=1):
        task = json.loads(line)
        worker.evaluate(task["name"], Path(task["path"]))
        worker.tell(done=True)
        if count % _COLLECT_EVERY == 0:
            gc.collect()


if __name__ == "__main__":
    main()
