"""Speculative decoding on the toy model: the laws of strategies for all drafters and verifiers, and plain texts."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence as ListOf

import pytest

from guidedgen.constraint import AllOf, MaxTokens
from guidedgen.decoders import STRATEGIES, Plain, Speculative, strategy_named
from guidedgen.decoders.drafters import DRAFTERS, NEED_NOTHING, ModelDrafter, Outcome, Request, Setting
from guidedgen.decoders.tree import ROOT, DraftTree
from guidedgen.decoders.verifiers import VERIFIERS
from guidedgen.errors import ModelError
from guidedgen.grammars.compile import compile as compile_constraint
from guidedgen.grammars.specs import Regex
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import OneOf, ToyModel, toy_vocabulary
from guidedgen.toy_laws import check_strategy, exact_outcomes, replay, toy_constraint

SETTINGS = (Sampling(temperature=1.0), Sampling(temperature=1.3, top_p=0.8, repetition_penalty=2.0))


@dataclasses.dataclass(frozen=True)
class Everything:
    """A drafter for tests: all texts of a few tokens, level by level."""

    letters: int = 4

    def open(self, setting: Setting) -> Everything:
        return self

    def propose(self, requests: ListOf[Request]) -> list[DraftTree]:
        tokens: list[int] = []
        parents: list[int] = []
        level = [ROOT]
        for _ in range(2):
            below = []
            for parent, token in itertools.product(level, range(self.letters)):
                below.append(len(tokens))
                tokens.append(token)
                parents.append(parent)
            level = below
        return [DraftTree(tokens=tuple(tokens), parents=tuple(parents))] * len(requests)

    def observe(self, outcome: Outcome) -> None:
        assert outcome.logits.shape[0] == 1 + len(outcome.tree)


FREE = sorted(NEED_NOTHING)
DRAFTED = [*(DRAFTERS[name] for name in FREE), Everything()]


@pytest.mark.parametrize("drafter", DRAFTED, ids=[*FREE, "everything"])
def test_the_laws_of_strategies(drafter: object) -> None:
    check_strategy(Speculative(drafter=drafter), settings=SETTINGS, samples=500)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("widths", "verifier"),
    [((1, 1, 1), "leviathan"), ((1, 1, 1), "recursive"), ((2, 2), "recursive"), ((3, 1), "point-mass")],
)
def test_the_laws_with_a_second_model(widths: tuple[int, ...], verifier: str) -> None:
    drafter = ModelDrafter(model=ToyModel(seed=9), widths=widths)
    check_strategy(Speculative(drafter=drafter, verifier=verifier), settings=SETTINGS, samples=1000)


def test_a_drafter_like_the_target_is_always_accepted() -> None:
    """Where no text may end early: ends are never drafted, so that their share is taken from all other drafts."""
    model = ToyModel(order=None)
    constraint = OneOf(list(itertools.product(range(3), repeat=4)), model.vocabulary.size)
    prompts = [Sequence.prompt((0, 1), constraint.start())] * 20
    strategy = Speculative(drafter=ModelDrafter(model=ToyModel(order=None)), verifier="leviathan")
    sampler = Sampler(model)
    replay(list(strategy.run(sampler, prompts, Sampling(temperature=1.0, seed=1))), prompts)
    for step in sampler.trace.snapshot().steps:
        for _, depth, accepted in step.drafts:
            assert accepted == depth


def test_a_drafter_with_another_vocabulary_is_refused() -> None:
    prompt = Sequence.prompt((0, 1), toy_constraint(8).start())
    strategy = Speculative(drafter=ModelDrafter(model=ToyModel(vocabulary=toy_vocabulary(9))))
    with pytest.raises(ModelError, match="another vocabulary"):
        list(strategy.run(Sampler(ToyModel()), [prompt], Sampling()))


@pytest.mark.parametrize("verifier", sorted(set(VERIFIERS) - {"leviathan"}))
def test_the_laws_of_verifiers(verifier: str) -> None:
    strategy = Speculative(drafter=Everything(), verifier=verifier)
    exact = not verifier.startswith("relaxed")
    check_strategy(strategy, settings=SETTINGS[:1], samples=500, exact=exact)


@pytest.mark.parametrize("drafter", DRAFTED, ids=[*FREE, "everything"])
@pytest.mark.parametrize("seed", range(4))
def test_the_same_text_as_plain_decoding(drafter: object, seed: int) -> None:
    """Not only in distribution: the same tokens for the same seed, with equal records, in no more forwards."""
    model = ToyModel(seed=seed, order=None, spread=2.0)
    constraint = AllOf([toy_constraint(model.vocabulary.size, seed=seed)])
    for sampling in (Sampling(), Sampling(temperature=1.0, seed=5)):
        prompts = [Sequence.prompt((0, 1), constraint.start())] * 4
        plain, fast = Sampler(model), Sampler(model)
        expected = list(Plain().run(plain, prompts, sampling))
        chunks = list(Speculative(drafter=drafter).run(fast, prompts, sampling))  # type: ignore[arg-type]
        assert replay(chunks, prompts) == replay(expected, prompts)
        last = {chunk.index: chunk.sequence.records() for chunk in expected}
        for chunk in chunks:
            if chunk.finish is not None:
                for ours, theirs in zip(chunk.sequence.records(), last[chunk.index], strict=True):
                    assert ours is not None
                    assert theirs is not None
                    assert (ours.token, ours.forced) == (theirs.token, theirs.forced)
                    assert ours.proposal_logprob == pytest.approx(theirs.proposal_logprob, abs=1e-5)
                    assert ours.logprob == pytest.approx(theirs.logprob, abs=1e-5)
                    assert ours.log_mass == pytest.approx(theirs.log_mass, abs=1e-5)
        assert fast.trace.snapshot().total("forwards") <= plain.trace.snapshot().total("forwards")


def test_good_drafts_save_forwards() -> None:
    """A period in the prompt and a grammar that takes nothing else: copies and forced bytes are accepted."""
    vocabulary = toy_vocabulary()
    grammar = compile_constraint(Regex("(abc){6}d"), vocabulary)
    constraint = AllOf([grammar, MaxTokens(30, vocabulary)])
    model = ToyModel(vocabulary=vocabulary)

    def forwards(strategy: Plain | Speculative) -> float:
        sampler = Sampler(model)
        (outcome,) = replay(list(strategy.run(sampler, [prompt], Sampling())), [prompt])
        assert outcome == ((*(0, 1, 2) * 6, 3), "stop")
        return sampler.trace.snapshot().total("forwards")

    prompt = Sequence.prompt((0, 1, 2, 0, 1, 2), constraint.start())
    assert forwards(Speculative(drafter="copy")) <= forwards(Plain())


def test_dead_ends_are_backed_out_of() -> None:
    vocabulary = toy_vocabulary()
    parts = [compile_constraint(Regex(pattern), vocabulary) for pattern in ("a(b|cd)", "a(bb|cd|c)")]
    model = ToyModel(vocabulary=vocabulary, seed=3)
    for verifier in ("point-mass", "recursive"):
        for seed in range(8):
            prompt = Sequence.prompt((0,), AllOf(parts).start())
            strategy = Speculative(drafter=Everything(), verifier=verifier)
            chunks = list(strategy.run(Sampler(model), [prompt], Sampling(temperature=1.0, seed=seed)))
            assert replay(chunks, [prompt]) == [((0, 2, 3), "stop")]


def test_names_are_checked() -> None:
    assert STRATEGIES["speculative"]() == Speculative()
    assert strategy_named("speculative:copy:recursive") == Speculative(drafter="copy", verifier="recursive")
    assert strategy_named("plain") == Plain()
    assert strategy_named("speculative:copy::sequoia") == Speculative(drafter="copy", policy="sequoia")
    wrong_names = ("plain:copy", "speculative:copy:recursive:tree:more", "speculative:nothing", "hasty")
    for wrong in (*wrong_names, "speculative:copy:recursive:more"):
        with pytest.raises(ValueError, match=r"says too much|no drafter|no strategy|no policy"):
            strategy_named(wrong)
    with pytest.raises(ValueError, match=r"no drafter is called 'x'. There are: copy"):
        Speculative(drafter="x")
    with pytest.raises(ValueError, match="no verifier"):
        Speculative(verifier="x")


def test_the_reference_knows_the_finite_texts() -> None:
    constraint = toy_constraint(toy_vocabulary().size)
    assert len(exact_outcomes(ToyModel(), (0, 1), constraint.start(), SETTINGS[0])) > 10
