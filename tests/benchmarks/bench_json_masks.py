"""Time between masks of JSON Schemas: percentiles over instances of MaskBench files, beside the least a mask can cost.

Not collected by pytest. Run it on a quiet machine:
    python tests/benchmarks/bench_json_masks.py shared/data/tokenizers/llama3_1 shared/data/maskbench \
        --list shared/data/maskbench-600.txt
A time is one `fill` and one `advance` in CPU time of the thread, in microseconds, less the clock's own. Cold: the first
use of a compiled schema, without its first mask; warm: the second. The limit is the copy of one mask of the vocabulary.
"""

from __future__ import annotations

import argparse
import gc
import json
from pathlib import Path
from time import thread_time_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from guidedgen.constraint import State
from guidedgen.errors import GuidedGenError
from guidedgen.grammars.compile import GrammarConstraint, compile
from guidedgen.grammars.specs import JsonSchema
from guidedgen.masks import mask_words
from guidedgen.vocabulary import Vocabulary

PERCENTILES = (25, 50, 75, 90, 99, 99.9)
COUNTERS = ("trie_nodes_visited", "remainder_nodes_visited", "expressions", "lexer_states", "rows", "positions")


def clock_floor() -> int:
    """Nanoseconds that two looks at the clock are apart."""
    return min(-thread_time_ns() + thread_time_ns() for _ in range(1000))


def copy_of_a_mask(words: int) -> float:
    """Microseconds of copying one mask, on average over many buffers, as a batch has them."""
    source, buffers = np.zeros(words, np.int32), np.zeros((64, words), np.int32)
    started = thread_time_ns()
    for _ in range(20):
        for buffer in buffers:
            np.copyto(buffer, source)
    return (thread_time_ns() - started) / 1e3 / (20 * len(buffers))


def follow(start: State, tokens: list[int], out: NDArray[np.int32]) -> list[int]:
    """Nanoseconds of each step, up to the first token that is refused."""
    times, state = [], start
    for token in tokens:
        started = thread_time_ns()
        state.fill(out)
        if not (int(out[token >> 5]) >> (token & 31)) & 1:
            times.append(thread_time_ns() - started)
            break
        following = state.advance(token)
        times.append(thread_time_ns() - started)
        assert following is not None
        state = following
    return times


def pass_over(constraint: GrammarConstraint, texts: list[list[int]], out: NDArray[np.int32]) -> list[int]:
    """Nanoseconds of all steps of all instances."""
    return [time for tokens in texts for time in follow(constraint.start(), tokens, out)]


def line(name: str, nanoseconds: list[int], floor: int) -> str:
    """Average, percentiles and maximum as a row of the table."""
    times = (np.sort(np.array(nanoseconds)) - floor) / 1e3
    shown = [times.mean(), *(np.percentile(times, PERCENTILES)), times[-1]]
    return f"{name:>6}" + "".join(f"{value:10.2f}" for value in shown)


def main() -> None:
    """Print times, counters, and the distance to the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--list", type=Path, help="names of files of the folder; otherwise all")
    parser.add_argument("--limit", type=int, default=None)
    parser.add_argument("--order", choices=["any", "schema"], default="any")
    given = parser.parse_args()
    names = given.list.read_text().split() if given.list else sorted(path.name for path in given.folder.glob("*.json"))
    tokenizer = Tokenizer.from_file(str(given.tokenizer / "tokenizer.json"))
    vocabulary = Vocabulary.from_file(given.tokenizer)
    out = np.zeros(mask_words(vocabulary.size), np.int32)
    cold, warm, counters = list[int](), list[int](), dict.fromkeys(COUNTERS, 0)
    gc.disable()
    for name in names[: given.limit]:
        data: dict[str, Any] = json.loads((given.folder / name).read_text())
        instances = [json.dumps(test["data"], ensure_ascii=False) for test in data["tests"]]
        texts = [tokenizer.encode(text, add_special_tokens=False).ids for text in instances]
        try:
            spec = JsonSchema(data["schema"], whitespace="flexible", property_order=given.order)
            constraint = compile(spec, vocabulary, cache=False)
            constraint.start().fill(out)
            before = constraint.stats()
            cold += pass_over(constraint, texts, out)
            after = constraint.stats()
            warm += pass_over(constraint, texts, out)
        except GuidedGenError as error:
            print(f"{name}: {type(error).__name__}")
            continue
        for counter in COUNTERS:
            counters[counter] += after[counter] - before[counter]
    floor, limit = clock_floor(), copy_of_a_mask(len(out))
    print(f"{len(cold)} masks of {vocabulary.size} bits, microseconds of CPU time each")
    print("          mean" + "".join(f"{f'p{p:g}':>10}" for p in PERCENTILES) + "       max")
    print(line("cold", cold, floor))
    print(line("warm", warm, floor))
    cold_ratio, warm_ratio = ((np.mean(times) - floor) / 1e3 / limit for times in (cold, warm))
    print(f"copying a mask takes {limit:.2f}; a cold step {cold_ratio:.1f} times as long, a warm one {warm_ratio:.1f}")
    print("work of the cold pass:", ", ".join(f"{name} {count:,}" for name, count in counters.items()))


if __name__ == "__main__":
    main()
