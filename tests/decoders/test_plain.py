"""Plain decoding on a model that can be enumerated: exact distributions, ends, dead ends, batches, cancellation."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable

import pytest
import torch

from guidedgen.constraint import AllOf, Constraint, MaxTokens, StopOn
from guidedgen.decoders import STRATEGIES, Chunk, Plain
from guidedgen.errors import DeadEnd
from guidedgen.grammars.compile import compile as compile_constraint
from guidedgen.grammars.specs import Regex
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import FreshSampler, OneOf, OneOfState, ToyModel, toy_vocabulary
from guidedgen.toy_laws import check_strategy, exact_outcomes, replay, toy_constraint

MODEL = ToyModel(padding=2)
SIZE = MODEL.vocabulary.size
EOS = SIZE - 1
GREEDY = Sampling()


def decode(
    constraint: Constraint, sampling: Sampling = GREEDY, count: int = 1, model: ToyModel = MODEL, **settings: int
) -> list[Chunk]:
    prompts = [Sequence.prompt((0, 1), constraint.start())] * count
    return list(Plain(**settings).run(Sampler(model), prompts, sampling))


def ending(chunks: list[Chunk]) -> tuple[tuple[int, ...], str | None]:
    """What came out of the only sequence."""
    return chunks[-1].sequence.generated(), chunks[-1].finish


class Favourite(ToyModel):
    """Prefers tokens in a fixed order, whatever came before: the first of `ranked` most."""

    def __init__(self, *ranked: int) -> None:
        super().__init__()
        self._row = torch.zeros(SIZE)
        self._row[list(ranked)] = torch.arange(len(ranked), 0, -1).float() * 3

    def logits_after(self, tokens: object) -> torch.Tensor:
        return self._row


def test_strategies_are_found_by_name() -> None:
    assert STRATEGIES["plain"]() == Plain()


@pytest.mark.parametrize("make_sampler", [Sampler, FreshSampler])
def test_the_laws_of_strategies(make_sampler: Callable[[ToyModel], Sampler]) -> None:
    check_strategy(Plain(), make_sampler=make_sampler)


def test_the_laws_of_strategies_under_a_compiled_grammar(kernel: str) -> None:
    grammar = compile_constraint(Regex("(ab|c{2,3}d?)(e|f|ga?){1,2}"), toy_vocabulary(), implementation=kernel)
    check_strategy(Plain(), constraint=AllOf([grammar, MaxTokens(5, toy_vocabulary())]), samples=1000)


@pytest.mark.parametrize("seed", range(6))
def test_greedy_on_many_models_and_constraints(seed: int) -> None:
    model = ToyModel(seed=seed, order=None, spread=2.0)
    constraint = toy_constraint(SIZE, seed=seed)
    (expected,) = exact_outcomes(model, (0, 1), constraint.start(), GREEDY)
    assert ending(decode(constraint, model=model)) == expected


def test_proposal_probabilities_of_all_outputs_sum_to_one() -> None:
    """And each equals the enumerated one: sampled often enough, every text of a finite grammar turns up."""
    constraint = OneOf([(1,), (1, 2), (3, 4), (3, 5), (3, 5, 2)], SIZE)
    sampling = Sampling(temperature=1.0, seed=3)
    exact = exact_outcomes(MODEL, (0, 1), constraint.start(), sampling)
    found: dict[tuple[int, ...], float] = {}
    for chunk in decode(constraint, sampling, count=400):
        if chunk.finish is not None:
            records = [*chunk.sequence.records(), *([chunk.ending] if chunk.ending else [])]
            found[chunk.sequence.generated()] = sum(record.proposal_logprob for record in records if record)
    assert found.keys() == {tokens for tokens, _ in exact}
    for (tokens, _), chance in exact.items():
        assert math.exp(found[tokens]) == pytest.approx(chance, rel=1e-4)
    assert sum(map(math.exp, found.values())) == pytest.approx(1.0, abs=1e-5)


def test_model_probability_is_proposal_times_mass() -> None:
    for chunk in decode(toy_constraint(SIZE), Sampling(temperature=1.0, seed=1), count=20):
        for record in chunk.sequence.records():
            assert record is not None
            if not record.forced:
                assert record.logprob is not None
                assert record.log_mass is not None
                assert record.proposal_logprob + record.log_mass == pytest.approx(record.logprob, abs=1e-5)


def test_forced_tokens_cost_no_forward() -> None:
    sampler = Sampler(MODEL)
    prompt = Sequence.prompt((0, 1), OneOf([(2, 3, 4, 5, 1), (2, 3, 4, 5, 2)], SIZE).start())
    chunks = list(Plain().run(sampler, [prompt], GREEDY))
    assert ending(chunks)[0][:4] == (2, 3, 4, 5)
    assert chunks[0].tokens == (2, 3, 4, 5)
    trace = sampler.trace.snapshot()
    assert (trace.total("forwards"), trace.total("committed"), trace.total("forced")) == (1, 5, 4)
    records = chunks[-1].sequence.records()
    assert [record.forced for record in records if record] == [True] * 4 + [False]


def test_a_wholly_forced_text_needs_no_model_but_for_its_scores() -> None:
    for complete, forwards in ((False, 0), (True, 1)):
        sampler = Sampler(MODEL)
        prompt = Sequence.prompt((0, 1), OneOf([(2, 3, 4)], SIZE).start())
        chunks = list(Plain(complete_records=complete).run(sampler, [prompt], GREEDY))
        assert ending(chunks) == ((2, 3, 4), "stop")
        assert sampler.trace.snapshot().total("forwards") == forwards
        assert [record.logprob is not None for record in chunks[-1].sequence.records() if record] == [complete] * 3


def check_records(sequence: Sequence, prompt: tuple[int, ...] = (0, 1)) -> None:
    """Every record has the model's own numbers."""
    tokens = sequence.tokens()
    for index, record in enumerate(sequence.records(), len(prompt)):
        assert record is not None
        row = MODEL.logits_after(tokens[:index]).log_softmax(-1)
        assert record.token == tokens[index]
        assert record.logprob == pytest.approx(float(row[record.token]), abs=1e-5)
        if record.forced:
            assert record.log_mass == record.logprob
            assert record.margin == pytest.approx(float(row.max()) - record.logprob, abs=1e-5)


