"""`guidedgen evaluate grammars` on small files, and the translation that peers read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from guidedgen.cli import app
from guidedgen.evaluate.engine import EvaluationError
from guidedgen.evaluate.grammar_bench import find_instances
from guidedgen.evaluate.grammar_dialect import translated
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
