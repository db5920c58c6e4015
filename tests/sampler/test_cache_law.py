"""Law CACHE: after forks, rollbacks, repeats, evictions and interruptions, logits equal a fresh forward of the library.

Tolerance 1e-4 absolute in float32, for logits whose spread is about 1.
"""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from guidedgen.models import tiny
from guidedgen.models.base import Rows, Store
from guidedgen.models.transformers_adapter import TransformersModel
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence

TOLERANCE = 1e-4
TOKENS = st.integers(3, 8)  # few, so that prefixes are shared by chance
MODELS: dict[str, tuple[TransformersModel, Any]] = {}


def models_of(family: str) -> tuple[TransformersModel, Any]:
    """A model and, separately, the library's own for comparison; made once."""
    if family not in MODELS:
        MODELS[family] = (tiny.load(family), tiny.library_model(family))
    return MODELS[family]


class Interrupted(BaseException):
    """Stands in for KeyboardInterrupt, which a test runner would take for itself."""


class FragileModel:
    """A model whose forward writes its rows and is then interrupted when told so."""

    def __init__(self, inner: TransformersModel) -> None:
        self._inner = inner
        self.info, self.vocabulary = inner.info, inner.vocabulary
        self.interrupt_next = False

    def new_store(self, capacity: int) -> Store:
        store: Store = self._inner.new_store(capacity)
        return store

    def forward(self, rows: Rows, store: Store) -> torch.Tensor:
        logits = self._inner.forward(rows, store)
        if self.interrupt_next:
            self.interrupt_next = False
            raise Interrupted
        return logits


class CacheMachine(RuleBasedStateMachine):
    family: ClassVar[str]
    cache_slots: ClassVar[int]
    chunk: ClassVar[int]

    sequences = Bundle("sequences")

    @initialize(target=sequences, tokens=st.lists(TOKENS, min_size=1, max_size=6))
    def begin(self, tokens: list[int]) -> Sequence:
        inner, self.library = models_of(self.family)
        self.model = FragileModel(inner)
        slot_bytes = inner.new_store(0).slot_bytes
        self.sampler = Sampler(self.model, cache_bytes=self.cache_slots * slot_bytes, chunk=self.chunk)
        return Sequence.prompt(tokens, None)  # type: ignore[arg-type]

    @rule(target=sequences, tokens=st.lists(TOKENS, min_size=1, max_size=20))
    def new_prompt(self, tokens: list[int]) -> Sequence:
        return Sequence.prompt(tokens, None)  # type: ignore[arg-type]

    @rule(target=sequences, sequence=sequences, tokens=st.lists(TOKENS, min_size=1, max_size=3))
    def extend(self, sequence: Sequence, tokens: list[int]) -> Any:
        """Several nodes, of which the logits were never asked: forced tokens."""
        made = []
        for token in tokens:
            if sequence.length < 30:
                sequence = sequence.extend(token, None)  # type: ignore[arg-type]
                made.append(sequence)
        return multiple(*made)

    @rule(batch=st.lists(sequences, min_size=1, max_size=4))
    def ask(self, batch: list[Sequence]) -> None:
        logits = self.sampler.logits(batch)
        assert logits.shape == (len(batch), tiny.VOCABULARY_SIZE)
        for row, sequence in zip(logits, batch, strict=True):
            with torch.inference_mode():
                fresh = self.library(input_ids=torch.tensor([sequence.tokens()]), use_cache=False).logits[0, -1]
            torch.testing.assert_close(row, fresh, atol=TOLERANCE, rtol=0)

    @rule(batch=st.lists(sequences, min_size=1, max_size=3))
    def ask_and_interrupt(self, batch: list[Sequence]) -> None:
        self.model.interrupt_next = True
        with pytest.raises(Interrupted):
            self.sampler.logits(batch)

    @rule()
    def clear(self) -> None:
        self.sampler.clear()

    @invariant()
    def memory_is_bounded(self) -> None:
        if hasattr(self, "sampler"):
            assert self.sampler.cached_tokens <= self.cache_slots


@pytest.mark.parametrize("slots", [32, 500], ids=["evicting", "roomy"])
@pytest.mark.parametrize("family", ["llama", "mistral", "gemma3", "gpt_oss", "gpt2", "mamba"])
def test_law_cache(family: str, slots: int) -> None:
    machine = type("Machine", (CacheMachine,), {"family": family, "cache_slots": slots, "chunk": 7})
    machine.TestCase.settings = settings(max_examples=25, stateful_step_count=30)
    machine.TestCase().runTest()
