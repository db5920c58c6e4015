"""What every strategy must do, checked exactly on the toy model: `check_strategy` and the reference it compares with.

The reference is written for reading: plain Python numbers, one token at a time, no shared code with the pipeline.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, replace

import numpy as np
import torch

from guidedgen.constraint import Constraint, State
from guidedgen.decoders.base import Chunk, Finish, LogitsSource, Strategy
from guidedgen.masks import allowed_tokens
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import OneOf, ToyModel

Outcome = tuple[tuple[int, ...], Finish]  # generated tokens without the end, and why they stopped

Mixed = Callable[[tuple[int, ...], tuple[int, ...], ListOf[int]], Mapping[int, float]]
"""What MIX phases make of the logits, written plainly: scores by prompt, generated tokens and allowed tokens."""


def reference_distribution(
    logits: ListOf[float] | Mapping[int, float],
    allowed: ListOf[int],
    settings: Sampling,
    *,
    prompt: ListOf[int],
    chosen: ListOf[int],
) -> dict[int, float]:
    """The distribution of the next token by the definitions, tokens of probability 0 left out.

    Args:
        logits: the model's.
        allowed: tokens that may come, the end of the text included.
        settings: penalties and warps.
        prompt: its tokens.
        chosen: generated tokens, forced ones left out.
    """
    scores = {token: float(logits[token]) for token in allowed}
    scores = {token: score for token, score in scores.items() if score > -math.inf}
    for token in scores:
        if token in prompt or token in chosen:
            factor = settings.repetition_penalty
            scores[token] = scores[token] * factor if scores[token] < 0 else scores[token] / factor
        count = list(chosen).count(token)
        scores[token] -= settings.presence_penalty * (count > 0) + settings.frequency_penalty * count
    if settings.temperature == 0:
        return {min(scores, key=lambda token: (-scores[token], token)): 1.0}
    best = max(scores.values())
    masses = {token: math.exp((score - best) / settings.temperature) for token, score in scores.items()}
    for keep in (_top_k, _top_p, _min_p, _typical, _epsilon, _eta):
        masses = keep(masses, settings)
    total = sum(masses.values())
    return {token: mass / total for token, mass in masses.items()}


def _top_k(masses: dict[int, float], settings: Sampling) -> dict[int, float]:
    ranked = sorted(masses, key=lambda token: -masses[token])
    return {token: masses[token] for token in ranked[: settings.top_k]}


def _top_p(masses: dict[int, float], settings: Sampling) -> dict[int, float]:
    kept: dict[int, float] = {}
    wanted = (1.0 if settings.top_p is None else settings.top_p) * sum(masses.values())
    for token in sorted(masses, key=lambda token: -masses[token]):
        if sum(kept.values()) >= wanted:
            break
        kept[token] = masses[token]
    return kept


def _min_p(masses: dict[int, float], settings: Sampling) -> dict[int, float]:
    least = (settings.min_p or 0.0) * max(masses.values())
    return {token: mass for token, mass in masses.items() if mass >= least}


def _shares(masses: dict[int, float]) -> tuple[dict[int, float], float]:
    """Masses that sum to 1, and their entropy."""
    total = sum(masses.values())
    shares = {token: mass / total for token, mass in masses.items()}
    return shares, -sum(share * math.log(share) for share in shares.values() if share > 0)


def _typical(masses: dict[int, float], settings: Sampling) -> dict[int, float]:
    shares, entropy = _shares(masses)
    kept: dict[int, float] = {}
    for token in sorted(masses, key=lambda token: abs(-math.log(shares[token]) - entropy)):
        if kept and sum(shares[other] for other in kept) >= (settings.typical_p or 1.0):
            break
        kept[token] = masses[token]
    return kept


def _epsilon(masses: dict[int, float], settings: Sampling) -> dict[int, float]:
    return _at_least(masses, settings.epsilon_cutoff or 0.0)


def _eta(masses: dict[int, float], settings: Sampling) -> dict[int, float]:
    eta = settings.eta_cutoff or 0.0
    return _at_least(masses, min(eta, math.sqrt(eta) * math.exp(-_shares(masses)[1])))


def _at_least(masses: dict[int, float], floor: float) -> dict[int, float]:
    shares, _ = _shares(masses)
    best = max(shares.values())
    return {token: mass for token, mass in masses.items() if shares[token] >= floor or shares[token] == best}


def exact_outcomes(
    model: ToyModel, prompt: ListOf[int], state: State, settings: Sampling, mixed: Mixed | None = None
) -> dict[Outcome, float]:
    """Every text that can come out, with its probability; the constraint must allow finitely many.

    Args:
        model: the toy model.
        prompt: its tokens.
        state: where the constraint stands after it.
        settings: penalties and warps.
        mixed: the scores instead of the model's logits, where MIX phases change them.
    """
    outcomes: dict[Outcome, float] = {}
    eos = model.vocabulary.eos
    waiting: list[tuple[tuple[int, ...], tuple[int, ...], State, float]] = [((), (), state, 1.0)]
    while waiting:
        tokens, chosen, state, mass = waiting.pop()
        following = set(allowed_tokens(state.mask()).tolist()) - eos
        finish = _finish(state, bool(following))
        if finish is not None:
            outcomes[tokens, finish] = outcomes.get((tokens, finish), 0.0) + mass
            continue
        forced = len(following) == 1 and not state.accepting and state.forced() != ()
        ending = eos if state.accepting and len(tokens) >= settings.min_tokens else frozenset()
        allowed = sorted(following | ending)
        logits: ListOf[float] | Mapping[int, float]
        if mixed is None:
            logits = model.logits_after([*prompt, *tokens]).tolist()
        else:
            logits = mixed(tuple(prompt), tokens, allowed)
        heat = getattr(state, "temperature", None)
        here = settings if heat is None else replace(settings, temperature=heat)
        for token, chance in reference_distribution(logits, allowed, here, prompt=prompt, chosen=chosen).items():
            after = None if token in ending else state.advance(token)
            if after is None:
                outcomes[tokens, "stop"] = outcomes.get((tokens, "stop"), 0.0) + mass * chance
            else:
                waiting.append(((*tokens, token), chosen if forced else (*chosen, token), after, mass * chance))
    return outcomes


def _finish(state: State, goes_on: bool) -> Finish | None:
    """Why a text is over, or None."""
    if goes_on:
        return None if state.done is None else "stop" if state.done == "stop" else "length"
    if state.done is not None and not state.accepting:
        return "stop" if state.done == "stop" else "length"
    return "stop" if state.accepting else "dead_end"


def replay(chunks: ListOf[Chunk], prompts: ListOf[Sequence]) -> list[Outcome]:
    """What the chunks say came out, checked against the sequences that they carry.

    Raises:
        AssertionError: tokens and sequence disagree, the constraint is violated, or a sequence has not one last finish.
    """
    texts: list[list[int]] = [[] for _ in prompts]
    finishes: list[Finish | None] = [None] * len(prompts)
    for chunk in chunks:
        assert finishes[chunk.index] is None, f"sequence {chunk.index} has a chunk after its finish"
        text = texts[chunk.index]
        del text[len(text) - chunk.retracted :]
        text.extend(chunk.tokens)
        finishes[chunk.index] = chunk.finish
        start = prompts[chunk.index]
        assert list(chunk.sequence.tokens()[start.length :]) == text, "the chunk's sequence is not its tokens"
        state: State | None = start.state
        for token in text:
            assert state is not None
            state = state.advance(token)
        assert state is not None, f"the constraint does not allow {text}"
    outcomes: list[Outcome] = []
    for text, finish in zip(texts, finishes, strict=True):
        assert finish is not None, "a sequence did not finish"
        outcomes.append((tuple(text), finish))
    return outcomes


def fit(counts: Mapping[Outcome, int], exact: Mapping[Outcome, float]) -> tuple[float, float]:
    """Total variation between counts and probabilities, and the p-value of a G-test (rare outcomes pooled)."""
    total = sum(counts.values())
    assert counts.keys() <= exact.keys(), f"impossible outcomes: {sorted(counts.keys() - exact.keys())[:5]}"
    distance = sum(abs(counts.get(outcome, 0) / total - chance) for outcome, chance in exact.items()) / 2
    cells = [(counts.get(outcome, 0), total * chance) for outcome, chance in exact.items()]
    common = [cell for cell in cells if cell[1] >= 5]
    rare = [cell for cell in cells if cell[1] < 5]
    if rare:
        common.append((sum(seen for seen, _ in rare), sum(expected for _, expected in rare)))
    statistic = 2 * sum(seen * math.log(seen / expected) for seen, expected in common if seen)
    freedom = max(1, len(common) - 1)
    halves = torch.tensor([freedom / 2, max(statistic, 0.0) / 2], dtype=torch.float64)
    return distance, float(torch.special.gammaincc(halves[0], halves[1]))


@dataclass(frozen=True, kw_only=True)
class StrategyLaws:
    """The laws of one strategy on one model and constraint. `check_strategy` runs all of them."""

    strategy: Strategy
    model: ToyModel
    constraint: Constraint
    prompt: tuple[int, ...] = (0, 1)
    make_sampler: Callable[[ToyModel], LogitsSource] = Sampler
    mixed: Mixed | None = None

    def sampler(self) -> LogitsSource:
        """A sampler of its own, with an empty cache."""
        return self.make_sampler(self.model)

    def run(self, sampling: Sampling, count: int = 1, sampler: LogitsSource | None = None) -> list[Outcome]:
        """`count` samples in one batch."""
        prompts = [Sequence.prompt(self.prompt, self.constraint.start())] * count
        return replay(list(self.strategy.run(sampler or self.sampler(), prompts, sampling)), prompts)

    def exact(self, sampling: Sampling) -> dict[Outcome, float]:
        """The distribution that must come out."""
        return exact_outcomes(self.model, self.prompt, self.constraint.start(), sampling, self.mixed)

    def greedy(self) -> None:
        """Temperature 0 gives the one text that following the best allowed token gives."""
        settings = Sampling(temperature=0.0)
        (expected,) = self.exact(settings)
        assert self.run(settings) == [expected]

    def sampled(self, sampling: Sampling, samples: int) -> None:
        """Samples are distributed as the enumeration says: G-test above 0.001, total variation within its noise."""
        exact = self.exact(sampling)
        counts = Counter(self.run(replace(sampling, seed=sampling.seed or 0), samples))
        distance, chance = fit(counts, exact)
        noise = sum(math.sqrt(p * (1 - p) / samples) for p in exact.values()) / 2
        assert chance > 1e-3, f"samples do not follow the distribution: p = {chance:.2g}"
        assert distance < 1.5 * noise + 0.005, f"total variation {distance:.4f}, expected about {noise:.4f}"

    def repeatable(self, sampling: Sampling) -> None:
        """One seed gives the same samples again, in a smaller batch too."""
        seeded = replace(sampling, seed=11)
        eight = self.run(seeded, 8)
        assert self.run(seeded, 8) == eight
        assert self.run(seeded, 3) == eight[:3]

    def closable(self, settings: Sampling) -> None:
        """A run that is dropped half-way leaves the sampler as good as new."""
        sampler = self.sampler()
        prompt = Sequence.prompt(self.prompt, self.constraint.start())
        broken = iter(self.strategy.run(sampler, [prompt, prompt], settings))
        next(broken, None)
        close = getattr(broken, "close", None)
        if close is not None:
            close()
        assert self.run(settings, 2, sampler) == self.run(settings, 2)

    def cancellable(self, settings: Sampling) -> None:
        """A run that is cancelled at once says so for each sequence that had not finished."""
        prompts = [Sequence.prompt(self.prompt, self.constraint.start())] * 2
        chunks = list(self.strategy.run(self.sampler(), prompts, settings, cancelled=lambda: True))
        assert {finish for _, finish in replay(chunks, prompts)} <= {"cancelled", "stop", "length"}


_SETTINGS = (
    Sampling(temperature=1.0),
    Sampling(temperature=0.7, top_k=3, min_tokens=2),
    Sampling(temperature=1.3, top_p=0.8, repetition_penalty=2.0, presence_penalty=1.0, frequency_penalty=0.5),
    Sampling(temperature=0.9, min_p=0.2),
    Sampling(temperature=1.1, typical_p=0.8, epsilon_cutoff=0.05, eta_cutoff=0.2),
)


def check_strategy(
    strategy: Strategy,
    *,
    constraint: Constraint | None = None,
    model: ToyModel | None = None,
    settings: ListOf[Sampling] = _SETTINGS,
    samples: int = 2000,
    exact: bool = True,
    make_sampler: Callable[[ToyModel], LogitsSource] = Sampler,
    mixed: Mixed | None = None,
) -> None:
    """Check a strategy's laws on a toy model, exactly where exactness is claimed.

    Greedy output is plain greedy output; samples follow the enumerated distribution; every token satisfies the
    constraint; finish reasons are right; seeds repeat whatever the batch; a dropped run leaves the sampler usable.

    Args:
        strategy: what to check.
        constraint: over the model's vocabulary, with finitely many texts; a mixed bag of 40 texts if not given.
        model: a toy model; of order 2 with two padding columns if not given.
        settings: sampling settings, temperature above 0.
        samples: for each of them.
        exact: False for strategies that change the distribution on purpose: only the other laws are checked.
        make_sampler: what drives the model; `FreshSampler` to leave the cache out.
        mixed: what the strategy's MIX phases do, written plainly; samples then have to follow that.

    Raises:
        AssertionError: a law does not hold.
    """
    model = model or ToyModel(padding=2)
    constraint = constraint or toy_constraint(model.vocabulary.size)
    laws = StrategyLaws(strategy=strategy, model=model, constraint=constraint, make_sampler=make_sampler, mixed=mixed)
    calm = Sampling(temperature=0.0) if exact else replace(settings[0], seed=3)
    laws.closable(calm)
    laws.cancellable(calm)
    if exact:
        laws.greedy()
    for sampling in settings:
        laws.repeatable(sampling)
        if exact:
            laws.sampled(sampling, samples)


def toy_constraint(vocab_size: int, *, texts: int = 40, seed: int = 0) -> OneOf:
    """Random token sequences up to length 5, with prefixes of each other and forced stretches among them."""
    random = np.random.default_rng(seed)
    letters = min(4, vocab_size - 1)  # few, so that tokens repeat and penalties matter
    members = [tuple(random.integers(0, letters, length).tolist()) for length in random.integers(1, 6, texts)]
    forced = (2, 1, 1, 0, 3)
    return OneOf([*members, forced, (*forced, 2, 2), (*forced, 2, 3)], vocab_size)
