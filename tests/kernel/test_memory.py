"""Memory stays bounded: over many grammars of one vocabulary, and over one very long text."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from guidedgen.grammars.compile import compile
from guidedgen.grammars.specs import JsonSchema
from guidedgen.kernel import Compiled, InspectableState
from guidedgen.limits import Limits
from guidedgen.masks import allowed_tokens
from tests.kernel.helpers import BYTES, compile_grammar
from tests.kernel.test_budget import listed, words

MIB = 2**20


def resident() -> float:
    """Memory of this process, MiB."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / MIB


def schemas(count: int) -> Iterator[dict[str, object]]:
    """Schemas that share almost nothing: other names, other patterns, other bounds."""
    for number in range(count):
        yield {
            "type": "object",
            "properties": {
                f"name_{number}": {"type": "string", "pattern": f"^[a-z]{{2,{3 + number % 40}}}-{number}$"},
                f"count_{number}": {"type": "integer", "minimum": -number, "maximum": 7 * number + 1},
                f"list_{number}": {"type": "array", "items": {"enum": [f"a{number}", f"b{number}", number]}},
            },
            "required": [f"name_{number}"],
        }


def use(schema: dict[str, object], vocabulary: object, limits: Limits) -> dict[str, int]:
    """Compile a schema and write its shortest text under masks; the kernel's counters afterwards."""
    constraint = compile(JsonSchema(schema), vocabulary, limits=limits, implementation="native")  # type: ignore[arg-type]
    state = constraint.compiled.start()
    for token in state.shortest():
        assert token in allowed_tokens(state.mask(40))
        following = state.advance(token)
        assert following is not None
        state = following
    assert state.accepting
    return constraint.stats()


def grow(count: int, limits: Limits) -> tuple[float, int]:
    """MiB that `count` schemas, one after another, leave behind; and the most bytes that their lexer held."""
    vocabulary = words(2000)
    most = 0
    for schema in schemas(20):
        use(schema, vocabulary, limits)
    before = resident()
    for schema in schemas(count):
        most = max(most, use(schema, vocabulary, limits)["lexer_bytes"])
    return resident() - before, most


def test_what_a_schema_grew_to_goes_between_texts() -> None:
    """The machine and its lexer remember items that have to differ: both begin anew where they take too much."""
    schema = JsonSchema({"type": "array", "uniqueItems": True, "items": {"type": "integer"}, "minItems": 3})
    limits = Limits(cache_bytes=MIB)
    constraint = compile(schema, words(300), limits=limits, implementation="native", cache=False)
    grown = compile(schema, BYTES, implementation="native", cache=False)
    choose = random.Random(1)
    most = 0
    for _ in range(24):
        text = str(choose.sample(range(300), 20)).encode()
        state, other = constraint.start(), grown.start()
        for byte in text:
            bytes_allowed = {token for token in allowed_tokens(state.mask()) if token < 256}
            assert bytes_allowed == set(allowed_tokens(other.mask()))
            following, there = state.advance(byte), other.advance(byte)
            assert following is not None
            assert there is not None
            state, other = following, there
        assert state.accepting
        stats = constraint.stats()
        most = max(most, stats["bytes"], stats["lexer_bytes"])
        del state, following
    assert grown.stats()["lexer_bytes"] > 4 * MIB, "the test shows nothing"
    assert most < 3 * MIB
    assert stats["arenas"] > 2


def test_a_text_that_is_being_read_keeps_what_it_is_made_of() -> None:
    limits = Limits(cache_bytes=1)
    constraint = compile(JsonSchema({"enum": ["ab", "ac"]}), BYTES, limits=limits, implementation="native", cache=False)
    state: InspectableState | None = constraint.start()
    for byte in b'"ab"':
        assert state is not None
        assert constraint.start().shortest() == tuple(b'"ab"')
        state = state.advance(byte)
    assert state is not None
    assert state.accepting


def test_schemas_one_after_another() -> None:
    limits = Limits(cache_bytes=2 * MIB)
    growth, most = grow(60, limits)
    assert 2 * MIB < most < 6 * MIB, "the lexer was renewed, or the test shows nothing"
    assert growth < 30


@pytest.mark.slow
def test_five_thousand_schemas() -> None:
    growth, most = grow(5_000, Limits(cache_bytes=32 * MIB))
    print(f"5,000 schemas: {growth:.0f} MiB more resident memory, at most {most / MIB:.0f} MiB in one lexer")
    assert 32 * MIB < most < 48 * MIB
    assert growth < 150


def long_list(tokens: int, limits: Limits) -> tuple[int, int, int]:
    """Write one list item after another; the most bytes that the kernel held, arenas made, and tokens written."""
    vocabulary = words(400)
    compiled = compile_grammar(listed(), "native", vocabulary, limits)
    state: InspectableState | None = compiled.start().advance_bytes(b"[1")
    items = [b", 123", b', "ab"', b', ["a", 5]']  # the first tokens are the bytes
    most = written = 0
    while written < tokens:
        for token in items[written % 3]:
            assert state is not None
            assert state.mask(tokens + 50).any()
            state = state.advance(token)
        written += len(items[written % 3])
        if written % 50 == 0:
            most = max(most, compiled.stats()["bytes"])
    assert state is not None
    assert state.shortest() == (ord("]"),)
    return max(most, compiled.stats()["bytes"]), compiled.stats()["arenas"], written


def test_a_long_text_keeps_its_tables_small() -> None:
    most, _, written = long_list(4_000, Limits())
    assert written >= 4_000
    assert most < 2 * MIB


@pytest.mark.slow
def test_a_hundred_thousand_tokens() -> None:
    most, arenas, written = long_list(100_000, Limits(cache_bytes=300_000))
    print(f"{written} tokens: at most {most / MIB:.2f} MiB, {arenas} arenas")
    assert most < 2 * MIB


def test_memory_is_used_again() -> None:
    """What the pool holds is counted, and does not grow where as much is made as was freed."""

    def made(number: int) -> Compiled:
        schema = JsonSchema({"properties": {f"{number} {name}": {"type": "string"} for name in range(200)}})
        constraint = compile(schema, words(3000 + number), implementation="native", cache=False)
        constraint.start().mask()
        return constraint.compiled

    if not made(0).stats()["pool_bytes"]:
        pytest.skip("built without a pool")
    held = []
    for _ in range(3):
        kept = [made(number) for number in range(20)]
        held.append(kept[-1].stats()["pool_bytes"])
        assert held[-1] > sum(one.stats()["lexer_bytes"] for one in kept) > 4 * MIB
        kept.clear()
        gc.collect()
    assert held[2] <= held[0] + 2 * MIB
