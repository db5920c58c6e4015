"""What a process, or another one before it, has compiled is not compiled again; what differs in anything is."""

from __future__ import annotations

import copy
import importlib.util
import logging
import os
import threading
from collections import OrderedDict
from dataclasses import replace
from decimal import Decimal
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel

import guidedgen as gg
from guidedgen.errors import CompileError
from guidedgen.grammars import lark_text, table_cache
from guidedgen.grammars.compile_cache import CompileCache
from guidedgen.grammars.content import key_of
from guidedgen.testing import byte_vocabulary

VOCABULARY = byte_vocabulary(special=["<x>"])

needs_native = pytest.mark.skipif(
    importlib.util.find_spec("guidedgen.kernel._native") is None, reason="the native kernel is not built"
)


class Colour(Enum):
    RED = "red"


class Point(BaseModel):
    x: int


class Pixel(BaseModel):
    x: int


Pixel.__name__ = Point.__name__


def made(spec: Any, vocabulary: gg.Vocabulary = VOCABULARY, **options: Any) -> object:
    return gg.compile(spec, vocabulary, **options).compiled


LISTED = gg.Lark("%declare X Y\nstart: X Y", terminals={"X": ["a", "b"], "Y": gg.Regex("c+")})
EQUAL: list[tuple[Any, Any]] = [
    (gg.Regex("a+"), gg.Regex("a+")),
    (gg.Choice(["a", "b"]), gg.Choice(("a", "b"))),
    (gg.Choice(["red"]), Colour),
    (gg.Lark('start: "a"'), gg.Lark('start: "a"')),
    (LISTED, replace(LISTED)),
    (gg.Gbnf('root ::= "a"'), gg.Gbnf('root ::= "a"', start="root")),
    (gg.Ebnf("a = 'b';"), gg.Ebnf("a = 'b';")),
    ({"type": "object"}, gg.JsonSchema({"type": "object"})),
    (Point, Point),
    (Literal["a", "b"], gg.Choice(["a", "b"])),
]
DIFFERENT: list[tuple[Any, Any]] = [
    (gg.Regex("a+"), gg.Regex("a+", syntax="ecma")),
    (gg.Choice(["1"]), gg.Regex("1")),
    (gg.Choice([True]), gg.Choice([1])),
    (gg.Choice([1]), gg.Choice([1.0])),
    (gg.Lark('start: "a"\nb: "b"'), gg.Lark('start: "a"\nb: "b"', start="b")),
    (LISTED, replace(LISTED, terminals={"X": ["a", "b"], "Y": gg.Regex("c+", syntax="ecma")})),
    (LISTED, replace(LISTED, terminals={"X": ["a"], "Y": gg.Regex("c+")})),
    (gg.Gbnf('root ::= "a"'), gg.Ebnf('root ::= "a"')),
    (gg.Ebnf("a = 'b';"), gg.Ebnf("a = 'b';", syntax="iso", start="a")),
    ({"properties": {"a": {}, "b": {}}}, {"properties": {"b": {}, "a": {}}}),
    (gg.JsonSchema({}), gg.JsonSchema({}, whitespace="flexible")),
    (gg.JsonSchema({}), gg.JsonSchema({}, max_string=3)),
    (gg.JsonSchema({}), gg.JsonSchema("{}")),
    (int, {"type": "integer"}),
]


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_equal_contents_are_compiled_once(one: Any, other: Any) -> None:
    assert made(one) is made(other)
    assert made(one, cache=False) is not made(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_contents_are_not_mixed_up(one: Any, other: Any) -> None:
    assert made(one) is not made(other)


def test_vocabularies_limits_and_kernels_are_part_of_the_key(kernel: str) -> None:
    spec = gg.Regex("a+")
    first = made(spec, implementation=kernel)
    assert (
        made(spec, byte_vocabulary(special=["<x>"]), implementation=kernel) is first
    )  # another one with equal content
    assert made(spec, byte_vocabulary(), implementation=kernel) is not first
    assert made(spec, limits=gg.Limits(depth=9), implementation=kernel) is not first
    assert made(spec, implementation=kernel) is first


def test_each_type_keeps_its_own_values() -> None:
    point, pixel = gg.compile(Point, VOCABULARY), gg.compile(Pixel, VOCABULARY)
    assert isinstance(point.spec.parse('{"x": 1}'), Point)
    assert isinstance(pixel.spec.parse('{"x": 1}'), Pixel)
    assert gg.compile(Colour, VOCABULARY).spec.parse("red") is Colour.RED
    assert gg.compile(gg.Choice(["red"]), VOCABULARY).spec.parse("red") == "red"


def test_a_schema_that_changes_is_compiled_again() -> None:
    schema: dict[str, Any] = {"type": "integer"}
    first = gg.compile(schema, VOCABULARY)
    schema["type"] = "string"
    assert gg.compile(schema, VOCABULARY).compiled is not first.compiled


def test_checks_of_finished_texts_come_with_what_was_kept() -> None:
    schema = {"type": "array", "contains": {"type": "integer"}}
    for _ in range(2):
        spec = gg.JsonSchema(schema, on_unsupported="validate")
        constraint = gg.compile(spec, VOCABULARY, implementation="reference")
        assert spec.parse("[1]") == [1]
        with pytest.raises(gg.ValidationFailed):
            spec.parse('["a"]')
        state = constraint.start().advance_bytes(b'["a"]')
        assert state is None or not state.accepting


def test_errors_are_not_kept() -> None:
    for _ in range(2):
        with pytest.raises(gg.GrammarSyntaxError):
            gg.compile(gg.Gbnf("root ::= ("), VOCABULARY)
    assert gg.compile_cache.stats()["entries"] == 0


def test_the_least_recently_used_go_first() -> None:
    cache = CompileCache(10**9)
    forms = {name: object() for name in "abc"}

    class Form:
        def __init__(self) -> None:
            self.compiled = gg.compile(gg.Regex("x"), VOCABULARY, cache=False).compiled

    found: dict[str, Any] = {name: cache.get((name,), Form) for name in forms}  # type: ignore[arg-type]
    one = cache.stats()["bytes"] // 3
    assert cache.get(("a",), Form) is found["a"]  # type: ignore[arg-type]
    cache.limit_bytes = one * 3 - one // 4
    assert cache.stats()["entries"] == 2
    assert cache.get(("a",), Form) is found["a"]  # type: ignore[arg-type]
    assert cache.get(("b",), Form) is not found["b"]  # type: ignore[arg-type]
    cache.limit_bytes = 0
    assert cache.stats()["entries"] == 0
    with pytest.raises(ValueError, match="limit_bytes"):
        cache.limit_bytes = -1


def test_lexers_that_only_entries_still_use_count() -> None:
    """The one that new grammars get has a limit of its own; an older one goes with the last entry that has it."""
    cache = CompileCache(10**9)
    held = {1: 50_000, 2: 0}

    class Shared:
        vocabulary, table, nbytes = VOCABULARY, None, 100

        def __init__(self, which: int) -> None:
            self.which = which

        @property
        def lexer(self) -> tuple[int, int]:
            return self.which, held[self.which]

    class Entry:
        def __init__(self, which: int) -> None:
            self.compiled = Shared(which)

    for name, which in (("a", 1), ("b", 1), ("c", 2), ("d", 2)):
        cache.get((name,), partial(Entry, which))  # type: ignore[arg-type]
    whole = cache.stats()["bytes"]
    held[1] = 0
    assert whole - cache.stats()["bytes"] == 50_000
    held[1] = 50_000
    cache.limit_bytes = whole - 1_000
    assert cache.stats()["entries"] == 2, "neither of the two that have the old lexer is worth keeping alone"
    assert cache.stats()["bytes"] < whole - 50_000


def test_memory_of_masks_counts() -> None:
    constraint = gg.compile(gg.Regex("[a-z]{1,50}[0-9]*"), VOCABULARY)
    before = gg.compile_cache.stats()["bytes"]
    state = constraint.start()
    for char in b"abcdefghij123":
        state.mask()
        state = state.advance(char)  # type: ignore[assignment]
    assert gg.compile_cache.stats()["bytes"] > before


def test_threads_share_it() -> None:
    specs = [gg.Regex(f"a{{{count}}}") for count in range(20)]
    wrong: list[int] = []

    def work() -> None:
        for count, spec in enumerate(specs * 5):
            state = gg.compile(spec, VOCABULARY).start().advance_bytes(b"a" * (count % 20))
            if state is None or not state.accepting:
                wrong.append(count)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert gg.compile_cache.stats()["entries"] == 20


LARGE = 'start: "(" start ")" | NAME\n%import common.CNAME -> NAME\n' + "".join(
    f'r{i}: "{i}" start\n' for i in range(200)
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GUIDEDGEN_CACHE", str(tmp_path))
    monkeypatch.setenv("GUIDEDGEN_TABLE_CACHE", "1")
    return tmp_path / "grammars"


def read_again(monkeypatch: pytest.MonkeyPatch, spec: Any = None, **options: Any) -> bool:
    """Whether compiling, in what could be another process, reads the text of a grammar."""
    gg.compile_cache.clear()
    seen: list[str] = []
    parse = lark_text.parse

    def spy(text: str, **given: Any) -> Any:
        seen.append(text)
        return parse(text, **given)

    with monkeypatch.context() as patched:
        patched.setattr(lark_text, "parse", spy)
        state = gg.compile(spec or gg.Lark(LARGE), VOCABULARY, **options).start().advance_bytes(b"((a))")
    assert state is not None
    assert state.accepting
    return bool(seen)


def test_large_grammars_are_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_again(monkeypatch)
    assert not read_again(monkeypatch)
    assert read_again(monkeypatch, cache=False)
    assert read_again(monkeypatch, limits=gg.Limits(depth=77))
    assert read_again(monkeypatch, gg.Lark(LARGE + "\n"))
    gg.compile_cache.clear()
    notes = gg.compile(gg.Lark(LARGE), VOCABULARY).report.warnings
    assert len(notes) == 200
    assert len(list(folder.iterdir())) == 3


def test_a_damaged_entry_is_written_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_again(monkeypatch)
    (entry,) = folder.iterdir()
    whole = entry.read_bytes()
    for data in [b"", whole[:-1], whole[:60] + b"x" + whole[61:]]:
        entry.write_bytes(data)
        assert read_again(monkeypatch)
        assert not read_again(monkeypatch)


def test_code_that_changes_empties_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_again(monkeypatch)
    monkeypatch.setattr(table_cache, "_code", lambda: "changed")
    assert read_again(monkeypatch)


def test_small_ones_and_those_with_files_of_their_own_are_not_kept(folder: Path) -> None:
    gg.compile(gg.Lark('start: "a"'), VOCABULARY)
    gg.compile(gg.Regex("a" * 3000), VOCABULARY)
    assert not folder.exists()
    limits = gg.Limits()
    text = LARGE + "%import .mine.NAME\n"
    assert table_cache.entry_of(gg.Lark(text), VOCABULARY, limits, "native") is None
    assert table_cache.entry_of(gg.Lark(LARGE), VOCABULARY, limits, "native") is not None


def test_the_oldest_go_when_all_take_too_much(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir(parents=True)
    for age in range(5):
        (folder / f"{age}.table").write_bytes(b"x" * 100_000)
        os.utime(folder / f"{age}.table", (10**9 - age, 10**9 - age))
    monkeypatch.setattr(table_cache, "_FOLDER_LIMIT", 350_000)
    gg.compile(gg.Lark(LARGE), VOCABULARY)
    kept = {path.name for path in folder.iterdir()}
    assert {"0.table", "1.table", "2.table"} < kept
    assert not kept & {"3.table", "4.table"}


def test_a_folder_that_cannot_be_written_is_only_logged(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder.write_text("a file stands where the folder belongs")
    with caplog.at_level(logging.INFO):
        assert read_again(monkeypatch)
    assert "cannot be written" in caplog.text


def test_the_tables_of_large_grammars_of_the_library_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUIDEDGEN_TABLE_CACHE", "1")
    assert table_cache.entry_of(gg.library("python"), byte_vocabulary(), gg.Limits(), "native") is not None


SAID = [
    {"a": 1, "b": [1, 2]},
    {"b": [1, 2], "a": 1},  # properties come in their order
    {"a": 1.0, "b": [1, 2]},
    {"a": True, "b": [1, 2]},
    {"a": "1", "b": [1, 2]},
    {"a": None, "b": [1, 2]},
    {"a": 1, "b": (1, 2)},
    {"a": 1, "b": [[1], 2]},
    {"a": 1, "b": [1, [2]]},
    {"a": 1, "b": [1], "c": 2},
    {"a": 1, "b": {"1": 2}},
    {"a": 1, "b\x00": [1, 2]},
    {"a\x00": 1, "b": [1, 2]},
    {"a": -1, "b": [1, 2]},
    {"ä": 1, "b": [1, 2]},
    {"": {}},
    {"": []},
    {"": ""},
    {"": 0},
    {"": False},
    "",
    "a",
    True,
    False,
]


@needs_native
def test_keys_of_schemas_tell_all_contents_apart_and_nothing_else() -> None:
    from guidedgen.kernel._native import content_key

    keys = [content_key(value) for value in SAID]
    assert None not in keys
    assert len(set(keys)) == len(SAID)
    assert keys == [content_key(copy.deepcopy(value)) for value in SAID]
    assert content_key({"one": "text" * 10}) == content_key({"one": "".join(["text"] * 10)})


@needs_native
def test_what_is_no_plain_data_has_no_key() -> None:
    from guidedgen.kernel._native import content_key

    around: list[object] = []
    around.append(around)
    odd = [object(), Decimal(1), 2**64, "\ud800", {1: object()}, OrderedDict(a=1), around, b"bytes"]
    assert [content_key({"a": [value]}) for value in odd] == [None] * len(odd)


@needs_native
def test_what_differs_in_settings_alone_is_not_mixed_up() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    settings: list[dict[str, Any]] = [
        {},
        {"property_order": "any"},
        {"whitespace": "flexible"},
        {"format": "annotation"},
        {"draft": 7},
        {"max_digits": 3},
        {"max_items": 3},
        {"strict_keywords": True},
        {"registry": {"http://x/": True}},
    ]
    keys = [key_of(gg.JsonSchema(schema, **given)) for given in settings]
    assert len(set(keys)) == len(settings)
    assert keys == [key_of(gg.JsonSchema(dict(schema), **given)) for given in settings]
    with pytest.raises(CompileError, match="max_digits=True"):
        key_of(gg.JsonSchema(schema, max_digits=True))
