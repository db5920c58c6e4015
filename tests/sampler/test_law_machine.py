"""Law CACHE over everything at once, as a state machine: growing, asking, drafting, discarding, reading taps, views
with fewer layers or thinner attention, embeddings, evictions and failures, in any order. Whatever happened before,
logits and hidden states are those of a computation from the first token: bit for bit where keys and values have eight
bits. And it fails for each mutant.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from guidedgen.models import packed, tiny
from guidedgen.models.base import LayerPlan, Rows, Segment
from guidedgen.models.layer_walk import LayerWalk
from guidedgen.models.transformers_adapter import TransformersModel
from guidedgen.sampler import blocks, trees
from guidedgen.sampler.coupled import Coupled
from guidedgen.sampler.jobs import Part
from guidedgen.sampler.quantised import Quantised
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.selections import Channels, Pages, Selection
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.slots import SlotAllocator
from guidedgen.sampler.views import SinkWindow, TopTokens, View
from tests.sampler.test_selections import Twin
from tests.sampler.thinned import Thinned
from tests.sampler.tokens import mixed as plainly_mixed
from tests.sampler.tokens import some_tokens

TOLERANCE = 1e-4
CODED = ", int8"  # behind a family: keys and values in eight bits
TOLERANCE_OF_CODES = 1e-2  # of the library's model that rounds: numbers between two codes go to either
LONGEST = 24
LAYERS = 3
TOKENS = st.integers(3, 6)  # few, so that prefixes are shared by chance
PLANS = (LayerPlan(layers=(0, 2)), LayerPlan(exit=1))
CHANNELS = (((0, 3, 5), (1, 2, 7)), ((4, 5, 6), (0, 1, 2)), ((1, 3, 6), (2, 4, 5)))  # by layer and key head
PICKING = (Pages(budget=4, page=2, parts=1, block=4), Channels(CHANNELS, budget=5, block=4))
THIN = (SinkWindow(2, 5, 4), TopTokens(6, 4), *PICKING)


@cache
def model_of(family: str) -> Any:
    if not family.endswith(CODED):
        return tiny.load(family, layers=LAYERS)
    model = tiny.library_model(family.removesuffix(CODED), layers=LAYERS)
    return TransformersModel.wrap(model, None, tiny.load("llama").vocabulary, name=family, kept="int8")


@cache
def library_of(family: str) -> Any:
    return tiny.library_model(family, layers=LAYERS)


@cache
def twin_of(family: str) -> Thinned:
    return Thinned(family.removesuffix(CODED), layers=LAYERS, coded=family.endswith(CODED))


@cache
def picking_twin_of(family: str) -> Twin:
    return Twin(family, layers=LAYERS)


@cache
def coupled_of(family: str) -> Coupled:
    return Coupled.calibrated(model_of(family), some_tokens(80), channels=2, bits=4, block=4)


@lru_cache(maxsize=4096)
def thinned(family: str, tokens: tuple[int, ...], view: Any, whole: int | None) -> torch.Tensor:
    if isinstance(view, Pages | Channels):
        return picking_twin_of(family).logits(tokens, view, whole or 0)[-1]
    return twin_of(family).logits(tokens, view, whole)[-1]


@lru_cache(maxsize=4096)
@torch.inference_mode()
def fresh(family: str, tokens: tuple[int, ...]) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The library's logits after a whole sequence, and its last token's hidden states after each layer but the last.

    With codes the model's own, computed at once in a fresh store.
    """
    if family.endswith(CODED):
        model, places = model_of(family), torch.arange(len(tokens))
        whole = Segment(start=0, stop=len(tokens), context=places[:0])
        taps = tuple(range(LAYERS - 1))
        rows = Rows(
            tokens=torch.tensor(tokens),
            positions=places,
            slots=places,
            segments=(whole,),
            wanted=places[-1:],
            taps=taps,
        )
        reading = model.read(rows, model.new_store(len(tokens)))
        return reading.logits[0], [reading.hidden[layer][0] for layer in taps]
    output = library_of(family)(input_ids=torch.tensor([tokens]), use_cache=False, output_hidden_states=True)
    return output.logits[0, -1], [states[0, -1] for states in output.hidden_states[1:-1]]


