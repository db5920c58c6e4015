"""The damage meter: in the report by token, field and rule, in the events of a stream, and on the command line."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

import guidedgen as gg
from guidedgen import api, cli
from guidedgen.errors import CompileError
from guidedgen.meter import Note, field_reports
from guidedgen.sampler.sequence import TokenRecord

Script = Callable[..., tuple[gg.Model, Any]]
OFF = math.exp(-20)  # at most: the probability of a token that is not on the script


class Order(BaseModel):
    buyer: str
    size: int
    tags: list[str]


TEXT = '{"buyer": "Ada", "size": 12, "tags": ["er", "in"]}'


def test_every_token_has_its_place_and_numbers(script: Script) -> None:
    model, _ = script(TEXT)
    report = model.generate("?", Order).report
    assert "".join(token.text for token in report.tokens) == TEXT
    for entry in report.fields:
        own = [token for token in report.tokens if token.path == entry.path]
        assert (entry.tokens, entry.forced) == (len(own), sum(token.forced for token in own))
        assert entry.logprob == pytest.approx(sum(token.logprob or 0.0 for token in own))
        assert entry.damage == pytest.approx(-sum(math.log1p(-(token.removed or 0.0)) for token in own), abs=1e-6)
        assert entry.pending == 0
    assert {token.path for token in report.tokens} == {None, ("buyer",), ("size",), ("tags", 0), ("tags", 1)}
    assert report.forced_share == pytest.approx(sum(token.forced for token in report.tokens) / len(report.tokens))
    assert 0 < report.forced_share < 1


def test_a_steered_token_says_how_far_it_is_from_the_favourite(script: Script) -> None:
    """The script wants a number where a string has to come."""
    model, _ = script('{"buyer": 3}')
    report = model.generate("?", Order, max_tokens=60).report
    first = next(token for token in report.tokens if token.path == ("buyer",))
    assert first.text == '"'
    assert first.margin == pytest.approx(20.0, abs=1e-3)
    assert first.removed == pytest.approx(1.0, abs=20 * OFF)
    assert report.margin == max(token.margin or 0.0 for token in report.tokens)
    assert report["buyer"].margin == first.margin
    assert report["size"].damage < report["buyer"].damage


def test_a_stream_tells_the_same_numbers_piece_by_piece(script: Script) -> None:
    model, _ = script('{"buyer": 3}')
    for strategy in ("plain", "speculative"):
        *events, last = model.stream("?", Order, max_tokens=60, strategy=strategy)
        assert isinstance(last, gg.Done)
        report = last.result.report
        assert report == model.generate("?", Order, max_tokens=60).report
        closed = [event for event in events if isinstance(event, gg.FieldClosed)]
        assert [event.path for event in closed if event.report is not None] == [entry.path for entry in report.fields]
        for event in closed:
            if event.report is not None and event.report.pending == 0:
                own = report[event.path]
                assert event.report.tokens == own.tokens
                assert event.report.damage == pytest.approx(own.damage, abs=1e-4)
        told = [event for event in events if isinstance(event, gg.Delta)]
        last_told = max(number for number, token in enumerate(report.tokens) if token.path == told[-1].path)
        behind = -sum(math.log1p(-(token.removed or 0.0)) for token in report.tokens[last_told + 1 :])
        assert sum(event.damage for event in told) == pytest.approx(report.damage - behind, abs=1e-3)


def test_free_text_is_not_damaged(script: Script) -> None:
    model, _ = script("Hello there.")
    *events, last = model.stream("?")
    assert [event.damage for event in events if isinstance(event, gg.Delta)] == pytest.approx([0.0] * 12, abs=1e-5)
    assert isinstance(last, gg.Done)
    assert last.result.report.damage == pytest.approx(0.0, abs=1e-4)


def note(text: bytes, damage: float, *, known: bool = True) -> Note:
    record = TokenRecord(token=0, proposal_logprob=0.0, logprob=-1.0 if known else None, log_mass=-damage)
    return Note(record=record, text=text)


def test_a_token_across_two_fields_counts_for_the_first() -> None:
    notes = [note(b'["a', 1.0), note(b'", "', 2.0), note(b"", 16.0), note(b"b", 4.0, known=False), note(b'"]', 8.0)]
    first, second = field_reports(notes, [((0,), 1, 4), ((1,), 6, 9)])
    assert (first.tokens, first.damage, first.pending) == (2, 3.0, 0)
    assert (second.tokens, second.damage, second.pending) == (3, 28.0, 1)


GRAMMAR = """start: word " is " (word | number)
word: /[a-z]+/
number: /[0-9]+/
"""


def test_rules_of_a_grammar_are_its_fields(script: Script) -> None:
    model, _ = script("ab is 12")
    report = model.generate("?", gg.Lark(GRAMMAR)).report
    reports = report.by_rule()
    assert [(entry.path, entry.tokens) for entry in reports] == [
        (("start", "word"), 2),
        (("start",), 4),
        (("start", "number"), 2),
    ]
    ending = report.tokens[-1]
    assert ending.text == ""
    assert sum(entry.logprob for entry in reports) + (ending.logprob or 0.0) == pytest.approx(
        sum(token.logprob or 0.0 for token in report.tokens)
    )


def test_rules_of_a_gbnf_grammar(script: Script) -> None:
    model, _ = script("(a(b))")
    report = model.generate("?", gg.Gbnf('root ::= "(" word root? ")"\nword ::= [a-z]+')).report
    paths = [entry.path for entry in report.by_rule()]
    assert ("root", "root", "word") in paths
    assert sum(entry.tokens for entry in report.by_rule()) == 6


def test_what_a_grammar_ignores_belongs_to_no_rule(script: Script) -> None:
    model, _ = script("ab  , cd")
    result = model.generate("?", gg.Lark('start: word "," word\nword: /[a-z]+/\n%ignore " "'))
    assert [entry.tokens for entry in result.report.by_rule()] == [2, 1, 2]


def test_rules_of_an_unfinished_text_cannot_be_told(script: Script) -> None:
    model, _ = script("abcdefgh is 12")
    cut = model.generate("?", gg.Lark(GRAMMAR), max_tokens=6, on_budget="truncate")
    with pytest.raises(CompileError):
        cut.report.by_rule()
    assert model.generate("?", Order).report.by_rule() == ()


def test_the_command_line_prints_it(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "load", lambda *_, **__: script("ab is 12")[0])
    run = CliRunner().invoke(cli.app, ["generate", "?", "--regex", "[a-z]+ is [0-9]+", "--report"])
    assert run.stdout == "ab is 12\n"
    assert "damage" in run.stderr
    assert "most removed at" in run.stderr
    told = CliRunner().invoke(cli.app, ["generate", "?", "--regex", "[a-z]+ is [0-9]+", "--report", "--json"])
    tokens = json.loads(told.stdout)["report"]
    assert "".join(token["text"] for token in tokens) == "ab is 12"
    assert "report" not in json.loads(CliRunner().invoke(cli.app, ["generate", "?", "--json"]).stdout)


@pytest.mark.parametrize("stream", [[], ["--stream"]])
def test_the_command_line_prints_what_the_strategy_chose(
    stream: list[str], script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "load", lambda *_, **__: script("ab is 12")[0])
    command = ["generate", "?", "--regex", "[a-z]+ is [0-9]+", "--strategy", "auto", *stream]
    assert "strategy: drafts what promises most" in CliRunner().invoke(cli.app, [*command, "--report"]).stderr
    assert "strategy:" not in CliRunner().invoke(cli.app, command).stderr
    *_, done = CliRunner().invoke(cli.app, [*command, "--report", "--json"]).stdout.splitlines()
    assert json.loads(done)["notes"][0].startswith("drafts what promises most")


def test_the_command_line_streams_it(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "load", lambda *_, **__: script("[1, 2]")[0])
    command = ["generate", "?", "--type", "builtins:list[int]", "--stream"]
    lines = [
        json.loads(line)
        for line in CliRunner().invoke(cli.app, [*command, "--json", "--report"]).stdout.split("\n")
        if line
    ]
    closed = [line["report"]["tokens"] for line in lines if line["event"] == "FieldClosed" and line["report"]]
    assert closed == [1, 1]
    shown = CliRunner().invoke(cli.app, [*command, "--report"])
    assert shown.stdout == "/0: 1\n/1: 2\n"
    assert "/0" in shown.stderr


def test_watched_outputs_through_the_api(script: Script) -> None:
    """The script wants numbers where strings have to come: what is drawn again hurts no more than before."""
    model, _ = script('{"buyer": 3}')
    plain = model.generate("?", Order, max_tokens=60)
    trigger = gg.Trigger(damage=1.0, where="/buyer", then=gg.Resample(tries=2))
    watched = gg.Watched(strategy=gg.Speculative(), triggers=(trigger,))
    result = model.generate("?", Order, max_tokens=60, strategy=watched, seed=1)
    assert result.report["buyer"].damage <= plain.report["buyer"].damage
    assert result.trace is not None
    assert any("/buyer: drawn again" in note for note in result.trace.notes)
    *events, last = model.stream("?", Order, max_tokens=60, strategy=watched, seed=1)
    assert isinstance(last, gg.Done)
    assert last.result.text == result.text
    first = next(event for event in events if isinstance(event, gg.FieldClosed))
    assert first.value == json.loads(result.text)["buyer"]


SCHEMA = {
    "type": "object",
    "properties": {"buyer": {"type": "string", "maxLength": 8}, "size": {"type": "integer", "maximum": 99}},
    "required": ["buyer", "size"],
    "additionalProperties": False,
}


NARROW, WIDE = gg.JsonSchema(SCHEMA), gg.JsonSchema(SCHEMA, whitespace="flexible")


@pytest.mark.parametrize(
    ("wanted", "trigger", "told"),
    [
        ('{"buyer": 3}', gg.Trigger(damage=1.0, where="/buyer", then=gg.Resample()), "/buyer: drawn again"),
        ('{\n "buyer": "Ada"}', gg.Trigger(damage=5.0, where="", then=gg.Widen(to=WIDE)), "a wider constraint"),
        ('{"buyer": 3}', gg.Trigger(margin=5.0, then=gg.Switch(to=gg.Speculative())), "/buyer: another strategy"),
    ],
    ids=["back up", "widen", "switch"],
)
def test_each_action_is_reached_from_a_call(script: Script, wanted: str, trigger: gg.Trigger, told: str) -> None:
    """Where the script leaves the schema: draw the field again, allow white space, go on with another strategy."""
    model, _ = script(wanted)
    plain = model.generate("?", NARROW, max_tokens=60)
    result = model.generate("?", NARROW, max_tokens=60, strategy=gg.Watched(triggers=(trigger,)), seed=1)
    assert result.trace is not None
    assert any(told in note for note in result.trace.notes), result.trace.notes
    assert set(result.value) == {"buyer", "size"}
    if isinstance(trigger.then, gg.Widen):
        assert result.text.startswith('{\n "buyer": "Ada"')
        assert not plain.text.startswith("{\n")


def test_watched_by_name(script: Script) -> None:
    model, _ = script(TEXT)
    assert model.generate("?", Order, strategy="watched:2.5").text == TEXT
