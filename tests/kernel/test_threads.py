"""One compiled constraint used from many threads at once: the same masks, completions and ends as from one."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from guidedgen.constraint import fill_masks
from guidedgen.grammars.compile import compile
from guidedgen.grammars.specs import JsonSchema
from guidedgen.kernel import Compiled, InspectableState
from guidedgen.limits import Limits
from guidedgen.masks import allowed_tokens, mask_words
from guidedgen.vocabulary import Vocabulary
from tests.kernel.helpers import compile_grammar
from tests.kernel.test_budget import listed, words

THREADS = 8
PLACES = (b"", b"[", b'["', b'["ab', b"[12", b'[{"dear": "a')


@pytest.fixture(autouse=True)
def _eager_switching() -> Iterator[None]:
    """Let threads take turns after microseconds, so that they meet inside the kernel."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def walk(compiled: Compiled, seed: int, steps: int = 25) -> list[Any]:
    """What one walk sees: every mask with and without a budget, and what completes the text."""
    rng, state, seen = random.Random(seed), compiled.start(), list[Any]()
    for _ in range(steps):
        mask, least = state.mask(), state.shortest()
        seen.append((mask.tobytes(), state.mask(len(least) + 1).tobytes(), least, state.forced(), state.accepting))
        tokens = allowed_tokens(mask).tolist()
        if not tokens:
            break
        following = state.advance(rng.choice(tokens))
        assert following is not None
        state = following
    return seen


def at_once(work: Callable[[int], Any]) -> list[Any]:
    """The results of `work(0)`, `work(1)`, ... that all begin at the same moment."""
    barrier = threading.Barrier(THREADS)

    def begin(number: int) -> Any:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(begin, range(THREADS)))


@pytest.mark.parametrize("limits", [Limits(), Limits(cache_bytes=200_000)], ids=["roomy", "evicting"])
def test_walks_in_threads_see_what_one_thread_sees(kernel: str, limits: Limits) -> None:
    vocabulary = words(300 if kernel == "native" else 60)
    steps = 25 if kernel == "native" else 6
    alone = compile_grammar(listed(), kernel, vocabulary, limits)
    expected = [walk(alone, seed % 4, steps) for seed in range(THREADS)]
    shared = compile_grammar(listed(), kernel, Vocabulary.from_tokens(tokens_of(vocabulary)), limits)
    assert at_once(lambda number: walk(shared, number % 4, steps)) == expected


JSON: dict[str, Any] = {
    "type": "object",
    "properties": {
        "kind": {"enum": ["dear", "fear", 3]},
        "list": {"type": "array", "items": {"type": "string", "maxLength": 9}, "uniqueItems": True},
        "more": {"$ref": "#"},
    },
    "patternProperties": {"^[a-e]+$": {"type": "number", "multipleOf": 0.5}},
    "anyOf": [{"required": ["kind"]}, {"required": ["list"], "minProperties": 2}],
    "if": {"properties": {"kind": {"const": 3}}, "required": ["kind"]},
    "then": {"required": ["more"]},
}


@pytest.mark.parametrize("order", ["schema", "any"])
@pytest.mark.parametrize("limits", [Limits(), Limits(cache_bytes=200_000)], ids=["roomy", "evicting"])
def test_walks_of_one_schema_in_threads(limits: Limits, order: Any) -> None:
    """States of the JSON machine come into being in whichever thread is the first to need them."""
    pytest.importorskip("guidedgen.kernel._native")
    vocabulary = words(300)
    spec = JsonSchema(JSON, property_order=order)

    def compiled(over: Vocabulary) -> Compiled:
        return compile(spec, over, limits=limits, implementation="native").compiled

    alone = compiled(vocabulary)
    expected = [walk(alone, seed % 4, 12) for seed in range(THREADS)]
    assert all(len(seen) > 5 for seen in expected)
    shared = compiled(Vocabulary.from_tokens(tokens_of(vocabulary)))
    assert at_once(lambda number: walk(shared, number % 4, 12)) == expected


def test_schemas_that_share_a_lexer_in_threads() -> None:
    """Compiling schemas of one vocabulary, masks with and without a budget, and dropping them, all at once."""
    pytest.importorskip("guidedgen.kernel._native")
    vocabulary = words(300)
    limits = Limits(cache_bytes=400_000)

    def fresh(low: int) -> list[Any]:
        schema = {**JSON, "minProperties": low, "properties": {**JSON["properties"], f"own{low}": {"minLength": low}}}
        return walk(compile(JsonSchema(schema), vocabulary, limits=limits, implementation="native").compiled, low, 8)

    expected = [fresh(low) for low in range(3)]
    for results in at_once(lambda number: [((number + turn) % 3, fresh((number + turn) % 3)) for turn in range(4)]):
        assert all(seen == expected[low] for low, seen in results)


def tokens_of(vocabulary: Vocabulary) -> list[bytes]:
    return [vocabulary.token_bytes(token) for token in range(vocabulary.size)]


def test_grammars_that_share_a_lexer_in_threads() -> None:
    """Compiling, filling and dropping grammars of one vocabulary at once; a small cache renews the lexer meanwhile."""
    vocabulary = words(300)
    limits = Limits(cache_bytes=400_000)
    expected = [walk(compile_grammar(listed(low), "native", vocabulary, limits), low, 8) for low in range(3)]

    def work(number: int) -> list[Any]:
        order = [(number + turn) % 3 for turn in range(6)]
        return [(low, walk(compile_grammar(listed(low), "native", vocabulary, limits), low, 8)) for low in order]

    for results in at_once(work):
        assert all(seen == expected[low] for low, seen in results)


@pytest.mark.parametrize("seed", range(4))
def test_batches_in_threads_beside_single_fills(seed: int) -> None:
    """All threads at once want the unknown masks of the same positions; batches work without the interpreter."""
    vocabulary = words(3000)
    budgets = [None, 3, 9, 40, None, 12]
    expected = [state.mask(budget) for state, budget in zip(states_at(PLACES, vocabulary), budgets, strict=True)]
    states = states_at(PLACES, Vocabulary.from_tokens(tokens_of(vocabulary)))
    order = random.Random(seed).sample(range(len(states)), len(states))

    def work(number: int) -> bool:
        mine = order[number % len(order) :] + order[: number % len(order)]
        if number % 4 == 3:
            return all((states[place].mask(budgets[place]) == expected[place]).all() for place in mine)
        out = np.zeros((len(mine), mask_words(vocabulary.size)), np.int32)
        fill_masks([states[place] for place in mine], out, threads=3, budgets=[budgets[place] for place in mine])
        return bool((out == np.stack([expected[place] for place in mine])).all())

    assert all(at_once(work))


def states_at(places: Sequence[bytes], vocabulary: Vocabulary) -> list[InspectableState]:
    start = compile_grammar(listed(), "native", vocabulary).start()
    states = [start.advance_bytes(opening) for opening in places]
    assert None not in states
    return [state for state in states if state is not None]
