"""Whatever goes wrong in the middle of a run, the sampler is as good as new: law CACHE holds, and so do all results."""

from __future__ import annotations

import gc
import itertools
import random
from collections.abc import Iterator
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

from guidedgen import stop_rules
from guidedgen.constraint import AllOf, Constraint, Deadline, MaxTokens
from guidedgen.decoders import Plain, Speculative
from guidedgen.decoders.drafters import DraftSession, ModelDrafter, Outcome, Request, Setting
from guidedgen.decoders.tree import DraftTree
from guidedgen.masks import Mask
from guidedgen.models.base import Rows, Store
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import FreshSampler, ToyModel
from guidedgen.toy_laws import replay
from tests.decoders.small_world import CONSTRAINTS, EOS, PROMPT, VOCABULARY, Everything

STRATEGIES: dict[str, Plain | Speculative] = {
    "plain": Plain(),
    "forced+copy": Speculative(),
    "tree": Speculative(drafter=Everything()),
    "model": Speculative(
        drafter=ModelDrafter(model=ToyModel(vocabulary=VOCABULARY, seed=9), widths=(2, 2)), verifier="recursive"
    ),
}
SAMPLING = Sampling(temperature=1.0, seed=3)


class Injected(Exception):
    """What a test makes fail."""


class Interrupt(BaseException):
    """Stands in for KeyboardInterrupt, which a test runner would take for itself."""


