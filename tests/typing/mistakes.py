"""Never run: every marked line must be an error for mypy (it warns about ignores that are not needed)."""

from __future__ import annotations

from pydantic import BaseModel

import guidedgen as gg


class Ticket(BaseModel):
    title: str


def mistakes(model: gg.Model) -> None:
    number: int = model("?", Ticket)  # type: ignore[assignment]
    headline = model("?", Ticket).headline  # type: ignore[attr-defined]
    model("?", Ticket, max_token=3)  # type: ignore[call-overload]
    model("?", Ticket, temperature="hot")  # type: ignore[call-overload]
    model.generate("?", Ticket, n="3")  # type: ignore[call-overload]
    gg.guided(max_token=3)  # type: ignore[call-overload]
    assert number == headline
