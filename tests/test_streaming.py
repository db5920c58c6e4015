"""Scanners: whatever the cuts between the pieces, the events tell the same value as `json.loads`."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guidedgen.events import Delta, FieldClosed, FieldEvent, FieldStarted, pointer_of
from guidedgen.streaming import JsonScanner, Scanner, TextScanner

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    marks = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in pairwise(marks)]


def scan(scanner: Scanner, pieces: list[bytes]) -> list[FieldEvent]:
    events = [event for piece in pieces for event in scanner.feed(piece)]
    return events + scanner.finish()


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        value = value[part]
    return value


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in inner for found in paths(item, (*path, key)))]


@given(values, st.booleans(), st.sampled_from([None, 2]), st.lists(st.integers(0, 10_000), max_size=30))
def test_events_tell_the_value_for_any_chunking(
    value: Any, ascii_only: bool, indent: int | None, cuts: list[int]
) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass")
    events = scan(JsonScanner(), cut(data, cuts))
    closed = {event.path: event.value for event in events if isinstance(event, FieldClosed)}
    assert sorted(closed, key=repr) == sorted(paths(value), key=repr)
    assert all(item == at(value, path) and type(item) is type(at(value, path)) for path, item in closed.items())
    deltas: dict[Any, str] = {}
    for event in events:
        if isinstance(event, Delta):
            deltas[event.path] = deltas.get(event.path, "") + event.text
    strings = {path: item for path, item in closed.items() if isinstance(item, str) and item}
    assert {path: text for path, text in deltas.items() if path in strings} == strings
    assert all(json.loads(text) == closed[path] for path, text in deltas.items() if path not in strings)


@given(values, st.lists(st.integers(0, 10_000), max_size=30))
def test_fields_start_once_before_their_text_and_close_once_after_it(value: Any, cuts: list[int]) -> None:
    events = scan(JsonScanner(), cut(json.dumps(value).encode(), cuts))
    order: dict[Any, str] = {}
    letters = {FieldStarted: "s", Delta: "d", FieldClosed: "c"}
    for event in events:
        order[event.path] = order.get(event.path, "") + letters[type(event)]
    assert all(text[0] == "s" and text[-1] == "c" and set(text[1:-1]) <= {"d"} for text in order.values())
    assert events[0] == FieldStarted(())
    assert events[-1] == FieldClosed((), value)


@given(st.text(), st.lists(st.integers(0, 1000), max_size=20))
def test_escapes_in_every_spelling_unescape_to_the_same_text(text: str, cuts: list[int]) -> None:
    units = text.encode("utf-16-be", "surrogatepass")
    spelled = "".join(f"\\u{units[i]:02X}{units[i + 1]:02x}" for i in range(0, len(units), 2))
    events = scan(JsonScanner(), cut(f'"{spelled}"'.encode(), cuts))
    assert events[-1] == FieldClosed((), text)
    assert "".join(event.text for event in events if isinstance(event, Delta)) == text


@pytest.mark.parametrize(
    "text", [r'"\ud83d"', r'"\ud83dx"', r'"\ud83d\n"', r'"\ud83d\ud83d\ude00"', r'"\ude00"', r'"\ud83d\u0041"']
)
def test_lone_surrogates_are_what_json_makes_of_them(text: str) -> None:
    for step in (1, 2, 100):
        pieces = [text.encode()[i : i + step] for i in range(0, len(text), step)]
        assert scan(JsonScanner(), pieces)[-1] == FieldClosed((), json.loads(text))


BROKEN = [
    "", " ", "{", "[1", '"a', "[1,]", '{"a"}', '{"a":}', '{"a":1,}', "{1:2}", "[}", "{]", "1 2", "[1 2]", ",", "]",
    "nul", "tru e", "01", "1.", "-", '"\\x"', '"\\u12g4"', '"\\u+123"', '"\x01"', "[]]", '{"a":1 "b":2}', '{"a",1}',
    "[1:2]", "+1",
]  # fmt: skip


@pytest.mark.parametrize("text", BROKEN)
def test_what_json_refuses_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        json.loads(text)
    with pytest.raises(ValueError, match=r".+"):
        scan(JsonScanner(), [bytes([byte]) for byte in text.encode()])


def test_a_number_closes_with_the_character_behind_it() -> None:
    scanner = JsonScanner()
    assert scanner.feed(b"[12") == [FieldStarted(()), FieldStarted((0,)), Delta((0,), "12")]
    assert scanner.feed(b"3,") == [Delta((0,), "3"), FieldClosed((0,), 123)]


def test_a_number_at_the_root_closes_at_the_end() -> None:
    scanner = JsonScanner()
    assert scanner.feed(b"-1.5") == [FieldStarted(()), Delta((), "-1.5")]
    assert scanner.finish() == [FieldClosed((), -1.5)]


def test_repeated_keys_take_the_last_value_as_json_does() -> None:
    text = b'{"a": 1, "a": [2]}'
    assert scan(JsonScanner(), [text])[-1] == FieldClosed((), json.loads(text))


@given(values)
def test_spans_cut_out_the_scalars(value: Any) -> None:
    data = json.dumps(value).encode()
    scanner = JsonScanner()
    scan(scanner, [data])
    leaves = [path for path in paths(value) if not isinstance(at(value, path), dict | list)]
    assert [span.path for span in scanner.spans] == leaves
    assert [json.loads(data[span.start : span.stop]) for span in scanner.spans] == [at(value, path) for path in leaves]


@given(st.text(), st.lists(st.integers(0, 1000), max_size=20))
def test_text_is_one_field_at_the_root(text: str, cuts: list[int]) -> None:
    data = text.encode()
    events = scan(TextScanner(), cut(data, cuts))
    assert events[0] == FieldStarted(())
    assert events[-1] == FieldClosed((), text)
    assert "".join(event.text for event in events if isinstance(event, Delta)) == text


def test_bytes_that_are_not_text_are_replaced() -> None:
    assert scan(TextScanner(), [b"a\xff", b"\xe2\x82"])[-1] == FieldClosed((), "a\ufffd\ufffd")


def test_pointers_escape_as_rfc_6901_says() -> None:
    assert FieldStarted(("a/b", 0, "m~n")).pointer == "/a~1b/0/m~0n"
    assert Delta(("",), "x").pointer == "/"
    assert FieldClosed((), 1).pointer == pointer_of(()) == ""
