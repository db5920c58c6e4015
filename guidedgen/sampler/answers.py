"""Answers: collects the readings of one call's forwards and puts them in the order in which they were asked for."""

from __future__ import annotations

import torch

from guidedgen.models.base import Reading


class Answers:
    """Readings of `count` entries, in whatever order they come."""

    def __init__(self, count: int) -> None:
        self._readings: list[Reading] = []
        self._rows = [-1] * count  # by entry, its row among all readings
        self._total = 0

    @property
    def pending(self) -> list[int]:
        """Entries without an answer, ascending."""
        return [entry for entry, row in enumerate(self._rows) if row < 0]

    def add(self, reading: Reading, entries: list[list[int]]) -> None:
        """Take a reading and for each of its rows the entries that it answers."""
        self._readings.append(reading)
        for answered in entries:
            for entry in answered:
                self._rows[entry] = self._total
            self._total += 1

    def in_order(self) -> Reading:
        """All answers, by entry; there must be none pending."""
        hidden = {
            layer: self._arranged([reading.hidden[layer] for reading in self._readings])
            for layer in self._readings[0].hidden
        }
        return Reading(logits=self._arranged([reading.logits for reading in self._readings]), hidden=hidden)

    def _arranged(self, parts: list[torch.Tensor]) -> torch.Tensor:
        rows = parts[0] if len(parts) == 1 else torch.cat(parts)
        if self._rows == list(range(self._total)):
            return rows
        return rows[torch.tensor(self._rows, device=rows.device)]
