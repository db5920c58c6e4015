"""Lossless, for every drafter and every kind of constraint: the texts of plain decoding, token for token.

On the toy model exactly. On the embedded model in float32, where sums are taken in another order for several rows at
once, a text may part from plain decoding only where two tokens' logits are within 1e-3 of each other.
"""

from __future__ import annotations

from typing import Any

import pytest

from guidedgen.constraint import AllOf, MaxTokens, StopOn
from guidedgen.decoders import Plain, Speculative
from guidedgen.decoders.drafters import (
    DRAFTERS,
    NEED_LAYERS,
    NEED_NOTHING,
    NEED_THIN_CACHE,
    Drafter,
    ModelDrafter,
)
from guidedgen.decoders.policies import POLICIES
from guidedgen.decoders.verifiers import VERIFIERS
from guidedgen.models import tiny
from guidedgen.models.base import LanguageModel
from guidedgen.models.transformers_adapter import TransformersModel
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import ToyModel
from guidedgen.toy_laws import check_strategy, replay
from tests.decoders.small_world import CONSTRAINTS, EOS, PROMPT, VOCABULARY, Everything

DRAFTED: dict[str, Drafter] = {
    **{name: DRAFTERS[name] for name in sorted(NEED_NOTHING)},
    "tree": Everything(),
    "model": ModelDrafter(model=ToyModel(vocabulary=VOCABULARY, seed=9), widths=(2, 2, 1)),
}
EXACT = sorted(name for name, verifier in VERIFIERS.items() if verifier().exact and name != "leviathan")
SHOWING = {"sparse-top"}  # needs a forward that shows what it attends to, which the fastest one does not
SAMPLINGS = (Sampling(), Sampling(temperature=1.0, seed=5, top_p=0.9))


def texts(
    strategy: Plain | Speculative,
    kind: str,
    sampling: Sampling,
    seed: int,
    count: int = 3,
    model: LanguageModel | None = None,
) -> list[object]:
    """What comes out of a batch. Every token is checked to be allowed, and none to be an end token."""
    model = model or ToyModel(vocabulary=VOCABULARY, seed=seed, order=3, spread=2.0)
    prompts = [Sequence.prompt(PROMPT, CONSTRAINTS[kind]().start())] * count
    outcomes = replay(list(strategy.run(Sampler(model), prompts, sampling)), prompts)
    assert all(EOS not in tokens for tokens, _ in outcomes)
    return list(outcomes)


@pytest.mark.parametrize("kind", CONSTRAINTS)
@pytest.mark.parametrize("drafter", DRAFTED.values(), ids=DRAFTED)
def test_every_drafter_under_every_constraint(drafter: Drafter, kind: str) -> None:
    """Greedy and sampled: with point masses the draws are those of plain decoding, too."""
    for seed, sampling in enumerate(SAMPLINGS):
        assert texts(Speculative(drafter=drafter), kind, sampling, seed) == texts(Plain(), kind, sampling, seed)


@pytest.fixture(scope="module")
def layered() -> LanguageModel:
    """A tiny Llama with the small world's vocabulary: its layers can be told apart, and its cache thinned."""
    return TransformersModel.wrap(tiny.library_model("llama"), None, VOCABULARY, name="tiny llama")


@pytest.mark.parametrize("kind", CONSTRAINTS)
@pytest.mark.parametrize("drafter", sorted((NEED_LAYERS | NEED_THIN_CACHE) - SHOWING))
def test_every_drafter_that_looks_at_its_target_otherwise(drafter: str, kind: str, layered: LanguageModel) -> None:
    for seed, sampling in enumerate(SAMPLINGS):
        fast = texts(Speculative(drafter=drafter), kind, sampling, seed, 2, layered)
        assert fast == texts(Plain(), kind, sampling, seed, 2, layered)


