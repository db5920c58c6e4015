"""Python types in the native machine: the same texts as the translation takes, and what only the machine can do."""

from __future__ import annotations

import importlib.util
import itertools
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from guidedgen.errors import UnsupportedFeature
from guidedgen.grammars.compile import GrammarConstraint, compile
from guidedgen.grammars.json_schema import Options, translate_schema
from guidedgen.grammars.lower import lower
from guidedgen.grammars.python_schemas import PYTHON_FORMATS
from guidedgen.grammars.specs import TypeSpec
from guidedgen.kernel import Compiled, compile_table
from guidedgen.limits import Limits
from guidedgen.testing import accepts
from tests.grammars.json_schema.feeding import BYTES
from tests.grammars.test_python_types import Cat, Colour, Dog, Level, Movie, Node, Order, Part, Point

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("guidedgen.kernel._native") is None, reason="the native kernel is not built"
)


class Deep(BaseModel):
    tree: dict[str, Deep | None] = {}
    pets: list[Annotated[Cat | Dog, Field(discriminator="kind")]] = Field(default=[], max_length=2)
    code: Annotated[str, Field(pattern="^[A-Z]{2,3}$", max_length=2)] | None = None
    price: Annotated[float, Field(gt=0, le=99.5)] = 1.0


TYPES: list[Any] = [
    int,
    float,
    bool,
    None,
    list[int],
    tuple[int, str],
    dict[str, int],
    dict[int, int],
    int | str | None,
    Node,
]
TYPES += [Order, Part, Movie, Point, Deep, Level, dict[Colour, int], Annotated[int, Field(ge=-5, lt=20, multiple_of=5)]]
TYPES += [Annotated[str, Field(min_length=2, max_length=3, pattern="^a")]]


def translated(spec: TypeSpec[Any]) -> Compiled:
    options = Options(closed=True, canonical_numbers=True, formats=PYTHON_FORMATS)
    grammar = translate_schema(spec.schema, options=options, limits=Limits()).grammar
    return compile_table(lower(grammar, special=BYTES.special, limits=Limits()), BYTES, limits=Limits())


def walk(states: list[Any], picks: str) -> tuple[bytes, list[bool]]:
    """The bytes chosen by `picks` among those that all states allow, comparing them at every step."""
    text = b""
    for pick in picks:
        allowed = [state.allowed_bytes() for state in states]
        assert allowed[1:] == allowed[:-1], text
        choices = [byte for byte in range(256) if allowed[0][byte // 8] >> byte % 8 & 1]
        if not choices:
            break
        byte = bytes([choices[ord(pick) % len(choices)]])
        text += byte
        states = [state.advance_bytes(byte) for state in states]
    return text, [state.accepting for state in states]


@pytest.mark.parametrize("tp", TYPES, ids=str)
def test_both_ways_allow_the_same_bytes(tp: Any) -> None:
    spec: TypeSpec[Any] = TypeSpec(tp)
    native: Any = compile(spec, BYTES, implementation="native")
    for start in range(12):
        picks = "".join(
            map(
                chr, itertools.islice(itertools.accumulate(itertools.count(start), lambda a, b: (a * 29 + b) % 977), 60)
            )
        )
        text, ends = walk([native.start(), translated(spec).start()], picks)
        assert ends[0] == ends[1], text


def test_floats_within_bounds_take_the_translations_texts_and_more_of_the_same_values() -> None:
    spec: TypeSpec[float] = TypeSpec(Annotated[float, Field(ge=0, lt=1)])
    texts = ["0", "0.5", "5e-1", "5E-01", "0.5e-9", "0.10", "1", "-0.5", "1e-100", "1.0", "0.05e1"]
    native = [text for text in texts if accepts(compile(spec, BYTES, implementation="native"), text)]
    assert [text for text in native if not accepts(translated(spec), text, BYTES)] == ["0.5e-9"]
    assert native == texts[:6]
    assert all(0 <= spec.parse(text) < 1 for text in native)


def test_steps_without_bound_need_the_machine() -> None:
    spec: TypeSpec[int] = TypeSpec(Annotated[int, Field(multiple_of=99991)])
    constraint: GrammarConstraint = compile(spec, BYTES, implementation="native")
    texts = ["0", "99991", "-199982", "99990", "9999100", "99991.0"]
    assert [text for text in texts if accepts(constraint, text)] == ["0", "99991", "-199982", "9999100"]
    with pytest.raises(UnsupportedFeature):
        compile(spec, BYTES, implementation="reference")


def test_the_report_is_that_of_the_schema() -> None:
    spec: TypeSpec[Any] = TypeSpec(Deep)
    report = set(compile(spec, BYTES, implementation="native").report)
    assert report >= {entry for entry in spec.translate(Limits()).report if entry.keyword != "(different names)"}