class FragileModel(ToyModel):
    """Fails at one of its forwards, before or after it has written its rows."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(vocabulary=VOCABULARY, order=3, spread=2.0, **settings)
        self.forwards, self.fails_at = 0, -1
        self.late, self.failure = False, BaseException("out of memory")

    def forward(self, rows: Rows, store: Store) -> torch.Tensor:
        self.forwards += 1
        fails = self.forwards == self.fails_at
        if fails and not self.late:
            raise self.failure
        logits = super().forward(rows, store)
        if fails:
            raise self.failure
        return logits


def prompts_of(kind: str, count: int = 2) -> list[Sequence]:
    return [Sequence.prompt(PROMPT, CONSTRAINTS[kind]().start())] * count


def outcomes(strategy: Plain | Speculative, sampler: Sampler, prompts: list[Sequence]) -> list[object]:
    return list(replay(list(strategy.run(sampler, prompts, SAMPLING)), prompts))


def grow(strategy: Plain | Speculative, sampler: Sampler, prompts: list[Sequence], grown: list[Sequence]) -> None:
    """Run, and note every sequence on the way."""
    for chunk in strategy.run(sampler, prompts, SAMPLING):
        grown.append(chunk.sequence)


def check_health(sampler: Sampler, grown: ListOf[Sequence] = ()) -> None:
    """Slots, pins and tree agree; logits of old and new sequences are those of a fresh forward."""
    engine = sampler._engine
    with engine.exclusive():  # after an interruption this is what tidies up
        nodes = list(engine.full.cache._nodes())
        slots = [node.slot for node in nodes]
        assert len(set(slots)) == len(slots)
        assert not any(engine.allocator.is_free(slot) for slot in slots)
        assert engine.allocator.available == engine.allocator.capacity - len(slots)
        assert not any(node.pins for node in nodes)
    chance = random.Random(0)
    prompt = Sequence.prompt(PROMPT, AllOf([MaxTokens(50, VOCABULARY)]).start())
    sequences = [*grown, prompt]
    for _ in range(6):
        before = chance.choice(sequences)
        sequences.append(before.extend(chance.randrange(EOS), before.state))
    chance.shuffle(sequences)
    model = sampler.model
    assert isinstance(model, ToyModel)
    torch.testing.assert_close(sampler.logits(sequences), FreshSampler(model).logits(sequences))


@pytest.mark.parametrize("failure", [MemoryError("out of memory"), RuntimeError("out of memory"), Interrupt()])
@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_a_forward_that_fails(strategy: Plain | Speculative, failure: BaseException) -> None:
    prompts = prompts_of("schema")
    model = FragileModel()
    expected = outcomes(strategy, Sampler(model), prompts)
    forwards = model.forwards
    assert forwards > 3
    for fails_at, late in itertools.product(range(1, forwards + 1, 3), (False, True)):
        sampler = Sampler(model)
        model.forwards, model.fails_at, model.late, model.failure = 0, fails_at, late, failure
        grown: list[Sequence] = []
        with pytest.raises(type(failure)):
            grow(strategy, sampler, prompts, grown)
        model.fails_at = -1
        check_health(sampler, grown)
        assert outcomes(strategy, sampler, prompts) == expected


@dataclass
class Fuse:
    """Counts calls and burns through at one of them."""

    calls: int = 0
    burns_at: int = -1

    def call(self) -> None:
        self.calls += 1
        if self.calls == self.burns_at:
            raise Injected("an analyser failed")


@dataclass(frozen=True, eq=False)
class FragileState:
    """Allows everything, as an analyser that looks on; its methods may fail."""

    fuse: Fuse
    inner: Any

    def fill(self, out: Mask) -> None:
        self.fuse.call()
        self.inner.fill(out)

    def mask(self) -> Mask:
        self.fuse.call()
        mask: Mask = self.inner.mask()
        return mask

    def advance(self, token: int) -> FragileState | None:
        self.fuse.call()
        after = self.inner.advance(token)
        return None if after is None else FragileState(self.fuse, after)

    def forced(self) -> tuple[int, ...]:
        self.fuse.call()
        return tuple(self.inner.forced())

    @property
    def accepting(self) -> bool:
        return bool(self.inner.accepting)

    @property
    def done(self) -> str | None:
        done: str | None = self.inner.done
        return done


@dataclass
class Fragile:
    """A constraint whose states share a fuse."""

    inner: Constraint
    fuse: Fuse = field(default_factory=Fuse)

    @property
    def vocab_size(self) -> int:
        return self.inner.vocab_size

    def start(self) -> FragileState:
        return FragileState(self.fuse, self.inner.start())


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_a_constraint_that_fails(strategy: Plain | Speculative) -> None:
    """In a mask, in a draft, at a chosen token: at every third of its calls in turn."""
    constraint = Fragile(CONSTRAINTS["schema"]())
    prompts = [Sequence.prompt(PROMPT, constraint.start())] * 2
    model = FragileModel()
    grow(strategy, Sampler(model), prompts, [])
    calls = constraint.fuse.calls
    assert calls > 20
    expected = outcomes(strategy, Sampler(model), prompts)
    for burns_at in range(1, calls, max(3, calls // 25)):
        sampler = Sampler(model)
        constraint.fuse.calls, constraint.fuse.burns_at = 0, burns_at
        grown: list[Sequence] = []
        with pytest.raises(Injected):
            grow(strategy, sampler, prompts, grown)
        constraint.fuse.burns_at = -1
        check_health(sampler, grown)
        assert outcomes(strategy, sampler, prompts) == expected


@dataclass
class FragileDrafter:
    """Drafts everything, and fails at one of its calls."""

    fuse: Fuse = field(default_factory=Fuse)

    def open(self, setting: Setting) -> DraftSession:
        return self

    def propose(self, requests: ListOf[Request]) -> list[DraftTree]:
        self.fuse.call()
        return Everything().propose(requests)

    def observe(self, outcome: Outcome) -> None:
        self.fuse.call()


def test_a_drafter_that_fails() -> None:
    prompts = prompts_of("lark")
    drafter = FragileDrafter()
    strategy = Speculative(drafter=drafter)
    expected = outcomes(strategy, Sampler(FragileModel()), prompts)
    for burns_at in range(1, drafter.fuse.calls):
        sampler = Sampler(FragileModel())
        drafter.fuse.calls, drafter.fuse.burns_at = 0, burns_at
        with pytest.raises(Injected):
            list(strategy.run(sampler, prompts, SAMPLING))
        drafter.fuse.burns_at = -1
        check_health(sampler)
        assert outcomes(strategy, sampler, prompts) == expected


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_cancelling_and_closing_anywhere(strategy: Plain | Speculative) -> None:
    """What was written by then is a beginning of the whole text."""
    prompts = prompts_of("schema")
    expected = outcomes(strategy, Sampler(FragileModel()), prompts)
    finishes = set()
    for steps in range(6):
        sampler = Sampler(FragileModel())
        polls = iter([False] * steps)
        chunks = list(strategy.run(sampler, prompts, SAMPLING, cancelled=lambda polls=polls: next(polls, True)))
        for (tokens, finish), (whole, _) in zip(replay(chunks, prompts), expected, strict=True):  # type: ignore[misc]
            assert whole[: len(tokens)] == tokens
            finishes.add(finish)
        check_health(sampler, [chunk.sequence for chunk in chunks])
        assert outcomes(strategy, sampler, prompts) == expected
        run = strategy.run(sampler, prompts, SAMPLING)
        list(itertools.islice(run, steps))
        run.close()  # type: ignore[attr-defined]
        check_health(sampler)
        assert outcomes(strategy, sampler, prompts) == expected
    assert "cancelled" in finishes


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_deadlines_end_a_text_in_the_middle_of_a_draft(
    strategy: Plain | Speculative, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock goes on with every look at it, so that drafts are cut at any of their nodes."""
    (expected,) = outcomes(strategy, Sampler(FragileModel()), prompts_of("schema", 1))
    lengths = set()
    for seconds in range(2, 60, 4):
        clock = itertools.count()
        monkeypatch.setattr(stop_rules.time, "monotonic", lambda clock=clock: float(next(clock)))
        constraint = AllOf([CONSTRAINTS["schema"](), Deadline(seconds, VOCABULARY)])
        prompts = [Sequence.prompt(PROMPT, constraint.start())]
        sampler = Sampler(FragileModel())
        chunks = list(strategy.run(sampler, prompts, SAMPLING))
        ((tokens, finish),) = replay(chunks, prompts)
        assert expected[0][: len(tokens)] == tokens  # type: ignore[index]
        assert finish in ("length", "stop")
        lengths.add(len(tokens))
        check_health(sampler, [chunk.sequence for chunk in chunks])
    assert len(lengths) > 3


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_dead_ends_in_the_middle_of_a_draft(strategy: Plain | Speculative) -> None:
    taken_back = 0
    for seed in range(12):
        sampler = Sampler(FragileModel(seed=seed))
        prompts = prompts_of("dead ends")
        chunks = list(strategy.run(sampler, prompts, SAMPLING))
        assert {finish for _, finish in replay(chunks, prompts)} == {"stop"}
        taken_back += int(sampler.trace.snapshot().total("retracted"))
        check_health(sampler, [chunk.sequence for chunk in chunks])
    assert taken_back > 0


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_a_cache_that_is_too_small_for_all_drafts(strategy: Plain | Speculative) -> None:
    prompts = prompts_of("schema", 3)
    expected = outcomes(strategy, Sampler(FragileModel()), prompts)
    longest = max(len(tokens) for tokens, _ in expected) + len(PROMPT)  # type: ignore[misc]
    for slots in (longest + 1, longest + 10):
        sampler = Sampler(FragileModel(), cache_bytes=slots * FragileModel().new_store(0).slot_bytes)
        assert outcomes(strategy, sampler, prompts) == expected
        assert sampler.cached_tokens <= slots
        check_health(sampler)


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_a_text_does_not_depend_on_what_else_is_in_the_batch(strategy: Plain | Speculative) -> None:
    """Other prompts, other constraints, other lengths; and one seed gives one text."""

    def prompt(kind: str, cut: int) -> Sequence:
        return Sequence.prompt(PROMPT[cut:], CONSTRAINTS[kind]().start())

    kinds = [("schema", 0), ("lark", 3), ("regex", 1), ("stop rules", 5), ("schema", 4)]
    alone = [outcomes(strategy, Sampler(FragileModel()), [prompt(*kind)])[0] for kind in kinds]
    together = outcomes(strategy, Sampler(FragileModel()), [prompt(*kind) for kind in kinds])
    assert together == alone
    assert outcomes(strategy, Sampler(FragileModel()), [prompt(*kind) for kind in reversed(kinds)]) == alone[::-1]


