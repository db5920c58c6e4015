"""What proposes tokens before the target is asked; by name in `DRAFTERS`."""

from __future__ import annotations

from guidedgen.decoders.drafters.base import Drafter, DraftSession, Outcome, Request, Setting
from guidedgen.decoders.drafters.combined import Fallback, Union
from guidedgen.decoders.drafters.copying import Copy
from guidedgen.decoders.drafters.grammar import Forced
from guidedgen.decoders.drafters.model import ModelDrafter
from guidedgen.decoders.drafters.recycling import Recycle

DRAFTERS: dict[str, Drafter] = {
    "copy": Copy(),
    "forced": Forced(),
    "recycle": Recycle(),
    "forced+copy": Fallback((Forced(), Copy())),
    "forced+copy+recycle": Fallback((Forced(), Union((Copy(), Recycle())))),
}

__all__ = [
    "DRAFTERS",
    "Copy",
    "DraftSession",
    "Drafter",
    "Fallback",
    "Forced",
    "ModelDrafter",
    "Outcome",
    "Recycle",
    "Request",
    "Setting",
    "Union",
]
