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

DRAFTERS: dict[str, Drafter] = {
    "copy": Copy(),
    "forced": Forced(),
    "forced+copy": Fallback((Forced(), Copy())),
    "forced+copy+recycle": Fallback((Forced(), Union((Copy(), Recycle())))),
    "gauss-seidel": Jacobi(sliding=False),
    "input-copy": InputCopy(),
    "jacobi": Jacobi(),
    "lookahead": Lookahead(),
    "ngrams": AdaptiveNGrams(),
    "recycle": Recycle(),
}

__all__ = [
    "DRAFTERS",
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
    "Staged",
    "Union",
]
