"""Time to first mask of JSON Schemas: compile, start and first mask, in CPU time, over files and over growing schemas.

Not collected by pytest. Run it on a quiet machine:
    python tests/benchmarks/bench_json_compile.py ../shared/data/maskbench \\
        --tokenizer ../shared/data/tokenizers/llama3_1/tokenizer.json \\
        [--list ../shared/data/maskbench-600.txt] [--order schema] [--slowest 20]
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path
from typing import Any

import numpy as np

import guidedgen as gg

SIZES = (100, 1_000, 10_000)


class Stopwatch:
    """Milliseconds of CPU time from a schema to its first mask."""

    def __init__(self, tokenizer: str, order: str) -> None:
        self.vocabulary = gg.Vocabulary.from_file(tokenizer)
        self.order = order
        self.buffer = np.zeros((self.vocabulary.size + 31) // 32, dtype=np.int32)
        self({"type": "object"})  # what a vocabulary costs once is not what a schema costs

    def __call__(self, schema: Any) -> tuple[float, float, str]:
        """Compile and first mask; what was wrong, if anything was."""
        start = time.thread_time()
        try:
            spec = gg.JsonSchema(schema, property_order=self.order, whitespace="flexible")  # type: ignore[arg-type]
            state = gg.compile(spec, self.vocabulary, cache=False).start()
            compiled = time.thread_time()
            state.fill(self.buffer)
            return 1e3 * (compiled - start), 1e3 * (time.thread_time() - compiled), ""
        except gg.GuidedGenError as error:
            return 1e3 * (time.thread_time() - start), 0.0, f"{type(error).__name__}: {str(error)[:80]}"


def over_files(watch: Stopwatch, files: list[Path], slowest: int) -> None:
    """Percentiles over a collection, and its slowest schemas."""
    rows = []
    for file in files:
        compiled, mask, wrong = watch(json.loads(file.read_text(encoding="utf-8"))["schema"])
        rows.append((compiled + mask, compiled, mask, file.stem, wrong))
    rows.sort(reverse=True)
    times = [row[0] for row in rows]
    at = {
        name: times[min(len(times) - 1, int(len(times) * (1 - q)))]
        for name, q in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))
    }
    shown = "  ".join(f"{name} {value:.3f}" for name, value in at.items())
    refused = sum(bool(row[4]) for row in rows)
    mean = sum(times) / len(times)
    print(
        f"{len(rows)} schemas, {watch.order} order, ms: {shown}  max {times[0]:.2f}  mean {mean:.3f}; refused {refused}"
    )
    for total, compiled, mask, name, wrong in rows[:slowest]:
        print(f"{total:10.2f}  compile {compiled:9.2f}  mask {mask:9.2f}  {name} {wrong}")


def growing(size: int) -> dict[str, Any]:
    """Schemas that differ in size, and in how much of it the first mask needs."""
    words = random.Random(size)
    names = sorted({"".join(words.choices("abcdefghijklmnopqrstuvwxyz", k=words.randint(4, 20))) for _ in range(size)})
    definition = {
        "type": "object",
        "properties": {"name": {"type": "string", "pattern": "^[a-z]+$"}},
        "required": ["name"],
    }
    definitions = {f"d{i}": definition for i in range(size)}
    tagged = {
        f"k{i}": {"type": "object", "properties": {"kind": {"const": f"k{i}"}}, "required": ["kind"]}
        for i in range(size)
    }
    return {
        "definitions, one used": {"properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": definitions},
        "definitions, all used": {
            "properties": {n: {"$ref": f"#/$defs/{n}"} for n in definitions},
            "$defs": definitions,
        },
        "properties": {
            "type": "object",
            "properties": {n: {"type": "string"} for n in names},
            "additionalProperties": False,
        },
        "enum": {"enum": names},
        "enum of a property": {"type": "object", "properties": {"a": {"enum": names}}, "required": ["a"]},
        "anyOf with constants": {"anyOf": [{"$ref": f"#/$defs/{n}"} for n in tagged], "$defs": tagged},
    }


def growth(watch: Stopwatch) -> None:
    """Compile and first mask by size, the best of three."""
    for size in SIZES:
        for name, schema in growing(size).items():
            compiled, mask, wrong = min(watch(schema) for _ in range(3))
            size_in_bytes = len(json.dumps(schema))
            print(
                f"{size:6d} {name:24s} {size_in_bytes:9d} bytes  compile {compiled:8.2f}  mask {mask:8.2f} ms {wrong}"
            )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="files of MaskBench's format")
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--list", type=Path, help="names of files, one a line; all of the folder where absent")
    parser.add_argument("--order", choices=("any", "schema"), default="any")
    parser.add_argument("--slowest", type=int, default=10)
    given = parser.parse_args()
    names = given.list.read_text().split() if given.list else sorted(file.name for file in given.folder.glob("*.json"))
    watch = Stopwatch(given.tokenizer, given.order)
    over_files(watch, [given.folder / name for name in names], given.slowest)
    growth(watch)


if __name__ == "__main__":
    main()
