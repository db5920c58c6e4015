"""Rules that decide which drafted tokens a target takes; by name in `VERIFIERS`."""

from __future__ import annotations

from guidedgen.decoders.verifiers.base import Draws, StreamDraws, Target, Verdict, Verifier
from guidedgen.decoders.verifiers.k_sequential import KSequential
from guidedgen.decoders.verifiers.point_mass import PointMass
from guidedgen.decoders.verifiers.rejection import Leviathan, Recursive
from guidedgen.decoders.verifiers.relaxed import RelaxedTop, RelaxedTypical

VERIFIERS: dict[str, type[Verifier]] = {
    "point-mass": PointMass,
    "leviathan": Leviathan,
    "recursive": Recursive,
    "k-sequential": KSequential,
    "relaxed-typical": RelaxedTypical,
    "relaxed-top": RelaxedTop,
}

__all__ = [
    "VERIFIERS",
    "Draws",
    "KSequential",
    "Leviathan",
    "PointMass",
    "Recursive",
    "RelaxedTop",
    "RelaxedTypical",
    "StreamDraws",
    "Target",
    "Verdict",
    "Verifier",
]