def bounded_runs(strategy: Plain | Speculative, model: ToyModel, sampler: Sampler, rounds: int) -> Iterator[int]:
    """Batches of long texts on ever new prompts, and how many tokens each gave."""
    constraint = AllOf([MaxTokens(240, VOCABULARY, complete=False)])
    for number in range(rounds):
        chance = random.Random(number)
        prompt = Sequence.prompt([chance.randrange(EOS) for _ in range(12)], constraint.start())
        sampling = Sampling(temperature=1.0, seed=number, min_tokens=240)
        found = replay(list(strategy.run(sampler, [prompt] * 4, sampling)), [prompt] * 4)
        yield sum(len(tokens) for tokens, _ in found)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", ["plain", "forced+copy"])
def test_a_hundred_thousand_tokens_in_bounded_memory(name: str) -> None:
    """The cache stays under its limit, and no objects gather: what was written before is forgotten."""
    model = ToyModel(vocabulary=VOCABULARY, order=1)
    slots = 1500
    sampler = Sampler(model, cache_bytes=slots * model.new_store(0).slot_bytes)
    tokens = early = 0
    for count in bounded_runs(STRATEGIES[name], model, sampler.request(), 105):
        tokens += count
        if not early and tokens >= 20_000:
            gc.collect()
            early = len(gc.get_objects())
    gc.collect()
    assert tokens >= 100_000
    assert len(gc.get_objects()) - early < 10_000  # were nodes kept, there would be 80,000 and more
    assert sampler.cached_tokens <= slots
    assert sampler._engine.store.capacity <= slots
    assert len(sampler._engine.full.hints) <= slots
    check_health(sampler)
