"""The keywords of JSON Schema: which drafts have them, which kinds of values they are about, what is done with them.

Data only, with the look-ups that reading a schema needs. Sources: the core and validation documents of drafts 4, 6, 7,
2019-09 and 2020-12.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from guidedgen.errors import CompileError
from guidedgen.grammars.json_schema.options import Draft

Role: TypeAlias = Literal["enforced", "unsupported", "annotation"]
Native: TypeAlias = Literal["exact", "guarded"]

VALIDATED: Final = "x-validated"
"""Not of the standard: names what only `parse` enforces (Python validators); for the report."""

KINDS: Final = ("null", "boolean", "number", "string", "array", "object")
ALL: Final = frozenset(KINDS)


@dataclass(frozen=True, slots=True)
class Keyword:
    """One keyword.

    Attributes:
        role: what the translation to a grammar does with it; that is what the reference kernel runs.
        kinds: the kinds of values that it is about.
        since: the first draft that has it.
        until: the last one.
        native: how the native kernel enforces it.
        note: what a reader should know, for the table of all keywords in the documentation.
        limits: what the translation refuses although it enforces the keyword.
    """

    role: Role
    kinds: frozenset[str] = ALL
    since: Draft = Draft.D4
    until: Draft = Draft.D2020
    native: Native = "exact"
    note: str = ""
    limits: str = ""

    def known_in(self, draft: Draft) -> bool:
        """Whether the draft has it. A schema without `$schema` may use all of them."""
        return draft is Draft.MIXED or self.since <= draft <= self.until


_COMPLEMENT: Final = "where the complement is no simple one (`items`, `additionalProperties`, `multipleOf` below it)"
_SIX: Final = "more than six on one object"
_MEDIA: Final = "in draft 7 `application/json` is enforced, up to 64 levels; the reference kernel refuses it in base64"


def _rows(
    role: Role,
    names: str,
    kinds: str = "",
    since: Draft = Draft.D4,
    until: Draft = Draft.D2020,
    native: Native = "exact",
    note: str = "",
    limits: str = "",
) -> dict[str, Keyword]:
    """Several keywords that are alike but for their names."""
    about = frozenset(kinds.split()) if kinds else ALL
    return {name: Keyword(role, about, since, until, native, note, limits) for name in names.split()}


KEYWORDS: Final[dict[str, Keyword]] = {
    **_rows("enforced", "type", note="since draft 6 `integer` is any number without a fractional part: `1.0` too"),
    **_rows("enforced", "enum", note="strings in one spelling; native with flexible whitespace: in every one"),
    **_rows("enforced", "const", since=Draft.D6),
    **_rows("enforced", "allOf anyOf"),
    **_rows("enforced", "oneOf", limits="members that overlap in ways that are not expressed"),
    **_rows("enforced", "not", limits=_COMPLEMENT),
    **_rows("enforced", "if then else", since=Draft.D7, limits=_COMPLEMENT),
    **_rows("enforced", "$ref", note="keywords beside it count since 2019-09; other documents come from `registry`"),
    **_rows("unsupported", "$dynamicRef", since=Draft.D2020),
    **_rows("unsupported", "$recursiveRef", since=Draft.D2019, until=Draft.D2019),
    **_rows("enforced", "minimum maximum", "number"),
    **_rows(
        "enforced", "exclusiveMinimum exclusiveMaximum", "number", note="in draft 4 a boolean beside the other bound"
    ),
    **_rows("enforced", "multipleOf", "number", limits="steps that take too many rules"),
    **_rows("enforced", "minLength maxLength", "string", note="counts code points after unescaping"),
    **_rows(
        "enforced", "pattern", "string", note="ECMA-262 search on the unescaped text", limits="what is not regular"
    ),
    **_rows("enforced", "format", note='`format="assert"` enforces the formats below, "annotation" none'),
    **_rows("enforced", "items", "array", note="a list of schemas before 2020-12"),
    **_rows("enforced", "prefixItems", "array", since=Draft.D2020),
    **_rows("enforced", "additionalItems", "array", until=Draft.D2019),
    **_rows("enforced", "minItems maxItems", "array"),
    **_rows("enforced", "uniqueItems", "array", native="guarded", limits="`true`"),
    **_rows("unsupported", "contains", "array", since=Draft.D6),
    **_rows("unsupported", "minContains maxContains", "array", since=Draft.D2019),
    **_rows("unsupported", "unevaluatedItems", "array", since=Draft.D2019),
    **_rows("enforced", "properties required", "object"),
    **_rows("enforced", "patternProperties", "object", limits="patterns that overlap in more than 64 ways"),
    **_rows("enforced", "additionalProperties", "object"),
    **_rows("enforced", "propertyNames", "object", since=Draft.D6),
    **_rows("enforced", "minProperties maxProperties", "object"),
    **_rows("enforced", "dependencies", "object", until=Draft.D7, limits=_SIX),
    **_rows("enforced", "dependentRequired dependentSchemas", "object", since=Draft.D2019, limits=_SIX),
    **_rows("unsupported", "unevaluatedProperties", "object", since=Draft.D2019),
    **_rows("annotation", "title description default definitions"),
    **_rows("annotation", "$schema", note="names the draft; without it `draft=` does, or the schema may mix all"),
    **_rows("annotation", "id", until=Draft.D4, note="what references are relative to"),
    **_rows("annotation", "$id", since=Draft.D6, note="what references are relative to"),
    **_rows("annotation", "examples", since=Draft.D6),
    **_rows("annotation", "$comment readOnly writeOnly", since=Draft.D7),
    **_rows("annotation", "contentEncoding", "string", since=Draft.D7, note="in draft 7 `base64` is enforced"),
    **_rows("annotation", "contentMediaType", "string", since=Draft.D7, note=_MEDIA),
    **_rows("annotation", "$defs $vocabulary deprecated contentSchema", since=Draft.D2019),
    **_rows("annotation", "$anchor", since=Draft.D2019, note="a name for references"),
    **_rows("annotation", "$dynamicAnchor", since=Draft.D2020, note="a name for references"),
    **_rows("annotation", "$recursiveAnchor", since=Draft.D2019, until=Draft.D2019),
}

_ASSERTIONS: Final = tuple(name for name, keyword in KEYWORDS.items() if keyword.role != "annotation")


def likely_typo(name: str) -> str | None:
    """The assertion keyword that an unknown keyword was probably meant to be, or None.

    At most two letters inserted, left out, changed or swapped with a neighbour, and at most one in seven; not mere
    differences of case, and not names that say that they are something else (`x-...`, `_pattern`, `$...`).
    """
    if len(name) < 5 or not name[0].isalpha() or name.startswith("x-"):
        return None
    for known in difflib.get_close_matches(name, _ASSERTIONS, n=3, cutoff=0.8):
        if name.lower() != known.lower() and edit_distance(name, known) <= max(1, min(2, len(known) // 7)):
            return known
    return None


def slip_note(meant: str) -> str:
    """The report's note about an unknown keyword that looks like `meant`."""
    return f"unknown keyword; did you mean {meant!r}?"


