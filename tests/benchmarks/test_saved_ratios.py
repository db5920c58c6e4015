"""Loading a saved grammar is at least five times faster than compiling it; a schema needs no file to be fast."""

from __future__ import annotations

import pytest

from guidedgen.testing import byte_vocabulary
from tests.benchmarks.bench_saved import large_gbnf, large_schema, measure, python_grammar, table_of_schema


@pytest.mark.benchmark
@pytest.mark.parametrize("spec", [python_grammar(), large_gbnf()], ids=["python.lark", "gbnf"])
def test_large_grammars_load_faster_than_they_compile(spec: object) -> None:
    assert measure(spec, byte_vocabulary()).ratio >= 5


@pytest.mark.benchmark
def test_schemas_compile_faster_than_their_tables_are_read() -> None:
    vocabulary = byte_vocabulary()
    times = measure(large_schema(), vocabulary)
    assert times.compiling < table_of_schema(large_schema(), vocabulary)