@pytest.mark.parametrize("seed", range(8))
def test_every_token_of_every_sample_is_scored(seed: int) -> None:
    constraint = toy_constraint(SIZE, seed=seed)
    ended = [chunk for chunk in decode(constraint, Sampling(temperature=1.5, seed=seed), count=12) if chunk.finish]
    assert len(ended) == 12
    assert any(record.forced for chunk in ended for record in chunk.sequence.records() if record)
    for chunk in ended:
        check_records(chunk.sequence)


def test_scoring_forced_tokens_costs_no_forward_and_no_row() -> None:
    """Forced in front, between choices, and a choice last: one forward a choice, each row computed once."""
    sampler = Sampler(MODEL)
    prompt = Sequence.prompt((0, 1), OneOf([(2, 3, a, 5, 6, b) for a in (1, 2) for b in (3, 4)], SIZE).start())
    (*_, last) = Plain().run(sampler, [prompt], GREEDY)
    check_records(last.sequence)
    trace = sampler.trace.snapshot()
    assert (trace.total("forwards"), trace.total("rows"), trace.total("forced")) == (2, 7, 4)


def test_forced_tokens_that_end_a_text_are_scored_beside_the_next_step_of_others() -> None:
    sampler = Sampler(MODEL)
    short, long = OneOf([(2, 3, 4), (1, 3, 4)], SIZE), OneOf([(a, b) for a in (1, 2) for b in (3, 4)], SIZE)
    prompts = [Sequence.prompt((token, 1), constraint.start()) for token, constraint in enumerate((short, long))]
    chunks = list(Plain().run(sampler, prompts, GREEDY))
    assert sampler.trace.snapshot().total("forwards") == 2
    assert {chunk.index for chunk in chunks if chunk.finish} == {0, 1}
    for chunk in chunks:
        if chunk.finish:
            check_records(chunk.sequence, prompts[chunk.index].tokens())
    assert [len(tokens) for tokens, _ in replay(chunks, prompts)] == [3, 2]


