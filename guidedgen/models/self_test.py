"""The self-test at load: a few random tokens through a backend, as segments and a tree, against the library's forward.

What passes is allowed (`Abilities`); what does not is switched off and said. Cost: about eight forwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch

from guidedgen.errors import ModelError
from guidedgen.models.base import LayerPlan, Reading, Rows, Segment

TOLERANCE = {torch.float64: 1e-5, torch.float32: 2e-3}  # of the spread of the logits
QUANTISED_TOLERANCE = 0.5  # 16-bit activations against the same weights in float32
HALF_TOLERANCE = 0.2  # 16-bit formats: rounding differs with the shape of a product; a wrong mask is off by about 1


class Backend(Protocol):
    """What computes flat rows: one way through one model."""

    def new_store(self, capacity: int) -> Any:
        """An empty store with `capacity` slots."""

    def forward(self, rows: Rows, store: Any) -> torch.Tensor:
        """Logits of the wanted rows, [W, logits_size]."""


class LayeredBackend(Backend, Protocol):
    """A backend whose layers can be told apart; see `LayeredModel`."""

    @property
    def layers(self) -> int:
        """Number of layers, 0 where they cannot be told apart after all."""

    def read(self, rows: Rows, store: Any) -> Reading:
        """Logits and what is tapped."""

    def embed(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """What enters the first layer, [R, E]."""

    def head(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits of hidden states."""


Reference = Callable[[torch.Tensor], torch.Tensor]  # tokens [B, n] -> logits [B, n, logits_size], the library's own


@dataclass(frozen=True, kw_only=True)
class Abilities:
    """What the self-test allowed. `reason` says what failed, None where all passed; `layers` as in `ModelInfo`."""

    plain: bool
    batch: bool
    tree: bool
    layers: int = 0
    reason: str | None = None


