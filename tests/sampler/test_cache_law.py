"""Law CACHE: after forks, rollbacks, repeats, evictions and interruptions, logits equal a fresh forward of the library.

Seeded random walks, each of which must have met what it is for. Tolerance 1e-4 absolute in float32, for logits whose
spread is about 1. A cache that loops for ever fails at the first call with too many forwards. Keys and values in eight
bits ("llama, int8") are compared with the same forward in a store of its own, bit for bit.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from functools import cache
from types import FrameType
from typing import Any

import pytest
import torch

from guidedgen.models import packed, tiny
from guidedgen.models.base import LayerPlan, Rows, Segment, Store
from guidedgen.models.transformers_adapter import TransformersModel
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.views import SinkWindow, TopTokens, View
from tests.sampler.thinned import Thinned

TOLERANCE = 1e-4
TOKENS = range(3, 7)  # few, so that prefixes are shared by chance
LONGEST = 30
MOST_FORWARDS = 60  # of one call: at most 5 sequences of 30 tokens


CODED = ", int8"  # behind a family: keys and values in eight bits


@cache
def model_of(family: str) -> TransformersModel:
    if not family.endswith(CODED):
        return tiny.load(family)
    model = tiny.library_model(family.removesuffix(CODED))
    return TransformersModel.wrap(model, None, tiny.load("llama").vocabulary, name=family, kept="int8")


@cache
def library_of(family: str) -> Any:
    return tiny.library_model(family)


@cache
def fresh(family: str, tokens: tuple[int, ...]) -> torch.Tensor:
    """The library's logits after a whole sequence, by its own forward without a cache; coded ones in a fresh store."""
    if family.endswith(CODED):
        count, model = len(tokens), model_of(family)
        segment = Segment(start=0, stop=count, context=torch.empty(0, dtype=torch.int64))
        places = torch.arange(count)
        rows = Rows(
            tokens=torch.tensor(tokens), positions=places, slots=places, segments=(segment,), wanted=places[-1:]
        )
        return model.forward(rows, model.new_store(count))[0]
    with torch.inference_mode():
        logits: torch.Tensor = library_of(family)(input_ids=torch.tensor([tokens]), use_cache=False).logits[0, -1]
    return logits


@cache
def twin_of(family: str) -> Thinned:
    return Thinned(family)


@cache
def thinned(family: str, tokens: tuple[int, ...], view: Any) -> torch.Tensor:
    if family.endswith(CODED):  # as if nothing had happened before; `test_thin_views` has an oracle for this
        sampler = Sampler(model_of(family), cache_bytes=10**6, cache=view)
        return sampler.logits([Sequence.prompt(list(tokens), None)])[0]  # type: ignore[arg-type]
    return twin_of(family).logits(tokens, view)[-1]


class Interrupted(BaseException):
    """Stands in for KeyboardInterrupt, which a test runner would take for itself."""


class FragileModel:
    """A model whose forward writes its rows and is then interrupted when told so; it counts its forwards."""

    def __init__(self, inner: TransformersModel) -> None:
        self._inner = inner
        self.info, self.vocabulary = inner.info, inner.vocabulary
        self.forwards = 0
        self.fails_at = -1  # which forward of a call

    def new_store(self, capacity: int) -> Store:
        store: Store = self._inner.new_store(capacity)
        return store

    def forward(self, rows: Rows, store: Store) -> torch.Tensor:
        self.forwards += 1
        assert self.forwards <= MOST_FORWARDS, "the sampler computes without coming to an end"
        logits = self._inner.forward(rows, store)
        if self.forwards == self.fails_at:
            raise Interrupted
        return logits


