"""`stream`: the same output as `generate`, told field by field."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

import guidedgen as gg
from guidedgen.decoders.base import Chunk

Script = Callable[..., tuple[gg.Model, Any]]


class Line(BaseModel):
    what: str
    count: int


class Bill(BaseModel):
    to: str
    lines: list[Line]


TEXT = '{"to": "Zoë", "lines": [{"what": "ink", "count": 12}]}'


def joined(events: list[Any]) -> list[Any]:
    """The events with runs of deltas of one field joined."""
    done: list[Any] = []
    for event in events:
        if isinstance(event, gg.Delta) and isinstance(done[-1], gg.Delta) and done[-1].path == event.path:
            done[-1] = gg.Delta(event.path, done[-1].text + event.text)
        else:
            done.append(event)
    return done


def test_fields_start_grow_and_close_in_order(script: Script) -> None:
    model, _ = script(TEXT)
    *events, last = joined(list(model.stream("?", Bill)))
    line = ("lines", 0)
    assert events == [
        gg.FieldStarted(()),
        gg.FieldStarted(("to",)),
        gg.Delta(("to",), "Zoë"),
        gg.FieldClosed(("to",), "Zoë"),
        gg.FieldStarted(("lines",)),
        gg.FieldStarted(line),
        gg.FieldStarted((*line, "what")),
        gg.Delta((*line, "what"), "ink"),
        gg.FieldClosed((*line, "what"), "ink"),
        gg.FieldStarted((*line, "count")),
        gg.Delta((*line, "count"), "12"),
        gg.FieldClosed((*line, "count"), 12),
        gg.FieldClosed(line, {"what": "ink", "count": 12}),
        gg.FieldClosed(("lines",), [{"what": "ink", "count": 12}]),
        gg.FieldClosed((), {"to": "Zoë", "lines": [{"what": "ink", "count": 12}]}),
    ]
    assert isinstance(last, gg.Done)
    assert last.result.value == Bill(to="Zoë", lines=[Line(what="ink", count=12)])


def test_the_last_event_holds_what_generate_gives(script: Script) -> None:
    model, _ = script(TEXT)
    whole = model.generate("?", Bill)
    last = list(model.stream("?", Bill))[-1]
    assert isinstance(last, gg.Done)
    assert (last.result.text, last.result.tokens, last.result.report) == (whole.text, whole.tokens, whole.report)


def test_events_come_while_it_is_generated(script: Script) -> None:
    model, language_model = script(TEXT)
    steps = {event.path: language_model.steps for event in model.stream("?", Bill) if isinstance(event, gg.FieldClosed)}
    assert steps[("to",)] < steps[("lines", 0, "what")] < steps[()]


def test_free_text_is_one_field(script: Script) -> None:
    model, _ = script("Hé!")
    *events, last = joined(list(model.stream("?")))
    assert events == [gg.FieldStarted(()), gg.Delta((), "Hé!"), gg.FieldClosed((), "Hé!")]
    assert isinstance(last, gg.Done)
    assert last.result.value == "Hé!"


def test_nothing_of_a_stop_text_gets_out(script: Script) -> None:
    model, _ = script("one END two")
    events = list(model.stream("?", stop=["END"]))
    assert "".join(event.text for event in events if isinstance(event, gg.Delta)) == "one "


def test_a_cut_stream_closes_only_what_is_finished(script: Script) -> None:
    model, _ = script(TEXT)
    *events, last = list(model.stream("?", Bill, max_tokens=len(TEXT) - 12, on_budget="truncate"))
    closed = [event.path for event in events if isinstance(event, gg.FieldClosed)]
    assert closed == [("to",), ("lines", 0, "what")]
    assert isinstance(last, gg.Done)
    with pytest.raises(gg.ValidationFailed, match="in /lines/0"):
        _ = last.result.value


def test_a_stream_ends_within_its_budget(script: Script) -> None:
    model, _ = script(TEXT)
    *_, last = list(model.stream("?", Bill, max_tokens=len(TEXT) - 12))
    assert isinstance(last, gg.Done)
    assert isinstance(last.result.value, Bill)
    assert len(last.result.tokens) <= len(TEXT) - 12


def test_closing_a_stream_ends_the_generation(script: Script) -> None:
    model, language_model = script(TEXT)
    events = model.stream("?", Bill)
    next(events)
    events.close()  # type: ignore[attr-defined]
    steps = language_model.steps
    assert steps < 5
    assert model("?", Bill).to == "Zoë"


@pytest.mark.parametrize("options", [{"n": 2, "temperature": 1.0}, {"retries": 1}])
def test_options_that_take_text_back_are_refused(script: Script, options: Any) -> None:
    model, _ = script(TEXT)
    with pytest.raises(ValueError, match="cannot be taken back"):
        model.stream("?", Bill, **options)


class Wavering:
    """A strategy that takes a token back, or finds no way on, as constraints against each other can make it do."""

    def __init__(self, last: Any) -> None:
        self.last = last

    def run(self, sampler: Any, sequences: Any, sampling: Any, *, cancelled: Any = None) -> Iterator[Chunk]:
        (start,) = sequences
        token = start.state.forced()[0]
        tip = start.extend(token, start.state.advance(token))
        yield Chunk(index=0, sequence=tip, tokens=(token,))
        yield Chunk(index=0, sequence=tip, **self.last)


def test_text_that_was_streamed_is_never_taken_back(script: Script) -> None:
    model, _ = script(TEXT)
    events = model.stream("?", Bill, strategy=Wavering({"retracted": 1}))
    assert next(events) == gg.FieldStarted(())
    with pytest.raises(gg.DeadEnd, match="Use generate instead of stream"):
        next(events)


def test_a_dead_end_is_an_error_of_the_result(script: Script) -> None:
    model, _ = script(TEXT)
    result = model.generate("?", Bill, strategy=Wavering({"finish": "dead_end"}))
    assert (result.finish, result.text) == ("dead_end", "{")
    with pytest.raises(gg.DeadEnd, match="no token can continue"):
        _ = result.value
