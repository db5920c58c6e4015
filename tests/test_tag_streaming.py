"""Events of texts with tags and with reasoning: the same however the text is cut, and the same values as at the end."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import Any

import pytest

import guidedgen as gg
from guidedgen.grammars.compile import compile
from guidedgen.outputs import scanner_of
from guidedgen.testing import byte_vocabulary

JSON = gg.JsonSchema({"type": ["object", "number"], "additionalProperties": {"type": "string"}})
TAGS: dict[str, tuple[gg.Tags, list[str]]] = {
    "json and text": (
        gg.Tags([gg.Tag("<n>", JSON, "</n>"), gg.Tag("<t>", None, "</t>")]),
        ['hé <n <n>{"a": "</n>"}</n>x<t>a</ b</t>', "<n>1e5</n><n>2</n>", "", "plain <", "<t></t>é"],
    ),
    "no end": (
        gg.Tags([gg.Tag("$", JSON), gg.Tag("#", gg.Regex("a(bcd)?"))]),
        ["$12 and $-1.5e", "$1e$3#abcd#abce#a", '${"a": "$"}$0', "#abc"],
    ),
    "one begin inside another": (
        gg.Tags([gg.Tag("<a", gg.Regex("b?c*"), ">"), gg.Tag("<ab", gg.Regex("[cd]*"), ">")]),
        ["<abcc>x<abdd>", "<acc>", "<ab>", "<a>"],
    ),
    "nothing inside": (gg.Tags([gg.Tag("<br>", ""), gg.Tag("<hr>", "", "!")]), ["a<br>b<br><hr>!", "<b<br>"]),
}


def scanned(spec: Any, pieces: Sequence[bytes]) -> tuple[list[Any], Any]:
    scanner = scanner_of(spec, {})
    events = [event for piece in pieces for event in scanner.feed(piece)]
    return joined([*events, *scanner.finish()]), scanner


def joined(events: list[Any]) -> list[Any]:
    """The events with runs of deltas of one field joined."""
    done: list[Any] = []
    for event in events:
        last = done[-1] if done else None
        if isinstance(event, gg.Delta) and isinstance(last, gg.Delta) and last.path == event.path:
            done[-1] = gg.Delta(event.path, last.text + event.text)
        elif isinstance(event, gg.ThinkingDelta) and isinstance(last, gg.ThinkingDelta):
            done[-1] = gg.ThinkingDelta(last.text + event.text)
        else:
            done.append(event)
    return done


def values_of(segments: gg.Segments) -> list[Any]:
    return [part if isinstance(part, str) else {part.name: part.value} for part in segments]


@pytest.mark.parametrize("name", sorted(TAGS))
def test_cuts_make_no_difference(name: str) -> None:
    spec, texts = TAGS[name]
    for text in texts:
        data = text.encode()
        whole, scanner = scanned(spec, [data])
        for size in (1, 2, 3):
            pieces = [data[at : at + size] for at in range(0, len(data), size)]
            assert scanned(spec, pieces)[0] == whole
        assert whole[-1] == gg.FieldClosed((), values_of(spec.parse(text)))
        assert scanner.open is None


@pytest.mark.parametrize("name", sorted(TAGS))
def test_what_masks_allow_is_scanned_as_it_is_read_at_the_end(name: str) -> None:
    spec, _ = TAGS[name]
    start, chance = compile(spec, byte_vocabulary()).start(), random.Random(3)
    letters = '<>nthrb!a/$#acd{}":1e é'.encode()
    for _ in range(60):
        state, text = start, b""
        for _ in range(chance.randrange(24)):
            allowed = [byte for byte in letters if state.advance_bytes(bytes([byte])) is not None]
            if not allowed:
                break
            text += bytes([chance.choice(allowed)])
            after = state.advance_bytes(text[-1:])
            assert after is not None
            state = after
        text += bytes(state.shortest())
        events, _ = scanned(spec, [text])
        assert events[-1] == gg.FieldClosed((), values_of(spec.parse(text.decode())))


def test_paths_and_spans() -> None:
    spec, _ = TAGS["json and text"]
    text = 'é <n>{"a": "b"}</n>!<t>c</t>'
    events, scanner = scanned(spec, [text.encode()])
    assert events == [
        gg.FieldStarted(()),
        gg.FieldStarted((0,)),
        gg.Delta((0,), "é "),
        gg.FieldClosed((0,), "é "),
        gg.FieldStarted((1, "n")),
        gg.FieldStarted((1, "n", "a")),
        gg.Delta((1, "n", "a"), "b"),
        gg.FieldClosed((1, "n", "a"), "b"),
        gg.FieldClosed((1, "n"), {"a": "b"}),
        gg.FieldStarted((2,)),
        gg.Delta((2,), "!"),
        gg.FieldClosed((2,), "!"),
        gg.FieldStarted((3, "t")),
        gg.Delta((3, "t"), "c"),
        gg.FieldClosed((3, "t"), "c"),
        gg.FieldClosed((), ["é ", {"n": {"a": "b"}}, "!", {"t": "c"}]),
    ]
    data = text.encode()
    assert [(span.path, data[span.start : span.stop]) for span in scanner.spans] == [
        ((1, "n", "a"), b'"b"'),
        ((3, "t"), b"c"),
    ]


def test_special_tokens() -> None:
    special = {"<|call|>": 300, "<|end|>": 301}
    spec = gg.Tags([gg.Tag("<|call|>", int, "<|end|>"), gg.Tag("go:<|call|>", None, "!<|end|>", name="go")])
    text = b"hi\xff<|call|>\xfe12\xff<|end|>\xfego:\xff<|call|>\xfea<b!\xff<|end|>\xfe."
    for size in (1, 5, len(text)):
        scanner = scanner_of(spec, special)
        for at in range(0, len(text), size):
            scanner.feed(text[at : at + size])
        assert scanner.finish()[-1] == gg.FieldClosed((), ["hi", {"call": 12}, {"go": "a<b"}, "."])


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("gap", ["", "\n", "\n\n"])
def test_reasoning_then_a_value(opened: bool, gap: str) -> None:
    spec = gg.Thinking(JSON, opened=opened)
    text = ("" if opened else "<think>") + "Zoë </thi\n</think>" + gap + '{"a": "b"}'
    data = text.encode()
    expected = [
        gg.ThinkingDelta("Zoë </thi\n"),
        gg.FieldStarted(()),
        gg.FieldStarted(("a",)),
        gg.Delta(("a",), "b"),
        gg.FieldClosed(("a",), "b"),
        gg.FieldClosed((), {"a": "b"}),
    ]
    for size in (1, 2, 7, len(data)):
        events, scanner = scanned(spec, [data[at : at + size] for at in range(0, len(data), size)])
        assert events == expected
        assert scanner.thinking == spec.thoughts(text) == "Zoë </thi"
        assert [data[span.start : span.stop] for span in scanner.spans] == [b'"b"']


def test_an_incomplete_text_is_refused() -> None:
    for spec, text in ((TAGS["json and text"][0], "<n>1"), (gg.Thinking(int), "<think>a</thi")):
        scanner = scanner_of(spec, {})
        list(itertools.chain(scanner.feed(text.encode())))
        with pytest.raises(ValueError, match="incomplete"):
            scanner.finish()
