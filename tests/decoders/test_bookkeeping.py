"""Log-probabilities of every text: the model's and the sampler's; what masks removed lies between them."""

from __future__ import annotations

import math

import pytest

from guidedgen.decoders import Plain, Speculative, Strategy
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence, TokenRecord
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import ToyModel
from guidedgen.toy_laws import exact_outcomes, toy_constraint

MODEL = ToyModel()
(EOS,) = MODEL.vocabulary.eos
WARM = Sampling(temperature=1.0, seed=3)


@pytest.mark.parametrize("strategy", [Plain(), Speculative(drafter="recycle")], ids=["plain", "speculative"])
def test_what_a_text_says_of_itself_is_what_enumeration_says(strategy: Strategy) -> None:
    constraint, prompt_tokens = toy_constraint(8), (0, 1)
    exact = exact_outcomes(MODEL, prompt_tokens, constraint.start(), WARM)
    prompts = [Sequence.prompt(prompt_tokens, constraint.start())] * 600
    told: dict[tuple[int, ...], float] = {}
    for chunk in strategy.run(Sampler(MODEL), prompts, WARM):
        if chunk.finish is None:
            continue
        records: list[TokenRecord] = [node.record for node in chunk.sequence.nodes() if node.record is not None]
        records += [] if chunk.ending is None else [chunk.ending]
        text = chunk.sequence.generated()
        drawn = sum(record.proposal_logprob for record in records)
        model = sum(record.logprob or 0.0 for record in records)
        removed = sum(record.log_mass or 0.0 for record in records)
        assert model - drawn == pytest.approx(removed, abs=1e-4)
        rows = [MODEL.logits_after((*prompt_tokens, *text[:place])).log_softmax(-1) for place in range(len(records))]
        chosen = [*text, EOS][: len(records)]
        own = sum(float(row[token]) for row, token in zip(rows, chosen, strict=True))
        assert model == pytest.approx(own, abs=1e-4)
        told[text] = math.exp(drawn)
    for text, chance in told.items():
        assert chance == pytest.approx(exact[text, "stop"], abs=1e-5)
    rest = sum(chance for (text, _), chance in exact.items() if text not in told)
    assert sum(told.values()) + rest == pytest.approx(1.0, abs=1e-4)
    assert rest < 0.02
