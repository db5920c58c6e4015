"""The sampler: which rows are computed, and that no answer depends on how they are grouped."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
import torch

from guidedgen.errors import LimitExceeded, ModelError
from guidedgen.models import tiny
from guidedgen.models.base import Rows
from guidedgen.sampler.sampler import Sampler
from guidedgen.toy import ToyModel
from tests.sampler.tokens import extend, prompt


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny.load("llama")


def counts(sampler: Sampler) -> tuple[int, int, int]:
    """Forwards, rows and reused tokens since the last look."""
    step = sampler.trace.snapshot().steps[-1]
    return step.forwards, step.rows, step.reused


def test_a_step_computes_one_row() -> None:
    sampler = Sampler(tiny.load("llama"))
    sequence = prompt(5, 6, 7)
    sampler.logits([sequence])
    assert counts(sampler) == (1, 3, 0)
    sampler.logits([extend(sequence, 8)])
    assert counts(sampler)[:2] == (1, 1)


def test_forced_tokens_are_computed_with_the_next_row(model: Any) -> None:
    sampler = Sampler(model)
    sequence = prompt(5, 6, 7)
    sampler.logits([sequence])
    sampler.logits([extend(sequence, 8, 9, 10, 11)])
    sampler.trace.snapshot()
    assert sum(step.forwards for step in sampler.trace.snapshot().steps) == 2
    assert sum(step.rows for step in sampler.trace.snapshot().steps) == 7


def test_samples_of_one_prompt_compute_it_once_and_then_step_together(model: Any) -> None:
    sampler = Sampler(model)
    shared = prompt(5, 6, 7, 8)
    logits = sampler.logits([shared] * 4)
    assert torch.equal(logits[0].expand(4, -1), logits)
    assert counts(sampler) == (1, 4, 0)
    sampler.logits([extend(shared, token) for token in (3, 4, 5, 3)])
    assert counts(sampler)[:2] == (1, 3)  # two of the four are equal
    assert sampler.cached_tokens == 7


def test_equal_tokens_are_found_again_without_the_same_objects(model: Any) -> None:
    sampler = Sampler(model)
    first = sampler.logits([prompt(5, 6, 7, 8)])
    counts(sampler)
    second = sampler.logits([prompt(5, 6, 7, 8)])
    assert counts(sampler) == (1, 1, 3)  # its last row once more: logits are not kept
    torch.testing.assert_close(first, second)
    sampler.logits([extend(prompt(5, 6), 9)])
    assert counts(sampler)[1] == 1


def test_prompts_with_a_common_beginning_compute_it_once(model: Any) -> None:
    sampler = Sampler(model)
    sampler.logits([prompt(5, 6, 7), prompt(5, 6, 8), prompt(5, 6, 9, 10)])
    assert counts(sampler)[:2] == (1, 6)


def test_ancestors_are_answered_on_the_way(model: Any) -> None:
    """A chain asked for at several places, twice at one of them, and a branch: the chain takes one forward."""
    sequence = prompt(5, 6, 7)
    chain = [sequence]
    for token in (8, 9, 10, 11):
        chain.append(extend(chain[-1], token))
    asked = [chain[2], chain[4], chain[0], chain[2]]
    sampler = Sampler(model)
    together = sampler.logits(asked)
    assert counts(sampler) == (1, 7, 0)
    branch = extend(chain[1], 3)
    again = sampler.logits([*chain, branch])
    assert sampler.cached_tokens == 8
    for row, asked_for in zip(torch.cat((together, again)), [*asked, *chain, branch], strict=True):
        torch.testing.assert_close(row, Sampler(model).logits([asked_for])[0], atol=1e-4, rtol=0)


@pytest.mark.parametrize("chunk", [1, 2, 3, 5])
def test_ancestors_are_answered_in_any_chunk(model: Any, chunk: int) -> None:
    chain = [prompt(5)]
    for token in (6, 7, 8, 9, 10, 11):
        chain.append(extend(chain[-1], token))
    sampler = Sampler(model, chunk=chunk)
    torch.testing.assert_close(sampler.logits(chain), Sampler(model).logits(chain), atol=1e-4, rtol=0)
    assert counts(sampler)[:2] == (-(-7 // chunk), 7)


def test_long_prompts_are_computed_in_chunks(model: Any) -> None:
    sampler = Sampler(model, chunk=16)
    tokens = [3 + index % 40 for index in range(100)]
    chunked = sampler.logits([prompt(*tokens), prompt(4)])
    assert counts(sampler)[:2] == (7, 101)
    torch.testing.assert_close(chunked, Sampler(model).logits([prompt(*tokens), prompt(4)]), atol=1e-4, rtol=0)


def test_prompts_are_computed_ahead_in_the_rows_that_decoding_leaves(model: Any) -> None:
    """No decoding sequence waits for more than one forward, and the budget of rows is kept."""
    sampler = Sampler(model, chunk=8)
    running = [prompt(5, 6), prompt(7, 8, 9)]
    sampler.logits(running)
    counts(sampler)
    waiting = prompt(*[3 + index % 40 for index in range(20)])
    left = []
    for token in range(10, 14):
        running = [extend(sequence, token) for sequence in running]
        logits = sampler.logits(running, ahead=[waiting])
        forwards, rows, _ = counts(sampler)
        assert (forwards, rows <= 8) == (1, True)
        torch.testing.assert_close(logits, Sampler(model).logits(running), atol=1e-4, rtol=0)
        left.append(sampler.uncached(waiting))
    assert left == [13, 7, 1, 0]
    torch.testing.assert_close(sampler.logits([waiting]), Sampler(model).logits([waiting]), atol=1e-4, rtol=0)
    assert counts(sampler)[:2] == (1, 1)


@pytest.mark.parametrize("chunk", [4, 7, 64])
def test_prompts_ahead_never_get_into_the_way(model: Any, chunk: int) -> None:
    """Prompts that share tokens with what is asked for, with drafts, and with each other."""
    sampler = Sampler(model, chunk=chunk)
    base = prompt(5, 6, 7)
    asked = [base, extend(base, 8), extend(base, 9), extend(base, 9, 4)]
    ahead = [extend(base, 8, 3, 3, 3), extend(base, 4, 4), prompt(5, 6), prompt(5, 9, 9, 9), prompt(5, 9, 9, 9, 7, 7)]
    for _ in range(3):
        torch.testing.assert_close(sampler.logits(asked, ahead=ahead), Sampler(model).logits(asked), atol=1e-4, rtol=0)
    torch.testing.assert_close(sampler.logits(ahead), Sampler(model).logits(ahead), atol=1e-4, rtol=0)
    allocator = sampler._engine.allocator
    assert allocator.capacity - allocator.available == sampler.cached_tokens
    assert all(node.pins == 0 for node in sampler._tree.cache._nodes())


def test_prompts_ahead_give_way_where_memory_is_short(model: Any) -> None:
    sampler = Sampler(model, cache_bytes=20 * model.new_store(0).slot_bytes)
    asked, waiting = prompt(*[5] * 18), prompt(*[6] * 12)
    torch.testing.assert_close(
        sampler.logits([asked], ahead=[waiting]), Sampler(model).logits([asked]), atol=1e-4, rtol=0
    )


def test_order_of_the_answers_is_the_order_of_the_sequences(model: Any) -> None:
    batch = [prompt(5, 6, 7, 8, 9), prompt(4), prompt(5, 6), prompt(4), prompt(5, 6, 7)]
    together = Sampler(model).logits(batch)
    for row, sequence in zip(together, batch, strict=True):
        torch.testing.assert_close(row, Sampler(model).logits([sequence])[0], atol=1e-4, rtol=0)


def test_nothing_asked_nothing_computed(model: Any) -> None:
    assert Sampler(model).logits([]).shape == (0, tiny.VOCABULARY_SIZE)


def test_a_sequence_beyond_the_context_names_both_numbers_and_the_remedy(model: Any) -> None:
    sequence = prompt(*[5] * 257)
    with pytest.raises(ModelError, match=r"257 tokens.*at most 256.*Shorten the prompt"):
        Sampler(model).logits([sequence])


def test_a_sequence_that_alone_exceeds_the_cache_names_the_limit(model: Any) -> None:
    sampler = Sampler(model, cache_bytes=20 * model.new_store(0).slot_bytes)
    sampler.logits([prompt(*[5] * 20)])
    with pytest.raises(LimitExceeded, match="cache_bytes") as caught:
        sampler.logits([prompt(*[6] * 21)])
    assert caught.value.limit == "cache_bytes"


def test_a_batch_that_does_not_fit_together_is_computed_in_turns(model: Any) -> None:
    small = Sampler(model, cache_bytes=20 * model.new_store(0).slot_bytes)
    batch = [prompt(*[token] * 12) for token in (3, 4, 5, 6)]
    torch.testing.assert_close(small.logits(batch), Sampler(model).logits(batch), atol=1e-4, rtol=0)
    assert small.cached_tokens <= 20


def test_an_error_in_the_model_leaves_the_sampler_usable(model: Any) -> None:
    class Failing:
        info, vocabulary, new_store = model.info, model.vocabulary, model.new_store
        failures = 1

        def forward(self, rows: Rows, store: Any) -> torch.Tensor:
            if self.failures:
                self.failures -= 1
                raise MemoryError("no memory for activations")
            logits: torch.Tensor = model.forward(rows, store)
            return logits

    sampler = Sampler(Failing())
    with pytest.raises(MemoryError):
        sampler.logits([prompt(5, 6, 7)])
    assert sampler.cached_tokens == 0
    torch.testing.assert_close(sampler.logits([prompt(5, 6, 7)]), Sampler(model).logits([prompt(5, 6, 7)]))


def test_a_model_without_batches_is_driven_one_sequence_at_a_time(model: Any) -> None:
    class Single:
        info = replace(model.info, batch=False)
        vocabulary, new_store = model.vocabulary, model.new_store

        def forward(self, rows: Rows, store: Any) -> torch.Tensor:
            assert len(rows.segments) == 1
            logits: torch.Tensor = model.forward(rows, store)
            return logits

    batch = [prompt(5, 6, 7), prompt(4), prompt(5, 8)]
    torch.testing.assert_close(Sampler(Single()).logits(batch), Sampler(model).logits(batch), atol=1e-4, rtol=0)


def test_requests_share_the_cache_and_count_apart(model: Any) -> None:
    sampler = Sampler(model)
    first, second = sampler.request(), sampler.request()
    first.logits([prompt(5, 6, 7)])
    second.logits([prompt(5, 6, 7, 8)])
    assert counts(first) == (1, 3, 0)
    assert counts(second) == (1, 1, 0)
    assert sampler.cached_tokens == 4


def test_concurrent_callers_get_their_own_answers(model: Any) -> None:
    sampler = Sampler(model, cache_bytes=200 * model.new_store(0).slot_bytes)
    expected = {token: Sampler(model).logits([prompt(token, *[9] * 20)])[0] for token in range(3, 9)}
    wrong: list[int] = []

    def work(token: int) -> None:
        for _ in range(5):
            sequence = prompt(token)
            for _ in range(20):
                sequence = extend(sequence, 9)
                logits = sampler.logits([sequence])[0]
            if not torch.allclose(logits, expected[token], atol=1e-4, rtol=0):
                wrong.append(token)

    threads = [threading.Thread(target=work, args=(token,)) for token in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_dropped_sequences_leave_no_hints_behind(model: Any) -> None:
    sampler = Sampler(model)
    sequence = prompt(5)
    for _ in range(10):
        sequence = extend(sequence, 6)
        sampler.logits([sequence])
    assert len(sampler._tree.hints) == 10
    del sequence
    assert len(sampler._tree.hints) == 0


def test_texts_that_go_on_from_a_kept_draft_survive_the_discarding_of_others() -> None:
    """The kept draft moves to the slots of what is discarded, as far as it may; two texts behind it look there."""
    model = ToyModel(order=None)  # refuses rows that do not see one gapless history
    sampler = Sampler(model)
    base = prompt(0, 1)
    other, first = extend(base, 2), extend(base, 3)
    keep = extend(first, 4)
    left, right = extend(keep, 5), extend(keep, 6)
    sampler.logits([base, other, first, keep, left, right])
    sampler.discard([other], base=base, keep=keep)
    sampler.logits([extend(first, 5)])  # takes the slot that is free now
    for text in (extend(left, 1), extend(right, 0)):
        assert torch.equal(sampler.logits([text])[0], model.logits_after(text.tokens()))
