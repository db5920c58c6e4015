"""Search: strategies that keep many texts in the making and look for the most probable ones."""

from guidedgen.decoders.search.beam import Beam
from guidedgen.decoders.search.best_first import BestFirst
from guidedgen.decoders.search.conditional import ConditionalBeam
from guidedgen.decoders.search.exact import ExactTopK
from guidedgen.decoders.search.lattice import Lattice, LatticeEdge, LatticeEnd, LatticePath
from guidedgen.decoders.search.predicates import PREDICATES, Containing, Lengthy, Mentioning, Predicate, Unrepeated
from guidedgen.decoders.search.stochastic import StochasticBeam

__all__ = [
    "PREDICATES",
    "Beam",
    "BestFirst",
    "ConditionalBeam",
    "Containing",
    "ExactTopK",
    "Lattice",
    "LatticeEdge",
    "LatticeEnd",
    "LatticePath",
    "Lengthy",
    "Mentioning",
    "Predicate",
    "StochasticBeam",
    "Unrepeated",
]
