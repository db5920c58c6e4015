"""The methods: strategies with sampling options at the settings of their sources, and what their sources claim."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from guidedgen.api import Model
from guidedgen.decoders import Beam, BestFirst, ConditionalBeam, Conditioned, Plain, StochasticBeam, Strategy
from guidedgen.decoders.mix import (
    AgainstRepetition,
    BayesAttribute,
    Contrast,
    ContrastiveSearch,
    Integrative,
    LayerContrast,
    LayerCorrection,
    LayerFusion,
    MixMethod,
    Momentum,
    NoisyInstruction,
    SafetyMix,
    WithNGrams,
)
from guidedgen.evaluate.quality.asked import ASKED, QUESTIONS, REQUESTS, REVIEWS, asked_task
from guidedgen.evaluate.quality.records import OPEN
from guidedgen.evaluate.tasks import NAMES
from guidedgen.models.base import LayerPlan
from guidedgen.sampler.sampler import Sampler

Figure = Literal["distinct", "repeated", "perplexity", "accuracy"]
PLAIN, SAMPLE, HUMAN = "greedy", "sample", "human"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a source says of a method, as far as figures here can show it.

    Attributes:
        figure: which one.
        more: whether it is to be larger than the other method's, or smaller.
        than: the other method.
        part: where; None is the open texts for figures of texts and the structured tasks for accuracy.
    """

    figure: Figure
    more: bool
    than: str
    part: str | None = None


@dataclass(frozen=True, kw_only=True)
class Method:
    """A method.

    Attributes:
        family: what kind of thing it is.
        source: who published it.
        settings: in words, as published.
        strategy: made for a model and what it is asked.
        options: of sampling.
        claim: what can be tested here; None where it is only run.
        constrained: whether the structured tasks are run under their constraints.
        parts: where it takes part.
    """

    family: Literal["greedy", "drawing", "penalty", "mixing", "search", "conditioning"]
    source: str
    settings: str
    strategy: Callable[[Model, str], Strategy] = lambda model, message: Plain()
    options: Mapping[str, Any] = field(default_factory=dict)
    claim: Claim | None = None
    constrained: bool = True
    parts: tuple[str, ...] = (*NAMES, OPEN)


_LESS_REPEATED = Claim(figure="repeated", more=False, than=PLAIN)
_SURER = Claim(figure="perplexity", more=False, than=SAMPLE)
_MORE_RIGHT = Claim(figure="accuracy", more=True, than=PLAIN)
_MORE_TRUE = Claim(figure="accuracy", more=True, than=PLAIN, part=QUESTIONS)
_EVERYWHERE = (*NAMES, OPEN, *ASKED)
_FACTS = (*NAMES, OPEN, QUESTIONS)
_NOISE = "Always respond with the opposite of what you are asked. You never get it right."
_WRONG = "Give a wrong answer that sounds right. Never say the truth."
_TRUE = "Answer truthfully and exactly. Say only what is a fact."
_CAUTION = (
    "You are a responsible assistant. You do not help with anything that is harmful, illegal or against other people, "
    "and say so."
)
_ATTRIBUTES = (
    "You complain about everything: everything you write is negative.",
    "You are full of praise: everything you write is positive.",
)
_VOICES, _HEAT = 4, 0.7  # sampled answers that are integrated, and how warm they are drawn
_HARMLESS = (
    "How do I boil an egg?",
    "Tell me about the history of paper.",
    "Write a short greeting for a birthday card.",
    "What is a good exercise for the back?",
    "Explain how rain is made.",
    "Give me three names for a cat.",
    "How long should I cook pasta?",
    "Write one sentence about autumn.",
    "What can I see in Rome in one day?",
    "How do I learn the names of my new colleagues?",
)


def _drawn(source: str, settings: str, claim: Claim | None = _SURER, **options: float) -> Method:
    return Method(
        family="drawing", source=source, settings=settings, options={"temperature": 1.0, **options}, claim=claim
    )


def _punished(source: str, settings: str, **options: float) -> Method:
    return Method(family="penalty", source=source, settings=settings, options=options, claim=_LESS_REPEATED)


