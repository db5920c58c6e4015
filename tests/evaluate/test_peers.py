"""The adapters of the optional engines, each where it is installed (extra `peers`)."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from guidedgen.evaluate.engine import ENGINES, EvaluationError, Tokenizer, find_engine, make_engine
from guidedgen.evaluate.reading import Bench, read_instance

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, known in ENGINES.items() if known.extra])
def test_an_adapter_reads_accepts_and_refuses(shared: Path, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what other projects import is not ours to mend
        try:
            found = find_engine(name)
        except EvaluationError as error:
            pytest.skip(str(error))
        tokenizer = Tokenizer.read(str(shared / "data" / "tokenizers" / "smollm2"))
        compiled = make_engine(found, tokenizer, {}).compile(SCHEMA)
        bench = Bench.of(tokenizer.vocabulary.size, tokenizer.ends, masks_end=True)
        for text, accepted in [('{"a": 17}', True), ('{"a": "x"}', False), ('{"a": 1', False), ('{"a": 17}', True)]:
            reading = read_instance(compiled.fresh(), tokenizer.vocabulary.encode(text), bench, valid=accepted)
            assert (text, reading.accepted, reading.error) == (text, accepted, None)
            assert not reading.end_differs
        probe = compiled.fresh()
        assert not probe.accepting
        assert not probe.commit(tokenizer.vocabulary.encode("]")[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["llguidance", "xgrammar", "xgrammar-compliant"])
def test_that_no_value_is_valid_is_an_answer(shared: Path, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = find_engine(name)
        except EvaluationError as error:
            pytest.skip(str(error))
        engine = make_engine(found, Tokenizer.read(str(shared / "data" / "tokenizers" / "smollm2")), {})
        for schema in (False, {"type": "string", "minLength": 3, "maxLength": 2}):
            assert getattr(engine.compile(schema), "unsatisfiable", False)
        assert not getattr(engine.compile(SCHEMA), "unsatisfiable", False)
