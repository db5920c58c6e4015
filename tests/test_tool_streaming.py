"""Events of calls: the same ones however the text is cut, and the same values that are read from the whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import guidedgen as gg
from guidedgen.events import FieldEvent
from guidedgen.grammars.marked_text import visible_bytes
from guidedgen.grammars.tool_formats import FORMATS
from guidedgen.testing import byte_vocabulary
from guidedgen.tool_streaming import ToolScanner
from tests.grammars.tool_samples import TOOLS, WRITERS

CALLS = [("search", {"city": "Ülm\n", "days": 4}), ("find", {"tags": ["a", 3]})]


def events_of(tools: gg.Tools, pieces: list[bytes]) -> tuple[list[FieldEvent], ToolScanner]:
    scanner = ToolScanner(tools)
    events = [event for piece in pieces for event in scanner.feed(piece)]
    return [*events, *scanner.finish()], scanner


def closed(events: list[FieldEvent]) -> dict[Any, Any]:
    return {event.path: event.value for event in events if isinstance(event, gg.FieldClosed)}


def text_of(name: str, words: str = "") -> str:
    made = FORMATS[name]
    return (words if made.trigger else "") + WRITERS[name](CALLS[: made.most])


@pytest.mark.parametrize("name", FORMATS)
def test_events_carry_what_is_read_at_the_end(name: str) -> None:
    tools = gg.Tools(TOOLS, choice="auto", format=name)
    text = text_of(name, "Lä <tool_ [TOOL ")
    values = closed(events_of(tools, [text.encode()])[0])
    read = tools.parse(text)
    assert values[()] == [{"name": call.name, "arguments": json.loads(call.text)} for call in read]
    assert values.get(("text",), "") == read.text
    for place, call in enumerate(read):
        assert values[(place, "name")] == call.name
        assert values[(place, "arguments")] == json.loads(call.text)
    assert values[(0, "arguments", "city")] == "Ülm\n"


@pytest.mark.parametrize("name", FORMATS)
def test_cuts_make_no_difference(name: str) -> None:
    tools, data = gg.Tools(TOOLS, choice="auto", format=name), text_of(name, "Lä <tool_ [TOOL ").encode()
    whole = events_of(tools, [data])[0]
    single = events_of(tools, [bytes([byte]) for byte in data])[0]
    assert joined(single) == joined(whole)


def joined(events: list[FieldEvent]) -> list[FieldEvent]:
    done: list[FieldEvent] = []
    for event in events:
        last = done[-1] if done else None
        if isinstance(event, gg.Delta) and isinstance(last, gg.Delta) and last.path == event.path:
            done[-1] = gg.Delta(event.path, last.text + event.text)
        else:
            done.append(event)
    return done


def test_fields_start_grow_and_close_in_order() -> None:
    tools = gg.Tools(TOOLS, format="json")
    events, _ = events_of(tools, [b'[{"name": "book", "arguments": {"id": 12}}]'])
    call = {"name": "book", "arguments": {"id": 12}}
    assert events == [
        gg.FieldStarted(()),
        gg.FieldStarted((0,)),
        gg.FieldStarted((0, "name")),
        gg.Delta((0, "name"), "book"),
        gg.FieldClosed((0, "name"), "book"),
        gg.FieldStarted((0, "arguments")),
        gg.FieldStarted((0, "arguments", "id")),
        gg.Delta((0, "arguments", "id"), "12"),
        gg.FieldClosed((0, "arguments", "id"), 12),
        gg.FieldClosed((0, "arguments"), {"id": 12}),
        gg.FieldClosed((0,), call),
        gg.FieldClosed((), [call]),
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_words_alone(name: str) -> None:
    for words in ("", "Hello.", "[", '[{"name', "<tool_call", "[TOOL_"):
        values = closed(events_of(gg.Tools(TOOLS, choice="auto", format=name), [words.encode()])[0])
        assert values[()] == []
        assert values.get(("text",), "") == words
    assert closed(events_of(gg.Tools(TOOLS, choice="none", format=name), [b"Hi"])[0])[("text",)] == "Hi"


def test_spans_are_where_the_fields_stand() -> None:
    tools, vocabulary = gg.Tools(TOOLS, choice="auto", format="mistral"), byte_vocabulary(special=["[TOOL_CALLS]"])
    call = b' [{"name": "search", "arguments": {"city": "Ulm", "days": 4}}]'
    tokens = [*b"So: ", vocabulary.special["[TOOL_CALLS]"], *call]
    data = visible_bytes(vocabulary, tokens)
    _, scanner = events_of(tools, [data])
    assert {span.path: data[span.start : span.stop] for span in scanner.spans} == {
        ("text",): b"So: ",
        (0, "name"): b"search",
        (0, "arguments", "city"): b'"Ulm"',
        (0, "arguments", "days"): b"4",
    }


def test_open_is_the_innermost_value() -> None:
    scanner = ToolScanner(gg.Tools(TOOLS, choice="auto", format="hermes"))
    for piece, place in (
        (b"So", ("text",)),
        (b'<tool_call>\n{"name": "sea', (0, "name")),
        (b'rch", "arguments": {"city": "U', (0, "arguments", "city")),
        (b'lm"', (0, "arguments")),
        (b"}", (0,)),
        (b"}\n</tool_call>", ()),
    ):
        scanner.feed(piece)
        assert scanner.open == place, piece
    scanner.finish()
    assert scanner.open is None


@pytest.mark.parametrize(
    "data", [b"Hello", b"[1", b'[{"name": "book", "arguments": {"id": 1}}] ', b'[{"name": "book", "arguments": {x']
)
def test_what_is_no_text_of_the_format(data: bytes) -> None:
    scanner = ToolScanner(gg.Tools(TOOLS, format="json"))
    with pytest.raises(ValueError, match=r"unexpected|no call begins"):
        scanner.feed(data)


@pytest.mark.parametrize("name", FORMATS)
def test_unfinished_calls_have_no_end(name: str) -> None:
    text = text_of(name).encode()
    scanner = ToolScanner(gg.Tools(TOOLS, choice="auto", format=name))
    scanner.feed(text[: len(text) // 2])
    with pytest.raises(ValueError, match="incomplete"):
        scanner.finish()


@given(st.sampled_from(sorted(FORMATS)), st.data())
def test_random_cuts_give_the_values_that_are_read(name: str, data: Any) -> None:
    words = data.draw(st.text(st.sampled_from("<tool_cal>[TOOL_CALLS ä"), max_size=20))
    made = FORMATS[name]
    text = text_of(name, words) if made.trigger not in words or not made.trigger else words.replace(made.trigger, "")
    if made.trigger and made.trigger in text.replace(WRITERS[name](CALLS[: made.most]), ""):
        return
    encoded = text.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(encoded)), max_size=6)))
    pieces = [encoded[a:b] for a, b in zip([0, *cuts], [*cuts, len(encoded)], strict=True)]
    tools = gg.Tools(TOOLS, choice="auto", format=name)
    values, read = closed(events_of(tools, pieces)[0]), tools.parse(text)
    assert values.get(("text",), "") == read.text
    assert [call["name"] for call in values[()]] == [call.name for call in read]
