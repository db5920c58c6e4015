"""From texts to figures: what each method does to them, with intervals, and what becomes of its claim."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from guidedgen.evaluate.quality.methods import HUMAN, Claim, Figure
from guidedgen.evaluate.quality.metrics import Estimate, bootstrap, distinct, perplexity, repeated, self_bleu, words
from guidedgen.evaluate.quality.records import OPEN, TextRecord
from guidedgen.evaluate.quality.varied import method_named
from guidedgen.evaluate.tasks import NAMES

_FEWEST = 5  # prompts that a verdict needs
Verdict = Literal["reproduced", "contradicted", "open", "algorithm only"]


@dataclass(frozen=True, kw_only=True)
class OpenFigures:
    """A method's continuations.

    Attributes:
        method: its name.
        texts: how many.
        length: mean number of tokens.
        distinct: share of a text's bigrams of words that are different ones.
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
        verdict: "reproduced" and "contradicted": the interval of the difference leaves out zero; "open": it does not,
            or there are too few prompts; "algorithm only": nothing to compare, tests alone say that it is right.
        difference: to the other method, prompt by prompt.
    """

    method: str
    claim: Claim | None
    verdict: Verdict
    difference: Estimate | None = None


def open_figures(records: Sequence[TextRecord]) -> list[OpenFigures]:
    """Of every method that has continuations."""
    return [
        OpenFigures(
            method=method,
            texts=len(own),
            length=sum(len(record.tokens) for record in own) / len(own),
            distinct=_estimate("distinct", own),
            repeated=_estimate("repeated", own),
            alike=bootstrap(self_bleu([words(record.text) for record in own]), _mean),
            perplexity=_estimate("perplexity", own),
        )
        for method, own in _groups(records, OPEN).items()
    ]


def task_figures(records: Sequence[TextRecord]) -> list[TaskFigures]:
    """Of every method on every task."""
    parts = dict.fromkeys(record.part for record in records if record.part != OPEN)
    return [
        TaskFigures(
            method=method,
            part=part,
            texts=len(own),
            valid=sum(record.valid for record in own) / len(own),
            accuracy=_estimate("accuracy", own),
            perplexity=_estimate("perplexity", own),
        )
        for part in parts
        for method, own in _groups(records, part).items()
    ]


def judgements(records: Sequence[TextRecord]) -> list[Judgement]:
    """What becomes of the claims of all methods that were run."""
    return [
        _judged(method, records) for method in dict.fromkeys(record.method for record in records) if method != HUMAN
    ]


def _judged(method: str, records: Sequence[TextRecord]) -> Judgement:
    """The figure of the method less that of the other one, over the prompts that both have."""
    claim = method_named(method).claim
    if claim is None:
        return Judgement(method=method, claim=None, verdict="algorithm only")
    wanted = [record for record in records if about(claim, method, record)]
    own, others = (
        {(record.part, record.prompt): record for record in wanted if record.method == name}
        for name in (method, claim.than)
    )
    pairs = [(own[place], others[place]) for place in own if place in others]
    if not pairs:
        return Judgement(method=method, claim=claim, verdict="algorithm only")
    item, fold = _FIGURES[claim.figure]

    def difference(sample: Sequence[tuple[Any, Any]]) -> float | None:
        first, second = fold([one for one, _ in sample]), fold([other for _, other in sample])
        return None if first is None or second is None else first - second

    found = bootstrap([(item(one), item(other)) for one, other in pairs], difference)
    if found is None:
        return Judgement(method=method, claim=claim, verdict="algorithm only")
    low, high = (found.low, found.high) if claim.more else (-found.high, -found.low)
    verdict: Verdict = "open"
    if len(pairs) >= _FEWEST and (low > 0 or high < 0):
        verdict = "reproduced" if low > 0 else "contradicted"
    return Judgement(method=method, claim=claim, verdict=verdict, difference=found)


def about(claim: Claim, method: str, record: TextRecord) -> bool:
    """Whether a claim is about this text: accuracy about tasks, all else about open texts where the method has them."""
    if claim.part is not None:
        return record.part == claim.part
    if claim.figure == "accuracy" or OPEN not in method_named(method).parts:
        return record.part in NAMES
    return record.part == OPEN


def _groups(records: Sequence[TextRecord], part: str) -> dict[str, list[TextRecord]]:
    groups: dict[str, list[TextRecord]] = {}
    for record in records:
        if record.part == part:
            groups.setdefault(record.method, []).append(record)
    return groups


def _estimate(figure: Figure, records: Sequence[TextRecord]) -> Estimate | None:
    item, fold = _FIGURES[figure]
    return bootstrap([item(record) for record in records], fold)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


_FIGURES: dict[Figure, tuple[Callable[[TextRecord], Any], Callable[[Sequence[Any]], float | None]]] = {
    "distinct": (lambda record: distinct(words(record.text), 2), _mean),
    "repeated": (lambda record: repeated(record.tokens, 4), _mean),
    "perplexity": (lambda record: (record.logprob, len(record.tokens)), perplexity),
    "accuracy": (lambda record: record.score, _mean),
}
"""What is taken of each text, and what becomes of many."""