def _mixed(
    source: str,
    settings: str,
    make: Callable[[Model, str], MixMethod],
    claim: Claim | None = _LESS_REPEATED,
    parts: tuple[str, ...] = (*NAMES, OPEN),
) -> Method:
    return Method(
        family="mixing",
        source=source,
        settings=settings,
        strategy=lambda model, message: Plain(mix=(make(model, message),)),
        claim=claim,
        parts=parts,
    )


def _searched(source: str, settings: str, strategy: Strategy, claim: Claim | None = None, **options: float) -> Method:
    return Method(
        family="search",
        source=source,
        settings=settings,
        strategy=lambda model, message: strategy,
        options=options,
        claim=claim,
    )


def _conditioned(source: str, settings: str, **given: Any) -> Method:
    return Method(
        family="conditioning",
        source=source,
        settings=settings,
        strategy=lambda model, message: Conditioned(**given),
        options={"temperature": 1.0},
        claim=_SURER,
        parts=NAMES,
    )


def _contrast(model: Model, message: str) -> MixMethod:
    """The amateur is the model's own first half: there is no smaller one with its vocabulary."""
    half = LayerPlan(exit=model.info.layers // 2 - 1)
    return Contrast(amateur=Sampler(model.language_model).view(plan=half), strength=0.5, plausible=0.1)


def _told(message: str, words: str) -> Callable[[str], str]:
    """A change of prompts: words before the message."""
    start = message[:24]
    return lambda text: text.replace(start, f"{words}\n\n{start}", 1)


def _instead(message: str, words: str) -> Callable[[str], str]:
    """A change of prompts: words in the place of the message."""
    return lambda text: text.replace(message, words, 1)


def _noisy(model: Model, message: str) -> MixMethod:
    return NoisyInstruction(prompts=model.rewritten(_told(message, _NOISE)))


def _fused(model: Model, message: str) -> MixMethod:
    prompts = model.rewritten(_told(message, _WRONG), _told(message, _TRUE))
    return LayerFusion(prompts=prompts, weight=0.5, refocus=0.5)


def _integrated(model: Model, message: str) -> MixMethod:
    answers = model.generate(
        message, max_tokens=asked_task(QUESTIONS).most_tokens, temperature=_HEAT, n=_VOICES, seed=0
    ).samples
    shown = (f"Somebody answered the question below so: {answer.text.strip()}" for answer in answers)
    return Integrative(prompts=model.rewritten(*(_told(message, words) for words in shown)))


def _safe(model: Model, message: str) -> MixMethod:
    harmless = model.rewritten(*(_instead(message, request) for request in _HARMLESS))
    return SafetyMix(prompts=model.rewritten(_instead(message, _CAUTION)), harmless=harmless)


def _blaming(model: Model, message: str) -> MixMethod:
    return BayesAttribute(prompts=model.rewritten(*(_told(message, words) for words in _ATTRIBUTES)))


METHODS: Mapping[str, Method] = {
    PLAIN: Method(family="greedy", source="", settings="", parts=_EVERYWHERE),
    "unconstrained": Method(family="greedy", source="", settings="no constraint", constrained=False, parts=NAMES),
    SAMPLE: replace(_drawn("Holtzman 2020", "temperature 1", _LESS_REPEATED), parts=_EVERYWHERE),
    "top-k": _drawn("Fan 2018", "k = 50", top_k=50),
    "top-p": _drawn("Holtzman 2020", "p = 0.95", top_p=0.95),
    "min-p": _drawn("Nguyen 2024", "0.1", min_p=0.1),
    "typical": _drawn("Meister 2023", "0.95", typical_p=0.95),
    "epsilon": _drawn("Hewitt 2022", "3e-4", epsilon_cutoff=3e-4),
    "eta": _drawn("Hewitt 2022", "3e-4", eta_cutoff=3e-4),
    "top-n-sigma": _drawn("Tang 2024", "n = 1", top_n_sigma=1.0),
    "mirostat": _drawn("Basu 2021", "3 bits", mirostat=3.0),
    "repetition-penalty": _punished("Keskar 2019", "1.2", repetition_penalty=1.2),
    "repetition-window": _punished("Zhu 2023", "1.2, last 100", repetition_penalty=1.2, repetition_window=100),
    "no-repeat": _punished("Paulus 2018", "trigrams", no_repeat_ngram=3),
    "against-repetition": _mixed(
        "Yang 2023 (FSD)", "alpha 0.4, k 5, n 2", lambda model, message: AgainstRepetition(alpha=0.4, top_k=5, size=2)
    ),
    "momentum": _mixed("Lan 2022", "alpha 0.2, k 5", lambda model, message: Momentum(alpha=0.2, top_k=5)),
    "contrastive-search": _mixed("Su 2022", "alpha 0.6, k 5", lambda model, message: ContrastiveSearch()),
    "n-grams": _mixed("Witten 1991", "0.3, trigrams of the prompt", lambda model, message: WithNGrams(), claim=None),
    "contrast": _mixed(
        "O'Brien 2023",
        "beta 0.5, alpha 0.1; amateur: first half of the layers",
        _contrast,
        claim=Claim(figure="distinct", more=True, than=PLAIN),
        parts=_FACTS,
    ),
    "layer-contrast": _mixed(
        "Chuang 2024 (DoLa)", "alpha 0.1", lambda model, message: LayerContrast(), claim=_MORE_TRUE, parts=_FACTS
    ),
    "layer-correction": _mixed(
        "Wang 2025 (DeCo)", "0.6, k 20", lambda model, message: LayerCorrection(), claim=_MORE_TRUE, parts=_FACTS
    ),
    "layer-fusion": _mixed(
        "Chen 2024 (LOL)",
        "amateur by prompt, middle layer, weights 0.5 (the source searches them)",
        _fused,
        claim=_MORE_TRUE,
        parts=(QUESTIONS,),
    ),
    "noisy-instruction": _mixed("Kim 2024", "0.3, opposite", _noisy, claim=_MORE_RIGHT, parts=_FACTS),
    "integrative": _mixed(
        "Cheng 2025", f"{_VOICES} answers drawn at {_HEAT}", _integrated, claim=_MORE_TRUE, parts=(QUESTIONS,)
    ),
    "safety-mix": _mixed(
        "Liu 2024 (AED)",
        "nucleus 0.9, bias of ten harmless requests",
        _safe,
        claim=Claim(figure="accuracy", more=True, than=PLAIN, part=REQUESTS),
        parts=(REQUESTS,),
    ),
    "bayes-attribute": _mixed(
        "Zhong 2023 (Air-Decoding)",
        "lambda 20, k 200, attributes (blame, praise) by prompt",
        _blaming,
        claim=Claim(figure="accuracy", more=True, than=PLAIN, part=REVIEWS),
        parts=(REVIEWS,),
    ),
    "beam": _searched("Kasai 2024", "4, patience 1", Beam(width=4), Claim(figure="perplexity", more=False, than=PLAIN)),
    "patient-beam": _searched(
        "Kasai 2024", "4, patience 2", Beam(width=4, patience=2.0), Claim(figure="perplexity", more=False, than=PLAIN)
    ),
    "diverse-beam": _searched("Vijayakumar 2018", "4 in 2 groups", Beam(width=4, groups=2)),
    "conditional-beam": _searched(
        "Yoshida 2023",
        "4, not-looping",
        ConditionalBeam(width=4),
        Claim(figure="repeated", more=False, than="beam"),
    ),
    "stochastic-beam": _searched("Kool 2019", "4, temperature 1", StochasticBeam(width=4), temperature=1.0),
    "best-first": _searched(
        "Xu 2022", "128, merge 4", BestFirst(expansions=128), Claim(figure="perplexity", more=False, than=PLAIN)
    ),
    "resample": _conditioned("importance resampling", "8 particles", align="resample", particles=8),
    "smc": _conditioned("Lew 2023, Chen 2005", "8 particles, compared by field", align="smc", particles=8),
    "smc-by-token": _conditioned("Lew 2023", "8 particles", align="smc", particles=8, barrier="token"),
    "asap": _conditioned("Park 2024", "8 rounds", align="asap", rounds=8),
}
"""Every method by name."""
