"""`guidedgen evaluate grammars` on small files, and the translation that peers read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from guidedgen.cli import app
from guidedgen.evaluate.engine import EvaluationError, Tokenizer
from guidedgen.evaluate.engines.grammars import grammar_engine, known_grammar
from guidedgen.evaluate.grammar_bench import find_instances
from guidedgen.evaluate.grammar_dialect import translated, translated_to_kbnf
from guidedgen.evaluate.reading import Bench, read_instance
from guidedgen.grammars.library import LIBRARY


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, text in (("json", '{"a": [1, true]}'), ("arithmetic", "1 + 2"), ("csv", 'a,b\n"c",d"')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "one.txt").write_text(text)
    return tmp_path


def test_files_are_read_and_counted(files: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    done = CliRunner().invoke(app, ["evaluate", "grammars", str(files), "--tokenizer", "bytes", "--out", str(out)])
    assert done.exit_code == 0, done.output
    records = {record["grammar"]: record for record in map(json.loads, out.read_text().splitlines())}
    assert {name: record["accepted"] for name, record in records.items()} == {"arithmetic": 1, "csv": 0, "json": 1}
    assert len(records["json"]["cold"]) == records["json"]["tokens"] == 16
    assert all(record["error"] is None and len(record["first"]) == 1 for record in records.values())


def test_the_table_is_markdown(files: Path) -> None:
    command = ["evaluate", "grammars", str(files), "--tokenizer", "bytes", "--grammar", "json", "--markdown"]
    lines = [line for line in CliRunner().invoke(app, command).output.splitlines() if line.startswith("|")]
    assert [line.split(" | ")[0] for line in lines] == ["| grammar", "| ---", "| json"]


def test_folders_name_grammars(files: Path, tmp_path: Path) -> None:
    assert list(find_instances(files, ["csv"])) == ["csv"]
    with pytest.raises(EvaluationError, match="no grammar 'cobol'"):
        find_instances(files, ["cobol"])
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(EvaluationError, match="has no files"):
        find_instances(empty, [])


def test_what_the_dialect_cannot_say_is_named() -> None:
    text = 'start: A "-" B | _C _NEVER\nA: /(?!ab)[a-z\\/]+/\nB: "b"i\n_C: "c"\n_NEVER: /(?!x)x/\n%ignore /\\n/\n'
    made = translated(text)
    assert made.lost == ("tests in patterns", "what must not follow a terminal")
    assert "(?!" not in made.text
    assert made.text.splitlines()[0].startswith("start: ")
    assert "%ignore" in made.text


def test_peers_read_the_dialect() -> None:
    llguidance = pytest.importorskip("llguidance")
    texts = {name: translated(grammar.text).text for name, grammar in LIBRARY.items()}
    errors = {
        name: llguidance.LLMatcher.validate_grammar(json.dumps({"grammars": [{"lark_grammar": text}]}))
        for name, text in texts.items()
    }
    assert {name: error for name, error in errors.items() if error} == {}


def test_kbnf_has_nothing_to_ignore_texts_with() -> None:
    made = translated_to_kbnf('start: A ["-"]\nA: /\\d+\'/\n%ignore " "\n')
    assert made.text.splitlines()[:2] == [r"start ::= #'(?:(?:\\ ))+' start_ end | start_ end;", r"end ::= #'\\x03';"]
    assert r"T0_ ::= #'(?:\\d+\')(?:(?:\\ ))*';" in made.text.splitlines()


@pytest.mark.slow
def test_kbnf_reads_what_the_grammars_accept(shared: Path) -> None:
    pytest.importorskip("kbnf")
    tokenizer = Tokenizer.read(str(shared / "data" / "tokenizers" / "smollm2"))
    engine = grammar_engine("kbnf", tokenizer)
    bench = Bench.of(tokenizer.vocabulary.size, tokenizer.ends, masks_end=engine.masks_end)
    for name, text, accepted in [
        ("json", '{"a": [1, true]}\n', True),
        ("json", '{"a" 1}', False),
        ("arithmetic", " (1 + 2) * 3", True),
    ]:
        matcher = engine.compile(engine.prepare(known_grammar(name))[0])
        for _ in range(2):
            reading = read_instance(matcher.fresh(), list(tokenizer.vocabulary.encode(text)), bench, valid=accepted)
            assert (text, reading.accepted, reading.error) == (text, accepted, None)
