"""Loading a saved constraint beside compiling it: the largest grammars at hand, and JSON Schemas.

Not collected by pytest; `test_saved_ratios.py` beside it holds the ratios. Run it on a quiet machine:
    python tests/benchmarks/bench_saved.py [--tokenizer tokenizer.json] [--schemas FOLDER] [--rounds 5]
"""

from __future__ import annotations

import argparse
import importlib.resources
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import guidedgen as gg
from guidedgen.kernel import compile_table
from guidedgen.testing import byte_vocabulary


@dataclass(frozen=True)
class Times:
    """Milliseconds of CPU time, medians."""

    compiling: float
    loading: float
    file_bytes: int

    @property
    def ratio(self) -> float:
        return self.compiling / self.loading


def measure(spec: Any, vocabulary: gg.Vocabulary, rounds: int = 5) -> Times:
    """Compile and load in turn."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "it"
        gg.compile(spec, vocabulary, cache=False).save(path)
        gg.Constraint.load(path, vocabulary)
        compiling, loading = [], []
        for _ in range(rounds):
            compiling.append(milliseconds(lambda: gg.compile(spec, vocabulary, cache=False)))
            gg.compile_cache.clear()
            loading.append(milliseconds(lambda: gg.Constraint.load(path, vocabulary)))
        return Times(statistics.median(compiling), statistics.median(loading), path.stat().st_size)


def milliseconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1e3


def python_grammar() -> gg.Lark:
    """lark's own grammar of Python, without its indentation and a look at what follows a number."""
    text = (importlib.resources.files("lark") / "grammars" / "python.lark").read_text(encoding="utf-8")
    text = text.replace("%declare _INDENT _DEDENT", '_INDENT: "{"\n_DEDENT: "}"').replace("(?![1-9])", "")
    return gg.Lark(text, start="file_input")


def large_gbnf(rules: int = 2_000) -> gg.Gbnf:
    """Rules as converters of schemas write them: objects with keys, each value another rule."""
    head = 'r{i} ::= "{{" ws "\\"key{i}\\":" ws (r{first} | string | number) '
    rest = '("," ws "\\"also{i}\\":" r{second})? "}}" ws'
    lines = [(head + rest).format(i=i, first=i * 7 % rules, second=i * 3 % rules) for i in range(rules)]
    tail = ['string ::= "\\"" [^"\\\\]* "\\"" ws', 'number ::= "-"? [0-9]+ ("." [0-9]+)? ws', "ws ::= [ \\t\\n]*"]
    return gg.Gbnf("\n".join([*lines, *tail]), start="r0")


def large_schema(properties: int = 2_000) -> dict[str, Any]:
    """One object with many properties of many kinds."""
    kinds: list[dict[str, Any]] = [
        {"type": "string", "maxLength": 40},
        {"type": "integer", "minimum": 0, "maximum": 1000},
        {"type": "array", "items": {"enum": ["a", "b", "c"]}},
        {"anyOf": [{"type": "null"}, {"type": "string", "format": "date"}]},
    ]
    return {
        "type": "object",
        "properties": {f"property_{i}": kinds[i % len(kinds)] for i in range(properties)},
        "additionalProperties": False,
    }


def table_of_schema(schema: dict[str, Any], vocabulary: gg.Vocabulary) -> float:
    """Milliseconds that the kernel alone takes for the schema as a table of rules, which is what a file would hold."""
    table = gg.compile(schema, vocabulary, implementation="reference", cache=False).compiled.table
    assert table is not None
    return statistics.median(milliseconds(lambda: compile_table(table, vocabulary)) for _ in range(5))


def cases(schemas: Path | None) -> Iterator[tuple[str, Any]]:
    yield "python.lark of lark", python_grammar()
    yield "GBNF, 2,000 rules", large_gbnf()
    yield "schema, 2,000 properties", large_schema()
    if schemas is not None:
        largest = sorted(schemas.rglob("*.json"), key=lambda path: -path.stat().st_size)[:5]
        for path in largest:
            yield path.stem, json.loads(path.read_text(encoding="utf-8"))["schema"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--schemas", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    vocabulary = byte_vocabulary() if given.tokenizer is None else gg.Vocabulary.from_file(given.tokenizer)
    print(f"{'':<40} compile ms   load ms   ratio   file kB")
    for name, spec in cases(given.schemas):
        try:
            times = measure(spec, vocabulary, given.rounds)
        except gg.GuidedGenError as error:
            print(f"{name[:40]:<40} {type(error).__name__}: {str(error)[:80]}")
            continue
        print(
            f"{name[:40]:<40} {times.compiling:>10.2f} {times.loading:>9.2f} {times.ratio:>7.1f} "
            f"{times.file_bytes / 1e3:>9.1f}"
        )
    schema = large_schema()
    print(
        f"the schema with 2,000 properties as a table: {table_of_schema(schema, vocabulary):.2f} ms in the kernel alone"
    )


if __name__ == "__main__":
    main()
