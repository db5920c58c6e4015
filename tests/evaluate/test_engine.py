"""How engines are named and made."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from guidedgen.evaluate.engine import ENGINES, EvaluationError, Tokenizer, find_engine, make_engine
from guidedgen.evaluate.engines.own import GuidedGen
from guidedgen.evaluate.reading import Bench, read_instance
from guidedgen.testing import byte_vocabulary
from tests.evaluate.samples import HERE


def test_an_engine_is_named_by_a_short_name_or_by_its_module_and_class() -> None:
    assert find_engine("guidedgen") is GuidedGen
    assert find_engine("guidedgen.evaluate.engines.own:GuidedGen") is GuidedGen
    assert find_engine("toys:Toys", pythonpath=[str(HERE)]).__name__ == "Toys"


@pytest.mark.parametrize("name", ["nonsense", "module:", ":Class"])
def test_names_that_name_nothing_list_those_that_do(name: str) -> None:
    with pytest.raises(EvaluationError, match="use one of guidedgen, llguidance, xgrammar"):
        find_engine(name)


@pytest.mark.parametrize("name", ["no_such_module:Engine", "json:NoSuchClass"])
def test_what_cannot_be_imported_is_said(name: str) -> None:
    with pytest.raises(EvaluationError, match="cannot be imported"):
        find_engine(name)


@pytest.mark.parametrize("name", [name for name, known in ENGINES.items() if known.extra])
def test_peers_are_optional(name: str) -> None:
    package = {"lm-format-enforcer": "lmformatenforcer"}.get(name, name.replace("-compliant", "").replace("-", "_"))
    if importlib.util.find_spec(package) is None:
        with pytest.raises(EvaluationError, match=r"pip install 'guidedgen\[peers\]'"):
            find_engine(name)
    else:
        assert find_engine(name).__module__.startswith("guidedgen.evaluate.engines.")


def test_options_are_checked() -> None:
    with pytest.raises(EvaluationError, match="does not take the options"):
        make_engine(GuidedGen, Tokenizer.read("bytes"), {"colour": "red"})


def test_the_byte_tokenizer_has_no_file() -> None:
    tokenizer = Tokenizer.read("bytes")
    assert tokenizer.vocabulary.encode("é") == [0xC3, 0xA9]
    assert tokenizer.ends == (256,)
    with pytest.raises(EvaluationError, match="name one with --tokenizer"):
        _ = tokenizer.json_file


def test_a_tokenizer_file_has_to_be_json(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"needs a tokenizer\.json"):
        _ = Tokenizer(byte_vocabulary(), tmp_path / "tokenizer.model").json_file


@pytest.mark.parametrize(
    ("spacing", "text"), [("compact", "[1, 2]"), ("2", "[\n  1,\n  2\n]"), ("flexible", "[ 1,\n2]")]
)
def test_whitespace_of_guidedgen(spacing: str, text: str) -> None:
    tokenizer = Tokenizer.read("bytes")
    bench = Bench.of(tokenizer.vocabulary.size, tokenizer.ends, masks_end=False)
    schema = {"type": "array", "items": {"type": "integer"}}
    accepted = {
        other: read_instance(
            GuidedGen(tokenizer, whitespace=other).compile(schema), list(text.encode()), bench, valid=True
        ).accepted
        for other in ("compact", "2", "flexible")
    }
    assert accepted == {other: other in (spacing, "flexible") for other in accepted}


def test_an_unsatisfiable_schema_is_an_answer_of_guidedgen() -> None:
    tokenizer = Tokenizer.read("bytes")
    bench = Bench.of(tokenizer.vocabulary.size, tokenizer.ends, masks_end=False)
    matcher = GuidedGen(tokenizer).compile(False)
    assert getattr(matcher, "unsatisfiable", False)
    reading = read_instance(matcher.fresh(), list(b"1"), bench, valid=False)
    assert (reading.accepted, reading.error) == (False, None)
