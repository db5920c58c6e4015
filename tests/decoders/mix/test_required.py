"""Required content: the end is refused while something is missing, and only where the text could go on."""

from __future__ import annotations

import math
from collections.abc import Sequence as ListOf

import pytest

from guidedgen.decoders import Plain, Speculative
from guidedgen.decoders.inspection import Thresholds
from guidedgen.decoders.mix import RequiredContent
from guidedgen.errors import ModelError
from guidedgen.models import tiny
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import OneOf
from guidedgen.toy_laws import check_strategy, replay, toy_constraint
from tests.decoders.mix.test_methods import EOS, MODEL, log_chances


@pytest.mark.parametrize("strategy", [Plain, Speculative], ids=["plain", "speculative"])
def test_samples_follow_the_definition(strategy: type[Plain] | type[Speculative]) -> None:
    """Texts without a b do not end where they could go on."""

    def by_definition(prompt: ListOf[int], tokens: ListOf[int], allowed: ListOf[int]) -> dict[int, float]:
        own = log_chances((*prompt, *tokens), allowed)
        refused = EOS in own and len(own) > 1 and 1 not in tokens
        return {token: -math.inf if refused and token == EOS else own[token] for token in allowed}

    check_strategy(
        strategy(mix=(RequiredContent(items=("B",)),)),
        model=MODEL,
        settings=(Sampling(temperature=1.0),),
        samples=300,
        mixed=by_definition,
    )


def test_patience_ends() -> None:
    prompt = Sequence.prompt((0, 1), OneOf([(0,) * count for count in range(1, 30)], 8).start())
    lengths = []
    for patience in (0, 5, 9):
        method = RequiredContent(items=("b",), patience=patience)
        (*_, last) = Plain(mix=(method,)).run(Sampler(MODEL), [prompt], Sampling(temperature=1.0, seed=1))
        lengths.append(len(last.sequence.generated()))
    assert lengths[0] < 5 <= lengths[1]
    assert lengths[2] >= 9


def test_by_attention() -> None:
    """With thresholds that everything reaches nothing is refused; with some that nothing reaches, the text decides."""
    model = tiny.load("llama")
    encode = model.vocabulary.encode
    texts = [tuple(encode("K" * count + tail)) for count in range(1, 9) for tail in ("", "AB")]
    constraint = OneOf(texts, tiny.VOCABULARY_SIZE)
    prompt = Sequence.prompt(encode("@ABCDEF"), constraint.start())
    plain = replay(list(Plain().run(Sampler(model), [prompt], Sampling())), [prompt])
    found = {}
    for name, thresholds in {
        "loose": Thresholds(confident=0.0),
        "strict": Thresholds(confident=1.0, tentative=1.0),
        "text": None,
    }.items():
        method = RequiredContent(items=("AB",), thresholds=thresholds)
        outcomes = [
            replay(list(strategy.run(Sampler(model), [prompt], Sampling())), [prompt])
            for strategy in (Plain(mix=(method,)), Speculative(drafter="recycle", mix=(method,)))
        ]
        assert outcomes[0] == outcomes[1]
        found[name] = outcomes[0]
    assert found["loose"] == plain
    assert found["strict"] == found["text"]
    ((tokens, _),) = found["text"]
    text = model.vocabulary.decode_bytes(tokens)
    assert b"AB" in text or len(text) == 8


def test_what_cannot_be_is_named() -> None:
    for wrong in ({"items": ()}, {"items": ("",)}, {"items": ("a",), "patience": -1}):
        with pytest.raises(ValueError, match=list(wrong)[-1]):
            RequiredContent(**wrong)  # type: ignore[arg-type]
    prompt = Sequence.prompt((0, 1, 2), toy_constraint(8).start())
    method = RequiredContent(items=("b",), thresholds=Thresholds())
    with pytest.raises(ModelError, match="attends to"):
        list(Plain(mix=(method,)).run(Sampler(MODEL), [prompt] * 8, Sampling(temperature=1.0, seed=2)))
