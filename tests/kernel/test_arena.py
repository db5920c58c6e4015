"""Memory: repetitive texts do not grow the tables, caches stay within their limit, dropped caches change no answer."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from guidedgen.grammars import ir
from guidedgen.kernel import InspectableState
from guidedgen.limits import Limits
from tests.kernel.helpers import BYTES, allowed, byte_set, compile_grammar, text

VALUE, ITEMS, LIST = ir.Reference("value"), ir.Reference("items"), ir.Reference("list")
NUMBER = ir.Terminal(ir.Repeat(byte_set(b"0123456789"), 1, None))


def chosen(*options: ir.Node) -> ir.Choice:
    return ir.Choice(options)


JSON_ARRAY = ir.Grammar(
    start=LIST,
    rules={
        "list": ir.Sequence((text(b"["), ir.Repetition(ITEMS, 0, 1), text(b"]"))),
        "items": ir.Sequence((VALUE, ir.Repetition(ir.Sequence((text(b","), VALUE)), 0, None))),
        "value": chosen(NUMBER, LIST, text(b"null")),
    },
)
RIGHT = ir.Grammar(start=ITEMS, rules={"items": chosen(NUMBER, ir.Sequence((NUMBER, text(b","), ITEMS)))})
LEFT = ir.Grammar(start=ITEMS, rules={"items": chosen(NUMBER, ir.Sequence((ITEMS, text(b","), NUMBER)))})


@pytest.mark.parametrize(("grammar", "opening"), [(JSON_ARRAY, b"[[1,"), (RIGHT, b""), (LEFT, b"")])
def test_long_lists_do_not_grow_the_tables(kernel: str, grammar: ir.Grammar, opening: bytes) -> None:
    compiled = compile_grammar(grammar, kernel)
    state = step_all(compiled.start(), opening + b"12,345,6,")
    before = compiled.stats()
    for _ in range(4_000):
        state = step_all(state, b"7,89,")
    after = compiled.stats()
    assert after["rows"] == before["rows"]
    assert after["positions"] <= before["positions"] + 5
    assert allowed(state, BYTES) >= set(b"0123456789")


def step_all(state: InspectableState | None, data: bytes) -> InspectableState:
    for byte in data:
        assert state is not None
        state = state.advance(byte)
    assert state is not None
    return state


def test_equal_nesting_shares_rows(kernel: str) -> None:
    """Lists inside of lists meet the rows of those before them."""
    compiled = compile_grammar(JSON_ARRAY, kernel)
    state = step_all(compiled.start(), b"[" + b"[[1,2,3],[4,5,6],[7,8,9]]," * 3)
    before = compiled.stats()["rows"]
    step_all(state, b"[[6,7,8],[9,10,11],[12,13],[14]],[[15],[16,17]]")
    assert compiled.stats()["rows"] == before


def random_walk(
    state: InspectableState, steps: int, choose: Callable[[list[int]], int]
) -> list[tuple[frozenset[int], bool]]:
    seen = []
    for _ in range(steps):
        tokens = allowed(state, BYTES)
        seen.append((frozenset(tokens), state.accepting))
        following = state.advance(choose(sorted(tokens))) if tokens else None
        if following is None:
            break
        state = following
    return seen


def test_a_tiny_cache_changes_nothing(kernel: str) -> None:
    """With room for next to nothing everything is forgotten and rebuilt all the time; the answers are the same."""
    large = compile_grammar(JSON_ARRAY, kernel)
    tiny = compile_grammar(JSON_ARRAY, kernel, limits=Limits(cache_bytes=1))
    for seed in range(10):
        first = random_walk(large.start(), 60, random.Random(seed).choice)
        assert random_walk(tiny.start(), 60, random.Random(seed).choice) == first
        assert len(first) > 1


def test_states_survive_forgotten_caches(kernel: str) -> None:
    compiled = compile_grammar(JSON_ARRAY, kernel, limits=Limits(cache_bytes=200_000))
    kept = step_all(compiled.start(), b"[1,[2,")
    tokens = allowed(kept, BYTES)
    for depth in range(0, 400, 20):
        step_all(compiled.start(), b"[" * depth)
    assert allowed(kept, BYTES) == tokens
    assert step_all(kept, b"3]]").accepting


def test_caches_stay_within_their_limit(kernel: str) -> None:
    """Texts that never repeat (ever deeper nesting): the estimate may overshoot by one step's work, not by growth."""
    limit = 500_000
    compiled = compile_grammar(JSON_ARRAY, kernel, limits=Limits(cache_bytes=limit))
    state = compiled.start()
    largest = 0
    for _ in range(1_000):
        state = step_all(state, b"[")
        state.mask()
        largest = max(largest, compiled.stats()["bytes"])
    assert largest < 2 * limit
