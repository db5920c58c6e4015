"""A process that compiles hostile schemas, each in a child with hard limits on time and memory.

`python -m tests.grammars.json_schema.hostile_worker NAME...` (or `all`) prints what became of them, one JSON line each;
without names it reads them from standard input. It has one thread, so that forking it is safe.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
import time
from collections.abc import Iterator
from typing import Any

from guidedgen.errors import GuidedGenError, LimitExceeded
from guidedgen.grammars.compile import compile
from guidedgen.grammars.specs import JsonSchema
from guidedgen.kernel import InspectableState
from guidedgen.masks import allowed_tokens
from tests.grammars.json_schema.hostile import HOSTILE, Schema
from tests.kernel.small_vocabulary import small_vocabulary

SECONDS = 5
BYTES = 2**30
STEPS = 50


def outcome(schema: Schema, order: Any, seed: int) -> str:
    """What becomes of a schema: "compiled", or the typed error's name (with the limit's)."""
    try:
        state = compile(JsonSchema(schema, property_order=order), small_vocabulary(), cache=False).start()
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


def measured(name: str) -> dict[str, Any]:
    """Run a case in a child under hard limits; its outcomes, CPU seconds and MiB, or how it died."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _in_child(name, writing)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    _, status, usage = os.wait4(child, 0)
    result: dict[str, Any] = json.loads(text) if text else {"died": os.waitstatus_to_exitcode(status)}
    seconds, mebibytes = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    return {"name": name, **result, "seconds": round(seconds, 2), "mebibytes": round(mebibytes)}


def _in_child(name: str, writing: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    result: dict[str, Any] = {}
    try:
        made = HOSTILE[name]()
        before = time.process_time()
        resource.setrlimit(resource.RLIMIT_AS, (_mapped() + BYTES,) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (int(before) + 2 * SECONDS + 1,) * 2)
        for order in ("schema", "any"):
            started = time.process_time()
            result[order] = outcome(made, order, seed=len(name))
            result[f"{order}_seconds"] = round(time.process_time() - started, 2)
    except BaseException as error:  # the parent has to hear of everything
        result["failed"] = f"{type(error).__name__}: {error}"[:300]
    os.write(writing, json.dumps(result).encode())
    os._exit(0)


def _mapped() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def names() -> Iterator[str]:
    """The cases that are asked for: arguments, else lines."""
    if len(sys.argv) > 1:
        yield from HOSTILE if sys.argv[1:] == ["all"] else sys.argv[1:]
    else:
        for line in sys.stdin:
            yield line.strip()


def main() -> None:
    """Answer until nothing more is asked."""
    compile(
        JsonSchema({"type": "string"}), small_vocabulary()
    ).start().mask()  # what every case needs is made before the fork
    for name in names():
        print(json.dumps(measured(name)), flush=True)


if __name__ == "__main__":
    main()
