"""Names that no `properties` declares, told apart by the patterns they match: disjoint sets of names, each with the
schemas of its values. What the names are declared as elsewhere is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from guidedgen.errors import UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.char_emptiness import is_empty
from guidedgen.grammars.json_schema.arrays import Conjunction, joined
from guidedgen.grammars.json_schema.locations import Location
from guidedgen.grammars.json_schema.text_matching import matches

MAX_PARTS: Final = 64
"""Eight patterns that overlap in every way come to four times as many; disjoint ones make one part each."""

_PROOF_STATES: Final = 200


@dataclass(frozen=True, slots=True)
class Names:
    """A set of names, and the schemas that apply to a property with such a name."""

    texts: cr.Regex
    schemas: Conjunction


EVERY_NAME: Final = Names(cr.ANY_TEXT, ())


def divided(patterns: Sequence[tuple[cr.Regex, Location]], additional: Conjunction, pointer: str) -> tuple[Names, ...]:
    """All names by the patterns they match; `additional` are the schemas of those that match none.

    Raises:
        UnsupportedFeature: more than MAX_PARTS parts; `pointer` says where.
    """
    parts: list[Names] = []
    for place, (texts, location) in enumerate(patterns):
        touched: dict[str, None] = {}
        split: list[Names] = []
        for part in parts:
            both = _both(part.texts, texts)
            if both is None:
                split.append(part)
                continue
            touched.update(dict.fromkeys(schema.pointer for schema in part.schemas))
            alone = _both(part.texts, cr.complement(texts))
            split += [] if alone is None else [Names(alone, part.schemas)]
            split.append(Names(both, (*part.schemas, location)))
        others = cr.union(other for other, at in patterns[:place] if at.pointer in touched)
        alone = _both(texts, cr.complement(others))
        parts = [*split, *([] if alone is None else [Names(alone, (location,))])]
        _check_number(parts, pointer)
    rest = cr.complement(cr.union(texts for texts, _ in patterns))
    return tuple(parts) if cr.is_nothing(rest) else (*parts, Names(rest, additional))


def common(left: tuple[Names, ...], right: tuple[Names, ...]) -> tuple[Names, ...]:
    """The parts of two divisions at once.

    Raises:
        UnsupportedFeature: more than MAX_PARTS of them.
    """
    parts: list[Names] = []
    for first in left:
        for second in right:
            texts = _both(first.texts, second.texts)
            if texts is not None:
                parts.append(Names(texts, joined((first.schemas, second.schemas))))
    _check_number(parts, None)
    return tuple(parts)


def schemas_of(others: Iterable[Names], name: str) -> Conjunction:
    """The schemas of a property that is not declared."""
    for part in others:
        if cr.is_any_text(part.texts) or _contains(part.texts, name):
            return part.schemas
    return ()


@lru_cache(maxsize=16384)
def _contains(texts: cr.Regex, name: str) -> bool:
    return matches(texts, name)


@lru_cache(maxsize=4096)
def _both(left: cr.Regex, right: cr.Regex) -> cr.Regex | None:
    """The names in both; None where it is certain that there are none."""
    if cr.is_any_text(left) or cr.is_any_text(right):
        return cr.intersection((left, right))
    both = cr.intersection((left, right))
    return None if cr.is_nothing(both) or is_empty(both, states=_PROOF_STATES) else both


def _check_number(parts: list[Names], pointer: str | None) -> None:
    if len(parts) > MAX_PARTS:
        raise UnsupportedFeature(
            f"the patterns of names overlap in more than {MAX_PARTS} ways",
            pointer=pointer,
            keyword="patternProperties",
            hint="Write patterns that exclude each other.",
        )
