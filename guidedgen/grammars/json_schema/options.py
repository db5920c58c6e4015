"""Settings of one translation, and the drafts of the standard. No behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

from guidedgen.errors import CompileError
from guidedgen.grammars.json_schema.whitespace import Whitespace, layout_of
from guidedgen.grammars.report import Treatment

_DROPPED: Final[Mapping[str, tuple[Treatment, str]]] = {
    "relax": ("relaxed", 'not enforced: on_unsupported="relax"'),
    "validate": ("validated", "not in the masks: checked when the value is complete"),
}


class Draft(IntEnum):
    """A draft of JSON Schema. MIXED is a schema without `$schema`: it may use the keywords of all of them."""

    MIXED = 0
    D4 = 4
    D6 = 6
    D7 = 7
    D2019 = 2019
    D2020 = 2020

    @property
    def merges_ref_siblings(self) -> bool:
        """Whether keywords beside `$ref` count: since 2019-09 they do (2019-09 core, 8.2.4.1), before they do not."""
        return self in (Draft.MIXED, Draft.D2019, Draft.D2020)

    @property
    def title(self) -> str:
        """What people call it."""
        names = {Draft.MIXED: "no declared draft", Draft.D2019: "2019-09", Draft.D2020: "2020-12"}
        return names.get(self, f"draft {self.value}")


_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "property_order": ("schema", "any"),
    "format": ("assert", "annotation", "strict"),
    "on_unsupported": ("error", "validate", "relax"),
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a schema is read. Raises CompileError for a value that an option does not know.

    Attributes:
        property_order: "schema" (declared order) or "any".
        format: "assert", "annotation" or "strict".
        registry: documents by URI.
        on_unsupported: "error", "validate" or "relax".
        whitespace: see `whitespace.py`.
        closed: an object without `additionalProperties` takes none; what Python types want.
        canonical_numbers: see `numbers.py`; what Python types want.
        formats: regular expressions that replace or add to the standard formats.
        draft: of documents without `$schema`.
        strict_keywords: refuse keywords that look misspelled.
    """

    property_order: str = "schema"
    format: str = "assert"
    registry: Mapping[str, Any] = field(default_factory=dict)
    on_unsupported: str = "error"
    whitespace: Whitespace = "compact"
    closed: bool = False
    canonical_numbers: bool = False
    formats: Mapping[str, str] = field(default_factory=dict)
    draft: Draft = Draft.MIXED
    strict_keywords: bool = False

    def __post_init__(self) -> None:
        """Check what is one of a few names."""
        for name, allowed in _CHOICES.items():
            value = getattr(self, name)
            if value not in allowed:
                raise CompileError(f"{name}={value!r} is not one of {', '.join(map(repr, allowed))}")
        layout_of(self.whitespace)

    @property
    def dropped(self) -> tuple[Treatment, str] | None:
        """Treatment of a keyword that masks cannot enforce, and the report's note about it; None: it is refused."""
        return _DROPPED.get(self.on_unsupported)
