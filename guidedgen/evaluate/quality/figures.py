"""From texts to figures: what each method does to them, with intervals, and what becomes of its claim."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from guidedgen.evaluate.quality.methods import METHODS, Claim, Figure
from guidedgen.evaluate.quality.metrics import Estimate, bootstrap, distinct, perplexity, repeated, self_bleu, words
from guidedgen.evaluate.quality.records import OPEN, TextRecord

Verdict = Literal["shown", "contradicted", "open", "run only"]


@dataclass(frozen=True, kw_only=True)
class OpenFigures:
    """A method's continuations.

    Attributes:
        method: its name.
        texts: how many.
        length: mean number of tokens.
        distinct: different bigrams of words over all of them, all texts together.
        repeated: share of 4-grams of tokens that stood in their text before.
        alike: self-BLEU: how much of a text stands in the others.
        perplexity: under the model.
    """

    method: str
    texts: int
    length: float
    distinct: Estimate | None
    repeated: Estimate | None
    alike: Estimate | None
    perplexity: Estimate | None


@dataclass(frozen=True, kw_only=True)
class TaskFigures:
    """A method's answers to one task.

    Attributes:
        method: its name.
        part: the task.
        texts: how many.
        valid: share that the output type accepts.
        accuracy: how right they are.
        perplexity: under the model.
    """

    method: str
    part: str
    texts: int
    valid: float
    accuracy: Estimate | None
    perplexity: Estimate | None


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What the figures say of a claim.

    Attributes:
        method: whose.
        claim: which one; None where there is none.
        verdict: "shown" and "contradicted": the interval of the difference leaves out zero; "open": it does not; "run
            only": nothing to compare.
        difference: to the other method, prompt by prompt.
    """

    method: str
    claim: Claim | None
    verdict: Verdict
    difference: Estimate | None = None


def open_figures(records: Sequence[TextRecord]) -> list[OpenFigures]:
    """Of every method that has continuations."""
    found = []
    for method, own in _groups(records, OPEN).items():
        spelled = [words(record.text) for record in own]
        likeness = self_bleu(spelled)
        found.append(
            OpenFigures(
                method=method,
                texts=len(own),
                length=sum(len(record.tokens) for record in own) / len(own),
                distinct=bootstrap(spelled, _distinct),
                repeated=bootstrap(own, _repeated),
                alike=bootstrap(likeness, _mean),
                perplexity=bootstrap(own, _perplexity),
            )
        )
    return found


def task_figures(records: Sequence[TextRecord]) -> list[TaskFigures]:
    """Of every method on every task."""
    parts = dict.fromkeys(record.part for record in records if record.part != OPEN)
    return [
        TaskFigures(
            method=method,
            part=part,
            texts=len(own),
            valid=sum(record.valid for record in own) / len(own),
            accuracy=bootstrap(own, _accuracy),
            perplexity=bootstrap(own, _perplexity),
        )
        for part in parts
        for method, own in _groups(records, part).items()
    ]


def judgements(records: Sequence[TextRecord]) -> list[Judgement]:
    """What becomes of the claims of all methods that were run."""
    return [
        _judged(method, records) for method in dict.fromkeys(record.method for record in records) if method in METHODS
    ]


def _judged(method: str, records: Sequence[TextRecord]) -> Judgement:
    """The figure of the method less that of the other one, over the prompts that both have."""
    claim = METHODS[method].claim
    if claim is None:
        return Judgement(method=method, claim=None, verdict="run only")
    wanted = [record for record in records if _about(claim.figure, method, record)]
    own, others = (
        {(record.part, record.prompt): record for record in wanted if record.method == name}
        for name in (method, claim.than)
    )
    pairs = [(own[place], others[place]) for place in own if place in others]
    if not pairs:
        return Judgement(method=method, claim=claim, verdict="run only")
    figure = _FIGURES[claim.figure]

    def difference(sample: Sequence[tuple[TextRecord, TextRecord]]) -> float | None:
        first, second = figure([one for one, _ in sample]), figure([other for _, other in sample])
        return None if first is None or second is None else first - second

    found = bootstrap(pairs, difference)
    if found is None:
        return Judgement(method=method, claim=claim, verdict="run only")
    low, high = (found.low, found.high) if claim.more else (-found.high, -found.low)
    verdict: Verdict = "shown" if low > 0 else "contradicted" if high < 0 else "open"
    return Judgement(method=method, claim=claim, verdict=verdict, difference=found)


def _about(figure: Figure, method: str, record: TextRecord) -> bool:
    """Whether a claim is about this text: accuracy about tasks, all else about open texts where the method has them."""
    on_tasks = figure == "accuracy" or not METHODS[method].open
    return (record.part != OPEN) == on_tasks


def _groups(records: Sequence[TextRecord], part: str) -> dict[str, list[TextRecord]]:
    groups: dict[str, list[TextRecord]] = {}
    for record in records:
        if record.part == part:
            groups.setdefault(record.method, []).append(record)
    return groups


def _distinct(texts: Sequence[list[str]]) -> float | None:
    return distinct(texts, 2)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _repeated(records: Sequence[TextRecord]) -> float | None:
    return _mean([repeated(record.tokens, 4) for record in records])


def _accuracy(records: Sequence[TextRecord]) -> float | None:
    return _mean([record.score for record in records if record.score is not None])


def _perplexity(records: Sequence[TextRecord]) -> float | None:
    return perplexity((record.logprob, len(record.tokens)) for record in records)


_FIGURES: dict[Figure, Callable[[Sequence[TextRecord]], float | None]] = {
    "distinct": lambda records: _distinct([words(record.text) for record in records]),
    "repeated": _repeated,
    "perplexity": _perplexity,
    "accuracy": _accuracy,
}
