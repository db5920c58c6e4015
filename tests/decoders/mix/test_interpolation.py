"""Interpolation with n-grams against the recursion written plainly, over all texts of a constraint."""

from __future__ import annotations

import math
from collections.abc import Sequence as ListOf

import pytest

from guidedgen.decoders import Plain, Speculative
from guidedgen.decoders.mix import WithNGrams
from guidedgen.decoders.mix.interpolation import counts_of
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy_laws import check_strategy, toy_constraint
from tests.decoders.mix.test_methods import CASES, MODEL, log_chances, normalised, shares

GIVEN = ((0, 1, 3, 2, 2, 0, 1, 3), (2, 5, 1, 2))


def smoothed(token: int, context: tuple[int, ...], texts: ListOf[tuple[int, ...]], own: dict[int, float]) -> float:
    """Witten and Bell's recursion over allowed tokens, from the definition: counting by looking at every place."""
    follows = [
        text[at + len(context)]
        for text in texts
        for at in range(len(text) - len(context))
        if text[at : at + len(context)] == context and text[at + len(context)] in own
    ]
    below = smoothed(token, context[1:], texts, own) if context else own[token]
    if not follows:
        return below
    return (follows.count(token) + len(set(follows)) * below) / (len(follows) + len(set(follows)))


@pytest.mark.parametrize(("text", "allowed"), CASES)
@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize(("given", "prompt"), [(GIVEN, False), (GIVEN, True), ((), True)])
def test_shares_follow_the_recursion(
    text: tuple[int, ...], allowed: list[int], size: int, given: tuple[tuple[int, ...], ...], prompt: bool
) -> None:
    own = normalised(log_chances(text, allowed))
    texts = [*given, *([text[:2]] if prompt else [])]
    context = text[len(text) - min(len(text), size - 1) :]
    expected = {token: 0.6 * own[token] + 0.4 * smoothed(token, context, texts, own) for token in allowed}
    assert sum(expected.values()) == pytest.approx(1.0)
    method = WithNGrams(texts=given, prompt=prompt, weight=0.4, size=size)
    assert shares(method, text, allowed) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("strategy", [Plain, Speculative], ids=["plain", "speculative"])
def test_samples_follow_the_definition(strategy: type[Plain] | type[Speculative]) -> None:
    def by_definition(prompt: ListOf[int], tokens: ListOf[int], allowed: ListOf[int]) -> dict[int, float]:
        text = (*prompt, *tokens)
        own = normalised(log_chances(text, allowed))
        texts = [*GIVEN, tuple(prompt)]
        return {
            token: math.log(0.5 * own[token] + 0.5 * smoothed(token, tuple(text[-2:]), texts, own)) for token in allowed
        }

    check_strategy(
        strategy(mix=(WithNGrams(texts=GIVEN, weight=0.5),)),
        model=MODEL,
        settings=(Sampling(temperature=1.0), Sampling(temperature=0.7, top_k=3)),
        samples=300,
        mixed=by_definition,
    )


def test_counts_by_hand() -> None:
    counts = counts_of([(1, 2, 1, 2), (2,)], 2)
    assert {context: dict(after) for context, after in counts.items()} == {
        (): {1: 2, 2: 3},
        (1,): {2: 2},
        (2,): {1: 1},
    }


def test_texts_are_encoded_and_counted_once() -> None:
    text = MODEL.vocabulary.decode_bytes(GIVEN[0]).decode()
    sampler = Sampler(MODEL)
    prompt = Sequence.prompt((0, 1), toy_constraint(8).start())
    outcomes = []
    for texts in ((text,), GIVEN[:1]):
        (*_, last) = Plain(mix=(WithNGrams(texts=texts, weight=0.9, prompt=False),)).run(sampler, [prompt], Sampling())
        outcomes.append(last.sequence.generated())
    assert outcomes[0] == outcomes[1]
    assert all(step.forwards <= 1 for step in sampler.trace.snapshot().steps)


def test_bad_settings_are_named() -> None:
    for wrong in ({"weight": 1.1}, {"size": 0}, {"prompt": False}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            WithNGrams(**wrong)  # type: ignore[arg-type]
