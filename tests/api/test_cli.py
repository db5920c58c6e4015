"""The command line: data on stdout, everything else on stderr, exit codes as documented."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

import guidedgen as gg
from guidedgen import api, cli, demo
from guidedgen.models import tiny

Script = Callable[..., tuple[gg.Model, Any]]
SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string", "maxLength": 9}, "urgent": {"type": "boolean"}},
    "required": ["title", "urgent"],
    "additionalProperties": False,
}
TEXT = '{"title": "Fire", "urgent": true}'


@pytest.fixture
def run(script: Script, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run a command line with a model that gives one answer."""

    def command(*arguments: object, answer: Any = TEXT, stdin: str | None = None) -> Any:
        model, language_model = script(answer)
        monkeypatch.setattr(api, "load", lambda *_, **__: model)
        result = CliRunner().invoke(cli.app, list(map(str, arguments)), input=stdin)
        result.prompts = language_model.tokenizer.prompts
        return result

    return command


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    path = tmp_path / "ticket.json"
    path.write_text(json.dumps(SCHEMA))
    return path


def test_a_schema_file_gives_json_on_stdout(run: Any, schema: Path) -> None:
    result = run("generate", "What?", "--schema", schema)
    assert (result.exit_code, result.stdout, result.stderr) == (0, TEXT + "\n", "")


def test_reasoning_goes_to_stderr(run: Any, schema: Path) -> None:
    answer = f"<think>It burns.</think>\n\n{TEXT}"
    result = run("generate", "What?", "--schema", schema, "--thinking", "50", answer=answer)
    assert (result.exit_code, result.stdout, result.stderr) == (0, TEXT + "\n", "It burns.\n")
    streamed = run("generate", "What?", "--schema", schema, "--thinking", "50", "--stream", answer=answer)
    assert (streamed.stdout, streamed.stderr) == ('/title: "Fire"\n/urgent: true\n', "It burns.")
    facts = json.loads(run("generate", "?", "--schema", schema, "--thinking", "50", "--json", answer=answer).stdout)
    assert (facts["thinking"], facts["value"]) == ("It burns.", json.loads(TEXT))


def test_a_lattice_is_ranked_drawn_and_drawn_as_a_graph(run: Any) -> None:
    asked = ["generate", "What?", "--regex", "[ab]{2}", "--strategy", "best-first:64", "-n", "3"]
    best = run(*asked, "--lattice", "best", answer="ab")
    texts = best.stdout.splitlines()
    assert (best.exit_code, len(texts), len(set(texts)), texts[0]) == (0, 3, 3, "ab")
    assert set(texts) < {"aa", "ab", "ba", "bb"}
    assert "texts in" in best.stderr
    facts = json.loads(run(*asked, "--lattice", "best", "--json", answer="ab").stdout)
    assert facts["count"] >= 4
    assert [path["text"] for path in facts["texts"]] == texts
    assert facts["texts"][0]["logprob"] >= facts["texts"][1]["logprob"]
    drawn = [run(*asked, "--lattice", "sample", "--seed", "4", answer="ab").stdout for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert len(drawn[0].splitlines()) == 3
    graph = run(*asked, "--lattice", "dot", answer="ab")
    assert graph.stdout.startswith("digraph lattice {")
    assert graph.stdout.endswith("}\n")


@pytest.mark.parametrize(
    "wrong", [["--lattice", "all"], ["--lattice", "best", "--strategy", "beam:4"], ["--lattice", "best", "--stream"]]
)
def test_lattices_that_cannot_be_shown_are_refused(run: Any, wrong: list[str]) -> None:
    strategy = [] if "--strategy" in wrong else ["--strategy", "best-first:8"]
    result = run("generate", "What?", "--regex", "[ab]{2}", *strategy, *wrong, answer="ab")
    assert result.exit_code == 2
    assert "lattice" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ([], "Hello."),
        (["--regex", "[a-z]+"], "abc"),
        (["--choice", "yes", "--choice", "no"], "no"),
        (["--type", "builtins:list[int]"], "[1, 2]"),
        (["--type", "decimal:Decimal | None"], "null"),
    ],
)
def test_other_output_types(run: Any, arguments: list[str], answer: str) -> None:
    result = run("generate", "What?", *arguments, answer=answer)
    assert (result.exit_code, result.stdout) == (0, answer + "\n")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("lark", 'start: "a" start? "b"'),
        ("gbnf", 'root ::= "a" root? "b"'),
        ("ebnf", "word ::= 'a' word? 'b'"),
        ("ebnf", "word = 'a', [ word ], 'b' ;"),
    ],
)
def test_a_grammar_file(run: Any, tmp_path: Path, kind: str, text: str) -> None:
    grammar = tmp_path / f"g.{kind}"
    grammar.write_text(text)
    assert run("generate", "What?", f"--{kind}", grammar, answer="aabb").stdout == "aabb\n"
    assert run("generate", "What?", f"--{kind}", grammar, "--stream", answer="aabb").stdout == "aabb\n"
    assert run("generate", "What?", f"--{kind}", grammar, "--regex", "a").exit_code == 2


