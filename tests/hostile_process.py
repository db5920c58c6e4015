"""Runs hostile inputs, each in a process of its own under hard limits on time and memory.

A worker module has a table of cases: by name, a function that makes the specs to compile, by what they are called. Each
is compiled in a child of its own. `python -m WORKER NAME...` (or `all`) prints what became of them, one JSON line each;
without names it reads them from standard input. It has one thread, so that forking it is safe.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from guidedgen.errors import GuidedGenError, LimitExceeded
from guidedgen.grammars.compile import compile
from guidedgen.kernel import InspectableState
from guidedgen.masks import allowed_tokens
from tests.kernel.small_vocabulary import small_vocabulary

SECONDS = 5
BYTES = 2**30
STEPS = 50
ROOT = Path(__file__).resolve().parents[1]

Cases: TypeAlias = Mapping[str, Callable[[], Mapping[str, Callable[[], Any]]]]
"""By name: what makes, out of limits' sight, the functions that make the specs, by what each is called."""
Ask: TypeAlias = Callable[[str], dict[str, Any]]


def outcome(make: Callable[[], Any], seed: int) -> str:
    """What becomes of a spec: "compiled", or the typed error's name (with the limit's)."""
    try:
        state = compile(make(), small_vocabulary(), cache=False).start()
        walked = walk(state, random.Random(seed))
    except LimitExceeded as error:
        return f"LimitExceeded({error.limit})"
    except GuidedGenError as error:
        return type(error).__name__
    return f"compiled, {walked} tokens"


def walk(state: InspectableState, rng: random.Random) -> int:
    """Tokens that random choices under the mask come to."""
    for step in range(STEPS):
        tokens = allowed_tokens(state.mask()).tolist()
        if not tokens:
            assert state.accepting, f"dead end after {step} tokens"
            return step
        following = state.advance(rng.choice(tokens))
        assert following is not None, f"a token of the mask is refused after {step}"
        state = following
    return STEPS


def measured(cases: Cases, name: str) -> dict[str, Any]:
    """Run each spec of a case in a child under hard limits; outcomes, CPU seconds and MiB, or how one died."""
    result: dict[str, Any] = {"name": name}
    seconds = mebibytes = 0.0
    for called, make in cases[name]().items():
        found, usage = _in_child(make, called, seed=len(name))
        result |= found
        seconds += usage.ru_utime + usage.ru_stime
        mebibytes = max(mebibytes, usage.ru_maxrss / 1024)
    return {**result, "seconds": round(seconds, 2), "mebibytes": round(mebibytes)}


def _in_child(make: Callable[[], Any], called: str, seed: int) -> tuple[dict[str, Any], resource.struct_rusage]:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _run(make, called, seed, writing)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    _, status, usage = os.wait4(child, 0)
    return json.loads(text) if text else {"died": os.waitstatus_to_exitcode(status)}, usage


def _run(make: Callable[[], Any], called: str, seed: int, writing: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    result: dict[str, Any] = {}
    try:
        started = time.process_time()
        resource.setrlimit(resource.RLIMIT_AS, (_mapped() + BYTES,) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (int(started) + 2 * SECONDS + 1,) * 2)
        result[called] = outcome(make, seed)
        result[f"{called}_seconds"] = round(time.process_time() - started, 2)
    except BaseException as error:  # the parent has to hear of everything
        result["failed"] = f"{type(error).__name__}: {error}"[:300]
    os.write(writing, json.dumps(result).encode())
    os._exit(0)


def _mapped() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def serve(cases: Cases, first: Any) -> None:
    """Answer until nothing more is asked; `first` is compiled before, so that what every case needs is made once."""
    compile(first, small_vocabulary()).start().mask()
    asked: Iterator[str] = iter(line.strip() for line in sys.stdin)
    if len(sys.argv) > 1:
        asked = iter(cases if sys.argv[1:] == ["all"] else sys.argv[1:])
    for name in asked:
        print(json.dumps(measured(cases, name)), flush=True)


@contextmanager
def worker(module: str) -> Iterator[Ask]:
    """Has cases run by a process of its own, which forks a child for each."""
    if importlib.util.find_spec("guidedgen.kernel._native") is None:
        pytest.skip("the native kernel is not built: run `make native`")
    command = [sys.executable, "-m", module]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        reading, writing = process.stdout, process.stdin

        def answer(name: str) -> dict[str, Any]:
            writing.write(f"{name}\n")
            writing.flush()
            for line in reading:  # the answer to a question that was given up may still come
                result: dict[str, Any] = json.loads(line)
                if result["name"] == name:
                    return result
            raise EOFError(f"the worker ended before it answered for {name}")

        yield answer
        writing.close()