def test_scores_survive_a_dead_end() -> None:
    first = OneOf([(6, 1, 6, 2), (6, 3, 5, 5, 1)], SIZE)
    second = OneOf([(6, 1, 6, 4), (6, 3, 5, 5, 1)], SIZE)
    (*_, last) = decode(AllOf([first, second]))
    assert last.sequence.generated() == (6, 3, 5, 5, 1)
    check_records(last.sequence)


def test_a_cancelled_text_is_handed_over_without_waiting_for_scores() -> None:
    sampler = Sampler(MODEL)
    prompt = Sequence.prompt((0, 1), OneOf([(2, 3, 4)], SIZE).start())
    chunks = list(Plain().run(sampler, [prompt], GREEDY, cancelled=lambda: True))
    assert ending(chunks) == ((2, 3, 4), "stop")
    assert sampler.trace.snapshot().total("forwards") == 0


def test_a_complete_value_ends_without_asking_for_the_end() -> None:
    sampler = Sampler(MODEL)
    prompt = Sequence.prompt((0, 1), OneOf([(2,), (3,)], SIZE).start())
    (*_, last) = Plain().run(sampler, [prompt], GREEDY)
    assert (last.finish, last.ending) == ("stop", None)
    assert sampler.trace.snapshot().total("forwards") == 1


def test_the_end_is_chosen_where_the_text_could_go_on_and_is_not_part_of_it() -> None:
    chunks = decode(OneOf([(2,), (2, 3)], SIZE), model=Favourite(EOS, 2, 3))
    assert ending(chunks) == ((2,), "stop")
    assert chunks[-1].ending is not None
    assert chunks[-1].ending.token == EOS
    assert chunks[-1].tokens == ()


def test_the_end_is_not_chosen_before_the_text_is_complete() -> None:
    assert ending(decode(OneOf([(2, 3), (2, 4)], SIZE), model=Favourite(EOS, 4))) == ((2, 4), "stop")


def test_min_tokens_puts_the_end_off() -> None:
    constraint = OneOf([(2,), (2, 3), (2, 3, 4)], SIZE)
    for least, expected in ((0, (2,)), (1, (2,)), (2, (2, 3)), (9, (2, 3, 4))):
        assert ending(decode(constraint, Sampling(min_tokens=least), model=Favourite(EOS))) == (expected, "stop")


def test_every_end_token_ends() -> None:
    model = Favourite(5, 2)
    model.vocabulary = type(model.vocabulary).from_tokens([b"a", b"b", b"c", b"d", b"e", b"", b"f", b""], eos=[5, 7])
    assert ending(decode(OneOf([(2,), (2, 3)], SIZE), model=model)) == ((2,), "stop")


def test_a_budget_ends_with_length() -> None:
    text = OneOf([(2,) * 9], SIZE)
    free = OneOf([(2,), *((2,) * length for length in range(2, 9))], SIZE)
    for constraint in (text, free):
        chunks = decode(AllOf([constraint, MaxTokens(3, toy_vocabulary())]), model=Favourite(2))
        assert ending(chunks) == ((2, 2, 2), "length")


def test_a_budget_that_completes_keeps_the_text_completable() -> None:
    """The model wants `c` for ever; the grammar wants a `b` at the end."""
    vocabulary = toy_vocabulary()
    grammar = compile_constraint(Regex("c*b|a+d"), vocabulary)
    b, c = 1, 2
    for limit in range(1, 6):
        cut = AllOf([grammar, MaxTokens(limit, vocabulary)])
        whole = AllOf([grammar, MaxTokens(limit, vocabulary, complete=True)])
        assert ending(decode(cut, model=Favourite(c)))[0] == (c,) * limit
        assert ending(decode(whole, model=Favourite(c))) == ((c,) * (limit - 1) + (b,), "stop")


def test_a_text_that_is_over_within_its_budget_stops() -> None:
    assert ending(decode(AllOf([OneOf([(2, 3)], SIZE), MaxTokens(2, toy_vocabulary())]))) == ((2, 3), "stop")


def test_a_stop_text_stops() -> None:
    text = OneOf([(0, 1, 2, 3)], SIZE)
    assert ending(decode(AllOf([text, StopOn("bc", toy_vocabulary())]))) == ((0, 1, 2), "stop")


