"""Looking into a model through the API and the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import guidedgen as gg
from guidedgen import api, cli
from guidedgen.models import tiny


@pytest.fixture(scope="module")
def model() -> gg.Model:
    return gg.Model(tiny.load("llama"))


def test_what_was_generated_can_be_looked_into(model: gg.Model) -> None:
    result = model.generate("ABC", gg.Regex("[A-F]{5}"), describe="none")
    for continuation in (result, result.text, result.tokens):
        readout = model.inspect_layers("ABC", continuation, gg.Regex("[A-F]{5}"), describe="none", top=2)
        assert "".join(token.text for token in readout.tokens) == result.text
        for token, known in zip(readout.tokens, result.report.tokens, strict=False):
            assert known.logprob is not None
            assert token.layers[-1].probability == pytest.approx(2.718281828**known.logprob, rel=1e-3)
    messages = [{"role": "user", "content": "ABC"}]
    other = model.inspect_layers(None, result, output=gg.Regex("[A-F]{5}"), messages=messages, describe="none", top=2)
    assert other == readout


def test_spans_by_name(model: gg.Model) -> None:
    report = model.inspect_spans("NAME_AROMI_FOOD_PASTA", "AROMI_HAS", {"name": "AROMI", "food": "PASTA"})
    name, food = report.items
    assert (name.name, name.how, name.mentioned) == ("name", "text", 4)
    assert food.name == "food"
    with pytest.raises(ValueError, match="does not hold"):
        model.inspect_spans("NAME", "A", ["PASTA"])


@pytest.fixture
def run(model: gg.Model, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(api, "load", lambda *_, **__: model)
    return lambda *arguments: CliRunner().invoke(cli.app, ["inspect", *map(str, arguments)])


def test_layers_on_the_command_line(run: Any, tmp_path: Path) -> None:
    shown = run("layers", "ABC", "--text", "DE")
    assert [line.split()[0] for line in shown.stdout.splitlines()] == ["layer", "1", "0"]
    told = json.loads(run("layers", "ABC", "--text", "DE", "--layer", 1, "--json").stdout)
    assert told["layers"] == [1]
    assert [token["text"] for token in told["tokens"]] == ["D", "E"]
    page = tmp_path / "layers.html"
    drawn = run("layers", "ABC", "--text", "DE", "--html", page)
    assert (drawn.exit_code, drawn.stdout) == (0, "")
    assert page.read_text(encoding="utf-8").startswith("<table")
    written = run("layers", "ABC", "--max-tokens", 3)
    assert len(written.stderr.strip()) == 3
    assert run("layers", "ABC", "--text", "D", "--layer", 7).exit_code == 4


def test_spans_on_the_command_line(run: Any) -> None:
    shown = run("spans", "NAME_AROMI", "--item", "AROMI", "--text", "IT_IS_AROMI")
    assert "text at 'I'" in shown.stdout
    told = json.loads(run("spans", "ABC_DEF", "--item", "DEF", "--text", "G", "--confident", 1, "--json").stdout)
    assert told["missing"] in ([], ["DEF"])
    assert run("spans", "ABC", "--item", "X", "--text", "G").exit_code == 1