class SelfTest:
    """Compares backends with one reference computed once.

    Args:
        reference: the library's forward of whole sequences.
        logits_size: tokens are drawn below it.
        device: where tokens belong.
    """

    def __init__(self, reference: Reference, *, logits_size: int, device: torch.device) -> None:
        generator = torch.Generator().manual_seed(20)
        tokens = torch.randint(0, logits_size, (3, 8), generator=generator).to(device)
        tokens[2, :5] = tokens[0, :5]  # the third sequence is a branch of the first
        self._tokens, self._device = tokens, device
        self._expected = reference(tokens).float()
        self._spread = float(self._expected.std().clamp_min(1e-6))

    def run(self, backend: Backend, dtype: torch.dtype) -> Abilities:
        """Everything at once first; only where that fails, one ability after the other."""
        return self.within(backend, TOLERANCE.get(dtype, HALF_TOLERANCE))

    def within(self, backend: Backend, tolerance: float) -> Abilities:
        """The same with a tolerance in units of the logits' spread."""
        if self._error(backend, batch=True, tree=True) <= tolerance:
            return Abilities(plain=True, batch=True, tree=True)
        chain = self._error(backend, batch=False, tree=False)
        if not chain <= tolerance:
            return Abilities(
                plain=False, batch=False, tree=False, reason=f"logits differ by {chain:.2g} of their spread"
            )
        batch = self._error(backend, batch=True, tree=False) <= tolerance
        tree = self._error(backend, batch=False, tree=True) <= tolerance
        failed = " and ".join(name for name, passed in (("several sequences", batch), ("trees", tree)) if not passed)
        return Abilities(plain=True, batch=batch, tree=tree, reason=f"rows of {failed or 'both'} disturb each other")

    def layers(self, backend: LayeredBackend, dtype: torch.dtype) -> int:
        """How many layers plans and taps may name; 0 where hidden states do not carry everything from layer to layer.

        Going on from tapped states, entering through embeddings and the head on the last states must give the logits of
        a forward in one go, and a layer that is left out must change them.
        """
        try:
            errors, change = self._layer_errors(backend)
        except (ValueError, RuntimeError, TypeError, IndexError, KeyError, AttributeError, ModelError):
            return 0
        tolerance = TOLERANCE.get(dtype, HALF_TOLERANCE)
        return backend.layers if max(errors) <= tolerance and change > 0 else 0

    def _layer_errors(self, backend: LayeredBackend) -> tuple[list[float], float]:
        count, store = backend.layers, backend.new_store(8)
        if count == 0:
            return [float("inf")], 0.0
        middle = (count - 1) // 2
        rows, _ = self._rows([_Part(0, list(range(8)))], [], self._tokens)
        whole = backend.read(replace(rows, taps=tuple({middle, count - 1})), store)
        embedded = backend.embed(rows.tokens, rows.positions)
        upper = LayerPlan(layers=tuple(range(middle + 1, count)))
        nothing = torch.zeros_like(rows.tokens)  # tokens must not matter where embeddings are given
        again = [
            backend.read(replace(rows, tokens=nothing, embeddings=embedded), store).logits,
            backend.read(replace(rows, tokens=nothing, embeddings=whole.hidden[middle], plan=upper), store).logits,
            backend.head(whole.hidden[count - 1]),
        ]
        shorter = backend.read(replace(rows, plan=LayerPlan(layers=tuple(range(count - 1)))), store).logits
        errors = [self._mean_error(logits, whole.logits) for logits in again]
        return errors, self._mean_error(shorter, whole.logits)

    def _mean_error(self, logits: torch.Tensor, expected: torch.Tensor) -> float:
        deviation = float((logits.float() - expected.float()).abs().mean(-1).max()) / self._spread
        return deviation if math.isfinite(deviation) else float("inf")

    def _error(self, backend: Backend, *, batch: bool, tree: bool) -> float:
        """Largest mean deviation of a row's logits, in units of their spread; infinite where the backend raises."""
        try:
            return self._deviation(backend, batch=batch, tree=tree)
        except (ValueError, RuntimeError, TypeError, IndexError, KeyError, AttributeError):
            return float("inf")

    def _deviation(self, backend: Backend, *, batch: bool, tree: bool) -> float:
        store = backend.new_store(32)
        tokens, worst = self._tokens, 0.0
        for start, stop in ((0, 5), (5, 8)):
            parts = [_Part(0, list(range(start, stop)))]
            if batch:
                parts.append(_Part(1, list(range(max(0, start - 1), stop - 1)), first_slot=16))
            branch = list(range(start, stop)) if tree and start else []
            rows, expected = self._rows(parts, branch, tokens)
            logits = backend.forward(rows, store).float()
            worst = max(worst, self._mean_error(logits, expected))
        return worst

    def _rows(self, parts: list[_Part], branch: list[int], tokens: torch.Tensor) -> tuple[Rows, torch.Tensor]:
        ids: list[int] = []
        positions: list[int] = []
        slots: list[int] = []
        segments: list[Segment] = []
        expected: list[torch.Tensor] = []
        for part in parts:
            here = [(part.sequence, index) for index in part.indices]
            ancestors = None
            if branch and part.sequence == 0:
                ancestors = _two_branches(len(here), len(branch)).to(self._device)
                here += [(2, index) for index in branch]
            context = torch.arange(part.indices[0], device=self._device) + part.first_slot
            segments.append(Segment(start=len(ids), stop=len(ids) + len(here), context=context, ancestors=ancestors))
            for offset, (sequence, index) in enumerate(here):
                ids.append(int(tokens[sequence, index]))
                positions.append(index)
                slots.append(part.first_slot + part.indices[0] + offset)
                expected.append(self._expected[sequence, index])
        rows = Rows(
            tokens=torch.tensor(ids, device=self._device),
            positions=torch.tensor(positions, device=self._device),
            slots=torch.tensor(slots, device=self._device),
            segments=tuple(segments),
            wanted=torch.arange(len(ids), device=self._device),
        )
        return rows, torch.stack(expected)


@dataclass(frozen=True)
class _Part:
    sequence: int
    indices: list[int]
    first_slot: int = 0


def _two_branches(first: int, second: int) -> torch.Tensor:
    """Ancestor mask of two chains that only share their context."""
    mask = torch.ones(first + second, first + second, dtype=torch.bool).tril()
    mask[first:, :first] = False
    return mask