def test_the_models_context_ends_with_length() -> None:
    model = ToyModel(context_length=4)
    sampler = Sampler(model)
    prompt = Sequence.prompt((0, 1), OneOf([(2, 3, 4, 5, 6)], SIZE).start())
    assert ending(list(Plain().run(sampler, [prompt], GREEDY))) == ((2, 3, 4), "length")
    free = Sequence.prompt((0, 1), OneOf(itertools.product((1, 2), repeat=4), SIZE).start())
    (*_, last) = Plain().run(sampler, [free], GREEDY)
    assert (last.sequence.length, last.finish) == (5, "length")


STUCK = AllOf([OneOf([(1, 2), (3, 4)], SIZE), OneOf([(1, 5), (3, 4)], SIZE)])


def test_a_dead_end_is_left_by_taking_tokens_back() -> None:
    chunks = decode(STUCK, model=Favourite(1, 2))
    assert ending(chunks) == ((3, 4), "stop")
    assert sum(chunk.retracted for chunk in chunks) == 1
    assert replay(chunks, [Sequence.prompt((0, 1), STUCK.start())]) == [((3, 4), "stop")]


def test_backing_up_passes_forced_tokens_and_several_choices() -> None:
    first = OneOf([(1, 1, 6, 2), (1, 2, 6, 2), (3,)], SIZE)
    second = OneOf([(1, 1, 6, 4), (1, 2, 6, 4), (3,)], SIZE)
    chunks = decode(AllOf([first, second]), model=Favourite(1, 2))
    assert ending(chunks) == ((3,), "stop")
    assert sum(chunk.retracted for chunk in chunks) == 5  # 1 1 6, then 2 6 behind the same 1, which goes last


@pytest.mark.parametrize(("retries", "finish"), [(0, "dead_end"), (1, "stop")])
def test_retries_are_bounded(retries: int, finish: str) -> None:
    assert ending(decode(STUCK, model=Favourite(1), retries=retries))[1] == finish


def test_a_constraint_without_any_text_is_a_dead_end() -> None:
    assert ending(decode(OneOf([], SIZE))) == ((), "dead_end")
    nothing = AllOf([OneOf([(1, 2)], SIZE), OneOf([(1, 3)], SIZE)])
    assert ending(decode(nothing))[1] == "dead_end"


def test_a_dead_end_does_not_disturb_its_batch() -> None:
    prompts = [Sequence.prompt((0, 1), constraint.start()) for constraint in (STUCK, toy_constraint(SIZE))]
    model = Favourite(1, 2)
    together = replay(list(Plain().run(Sampler(model), prompts, GREEDY)), prompts)
    alone = [replay(list(Plain().run(Sampler(model), [prompt], GREEDY)), [prompt])[0] for prompt in prompts]
    assert together == alone


def test_samples_share_the_prompt_and_its_computation() -> None:
    sampler = Sampler(MODEL)
    prompt = Sequence.prompt((0, 1, 2, 3), toy_constraint(SIZE).start())
    chunks = list(Plain().run(sampler, [prompt] * 8, Sampling(temperature=1.0, seed=0)))
    assert {chunk.sequence.prompt_node for chunk in chunks} == {prompt}
    assert sampler.trace.snapshot().steps[0].rows == 4


def test_a_batch_gives_what_each_prompt_gives_alone() -> None:
    constraints = [toy_constraint(SIZE, seed=seed) for seed in range(5)]
    prompts = [Sequence.prompt((seed, 2), constraint.start()) for seed, constraint in enumerate(constraints)]
    for sampling in (GREEDY, Sampling(temperature=1.2, top_p=0.9, repetition_penalty=1.2, seed=5)):
        together = replay(list(Plain().run(Sampler(MODEL), prompts, sampling)), prompts)
        for prompt, outcome in zip(prompts, together, strict=True):
            assert replay(list(Plain().run(Sampler(MODEL), [prompt], sampling)), [prompt]) == [outcome]


def test_a_seed_repeats_and_another_differs() -> None:
    def texts(seed: int | None) -> list[object]:
        chunks = decode(toy_constraint(SIZE), Sampling(temperature=1.5, seed=seed), count=12)
        return replay(chunks, [Sequence.prompt((0, 1), toy_constraint(SIZE).start())] * 12)

    assert texts(1) == texts(1)
    assert texts(1) != texts(2)
    assert len(set(texts(1))) > 1
    torch.manual_seed(0)
    first, second = texts(None), texts(None)
    torch.manual_seed(0)
    assert texts(None) == first != second