def test_types_come_from_the_current_folder(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_types_of_a_user.py").write_text(
        "from pydantic import BaseModel\nclass Box(BaseModel):\n    x: int\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert run("generate", "What?", "--type", "own_types_of_a_user:Box", answer='{"x": 1}').stdout == '{"x": 1}\n'


def test_the_prompt_can_come_from_stdin(run: Any) -> None:
    result = run("generate", "-", "--system", "Be brief.", answer="ok", stdin="Who?\n")
    assert result.stdout == "ok\n"
    assert result.prompts == ["System: Be brief.\n\nUser: Who?\n\n\nAssistant:"]


def test_json_tells_everything(run: Any, schema: Path) -> None:
    told = json.loads(run("generate", "What?", "--schema", schema, "--json").stdout)
    assert told["value"] == {"title": "Fire", "urgent": True}
    assert (told["text"], told["finish"], told["error"]) == (TEXT, "stop", None)
    assert [entry["path"] for entry in told["fields"]] == [["title"], ["urgent"]]


def test_samples_are_printed_one_a_line(run: Any) -> None:
    arguments = ["generate", "What?", "--regex", "[0-9]{3}", "-n", 3, "--temperature", 1, "--seed", 1]
    lines = run(*arguments, answer="?").stdout.splitlines()
    assert [len(line) for line in lines] == [3, 3, 3]
    assert [entry["text"] for entry in json.loads(run(*arguments, "--json", answer="?").stdout)] == lines


def test_streams_print_fields_as_they_close(run: Any, schema: Path) -> None:
    assert run("generate", "What?", "--schema", schema, "--stream").stdout == '/title: "Fire"\n/urgent: true\n'
    assert run("generate", "What?", "--stream", answer="Hello.").stdout == "Hello.\n"


def test_streams_as_json_lines(run: Any, schema: Path) -> None:
    lines = run("generate", "What?", "--schema", schema, "--stream", "--json").stdout.splitlines()
    events = [json.loads(line) for line in lines]
    assert events[0] == {"event": "FieldStarted", "path": []}
    assert {"event": "FieldClosed", "path": ["urgent"], "value": True} in events
    assert events[-1]["event"] == "Done"
    assert events[-1]["value"] == {"title": "Fire", "urgent": True}


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--regex", "(ab"], 1, "error:"),
        (["--type", "nowhere:T"], 1, "cannot be imported"),
        (["--type", "builtins:nobody"], 1, "cannot be imported"),
        (["--regex", "a{20}", "--max-tokens", "3"], 1, "Use max_tokens=20 or more"),
        (["--strategy", "magic"], 1, "no strategy is called 'magic'"),
        (["--describe", "long"], 1, "describe must be"),
        (["--regex", "a", "--choice", "b"], 2, "only one of"),
        (["--type", "nobody"], 1, "list[str]"),
        (["--type", "lambda: 1:"], 1, "cannot be imported"),
        (["--library", "klingon"], 1, "klingon"),
        (["--library", "sql", "--choice", "b"], 2, "only one of"),
        (["--lark", "nowhere.lark"], 1, "nowhere.lark cannot be read"),
        (["--stream", "-n", "2"], 2, "one sample"),
        (["--max-tokens", "0"], 2, "max-tokens"),
        (["--type", "builtins:list[str]", "--max-tokens", "4", "--on-budget", "truncate"], 3, "Raise max_tokens"),
        (["--type", "builtins:list[str]", "--max-tokens", "4", "--on-budget", "grow"], 1, "on_budget must be"),
    ],
)
def test_exit_codes(run: Any, arguments: list[str], code: int, told: str) -> None:
    result = run("generate", "What?", *arguments, answer='["aaaaaaaaaaaa"]')
    assert result.exit_code == code
    assert told in result.stderr


