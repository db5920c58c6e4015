"""Barriers: fields counted by hand, and particles on an enumerable language of JSON, compared by field and by token."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence as ListOf
from functools import cache

import pytest
import torch

from guidedgen.decoders import Conditioned, Plain, Strategy
from guidedgen.decoders.conditioning.barriers import Fields, path_of
from guidedgen.grammars.compile import compile as compile_constraint
from guidedgen.grammars.specs import JsonSchema, Regex
from guidedgen.models.base import LayerPlan
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import ToyModel
from guidedgen.vocabulary import Vocabulary

TEXTS = [*(bytes([byte]) for byte in b'{}":, abxy'), b'{"', b'": ', b'", "', b'"}']
EOS = len(TEXTS)
VOCABULARY = Vocabulary.from_tokens([*TEXTS, b""], eos=[EOS], special={"<eos>": EOS}, size=EOS + 1)
PROMPT = tuple(VOCABULARY.encode('{"a'))
STRING = {"type": "string", "pattern": "^[xy]{0,4}$"}
SCHEMA = {"type": "object", "properties": {"a": STRING, "b": STRING}, "required": ["a", "b"]}
CONSTRAINT = compile_constraint(JsonSchema({**SCHEMA, "additionalProperties": False}), VOCABULARY)


class Talkative(ToyModel):
    """Likes letters, and the end of a string less; the form around strings it does not like at all."""

    def logits_after(self, tokens: ListOf[int], plan: LayerPlan | None = None) -> torch.Tensor:
        logits = 0.5 * super().logits_after(tokens, plan)
        for token, text in enumerate(TEXTS):
            logits[token] += {b"x": 2.0, b"y": 2.0, b'"': 1.0, b'", "': 1.0, b'"}': 1.0}.get(text, 0.0)
        return logits


MODEL = Talkative(vocabulary=VOCABULARY, order=1, seed=5)
Lengths = tuple[int, int]


def lengths(text: str) -> Lengths:
    content = json.loads(text)
    return len(content["a"]), len(content["b"])


@cache
def truth() -> Counter[Lengths]:
    """The model's valid mass by the lengths of both strings: all sequences of tokens of all texts."""
    masses: Counter[Lengths] = Counter()
    rows = {token: MODEL.logits_after((token,)).log_softmax(-1).tolist() for token in range(EOS)}
    waiting = [(CONSTRAINT.start(), b"", PROMPT[-1], 0.0)]
    while waiting:
        state, text, last, log_chance = waiting.pop()
        if state.accepting:
            masses[lengths(text.decode())] += math.exp(log_chance + rows[last][EOS])  # type: ignore[assignment]
        for token in range(EOS):
            after = state.advance(token)
            if after is not None:
                waiting.append((after, text + TEXTS[token], token, log_chance + rows[last][token]))
    total = sum(masses.values())
    return Counter({place: mass / total for place, mass in masses.items()})


def drawn(strategy: Strategy, samples: int) -> Counter[Lengths]:
    """Shares among samples."""
    counts: Counter[Lengths] = Counter()
    sampler = Sampler(MODEL)
    for seed in range(samples):
        prompt = Sequence.prompt(PROMPT, CONSTRAINT.start())
        (*_, chunk) = strategy.run(sampler, [prompt], Sampling(temperature=1.0, seed=seed))
        assert chunk.finish == "stop"
        counts[lengths(VOCABULARY.decode_bytes(chunk.sequence.generated()).decode())] += 1
    return Counter({place: count / samples for place, count in counts.items()})


def letters(shares: Counter[Lengths]) -> float:
    """How many both strings have together, on average."""
    return sum(sum(place) * share for place, share in shares.items())


def test_particles_are_compared_where_they_have_come_equally_far() -> None:
    """By token, those survive that have not paid for the end of their string yet: worse than no particles at all."""
    target, masked = letters(truth()), letters(drawn(Plain(), 100))
    assert masked > target + 1.0  # or there would be nothing to mend
    assert letters(drawn(Conditioned(align="smc", particles=6, barrier="token"), 50)) > masked + 0.7
    assert letters(drawn(Conditioned(align="smc", particles=6), 80)) < masked - 0.3


@pytest.mark.slow
def test_more_particles_come_nearer_by_field() -> None:
    def distance(particles: int, samples: int) -> float:
        shares = drawn(Conditioned(align="smc", particles=particles, threshold=1.0), samples)
        return sum(abs(shares[place] - share) for place, share in truth().items()) / 2

    assert distance(64, 150) < distance(2, 150) - 0.1


def test_fields_are_counted_alike_however_tokens_cut_them() -> None:
    def closed(*paths: tuple[str | None, ...]) -> list[int]:
        fields, counts = Fields(), []
        for path in paths:
            fields = fields.moved(path)
            counts.append(fields.closed)
        return counts

    assert closed((), ("a",), ("a",), (), ("b",), ()) == [0, 0, 0, 1, 1, 2]
    assert closed(("a",), ("b",), ()) == [0, 1, 2]  # one token closes a value and opens the next
    item: tuple[str | None, ...] = ("items", None)
    slow = closed(("items",), item, (*item, "n"), item, (*item, "m"), item, ("items",), ())
    fast = closed(("items",), (*item, "n"), (*item, "m"), ())
    assert (slow[-1], fast[-1]) == (2, 2)


def test_paths_are_known_of_json_alone() -> None:
    assert path_of(CONSTRAINT.start()) == ()
    assert path_of(compile_constraint(Regex("[xy]{3}"), VOCABULARY).start()) is None
    state = CONSTRAINT.start()
    for token in VOCABULARY.encode('{"a": "x'):
        state = state.advance(token)  # type: ignore[assignment]
    assert path_of(state) == ("a",)


def test_a_cancelled_run_ends_every_particle() -> None:
    polled = iter([False] * 6)
    prompt = Sequence.prompt(PROMPT, CONSTRAINT.start())
    strategy = Conditioned(align="smc", particles=4)
    (chunk,) = strategy.run(
        Sampler(MODEL), [prompt], Sampling(temperature=1.0, seed=3), cancelled=lambda: next(polled, True)
    )
    assert chunk.finish == "cancelled"


def test_unknown_barriers_are_named() -> None:
    with pytest.raises(ValueError, match="barrier"):
        Conditioned(barrier="word")  # type: ignore[arg-type]
