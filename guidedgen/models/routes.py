"""Other routes through a mixture of experts: the same weights, with one expert chosen by its rank. See `rerouted`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import torch

from guidedgen.errors import ModelError
from guidedgen.models.base import LanguageModel, LayeredModel, Reading, Rows, Store

KNOWN_ROUTERS = ("MixtralTopKRouter", "GptOssTopKRouter")
"""Classes of the transformers library whose weights sum to 1 over the chosen experts: one alone has the weight 1."""

_route = threading.local()


def routers_of(model: Any) -> list[Any]:
    """The routers of a transformers model, ready to be rerouted; none where it has no experts, or others."""
    found = [module for module in model.modules() if type(module).__name__ in KNOWN_ROUTERS]
    for router in found:
        if not getattr(router, "reroutes", False):
            router.register_forward_hook(_rerouted)
            router.reroutes = True
    return found


def _rerouted(router: Any, given: Any, output: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...] | None:
    """What a router says where a rank is asked for: logits, weights [R, 1], experts [R, 1]."""
    rank: int | None = getattr(_route, "rank", None)
    if rank is None:
        return None
    logits, weights, _ = output
    expert = logits.topk(rank, -1).indices[:, -1:]
    return logits, torch.ones_like(weights[:, :1]), expert


@contextmanager
def _route_of(rank: int) -> Iterator[None]:
    _route.rank = rank
    try:
        yield
    finally:
        _route.rank = None


class RankedRoute:
    """A model whose every token goes to one expert in each layer: the one of a rank, 1 being the router's favourite.

    Shares all weights with the model; its keys and values are others, so it needs a sampler of its own.

    Args:
        model: the model.
        routers: its routers, from `routers_of`.
        rank: of the expert.

    Raises:
        ModelError: the model has no experts that can be chosen by rank, or fewer than that.
    """

    def __init__(self, model: LanguageModel, routers: list[Any], rank: int) -> None:
        if not routers:
            raise ModelError(
                f"{model.info.name} has no experts that can be chosen by rank. Routes can be changed in mixtures of "
                f"experts of the transformers library with one of the routers {', '.join(KNOWN_ROUTERS)}."
            )
        experts = min(int(router.num_experts) for router in routers)
        if not 1 <= rank <= experts:
            raise ModelError(f"rank={rank!r} of {model.info.name}, which has {experts} experts a layer, from 1 on.")
        self._model = model
        self._rank = rank
        self.info = replace(model.info, name=f"{model.info.name}, expert {rank}")
        self.vocabulary = model.vocabulary

    def new_store(self, capacity: int) -> Store:
        """See `LanguageModel.new_store`."""
        return self._model.new_store(capacity)

    def forward(self, rows: Rows, store: Store) -> torch.Tensor:
        """See `LanguageModel.forward`."""
        with _route_of(self._rank):
            return self._model.forward(rows, store)

    def read(self, rows: Rows, store: Store) -> Reading:
        """See `LayeredModel.read`."""
        with _route_of(self._rank):
            return self._layered.read(rows, store)

    def embed(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """See `LayeredModel.embed`."""
        return self._layered.embed(tokens, positions)

    def head(self, hidden: torch.Tensor) -> torch.Tensor:
        """See `LayeredModel.head`."""
        return self._layered.head(hidden)

    @property
    def _layered(self) -> LayeredModel:
        return cast(LayeredModel, self._model)


def rerouted(model: LanguageModel, rank: int) -> RankedRoute:
    """The model with every token going to the expert of one rank.

    Source: Shi et al. 2024, "Unchosen Experts Can Contribute Too" (rank-k routing).

    Raises:
        ModelError: see `RankedRoute`.
    """
    return RankedRoute(model, getattr(model, "routers", lambda: [])(), rank)