@pytest.mark.parametrize("name", ["copy", "forced", "recycle", "forced+copy", "forced+copy+recycle", "tree", "model"])
def test_and_drafts_are_met(name: str) -> None:
    """Equal texts would say nothing if drafts were never accepted. (Others need more text.)"""
    drafter = DRAFTED[name]
    met = 0
    for kind, constraint in CONSTRAINTS.items():
        model = ToyModel(vocabulary=VOCABULARY, order=1 if kind == "stop rules" else 3, spread=4.0)
        sampler = Sampler(model)
        prompts = [Sequence.prompt(PROMPT, constraint().start())] * 16
        list(Speculative(drafter=drafter).run(sampler, prompts, Sampling(temperature=0.5, seed=1)))
        met += sum(accepted for step in sampler.trace.snapshot().steps for _, _, accepted in step.drafts)
    assert met > 0


@pytest.mark.parametrize("kind", CONSTRAINTS)
@pytest.mark.parametrize("verifier", EXACT)
def test_every_exact_verifier_is_greedy_where_plain_decoding_is(verifier: str, kind: str) -> None:
    for drafter in (DRAFTED["tree"], DRAFTED["forced+copy"]):
        strategy = Speculative(drafter=drafter, verifier=verifier)
        assert texts(strategy, kind, Sampling(), 2, 1) == texts(Plain(), kind, Sampling(), 2, 1)


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_policies_change_no_text(policy: str) -> None:
    for drafter in (DRAFTED["forced+copy"], DRAFTED["model"]):
        strategy = Speculative(drafter=drafter, policy=policy)
        for kind in ("schema", "lark"):
            assert texts(strategy, kind, Sampling(), 1, 2) == texts(Plain(), kind, Sampling(), 1, 2)


@pytest.mark.parametrize(
    ("drafter", "verifier"), [("tree", "recursive"), ("model", "recursive"), ("forced+copy", "point-mass")]
)
def test_samples_follow_the_distribution_under_a_grammar(drafter: str, verifier: str) -> None:
    """With forced tokens, several spellings of a text, and texts that begin others."""
    from guidedgen.grammars.compile import compile as compile_constraint
    from guidedgen.grammars.specs import Regex

    check_strategy(
        Speculative(drafter=DRAFTED[drafter], verifier=verifier),
        constraint=compile_constraint(Regex("(ab|ba(ba)?c0{3})[01]?"), VOCABULARY),
        model=ToyModel(vocabulary=VOCABULARY, seed=4),
        settings=(Sampling(temperature=1.0), Sampling(temperature=0.8, top_k=3)),
        samples=400,
    )


NEAR = 1e-3


@pytest.fixture(scope="module")
def embedded() -> Any:
    from guidedgen import models
    from guidedgen.models.known import KNOWN

    if not KNOWN["smollm2"].is_cached():
        pytest.skip("the embedded model is not cached")
    return models.load("smollm2", dtype="float32")


@pytest.mark.model
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("task", "constraint"), [("extraction", "schema"), ("editing", "json"), ("code", "lines")])
def test_the_embedded_model_writes_the_same(embedded: Any, task: str, constraint: str) -> None:
    from guidedgen.evaluate.decoding.own import gap_at, parting, prompt_tokens
    from guidedgen.evaluate.tasks import task_named
    from guidedgen.grammars.compile import compile as compile_constraint

    model = embedded
    told = task_named(task)
    read = prompt_tokens(model, told, told.prompts[0], constraint)
    grammar = compile_constraint(told.output(constraint), model.vocabulary)
    rules = [StopOn(["total"], model.vocabulary), MaxTokens(40, model.vocabulary, complete=False)]
    prompt = Sequence.prompt(read, AllOf([grammar, *rules]).start())
    sampler = Sampler(model)
    ((plain, _),) = replay(list(Plain().run(sampler, [prompt], Sampling())), [prompt])
    assert len(plain) > 10
    for drafter in ("forced+copy+recycle", "skip-layers"):
        fast = sampler.request()
        ((tokens, _),) = replay(list(Speculative(drafter=drafter).run(fast, [prompt], Sampling())), [prompt])
        place = parting(plain, tokens)
        assert place is None or gap_at(model, read, plain, tokens, place) <= NEAR
        assert sum(accepted for step in fast.trace.snapshot().steps for _, _, accepted in step.drafts) > 0
