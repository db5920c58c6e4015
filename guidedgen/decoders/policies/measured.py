"""The measured costs of a model's forwards, asked for when they are first needed."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from guidedgen.decoders.policies.base import Cost, flat_cost
from guidedgen.errors import ModelError
from guidedgen.models.base import LanguageModel
from guidedgen.sampler.costs import cost_table

_tables: WeakKeyDictionary[LanguageModel, Cost] = WeakKeyDictionary()


class MeasuredCost:
    """Rows -> seconds of one forward. The first question reads the table of this machine, or measures it.

    A model that refuses to be measured (one that checks its rows, as the toy model does) counts as `flat_cost`.

    Args:
        model: the target.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._model = model

    def __call__(self, rows: int) -> float:
        """Seconds of a forward over so many rows."""
        table = _tables.get(self._model)
        if table is None:
            try:
                table = cost_table(self._model)
            except ModelError:
                table = flat_cost
            _tables[self._model] = table
        return table(rows)