@lru_cache(maxsize=4096)
def mixed(family: str, tokens: tuple[int, ...], whole: int, plan: LayerPlan) -> torch.Tensor:
    """`whole` tokens through all layers, the others through those of the plan, in slots of their own."""
    return plainly_mixed(model_of(family), tokens, whole, plan)


class Failing:
    """A model that writes its rows and then fails, when told so."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.info, self.vocabulary, self.new_store = inner.info, inner.vocabulary, inner.new_store
        self.embed, self.read = inner.embed, inner.read
        self.fails = False

    def forward(self, rows: Rows, store: Any) -> torch.Tensor:
        logits: torch.Tensor = self._inner.forward(rows, store)
        if self.fails:
            self.fails = False
            raise MemoryError("no memory for activations")
        return logits


class Machine(RuleBasedStateMachine):
    """One sampler, views of it, and sequences to ask for. Subclasses choose model, memory and cache."""

    family = "llama"
    slots = 500
    cache: View | Selection | None = None
    chunk = 5

    def close(self, actual: torch.Tensor, expected: torch.Tensor, *, rounded: bool = False) -> None:
        coded = self.family.endswith(CODED)
        tolerance = (TOLERANCE_OF_CODES if rounded else 0.0) if coded else TOLERANCE
        torch.testing.assert_close(actual, expected, atol=tolerance, rtol=0)

    @initialize(tokens=st.lists(TOKENS, min_size=1, max_size=14))
    def begin(self, tokens: list[int]) -> None:
        inner = model_of(self.family)
        self.model = Failing(inner)
        slot = inner.new_store(0).slot_bytes
        self.sampler = Sampler(self.model, cache_bytes=self.slots * slot, chunk=self.chunk, cache=self.cache)
        self.sequences = [Sequence.prompt(tokens, None)]  # type: ignore[arg-type]
        self.views: dict[Any, Sampler] = {}

    def pick(self, number: int) -> Sequence:
        return self.sequences[number % len(self.sequences)]

    def view(self, seen: Any) -> Sampler:
        if seen not in self.views:
            named = {"plan": seen} if isinstance(seen, LayerPlan) else {"attention": seen}
            self.views[seen] = self.sampler.view(**named)
        return self.views[seen]

    def expect(self, logits: torch.Tensor, sequences: list[Sequence]) -> None:
        for row, sequence in zip(logits, sequences, strict=True):
            tokens = sequence.tokens()
            wanted = fresh(self.family, tokens)[0]
            if self.cache is not None:
                wanted = thinned(self.family, tokens, self.cache, None)
            self.close(row, wanted, rounded=self.cache is not None)

    @rule(tokens=st.lists(TOKENS, min_size=1, max_size=20))
    def start(self, tokens: list[int]) -> None:
        self.sequences.append(Sequence.prompt(tokens, None))  # type: ignore[arg-type]

    @rule(number=st.integers(0, 99), tokens=st.lists(TOKENS, min_size=1, max_size=4))
    def grow(self, number: int, tokens: list[int]) -> None:
        sequence = self.pick(number)
        for token in tokens[: LONGEST - sequence.length]:
            sequence = sequence.extend(token, None)  # type: ignore[arg-type]
            self.sequences.append(sequence)
        del self.sequences[:-12]

    @rule(numbers=st.lists(st.integers(0, 99), min_size=1, max_size=4), ahead=st.lists(st.integers(0, 99), max_size=3))
    def ask(self, numbers: list[int], ahead: list[int]) -> None:
        asked = [self.pick(number) for number in numbers]
        self.expect(self.sampler.logits(asked, ahead=[self.pick(number) for number in ahead]), asked)

    @rule(
        number=st.integers(0, 99),
        shape=st.lists(st.tuples(st.integers(0, 9), TOKENS), max_size=5),
        kept=st.integers(0, 9),
        ahead=st.booleans(),
    )
    def draft(self, number: int, shape: list[tuple[int, int]], kept: int, ahead: bool) -> None:
        base = self.pick(number)
        drafts: list[Sequence] = []
        for before, token in shape:
            parent = [base, *drafts][before % (1 + len(drafts))]
            if parent.length < LONGEST:
                drafts.append(parent.extend(token, None))  # type: ignore[arg-type]
        self.expect(self.sampler.logits([base, *drafts]), [base, *drafts])
        keep = [base, *drafts][kept % (1 + len(drafts))]
        self.sequences.append(keep)
        after = keep.extend(3, None)  # type: ignore[arg-type]
        if ahead and self.cache is None:
            self.check_view(PLANS[0], [after])
        self.sampler.discard(drafts, base=base, keep=keep)
        if ahead and self.cache is None:  # the kept drafts stand elsewhere now, and others where they stood
            others = [base.extend(token, None) for token in range(7, 12)]  # type: ignore[arg-type]
            self.expect(self.sampler.logits(others), others)
            self.check_view(PLANS[0], [after])

    @precondition(lambda self: self.cache is None)
    @rule(
        numbers=st.lists(st.integers(0, 99), min_size=1, max_size=3),
        taps=st.lists(st.integers(0, LAYERS - 2), min_size=1, unique=True),
    )
    def read(self, numbers: list[int], taps: list[int]) -> None:
        asked = [self.pick(number) for number in numbers]
        reading = self.sampler.read(asked, taps=tuple(taps))
        self.expect(reading.logits, asked)
        for layer in taps:
            for row, sequence in zip(reading.hidden[layer], asked, strict=True):
                self.close(row, fresh(self.family, sequence.tokens())[1][layer])

    @precondition(lambda self: self.cache is None)
    @rule(seen=st.sampled_from([*PLANS, *THIN]), numbers=st.lists(st.integers(0, 99), min_size=1, max_size=3))
    def look(self, seen: Any, numbers: list[int]) -> None:
        if seen in PICKING and self.family.endswith(CODED):
            return  # refused: codes are read by the kernel alone
        self.check_view(seen, [self.pick(number) for number in numbers])

    def check_view(self, seen: Any, asked: list[Sequence]) -> None:
        wholes = [min(self.sampler._tree.locate(one)[0].depth, one.length - 1) for one in asked]
        logits = self.view(seen).logits(asked)
        for row, one, whole in zip(logits, asked, wholes, strict=True):
            slow = mixed if isinstance(seen, LayerPlan) else None
            wanted = (
                slow(self.family, one.tokens(), whole, seen)
                if slow
                else thinned(self.family, one.tokens(), seen, whole)
            )
            self.close(row, wanted, rounded=slow is None)

    @precondition(lambda self: self.cache is None)
    @rule(number=st.integers(0, 99), words=st.booleans())
    def round(self, number: int, words: bool) -> None:
        """A coarse view in passing: what it computes is not checked here, what it leaves behind is."""
        coarse = coupled_of(self.family) if words and not self.family.endswith(CODED) else Quantised(2, 4)
        self.view(coarse).logits([self.pick(number)])

    @precondition(lambda self: self.views)
    @rule(number=st.integers(0, 99))
    def drop(self, number: int) -> None:
        del self.views[list(self.views)[number % len(self.views)]]

    @rule(number=st.integers(0, 99), tokens=st.lists(TOKENS, min_size=1, max_size=3))
    def embeddings(self, number: int, tokens: list[int]) -> None:
        base = self.pick(number)
        if base.length + len(tokens) > LONGEST or self.cache is not None:
            return
        places = torch.arange(base.length, base.length + len(tokens))
        logits = self.sampler.logits_of(self.model.embed(torch.tensor(tokens), places), base=base)
        sequence, sequences = base, []
        for token in tokens:
            sequence = sequence.extend(token, None)  # type: ignore[arg-type]
            sequences.append(sequence)
        self.expect(logits, sequences)

    @rule(number=st.integers(0, 99), seen=st.sampled_from([None, *PLANS]))
    def fail(self, number: int, seen: Any) -> None:
        asking = self.sampler if seen is None or self.cache is not None else self.view(seen)
        self.model.fails = True
        try:
            asking.logits([self.pick(number)])
        except MemoryError:
            pass
        finally:
            self.model.fails = False

    @rule()
    def clear(self) -> None:
        self.sampler.clear()

    def teardown(self) -> None:
        """Every slot has one owner; what no tree owns is free."""
        if not hasattr(self, "sampler"):
            return
        self.expect(self.sampler.logits([self.sequences[-1]]), [self.sequences[-1]])
        engine = self.sampler._engine
        owned = [slot for tree in engine._caches() for node in tree._nodes() for slot in node.owned]
        assert len(set(owned)) == len(owned)
        assert len(owned) + engine.allocator.available == engine.allocator.capacity <= self.slots
        assert all(node.pins == 0 for node in engine.full.cache._nodes())


def machine(family: str, *, slots: int, forgets: View | Selection | None = None) -> type[Machine]:
    return type(f"Machine of {family}", (Machine,), {"family": family, "slots": slots, "cache": forgets})


def law(kind: type[Machine], examples: int, *phases: Phase) -> None:
    phases = phases or tuple(Phase)
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        kind,
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            derandomize=True,
            deadline=None,
            suppress_health_check=checks,
            phases=phases,
            report_multiple_bugs=False,
        ),
    )


CACHES: list[tuple[str, int, View | Selection | None]] = [
    ("llama", 500, None),
    ("llama", 64, None),
    ("gemma3", 500, None),
    ("llama", 500, TopTokens(6, 4)),
    ("gpt_oss", 40, SinkWindow(2, 6, 4)),
    ("llama", 500, PICKING[0]),
    ("gemma3", 500, PICKING[1]),
    ("llama, int8", 64, None),
    ("mistral, int8", 500, None),
    ("llama, int8", 500, TopTokens(6, 4)),
]


@pytest.fixture(autouse=True)
def _native_for_codes(request: pytest.FixtureRequest) -> None:
    if CODED in request.node.name and packed.native() is None:
        pytest.skip("the native kernel is not built")


@pytest.mark.parametrize(("family", "slots", "forgets"), CACHES, ids=str)
def test_law_cache_over_everything(
    family: str, slots: int, forgets: View | Selection | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("guidedgen.sampler.engine._FIRST_CAPACITY", 16)
    law(machine(family, slots=slots, forgets=forgets), 6)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "slots", "forgets"), CACHES, ids=str)
def test_law_cache_over_everything_at_length(family: str, slots: int, forgets: View | Selection | None) -> None:
    law(machine(family, slots=slots, forgets=forgets), 300)


def _wrong_slot(patch: pytest.MonkeyPatch) -> None:
    take = SlotAllocator.take
    patch.setattr(
        SlotAllocator, "take", lambda self, count, after: [max(0, slot - 1) for slot in take(self, count, after)]
    )


def _stale_tap(patch: pytest.MonkeyPatch) -> None:
    def after(self: LayerWalk, layer: int, hidden: torch.Tensor) -> None:
        for tap in self._taps:
            self.hidden.setdefault(tap, hidden.index_select(0, self._wanted))

    patch.setattr(LayerWalk, "after", after)


def _leaking_view(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Sampler, "view", lambda self, *, plan=None, attention=None: self._sibling(self._tree, plan, None))


def _wrong_position_in_views(patch: pytest.MonkeyPatch) -> None:
    detached = trees.Node.detached

    def shifted(node: Any, slots: Any = None) -> Any:
        root = detached(node, slots)
        root.depth += slots is not None and len(slots) < node.depth
        return root

    patch.setattr(trees.Node, "detached", shifted)


def _moved_slots_unnoticed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(trees.np, "array_equal", lambda *_: True)


def _last_row_read_from_the_cache(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(trees.Overlay, "_anchor", lambda self, sequence: self._full.locate(sequence))


def _bases_by_length(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(blocks, "_hashed", lambda key, tokens: blocks._KEYS + (key % blocks._KEYS) + len(tokens))


def _newest_rows_only(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TopTokens, "keep", lambda self, places, _: torch.arange(len(places) - self.budget, len(places)))


def _branches_see_each_other(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Part, "ancestors", lambda self: None)


MUTANTS: dict[Callable[[pytest.MonkeyPatch], None], View | None] = {
    _wrong_slot: None,
    _stale_tap: None,
    _leaking_view: None,
    _wrong_position_in_views: None,
    _moved_slots_unnoticed: None,
    _last_row_read_from_the_cache: None,
    _bases_by_length: TopTokens(6, 4),
    _newest_rows_only: TopTokens(6, 4),
    _branches_see_each_other: None,
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__.strip("_"))
def test_the_law_kills(mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    mutant(monkeypatch)
    with pytest.raises((AssertionError, AttributeError, IndexError, KeyError, RuntimeError)):
        law(machine("llama", slots=500, forgets=MUTANTS[mutant]), 400, Phase.generate)
