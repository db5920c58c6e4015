"""What the forwards of a model cost here: the one place that says it to policies and to `Auto`, whoever asks."""

from __future__ import annotations

from collections.abc import Callable

from guidedgen.decoders.policies.base import Cost
from guidedgen.models.base import LanguageModel
from guidedgen.sampler.costs import known_costs

_SHARE = 20


def assumed_cost(rows: int) -> float:
    """What is assumed where nothing was measured: each further row costs a twentieth of the first."""
    return 1 + (rows - 1) / _SHARE


def costs_of(model: LanguageModel, note: Callable[[str], None] = lambda text: None) -> tuple[Cost, str]:
    """Rows -> seconds of a forward in any unit, and where that comes from.

    It is the table that `guidedgen models costs NAME` has measured on this machine, or `assumed_cost`. Nothing is
    measured in the middle of a request: it takes seconds, and what runs beside it would count.

    Args:
        model: the target.
        note: told where nothing was measured.
    """
    known = known_costs(model)
    if known is not None:
        return known, "measured"
    hint = "assumed: `guidedgen models costs` measures it"
    note(f"what rows cost is {hint}")
    return assumed_cost, hint
