"""In which number format a text is written, where a loss is allowed: the fastest one that stays near enough.

How far a format is from the loaded one is measured, not assumed: the mean divergence (Kullback-Leibler, in nats) of the
next-token distributions over the last tokens of prompts, over several requests until enough are known. How fast it is
says the table of costs of this machine; nothing is timed in the middle of a request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import torch

from guidedgen.decoders.base import LogitsSource
from guidedgen.errors import ModelError
from guidedgen.models.base import LanguageModel
from guidedgen.models.precision import WEIGHTS
from guidedgen.models.small_drafters import load_few_bits
from guidedgen.sampler.costs import CostTable, known_costs
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence

_POSITIONS = 64  # of a prompt, its last ones
_FEWER = "weights in "
_ENOUGH = 512  # positions after which nothing more is measured


@dataclass
class _Form:
    """A model in another format, with a cache of its own, and how far it is from the loaded one."""

    sampler: Sampler
    divergence: float = 0.0  # sum over positions
    positions: int = 0

    @property
    def mean(self) -> float:
        """Nats a token."""
        return self.divergence / max(1, self.positions)


@dataclass
class _Forms:
    """What is known of the formats of one model."""

    forms: dict[str, _Form] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)  # why one cannot be had


_KNOWN: WeakKeyDictionary[LanguageModel, _Forms] = WeakKeyDictionary()


def fastest(
    sampler: LogitsSource, prompt: Sequence, *, loss: float, rows: int, note: Callable[[str], None]
) -> LogitsSource:
    """The sampler of the fastest format within a loss; the given one where no other is.

    Args:
        sampler: of the loaded model.
        prompt: what is about to be gone on with.
        loss: most nats a token, on average.
        rows: of a forward with drafts; one with as many counts as much as one with a single row.
        note: told what was chosen, and why.

    Raises:
        ModelError: from measuring.
    """
    own, costs = sampler.model.info.dtype, known_costs(sampler.model)
    under_view = not (sampler.trace.approximate or _FEWER).startswith(_FEWER)  # an attempt before may have said so
    if not isinstance(sampler, Sampler) or under_view or own in WEIGHTS:
        note(f"stays in {own}: a cache under a view, or weights of few bits already, have no other format")
        return sampler
    if costs is None:
        note(f"stays in {own}: run `guidedgen models costs {sampler.model.info.name}`, with --dtype for each format")
        return sampler
    best, best_name, best_time = sampler, own, _seconds(costs, rows)
    began = best_time
    for name in WEIGHTS:
        form = _form(sampler, name, note)
        table = None if form is None else known_costs(form.sampler.model)
        if form is None or table is None:
            note(f"{name} is left out: " + ("no costs of it are known" if form is not None else "the model has none"))
            continue
        if form.positions < _ENOUGH:
            _measure(sampler, form, prompt)
        near, seconds = form.mean <= loss, _seconds(table, rows)
        far = f"{form.mean:.4f} nats a token from {own} over {form.positions} tokens, {loss:g} allowed"
        note(f"{name}: {began / seconds:.2f} times as fast, {far}")
        if near and seconds < best_time:
            best, best_name, best_time = form.sampler, name, seconds
    note(f"writes in {best_name}")
    if best is sampler:
        return sampler
    chosen = best.request(sampler.trace)
    chosen.trace.approximate = f"{_FEWER}{best_name}"
    return chosen


def _seconds(costs: CostTable, rows: int) -> float:
    """Of a step: the mean of one without drafts and one with."""
    return (costs(1) + costs(rows)) / 2


def _form(sampler: Sampler, name: str, note: Callable[[str], None]) -> _Form | None:
    """The model in another format; loaded once, and None where it cannot be."""
    known = _KNOWN.setdefault(sampler.model, _Forms())
    if name not in known.forms and name not in known.refused:
        try:
            known.forms[name] = _Form(Sampler(load_few_bits(sampler.model, name)))
        except ModelError as error:
            known.refused[name] = str(error)
    if name in known.refused:
        note(f"{name} cannot be had: {known.refused[name]}")
    return known.forms.get(name)


def _measure(sampler: Sampler, form: _Form, prompt: Sequence) -> None:
    """Divergence over the last tokens of a prompt."""
    tokens = prompt.tokens()
    nodes = [Sequence.prompt(tokens[:1], prompt.state)]
    for token in tokens[1:]:
        nodes.append(nodes[-1].extend(token, prompt.state))
    own, other = (each.logits(nodes[-_POSITIONS:]).log_softmax(-1) for each in (sampler, form.sampler))
    chances = own.exp()
    parts = torch.where(chances > 0, chances * (own - other), 0.0)
    form.divergence += float(parts.sum().clamp(min=0.0))
    form.positions += len(own)
