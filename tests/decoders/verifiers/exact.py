"""Exact enumeration: a random procedure is run once for every outcome of its draws, with the outcome's probability."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from typing import TypeVar

import torch

T = TypeVar("T", bound=Hashable)


class Scripted:
    """Draws that follow a script as far as it goes and then take the first outcome; remembers what could have been."""

    def __init__(self, script: list[int]) -> None:
        self._script = script
        self.taken: list[int] = []
        self.options: list[list[float]] = []
        self.probability = 1.0

    def choose(self, weights: list[float]) -> int:
        total = sum(weights)
        chances = [weight / total for weight in weights]
        step = len(self.taken)
        possible = [index for index, chance in enumerate(chances) if chance > 0]
        chosen = self._script[step] if step < len(self._script) else possible[0]
        self.taken.append(chosen)
        self.options.append(chances)
        self.probability *= chances[chosen]
        return chosen

    def pick(self, weights: torch.Tensor, depth: int) -> int:
        return self.choose(weights.double().tolist())

    def accept(self, probability: float, depth: int) -> bool:
        probability = min(1.0, max(0.0, probability))
        return self.choose([probability, 1 - probability]) == 0


def outcomes(procedure: Callable[[Scripted], T]) -> dict[T, float]:
    """Every result of a procedure with its probability."""
    found: Counter[T] = Counter()
    scripts: list[list[int]] = [[]]
    while scripts:
        script = scripts.pop()
        draws = Scripted(script)
        result = procedure(draws)
        found[result] += draws.probability  # type: ignore[assignment]
        for step in range(len(script), len(draws.taken)):
            for other in range(draws.taken[step] + 1, len(draws.options[step])):
                if draws.options[step][other] > 0:
                    scripts.append([*draws.taken[:step], other])
    return dict(found)


def total_variation(left: dict[T, float], right: dict[T, float]) -> float:
    return sum(abs(left.get(key, 0.0) - right.get(key, 0.0)) for key in {*left, *right}) / 2
