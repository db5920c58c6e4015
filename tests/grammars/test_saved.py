"""Constraints in files: what is loaded allows what was saved; what does not fit is refused with its reason."""

from __future__ import annotations

import hashlib
import json
import struct
import subprocess
import sys
from dataclasses import dataclass, fields, replace
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import guidedgen as gg
from guidedgen.grammars import saved, table_file
from guidedgen.kernel.table import GrammarTable
from guidedgen.testing import byte_vocabulary, check_constraint
from tests.grammars.lark_samples import JSON, SQL
from tests.grammars.test_gbnf_text import ARITHMETIC

VOCABULARY = byte_vocabulary([b"ab", b'": ', b"select"], special=["<x>", "<y>"])


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Ticket(BaseModel):
    title: str
    colour: Colour
    count: int = 0


TEXT = '{"title": "a", "colour": "red", "count": 3}'
SPECS: list[tuple[Any, str, Any]] = [
    (gg.Regex("(a|b){2,5}c*"), "abc", "abc"),
    (gg.Choice(["yes", "no", "né"]), "né", "né"),
    (gg.Lark(JSON[0]), '{"a": [1]}', '{"a": [1]}'),
    (gg.Lark(SQL[0]), "select a from t", "select a from t"),
    (gg.Gbnf(ARITHMETIC), "1 + 2 = 3;", "1 + 2 = 3;"),
    (gg.Gbnf('root ::= "a"{2,} <x>? [^a]'), "aab", "aab"),
    (gg.Ebnf("a = {'x' | 'y'} - 'xx';"), "xy", "xy"),
    (gg.JsonSchema({"type": "object", "properties": {"b": {"type": "integer"}, "a": True}}), '{"b": 1}', {"b": 1}),
    (gg.JsonSchema('{"enum": [1, "x"]}', whitespace=gg.Indent(2)), '"x"', "x"),
    (gg.JsonSchema({"type": "string"}, max_string=3, format="strict", draft=7), '"abc"', "abc"),
    (Ticket, TEXT, json.loads(TEXT)),
    (Colour, "red", "red"),
]


def positions(constraint: gg.Constraint, text: str) -> list[tuple[bytes, bool]]:
    """The mask, and whether the text may end, before each byte of a text and behind it."""
    state: Any = constraint.start()
    found = []
    for byte in [*text.encode(), None]:
        found.append((state.mask().tobytes(), state.accepting))
        state = state if byte is None else state.advance(byte)
    return found


@pytest.mark.parametrize(("spec", "text", "value"), SPECS)
def test_what_is_loaded_is_what_was_saved(spec: Any, text: str, value: Any, tmp_path: Path, kernel: str) -> None:
    if kernel == "reference" and not isinstance(spec, gg.Regex | gg.Lark | gg.Gbnf | gg.Ebnf):
        pytest.skip("a schema is compiled again")
    made = gg.compile(spec, VOCABULARY, implementation=kernel)
    made.save(tmp_path / "it")
    loaded = gg.Constraint.load(tmp_path / "it", VOCABULARY, implementation=kernel)
    assert positions(loaded, text) == positions(made, text)
    assert positions(loaded, text)[-1][1]
    assert loaded.spec.parse(text) == value
    assert list(loaded.report) == list(made.report)
    assert isinstance(loaded, gg.Constraint)
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").stat().st_size == pytest.approx((tmp_path / "it").stat().st_size, abs=80)


@pytest.mark.parametrize("spec", [spec for spec, _, _ in SPECS[:8]])
def test_the_laws_of_constraints(spec: Any, tmp_path: Path) -> None:
    gg.compile(spec, VOCABULARY).save(tmp_path / "it")
    check_constraint(gg.Constraint.load(tmp_path / "it", VOCABULARY), VOCABULARY, walks=3)


def test_values_come_from_the_spec_that_is_handed_in(tmp_path: Path) -> None:
    gg.compile(Ticket, VOCABULARY).save(tmp_path / "it")
    loaded = gg.Constraint.load(tmp_path / "it", VOCABULARY, spec=Ticket)
    assert loaded.spec.parse(TEXT) == Ticket(title="a", colour=Colour.RED, count=3)
    with pytest.raises(gg.SavedConstraintError, match="another grammar or schema") as caught:
        gg.Constraint.load(tmp_path / "it", VOCABULARY, spec={"type": "integer"})
    assert caught.value.reason == "spec"


def test_schemas_inside_grammars_are_saved(tmp_path: Path) -> None:
    spec = gg.Sequence("value: ", gg.JsonSchema({"type": "integer", "maximum": 99}), "!")
    made = gg.compile(spec, VOCABULARY)
    made.save(tmp_path / "it")
    if made.implementation == "native":
        assert positions(gg.Constraint.load(tmp_path / "it", VOCABULARY), "value: 17!") == positions(made, "value: 17!")
        with pytest.raises(gg.SavedConstraintError) as caught:
            gg.Constraint.load(tmp_path / "it", VOCABULARY, implementation="reference")
        assert caught.value.reason == "kernel"