def test_a_budget_ends_in_a_valid_value(run: Any) -> None:
    arguments = ["--type", "builtins:list[str]", "--max-tokens", "4"]
    result = run("generate", "What?", *arguments, answer='["aaaaaaaaaaaa"]')
    assert result.exit_code == 0
    assert json.loads(result.stdout) == [""]


def test_a_model_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    result = CliRunner().invoke(cli.app, ["generate", "What?", "--model", "./nowhere"])
    assert (result.exit_code, result.stdout) == (4, "")
    assert "nowhere" in result.stderr


def test_ctrl_c_has_its_exit_code(run: Any) -> None:
    def interrupted(prompt: str) -> str:
        raise KeyboardInterrupt

    assert run("generate", "What?", answer=interrupted).exit_code == 130


def test_check_reports_keyword_by_keyword(run: Any, schema: Path) -> None:
    result = run("check", schema, "--report")
    assert result.exit_code == 0
    assert "/properties/title/maxLength" in result.stdout
    assert "every text that the masks allow is valid" in result.stdout
    told = json.loads(run("check", schema, "--json", "--text", TEXT).stdout)
    assert told["exact"] is True
    assert told["facts"]["shortest"] == '{"title": "", "urgent": true}'
    assert told["text"].items() >= {"accepted": True, "read": len(TEXT), "expected": ""}.items()


def test_check_tests_a_text(run: Any, schema: Path) -> None:
    assert run("check", schema, "--text", TEXT).exit_code == 0
    result = run("check", schema, "--text", '{"title": 3}')
    assert result.exit_code == 1
    assert 'not valid: 10 bytes read, expected "' in result.stdout


