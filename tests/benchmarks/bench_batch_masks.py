"""Masks of a batch: 64 sequences at different positions, one thread against several, cold and warm.

Not collected by pytest. Run it on a quiet machine:
    python tests/benchmarks/bench_batch_masks.py shared/data/tokenizers/llama3_1 --threads 2
Cold: every position is filled for the first time, so the kernel works out its mask under a lock. Warm: masks are known,
threads only copy them, without a lock. The least a mask can cost is the copy; it is printed beside.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from guidedgen.constraint import State, fill_masks
from guidedgen.grammars.compile import GrammarConstraint, compile
from guidedgen.grammars.specs import JsonSchema
from guidedgen.masks import allowed_tokens, mask_words
from guidedgen.vocabulary import Vocabulary

LINE = {
    "type": "object",
    "properties": {
        "what": {"type": "string", "maxLength": 60},
        "code": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{4}$"},
        "count": {"type": "integer", "minimum": 1},
        "kind": {"enum": ["goods", "service", "discount", "shipping"]},
    },
    "required": ["what", "count"],
}
SCHEMA = {
    "type": "object",
    "properties": {"to": {"type": "string"}, "lines": {"type": "array", "items": LINE}, "paid": {"type": "boolean"}},
    "required": ["to", "lines"],
}


def replayed(vocabulary: Vocabulary, texts: list[list[int]]) -> list[State]:
    """The same positions of a constraint that has filled no mask yet."""
    start = compile(JsonSchema(SCHEMA), vocabulary).start()
    states = []
    for tokens in texts:
        state: State | None = start
        for token in tokens:
            assert state is not None
            state = state.advance(token)
        assert state is not None
        states.append(state)
    return states


def walks(constraint: GrammarConstraint, count: int) -> list[list[int]]:
    """Random texts of growing length, as tokens."""
    rng, found = random.Random(1), list[list[int]]()
    for length in range(count):
        state, tokens = constraint.start(), list[int]()
        while len(tokens) < length:
            allowed = allowed_tokens(state.mask())
            if not len(allowed):
                break
            token = int(allowed[rng.randrange(len(allowed))])
            following = state.advance(token)
            assert following is not None
            state, tokens = following, [*tokens, token]
        found.append(tokens)
    return found


def timed(run: Callable[[], None]) -> float:
    """Milliseconds of one run."""
    started = time.perf_counter()
    run()
    return (time.perf_counter() - started) * 1e3


def main() -> None:
    """Print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--runs", type=int, default=7)
    given = parser.parse_args()
    vocabulary = Vocabulary.from_file(given.tokenizer)
    texts = walks(compile(JsonSchema(SCHEMA), vocabulary), given.batch)
    out = np.empty((given.batch, mask_words(vocabulary.size)), np.int32)
    source = np.zeros_like(out)
    times: dict[str, list[float]] = {"copy": []}
    for _ in range(given.runs):
        times["copy"].append(timed(lambda: np.copyto(out, source)))
        for threads in (1, given.threads):
            fresh = Vocabulary.from_tokens([vocabulary.token_bytes(token) for token in range(vocabulary.size)])
            states = replayed(fresh, texts)
            for name in ("cold", "warm"):
                times.setdefault(f"{name}, {threads}", []).append(timed(partial(fill_masks, states, out, threads)))
    middle = {name: statistics.median(values) for name, values in times.items()}
    print(f"{given.batch} masks of {vocabulary.size} bits; milliseconds, median of {given.runs} runs")
    for name, value in middle.items():
        print(f"{name:>10} thread(s) {value:9.3f}" if name != "copy" else f"      copy alone {value:9.3f}")
    for name in ("cold", "warm"):
        ratio = middle[f"{name}, 1"] / middle[f"{name}, {given.threads}"]
        print(f"{name}: 1 thread takes {ratio:.2f} times as long as {given.threads}")


if __name__ == "__main__":
    main()
