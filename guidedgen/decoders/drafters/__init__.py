"""What proposes tokens before the target is asked; by name in `DRAFTERS`."""

from __future__ import annotations

from guidedgen.decoders.drafters.aggressive import InputCopy
from guidedgen.decoders.drafters.base import Drafter, DraftSession, Outcome, Request, Setting
from guidedgen.decoders.drafters.combined import Fallback, Union
from guidedgen.decoders.drafters.copying import Copy
from guidedgen.decoders.drafters.grammar import Forced
from guidedgen.decoders.drafters.jacobi import Jacobi
from guidedgen.decoders.drafters.lookahead import Lookahead
from guidedgen.decoders.drafters.model import ModelDrafter
from guidedgen.decoders.drafters.ngrams import AdaptiveNGrams
from guidedgen.decoders.drafters.recycling import Recycle
from guidedgen.decoders.drafters.staged import Staged
from guidedgen.decoders.drafters.superposed import Superposed
from guidedgen.decoders.drafters.swift import Swift
from guidedgen.decoders.drafters.views import SkipLayers

DRAFTERS: dict[str, Drafter] = {
    "copy": Copy(),
    "early-exit": SkipLayers(exit=4),
    "forced": Forced(),
    "forced+copy": Fallback((Forced(), Copy())),
    "forced+copy+recycle": Fallback((Forced(), Union((Copy(), Recycle())))),
    "gauss-seidel": Jacobi(sliding=False),
    "input-copy": InputCopy(),
    "jacobi": Jacobi(),
    "lookahead": Lookahead(),
    "ngrams": AdaptiveNGrams(),
    "recycle": Recycle(),
    "skip-layers": SkipLayers(),
    "superposed": Superposed(),
    "swift": Swift(),
}

NEED_LAYERS = frozenset({"early-exit", "skip-layers", "superposed", "swift"})
"""Those that need a target whose layers can be told apart (`ModelInfo.layers`); all others run with any."""

__all__ = [
    "DRAFTERS",
    "NEED_LAYERS",
    "AdaptiveNGrams",
    "Copy",
    "DraftSession",
    "Drafter",
    "Fallback",
    "Forced",
    "InputCopy",
    "Jacobi",
    "Lookahead",
    "ModelDrafter",
    "Outcome",
    "Recycle",
    "Request",
    "Setting",
    "SkipLayers",
    "Staged",
    "Superposed",
    "Swift",
    "Union",
]
