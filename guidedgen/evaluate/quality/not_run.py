"""Methods without a row of figures: what their sources claim cannot be put to a test here, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class NotRun:
    """A method that tests alone say is right.

    Attributes:
        source: who published it.
        settings: in words, as published.
        claim: what the source says of it.
        why: what is missing here.
    """

    source: str
    settings: str
    claim: str
    why: str


NOT_RUN: Mapping[str, NotRun] = {
    "route-contrast": NotRun(
        source="Shi 2024 (SCMoE)",
        settings="rank 2, beta 0.5, alpha 0.1",
        claim="more accuracy than greedy",
        why="no mixture of experts here: tested on a tiny random one",
    ),
    "speculative-contrast": NotRun(
        source="Yuan 2024 (SCD)",
        settings="beta 0.5, alpha 0.1, 4 drafts",
        claim="the text of contrast, in less time",
        why="equal texts are tested; no amateur here is small enough to save time",
    ),
    "ending-floor": NotRun(
        source="Choi 2023",
        settings="epsilon 1e-3 to 1e-5",
        claim="every text ends",
        why="the model ends its texts; a floor that climbs to 1 is tested",
    ),
    "ending-penalty": NotRun(
        source="Zhu 2023",
        settings="no numbers published",
        claim="texts do not end too early",
        why="prompts here say how long a text may be",
    ),
    "required-content": NotRun(
        source="Juraska 2021 (SEA-GuiDe)",
        settings="0.9, 0.3, 0.1",
        claim="fewer items are left out",
        why="thresholds are for models with encoders; rules are tested on given attention",
    ),
    "exact-top-k": NotRun(
        source="branch and bound",
        settings="4096 prefixes",
        claim="the k best texts",
        why="a proof, tested against enumeration",
    ),
    "reject": NotRun(
        source="rejection sampling",
        settings="1000 tries",
        claim="exact",
        why="tested against enumeration; no text of a task here is valid by chance",
    ),
}