def test_another_process_reads_it(tmp_path: Path) -> None:
    gg.compile(gg.Lark(SQL[0]), VOCABULARY).save(tmp_path / "it")
    program = f"""
import sys
import guidedgen as gg
from guidedgen.testing import byte_vocabulary
vocabulary = byte_vocabulary([b"ab", b'": ', b"select"], special=["<x>", "<y>"])
state = gg.Constraint.load({str(tmp_path / "it")!r}, vocabulary).start().advance_bytes(b"select a from t")
print(state.accepting, "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


@pytest.fixture
def data(tmp_path: Path) -> bytes:
    gg.compile(gg.Lark(SQL[0]), VOCABULARY).save(tmp_path / "it")
    return (tmp_path / "it").read_bytes()


def refusal(tmp_path: Path, data: bytes, vocabulary: gg.Vocabulary = VOCABULARY) -> str:
    (tmp_path / "changed").write_bytes(data)
    with pytest.raises(gg.SavedConstraintError) as caught:
        gg.Constraint.load(tmp_path / "changed", vocabulary)
    assert str(tmp_path / "changed") in str(caught.value)
    return caught.value.reason


def test_another_vocabulary_is_refused(data: bytes, tmp_path: Path) -> None:
    for other in [byte_vocabulary(), byte_vocabulary([b"ab", b'": ', b"select"], special=["<y>", "<x>"])]:
        assert refusal(tmp_path, data, other) == "vocabulary"
    same = byte_vocabulary([b"ab", b'": ', b"select"], special=["<x>", "<y>"])
    assert gg.Constraint.load(tmp_path / "it", same).vocab_size == VOCABULARY.size


def test_cut_and_altered_files_are_refused(data: bytes, tmp_path: Path) -> None:
    for length in [0, 7, 30, 52, 200, len(data) // 2, len(data) - 1]:
        assert refusal(tmp_path, data[:length]) == "damaged"
    assert refusal(tmp_path, data + b"x") == "damaged"
    for place in range(0, len(data), max(1, len(data) // 60)):
        altered = bytearray(data)
        altered[place] ^= 0x40
        assert refusal(tmp_path, bytes(altered)) in ("damaged", "version")
    assert refusal(tmp_path, b"\x80\x04K\x01.") == "damaged"


def test_a_newer_version_says_so(data: bytes, tmp_path: Path) -> None:
    newer = data[:8] + struct.pack("<I", table_file.VERSION + 1) + data[12:]
    assert refusal(tmp_path, newer) == "version"


def test_a_file_that_is_too_large_is_not_read(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(gg.SavedConstraintError, match="more than 100 bytes") as caught:
        saved.load(tmp_path / "it", VOCABULARY, largest=100)
    assert caught.value.reason == "size"


@pytest.mark.parametrize(
    "change",
    [
        {"arrays": {"exprs": ["int32", [10**9, 3]]}},
        {"arrays": {"exprs": ["float64", [1, 3]]}},
        {"arrays": {"exprs": ["int32", [-1, 3]]}},
        {"labels": [[1], []]},
        {"start": "x"},
        {"limits": {"nonsense": 1}},
        {"texts": [{}]},
        {"report": [[1]]},
        {"arrays": []},
    ],
)
def test_a_header_that_lies_is_refused_although_its_checksum_fits(
    change: dict[str, Any], data: bytes, tmp_path: Path
) -> None:
    header, table = table_file.decode(data)
    assert table is not None
    plain = {name: header[name] for name in ("vocabulary", "limits", "spec", "texts", "report")}
    whole = table_file.encode(plain, table)
    length = struct.unpack_from("<Q", whole, 12)[0]
    body = whole[52:]
    told = json.loads(body[:length])
    written = json.dumps(told | change).encode()
    body = written + body[length:]
    forged = whole[:12] + struct.pack("<Q", len(written)) + hashlib.sha256(body).digest() + body
    assert refusal(tmp_path, forged) == "damaged"


def test_a_forged_table_meets_the_same_checks_as_any(data: bytes, tmp_path: Path) -> None:
    header, table = table_file.decode(data)
    assert table is not None
    symbols = table.symbols.copy()
    symbols[0, 1] = 10**6
    forged = table_file.encode(
        {name: header[name] for name in ("vocabulary", "limits", "spec", "texts", "report")},
        replace(table, symbols=symbols),
    )
    (tmp_path / "forged").write_bytes(forged)
    with pytest.raises(gg.CompileError):
        gg.Constraint.load(tmp_path / "forged", VOCABULARY)


def test_what_is_checked_beside_the_masks_is_not_saved_as_a_table(tmp_path: Path) -> None:
    schema = {"type": "array", "uniqueItems": True, "contains": {"type": "integer"}}
    spec = gg.JsonSchema(schema, on_unsupported="validate")
    made = gg.compile(spec, VOCABULARY, implementation="reference")
    if made.checking is None:
        pytest.skip("all of it is in the masks")
    with pytest.raises(gg.UnsupportedFeature, match="cannot be saved"):
        made.save(tmp_path / "it")


def test_a_table_with_more_than_the_format_knows_is_not_written(tmp_path: Path) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Larger(GrammarTable):
        more: tuple[int, ...] = ()

    table = gg.compile(gg.Regex("a"), VOCABULARY, cache=False).compiled.table
    assert table is not None
    told = {entry.name: getattr(table, entry.name) for entry in fields(table)}
    table_file.write(tmp_path / "it", {}, Larger(**told))
    with pytest.raises(TypeError, match="its table has more"):
        table_file.write(tmp_path / "it", {}, Larger(**told, more=(1,)))


def test_functions_are_not_saved(tmp_path: Path) -> None:
    spec = gg.Lark("%declare X\nstart: X", terminals={"X": lambda text: {"a"}})
    with pytest.raises(gg.UnsupportedFeature, match="dynamic terminals are functions"):
        gg.compile(spec, VOCABULARY).save(tmp_path / "it")
    capturing = gg.Lark('start: a\na[capture]: "x"')
    with pytest.raises(gg.UnsupportedFeature, match="captures"):
        gg.compile(capturing, VOCABULARY).save(tmp_path / "it")
    assert not (tmp_path / "it").exists()