def test_check_names_the_line_of_the_fault(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps({"type": "object", "properties": {"a": {"maxLength": "3"}}}, indent=1))
    result = run("check", path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "#/properties/a/maxLength" in result.stderr
    assert '5 |    "maxLength": "3"' in result.stderr


def test_check_shows_the_line_of_a_broken_grammar(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "bad.lark"
    path.write_text('start: "a"\nother: (\n')
    result = run("check", path)
    assert result.exit_code == 1
    assert "line " in result.stderr


@pytest.mark.parametrize(("name", "code"), [("x.txt", 1), ("missing.json", 2)])
def test_check_wants_a_known_file(run: Any, tmp_path: Path, name: str, code: int) -> None:
    (tmp_path / "x.txt").write_text("x")
    assert run("check", tmp_path / name).exit_code == code


def test_models_are_listed(run: Any) -> None:
    (entry,) = json.loads(run("models", "list", "--json").stdout)
    assert (entry["name"], entry["licence"]) == ("smollm2", "Apache-2.0")
    assert "smollm2" in run("models", "list").stdout


def test_fetching_a_model_loads_it(run: Any) -> None:
    result = run("models", "fetch", "toy")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "toy is ready" in result.stderr


def test_the_version(run: Any) -> None:
    assert run("--version").stdout == gg.__version__ + "\n"


def test_costs_of_rows_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUIDEDGEN_CACHE", str(tmp_path))
    monkeypatch.setattr(api, "load", lambda *_, **__: SimpleNamespace(language_model=tiny.load("llama")))
    measured = CliRunner().invoke(cli.app, ["models", "costs", "tiny", "--json"])
    table = json.loads(measured.stdout)
    assert table["rows"][0] == 1
    assert len(table["medians"]) == len(table["rows"])
    lines = CliRunner().invoke(cli.app, ["models", "costs", "tiny"]).stdout.splitlines()
    assert len(lines) == 2 + len(table["rows"])


@pytest.mark.parametrize(
    "arguments", [[], ["generate"], ["check"], ["demo"], ["models"], ["models", "fetch"], ["models", "costs"]]
)
def test_help_has_examples(run: Any, arguments: list[str]) -> None:
    result = run(*arguments, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout
    assert not arguments or len(arguments) > 1 or arguments == ["models"] or "Example" in result.stdout


def answers(prompt: str) -> str:
    """What the demo's prompts should be answered with."""
    return {
        "Ext": '{"shop": "S", "items": [], "total": 1.0, "currency": "EUR"}',
        "Apo": "1969-07-20",
        "Cla": "negative" if "rude" in prompt else "positive",
        "Wri": "SELECT * FROM users;",
        "Lis": "[" + ", ".join(['{"city": "A", "country": "B"}'] * 3) + "]",
    }[prompt[:3]]


def test_the_demo_shows_every_act(run: Any) -> None:
    result = run("demo", answer=answers)
    assert result.exit_code == 0
    assert [act.title for act in demo.ACTS if act.title not in result.stdout] == []
    assert "tokens/s" in result.stdout


def test_the_demo_as_json(run: Any) -> None:
    told = json.loads(run("demo", "--json", answer=answers).stdout)
    assert told["values"]["reviews"] == ["negative", "positive"]
    assert told["values"]["cities"] == [[{"city": "A", "country": "B"}] * 3]
    assert told["speed"]["typed_tokens_per_second"] > 0
    quick = json.loads(run("demo", "--json", "--quick", answer=answers).stdout)
    assert list(quick["values"]) == ["bill", "date"]


def test_help_and_check_do_not_import_torch(schema: Path) -> None:
    code = (
        "import sys\nfrom guidedgen.cli import app\n"
        f"for arguments in (['--help'], ['check', {str(schema)!r}]):\n"
        "    try:\n        app(arguments)\n    except SystemExit as end:\n        assert end.code == 0\n"
        "print('torch' in sys.modules, 'transformers' in sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(gg.__file__).parent.parent)}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert run.stdout.splitlines()[-1] == "False False"


CALL = {"name": "find", "arguments": {"q": "ink"}}
TOOL = {"type": "function", "function": {"name": "find", "parameters": {"properties": {"q": {"type": "string"}}}}}


@pytest.mark.parametrize("wrapped", [[TOOL], {"tools": [TOOL]}, TOOL, TOOL["function"]])
def test_tools_of_a_file(run: Any, tmp_path: Path, wrapped: Any) -> None:
    path = tmp_path / "tools.json"
    path.write_text(json.dumps(wrapped))
    result = run("generate", "Go.", "--tools", path, answer=json.dumps([CALL]))
    assert result.exit_code == 0, result.output
    assert {key: json.loads(result.stdout)[key] for key in CALL} == CALL
    told = json.loads(run("generate", "Go.", "--tools", path, "--json", answer=json.dumps([CALL])).stdout)
    assert [(entry["name"], entry["arguments"]) for entry in told["value"]] == [("find", {"q": "ink"})]


def test_tools_of_a_module(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_tools_of_a_user.py").write_text("def add(a: int) -> int: ...\ndef sub(a: int) -> int: ...\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    arguments = ["generate", "Go.", "--tools", "own_tools_of_a_user:add,sub"]
    answer = '[{"name": "sub", "arguments": {"a": 1}}]'
    assert json.loads(run(*arguments, answer=answer).stdout)["name"] == "sub"
    assert run(*arguments, "--tool-choice", "auto", answer="Hello.").stdout == "Hello.\n"
    assert (
        json.loads(run(*arguments, "--tool-choice", "add", "--json", answer=answer).stdout)["value"][0]["name"] == "add"
    )
    streamed = run(*arguments, "--stream", answer=answer)
    assert streamed.stdout == '/0/name: "sub"\n/0/arguments/a: 1\n'


@pytest.mark.parametrize(
    ("tools", "choice", "told"),
    [
        ("no.json", "auto", "no.json cannot be read"),
        ("nonsense", "auto", "names no tools"),
        ("json:no_such_function", "auto", "cannot be imported"),
        ("json:dumps", "auto", "tool 'dumps': parameter 'obj' has no type"),
        ("tools.json", "other", "choice='other'"),
        ("broken.json", "auto", "is no JSON"),
        ("text.json", "auto", "holds no list of tools"),
    ],
)
def test_tools_that_are_none(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tools: str, choice: str, told: str
) -> None:
    for name, text in (("tools.json", json.dumps([TOOL])), ("broken.json", "{"), ("text.json", '"x"')):
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    result = run("generate", "Go.", "--tools", tools, "--tool-choice", choice)
    assert result.exit_code == 1
    assert told in " ".join(result.stderr.split())