class Walk:
    """A sampler with a small cache, some sequences to ask for, and counts of what happened."""

    def __init__(self, family: str, *, slots: int, chunk: int, seed: int, forgets: View | None = None) -> None:
        self.family = family
        self.forgets = forgets
        self.tolerance = 0.0 if family.endswith(CODED) else TOLERANCE
        self.random = random.Random(seed)
        inner = model_of(family)
        self.model = FragileModel(inner)
        self.slots = slots
        self.sampler = Sampler(
            self.model, cache_bytes=slots * inner.new_store(0).slot_bytes, chunk=chunk, cache=forgets
        )
        self.views = []
        if inner.info.layers and forgets is None:
            self.views = [self.sampler.view(plan=LayerPlan(exit=0)), self.sampler.view(attention=TopTokens(6, 4))]
        self.sequences = [self.prompt()]
        self.seen: Counter[str] = Counter()

    def expected(self, sequence: Sequence) -> torch.Tensor:
        if self.forgets is None:
            return fresh(self.family, sequence.tokens())
        return thinned(self.family, sequence.tokens(), self.forgets)

    def prompt(self) -> Sequence:
        length = self.random.choice([1, 2, 5, 12, 20])
        return Sequence.prompt(self.random.choices(TOKENS, k=length), None)  # type: ignore[arg-type]

    def grow(self) -> None:
        """Branch off anywhere, by tokens of which the logits were never asked; now and then forget the older ones."""
        sequence = self.random.choice(self.sequences)
        for token in self.random.choices(TOKENS, k=self.random.randint(1, 4)):
            if sequence.length < LONGEST:
                sequence = sequence.extend(token, None)  # type: ignore[arg-type]
                self.sequences.append(sequence)
        if self.random.random() < 0.1:
            self.sequences.append(self.prompt())
        del self.sequences[: max(0, len(self.sequences) - 20)]

    def batch(self) -> list[Sequence]:
        """Some sequences; often one together with its ancestors, or twice."""
        batch = self.random.choices(self.sequences, k=self.random.randint(1, 4))
        if batch[0].parent is not None and self.random.random() < 0.5:
            batch.insert(self.random.randint(0, 1), batch[0].parent)
            self.seen["nested"] += 1
        return batch

    def ask(self) -> None:
        batch = self.batch()
        self.model.forwards = 0
        cached = self.sampler.cached_tokens
        logits = self.sampler.logits(batch)
        self.seen["asked"] += 1
        self.seen["evicted"] += self.sampler.cached_tokens < cached
        assert logits.shape == (len(batch), tiny.VOCABULARY_SIZE)
        for row, sequence in zip(logits, batch, strict=True):
            torch.testing.assert_close(row, self.expected(sequence), atol=self.tolerance, rtol=0)
        self.check_slots()

    def draft(self) -> None:
        """Ask for a tree of drafts at once, keep one way down it, and ask on from there."""
        base = self.random.choice(self.sequences)
        drafts: list[Sequence] = []
        for _ in range(self.random.randint(1, 6)):
            before = self.random.choice([base, *drafts])
            if before.length < LONGEST - 1:
                drafts.append(before.extend(self.random.choice(TOKENS), None))  # type: ignore[arg-type]
        self.model.forwards = 0
        if self.model.info.tree and self.slots >= 70:
            self.seen["trees"] += len({draft.tokens() for draft in drafts}) > 1
        logits = self.sampler.logits([base, *drafts])
        for row, sequence in zip(logits, [base, *drafts], strict=True):
            torch.testing.assert_close(row, self.expected(sequence), atol=self.tolerance, rtol=0)
        keep = self.random.choice([base, *drafts])
        following = keep.extend(self.random.choice(TOKENS), None)  # type: ignore[arg-type]
        self.sampler.discard(drafts, base=base, keep=self.random.choice([keep, following]))
        self.check_slots()
        self.sequences.append(following)

    def check_slots(self) -> None:
        """Each cached token has a slot of its own, and all others are free."""
        engine = self.sampler._engine
        owned = [slot for tree in engine._caches() for node in tree._nodes() for slot in node.owned]
        assert len(set(owned)) == len(owned)
        assert min(owned, default=0) >= 0
        assert all(node.pins == 0 for node in engine.full.cache._nodes())
        assert len(owned) + engine.allocator.available == engine.allocator.capacity <= self.slots

    def interrupt(self) -> None:
        self.model.forwards, self.model.fails_at = 0, self.random.randint(1, 2)
        try:
            self.sampler.logits(self.batch())
        except Interrupted:
            self.seen["interrupted"] += 1
        self.model.fails_at = -1

    def interrupt_anywhere(self) -> None:
        """Ctrl-C between any two lines of the sampler and its cache."""
        countdown = self.random.randint(1, 400)

        def trace(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal countdown
            if not frame.f_globals.get("__name__", "").startswith("guidedgen.sampler."):
                return None
            countdown -= event == "line"
            if countdown == 0:
                raise Interrupted
            return trace

        self.model.forwards = 0
        batch, before = self.batch(), sys.gettrace()
        sys.settrace(trace)
        try:
            for asked in self.random.sample([self.sampler, *self.views], k=1 + len(self.views)):
                asked.logits(batch)
            self.sampler.discard(batch[1:], base=batch[0].prompt_node, keep=batch[0])
        except Interrupted:
            self.seen["interrupted anywhere"] += 1
        finally:
            sys.settrace(before)

    def clear(self) -> None:
        self.sampler.clear()
        self.seen["cleared"] += 1

    def run(self, steps: int) -> None:
        actions = [self.grow, self.ask, self.draft, self.interrupt, self.interrupt_anywhere, self.clear]
        for _ in range(steps):
            self.random.choices(actions, weights=[35, 30, 20, 4, 10, 1])[0]()


FAMILIES = ["llama", "llama, int8", "mistral", "mistral, int8", "gemma3", "gpt_oss", "gpt2", "mamba"]


@pytest.fixture(autouse=True)
def _native_for_codes(request: pytest.FixtureRequest) -> None:
    if "int8" in request.node.name and packed.native() is None:
        pytest.skip("the native kernel is not built")


@pytest.mark.parametrize("slots", [32, 70, 500], ids=["tiny", "evicting", "roomy"])
@pytest.mark.parametrize("family", FAMILIES)
def test_law_cache(family: str, slots: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guidedgen.sampler.engine._FIRST_CAPACITY", 16)  # so that the store grows on the way
    walk = Walk(family, slots=slots, chunk=7, seed=slots)
    walk.run(200)
    expected = {"asked", "nested", "interrupted", "interrupted anywhere"} | ({"evicted"} if slots < 500 else set())
    expected |= {"trees"} if slots == 500 and walk.model.info.tree else set()
    assert expected <= {name for name, count in walk.seen.items() if count}, walk.seen


@pytest.mark.parametrize("family", ["llama", "llama, int8", "qwen3_window, int8"])
@pytest.mark.parametrize("view", [TopTokens(6, 4), SinkWindow(2, 5, 3)], ids=str)
def test_law_cache_of_a_cache_that_forgets(view: View, family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guidedgen.sampler.engine._FIRST_CAPACITY", 16)
    walk = Walk(family, slots=70, chunk=7, seed=3, forgets=view)
    walk.run(120)
    assert {"asked", "nested", "evicted", "interrupted", "interrupted anywhere"} <= set(+walk.seen), walk.seen


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_law_cache_on_long_walks(seed: int) -> None:
    Walk("llama", slots=[31, 64, 130, 1000][seed % 4], chunk=[1, 3, 64][seed % 3], seed=seed).run(1500)
