"""`Thinking` through the API: prompts, results, streams, limits, decorated functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

import guidedgen as gg

Script = Callable[..., tuple[gg.Model, Any]]


class Ticket(BaseModel):
    title: str
    urgent: bool


ANSWER = '<think>\nIt is on fire.\n</think>\n\n{"title": "Fire", "urgent": true}'


def test_the_value_and_the_thoughts(script: Script) -> None:
    model, language_model = script(ANSWER)
    result = model.generate("Mail", gg.Thinking(Ticket))
    assert result.value == Ticket(title="Fire", urgent=True)
    assert result.thinking == "It is on fire."
    assert (result.text, result.answer) == (ANSWER, ANSWER.split("\n\n")[1])
    assert result.raw == {"title": "Fire", "urgent": True}
    assert result.report["title"].tokens > 0
    (prompt,) = language_model.tokenizer.prompts
    assert "between <think> and </think>" in prompt
    assert "- title (string)" in prompt


def test_the_option_is_short_for_the_type(script: Script) -> None:
    model, _ = script(ANSWER)
    assert model("Mail", Ticket, thinking=True) == Ticket(title="Fire", urgent=True)
    assert model.generate("Mail", thinking=5).thinking is not None


def test_at_the_limit_the_end_marker_follows(script: Script) -> None:
    model, _ = script("<think>" + "round and " * 200)
    result = model.generate("Mail", gg.Thinking(Ticket, max_tokens=20))
    assert result.thinking == ("round and " * 200)[:20].strip()
    assert isinstance(result.value, Ticket)
    assert result.text.startswith("<think>round and round and </think>")


def test_a_value_fits_behind_thoughts_without_a_limit(script: Script) -> None:
    model, _ = script("<think>" + "round and " * 200)
    result = model.generate("Mail", gg.Thinking(Ticket, max_tokens=None), max_tokens=100)
    assert isinstance(result.value, Ticket)
    assert len(result.tokens) <= 100


def test_a_stream(script: Script) -> None:
    model, _ = script(ANSWER)
    *events, done = model.stream("Mail", gg.Thinking(Ticket))
    thoughts = "".join(event.text for event in events if isinstance(event, gg.ThinkingDelta))
    assert thoughts == "\nIt is on fire.\n"
    closed = {event.path: event.value for event in events if isinstance(event, gg.FieldClosed)}
    assert closed == {("title",): "Fire", ("urgent",): True, (): {"title": "Fire", "urgent": True}}
    assert isinstance(done, gg.Done)
    assert done.result.thinking == "It is on fire."


def test_a_cut_output_tells_its_thoughts(script: Script) -> None:
    model, _ = script("<think>" + "round and " * 200)
    result = model.generate("Mail", gg.Thinking(Ticket), max_tokens=40, on_budget="truncate")
    assert result.thinking == ("round and " * 200)[:33].strip()
    with pytest.raises(gg.ValidationFailed):
        _ = result.value


def test_a_decorated_function(script: Script) -> None:
    model, _ = script(ANSWER)

    @gg.guided(model=model, thinking=64)
    def triage(mail: str) -> Ticket:
        """Turn this into a ticket: {mail}"""
        raise NotImplementedError

    assert triage("Mail") == Ticket(title="Fire", urgent=True)


class Template:
    """A tokenizer with a chat template that opens the reasoning."""

    chat_template = "{{ messages }}<think>...</think>"

    def __init__(self, opening: str) -> None:
        self.opening = opening

    def apply_chat_template(self, messages: Any, *, tokenize: bool, **_: Any) -> Any:
        text = "".join(f"{message['role']}: {message['content']}\n" for message in messages) + self.opening
        return [*text.encode(), 0] if tokenize else text


@pytest.mark.parametrize(("opening", "answer"), [("", ANSWER), ("<think>\n", ANSWER.removeprefix("<think>"))])
def test_the_markers_of_the_chat_template(script: Script, opening: str, answer: str) -> None:
    _, language_model = script(answer)
    language_model.tokenizer = Template(opening)
    result = gg.Model(language_model).generate("Mail", gg.Thinking(Ticket))
    assert result.value == Ticket(title="Fire", urgent=True)
    assert result.thinking == "It is on fire."
    assert result.text == answer


def test_tags_through_the_api(script: Script) -> None:
    answer = "Well: <n>12</n>, and <n>3</n>."
    model, language_model = script(answer)
    spec = gg.Tags([gg.Tag("<n>", int, "</n>")], at_least=1)
    result = model.generate("Count", spec)
    assert result.value.values("n") == [12, 3]
    assert result.value.text == "Well: , and ."
    assert "<n>" in language_model.tokenizer.prompts[0]
    closed = [event.value for event in model.stream("Count", spec) if isinstance(event, gg.FieldClosed)]
    assert closed == ["Well: ", 12, ", and ", 3, ".", ["Well: ", {"n": 12}, ", and ", {"n": 3}, "."]]


def test_equal_combinations_are_compiled_once(script: Script) -> None:
    model, _ = script("<n>12</n>")
    cache = model._engine.outputs
    outputs = [cache.get(gg.Tags([gg.Tag("<n>", gg.Choice([12, 3]), "</n>")]), None) for _ in range(2)]
    assert outputs[0] is outputs[1]
    other = cache.get(gg.Tags([gg.Tag("<n>", gg.Choice([True]), "</n>")]), None)
    same = cache.get(gg.Tags([gg.Tag("<n>", gg.Choice([1]), "</n>")]), None)
    assert other is not same