def test_continuing_a_prefix_draws_the_same_tokens() -> None:
    constraint = OneOf([(a, b, c) for a in range(5) for b in range(5) for c in range(5)], SIZE)
    sampling = Sampling(temperature=1.5, seed=9)
    whole = decode(constraint, sampling)[-1].sequence
    half = whole.parent
    assert half is not None
    assert half.parent is not None
    (*_, last) = Plain().run(Sampler(MODEL), [half.parent], sampling)
    assert last.sequence.generated() == whole.generated()


def test_one_chunk_a_step_for_each_sequence() -> None:
    constraint = OneOf([(a, b, c) for a in range(3) for b in range(3) for c in range(3)], SIZE)
    chunks = decode(constraint, Sampling(temperature=1.0, seed=0), count=2)
    assert [chunk.index for chunk in chunks] == [0, 1, 0, 1, 0, 1, 0, 1]
    assert [len(chunk.tokens) for chunk in chunks] == [1, 1, 1, 1, 1, 1, 0, 0]
    assert [chunk.finish for chunk in chunks] == [None] * 6 + ["stop"] * 2


def test_no_sequences_no_chunks() -> None:
    assert list(Plain().run(Sampler(MODEL), [], GREEDY)) == []


def test_cancelling_ends_live_sequences_where_they_are() -> None:
    cancel = threading.Event()
    prompts = [Sequence.prompt((0, 1), OneOf(members, SIZE).start()) for members in ([(2,)], [(3, 2), (4, 2, 1)])]
    seen = []
    for chunk in Plain().run(Sampler(MODEL), prompts, GREEDY, cancelled=cancel.is_set):
        seen.append(chunk)
        cancel.set()
    assert {chunk.index: chunk.finish for chunk in seen} == {0: "stop", 1: "cancelled"}


class Interrupted(FreshSampler):
    """Fails at its second call, once."""

    calls = 0

    def logits(self, sequences: list[Sequence]) -> torch.Tensor:
        self.calls += 1
        if self.calls == 2:
            raise KeyboardInterrupt
        return super().logits(sequences)


def test_an_interrupt_passes_through_and_the_next_run_works() -> None:
    sampler = Interrupted(MODEL)
    prompt = Sequence.prompt((0, 1), OneOf([(a, b) for a in range(3) for b in range(3)], SIZE).start())
    with pytest.raises(KeyboardInterrupt):
        list(Plain().run(sampler, [prompt], GREEDY))
    again = list(Plain().run(sampler, [prompt], GREEDY))
    assert again[-1].sequence.generated() == decode(prompt.state.constraint)[-1].sequence.generated()  # type: ignore[attr-defined]


class Liar(OneOf):
    """Allows tokens that it then refuses."""

    def start(self) -> OneOfState:
        class State(OneOfState):
            def advance(self, token: int) -> None:
                return None

        return State(self)


def test_a_constraint_that_breaks_its_laws_is_named() -> None:
    with pytest.raises(DeadEnd, match="check_constraint"):
        decode(Liar([(1,), (2,)], SIZE))


def test_penalties_see_chosen_tokens_only() -> None:
    """2 3 is forced in front; a penalty on them would push the model from 2 to 4."""
    constraint = OneOf([(2, 3, 2), (2, 3, 4)], SIZE)
    strong = Sampling(presence_penalty=50.0, repetition_penalty=9.0)
    assert ending(decode(constraint, strong, model=Favourite(2, 4)))[0] == (2, 3, 2)
    chosen = OneOf([(2, 2), (2, 4), (1, 1)], SIZE)
    assert ending(decode(chosen, strong, model=Favourite(2, 4)))[0] == (2, 4)


def test_mix_phases_are_used() -> None:
    def against(logits: torch.Tensor, sequences: object, bias: torch.Tensor) -> torch.Tensor:
        return -logits

    constraint = OneOf([(2,), (4,)], SIZE)
    prompt = Sequence.prompt((0, 1), constraint.start())
    (*_, last) = Plain(mix=(against,)).run(Sampler(Favourite(2, 4)), [prompt], GREEDY)
    assert last.sequence.generated() == (4,)
