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
from guidedgen.decoders.drafters.trained import Trained
from guidedgen.decoders.drafters.views import CoarseView, FewBits, SkipLayers
from guidedgen.sampler.quantised import Quantised
from guidedgen.sampler.views import SinkWindow, TopTokens

DRAFTERS: dict[str, Drafter] = {
    "copy": Copy(),
    "early-exit": SkipLayers(exit=4),
    "few-bits": FewBits(),
    "forced": Forced(),
    "forced+copy": Fallback((Forced(), Copy())),
    "forced+copy+few-bits": Fallback((Forced(), Copy(), FewBits())),
    "forced+copy+recycle": Fallback((Forced(), Union((Copy(), Recycle())))),
    "gauss-seidel": Jacobi(sliding=False),
    "input-copy": InputCopy(),
    "jacobi": Jacobi(),
    "lookahead": Lookahead(),
    "ngrams": AdaptiveNGrams(),
    "quantised-cache": CoarseView(attention=Quantised(bits=4, block=64)),
    "recycle": Recycle(),
    "skip-layers": SkipLayers(),
    "sparse-top": CoarseView(attention=TopTokens(256)),
    "sparse-window": CoarseView(attention=SinkWindow(4, 252)),
    "staged": Staged(),
    "superposed": Superposed(),
    "swift": Swift(),
    "trained": Trained(),
}

NEED_LAYERS = frozenset({"early-exit", "skip-layers", "superposed", "swift"})
"""Those that need a target whose layers can be told apart (`ModelInfo.layers`)."""

NEED_THIN_CACHE = frozenset({"quantised-cache", "sparse-top", "sparse-window"})
"""Those that need a target whose cache can be thinned: a model that takes flat rows."""

NEED_WEIGHTS = frozenset({"few-bits", "forced+copy+few-bits", "staged", "trained"})
"""Those that load weights by the target's name."""

NEED_NOTHING = frozenset(DRAFTERS) - NEED_LAYERS - NEED_THIN_CACHE - NEED_WEIGHTS
"""Those that run with any target."""

__all__ = [
    "DRAFTERS",
    "NEED_LAYERS",
    "NEED_NOTHING",
    "NEED_THIN_CACHE",
    "NEED_WEIGHTS",
    "AdaptiveNGrams",
    "CoarseView",
    "Copy",
    "DraftSession",
    "Drafter",
    "Fallback",
    "FewBits",
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
    "Trained",
    "Union",
]
