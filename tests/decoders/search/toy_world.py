"""What the tests of searches have in common: a toy model, a constraint of 36 texts, and the truth about them."""

from __future__ import annotations

from typing import Any

from guidedgen.decoders import Strategy
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import ToyModel
from guidedgen.toy_laws import Outcome, replay, toy_constraint

MODEL = ToyModel(padding=2)
CONSTRAINT = toy_constraint(8)
PROMPT = (0, 1)
(EOS,) = MODEL.vocabulary.eos
Text = tuple[int, ...]


def log_chance(text: Text) -> float:
    """The model's log-probability of a text with its end."""
    return sum(
        float(MODEL.logits_after((*PROMPT, *text[:place])).log_softmax(-1)[token])
        for place, token in enumerate((*text, EOS))
    )


def all_texts() -> dict[Text, float]:
    return {text: log_chance(text) for text in CONSTRAINT.members}


def ranked() -> list[Text]:
    """All texts, the most probable first."""
    known = all_texts()
    return sorted(known, key=lambda text: -known[text])


def start(constraint: Any = CONSTRAINT) -> Sequence:
    return Sequence.prompt(PROMPT, constraint.start())


def texts_of(
    strategy: Strategy, count: int, constraint: Any = CONSTRAINT, sampling: Sampling | None = None
) -> list[Outcome]:
    prompts = [start(constraint)] * count
    return replay(list(strategy.run(Sampler(MODEL), prompts, sampling or Sampling())), prompts)
