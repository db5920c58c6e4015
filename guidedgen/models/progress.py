"""Progress: how slow stages of loading tell a caller how far they are. Drawing bars is the caller's business."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

Stage = Literal["download", "convert", "load"]

Progress: TypeAlias = Callable[[Stage, int, int | None], None]
"""Called as progress(stage, done, total): bytes for "download" and "convert", steps for "load"; total None is unknown.
A stage is finished when done equals total. Called from the thread that loads; exceptions in it end the load."""


def silent(stage: Stage, done: int, total: int | None) -> None:
    """The progress that tells nobody."""