def slip(pointer: str, keyword: str, meant: str) -> CompileError:
    """The error for it, where such keywords are not tolerated."""
    return CompileError(
        f"unknown keyword {keyword!r}",
        pointer=pointer,
        keyword=keyword,
        hint=f"Did you mean {meant!r}? If not, name it 'x-{keyword}', or leave out strict_keywords=True.",
    )


def edit_distance(left: str, right: str) -> int:
    """The number of insertions, deletions, replacements and swaps of neighbours (Damerau 1964, restricted form)."""
    before: list[int] = []
    last = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        row = [i]
        for j, b in enumerate(right, start=1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]


# What `$schema` may be, without the empty fragment.
_DIALECTS: Final = {
    "http://json-schema.org/draft-04/schema": Draft.D4,
    "http://json-schema.org/draft-06/schema": Draft.D6,
    "http://json-schema.org/draft-07/schema": Draft.D7,
    "https://json-schema.org/draft/2019-09/schema": Draft.D2019,
    "https://json-schema.org/draft/2020-12/schema": Draft.D2020,
    "http://json-schema.org/schema": Draft.MIXED,
}


_SPELLINGS: Final = {
    Draft.D4: ("4", "04"),
    Draft.D6: ("6", "06"),
    Draft.D7: ("7", "07"),
    Draft.D2019: ("2019", "2019-09"),
    Draft.D2020: ("2020", "2020-12"),
}
_NAMES: Final = {
    prefix + text: draft
    for draft, texts in _SPELLINGS.items()
    for text in texts
    for prefix in ("", "draft", "draft-", "draft/", "draft ")
}


def draft_named(name: int | str | None) -> Draft:
    """The draft that a user names: 7, "7", "draft7", "draft-07", "2020-12", or its URI; None is MIXED.

    Raises:
        CompileError: it is none of them.
    """
    if name is None:
        return Draft.MIXED
    text = "" if isinstance(name, bool) else str(name).strip().lower()
    found = _NAMES.get(text) or draft_of(text)
    if found is None:
        raise CompileError(
            f"draft={name!r} is not known",
            keyword="draft",
            hint='Use 4, 6, 7, "2019-09" or "2020-12", or leave it out.',
        )
    return found


def draft_of(uri: str) -> Draft | None:
    """The draft that a `$schema` names, http or https, with or without an empty fragment; None for other dialects."""
    plain = uri.strip().rstrip("#")
    for known, draft in _DIALECTS.items():
        if plain.split("://")[-1] == known.split("://")[-1]:
            return draft
    return None
