"""How many tokens are drafted, and after which nodes; by name in `POLICIES`."""

from __future__ import annotations

from guidedgen.decoders.policies.base import Cost, Grown, Growth, Policy, PolicySession, flat_cost
from guidedgen.decoders.policies.batch_length import BatchLength
from guidedgen.decoders.policies.beams import DynamicDepth, OptTree
from guidedgen.decoders.policies.best_first import DySpec
from guidedgen.decoders.policies.confident import Confident
from guidedgen.decoders.policies.duo import Duo
from guidedgen.decoders.policies.fixed import Widths
from guidedgen.decoders.policies.sequoia import Sequoia
from guidedgen.decoders.policies.stochastic import StochasticBeams

POLICIES: dict[str, Policy] = {
    "batch-length": BatchLength(),
    "chain": Widths(widths=(1,) * 4),
    "confident": Confident(),
    "duo": Duo(),
    "dynamic-depth": DynamicDepth(),
    "dyspec": DySpec(),
    "opt-tree": OptTree(),
    "sequoia": Sequoia(),
    "stochastic-beams": StochasticBeams(),
    "tree": Widths(widths=(4, 2, 1)),
}

__all__ = [
    "POLICIES",
    "BatchLength",
    "Confident",
    "Cost",
    "Duo",
    "DySpec",
    "DynamicDepth",
    "Grown",
    "Growth",
    "OptTree",
    "Policy",
    "PolicySession",
    "Sequoia",
    "StochasticBeams",
    "Widths",
    "flat_cost",
]
