"""Strings: reading their keywords, combining them, and the expression of the valid JSON strings.

Lengths count characters (2020-12 validation, 6.3: code points) after unescaping; patterns are ECMA-262 searches on the
unescaped text. All of it is one intersection of regular expressions over characters.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from guidedgen.errors import CompileError, UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import ir, regex_text
from guidedgen.grammars.char_emptiness import is_empty
from guidedgen.grammars.char_set import ANY
from guidedgen.grammars.json_schema.content import content_of, content_texts
from guidedgen.grammars.json_schema.formats import CHECKED_AT_END, NOT_ENFORCED, format_expression
from guidedgen.grammars.json_schema.options import Options
from guidedgen.grammars.json_schema.reasons import Reason
from guidedgen.grammars.json_schema.spelling import ANY_STRING, to_json_string
from guidedgen.grammars.json_schema.text_matching import matches
from guidedgen.grammars.json_schema.view import View
from guidedgen.limits import Limits

_PROOF_STATES: Final = 300


@dataclass(frozen=True, slots=True)
class StringAtoms:
    """What a schema says about strings; counts and texts come with their pointers."""

    shortest: tuple[int, str] = (0, "")
    longest: tuple[int, str] | None = None
    expressions: tuple[tuple[str, cr.Regex, str], ...] = ()  # what people call it, the texts, the pointer


def read_strings(view: View, options: Options, limits: Limits) -> StringAtoms:
    """The string keywords of a location."""
    low, high = view.count("minLength"), view.count("maxLength")
    expressions: list[tuple[str, cr.Regex, str]] = []
    pattern = view.text("pattern")
    if pattern is not None and (texts := _pattern(view, pattern, limits)) is not None:
        expressions.append((f"pattern {pattern!r}", texts, view.at("pattern")))
    name = view.text("format")
    if name is not None and "string" in view.kinds:
        texts = _format(view, name, options, limits)
        if texts is not None:
            expressions.append((f"format {name!r}", texts, view.at("format")))
    expressions += _content(view, limits)
    return StringAtoms(
        (low or 0, view.at("minLength")),
        None if high is None else (high, view.at("maxLength")),
        tuple(expressions),
    )


def _pattern(view: View, pattern: str, limits: Limits) -> cr.Regex | None:
    try:
        return parse_pattern(pattern, view.at("pattern"), limits)
    except UnsupportedFeature:
        if not view.drop("pattern"):
            raise
    return None


def parse_pattern(pattern: str, pointer: str, limits: Limits, keyword: str = "pattern") -> cr.Regex:
    """The texts that a pattern of a schema finds; errors get the schema's pointer.

    Raises:
        GrammarSyntaxError: it is no ECMA-262 pattern.
        UnsupportedFeature: it is not regular.
    """
    try:
        return regex_text.parse_search(pattern, limits=limits)
    except CompileError as error:
        error.pointer, error.keyword = pointer, keyword
        error.args = (error._text(),)
        raise


def _content(view: View, limits: Limits) -> list[tuple[str, cr.Regex, str]]:
    content = content_of(view)
    if "string" not in view.kinds or not (content.base64 or content.document):
        return []
    if content.base64 and content.document and not view.drop("contentMediaType"):
        raise UnsupportedFeature(
            "JSON documents in base64 are not supported without the native kernel",
            pointer=view.at("contentMediaType"),
            keyword="contentMediaType",
            hint='Remove it, have finished values checked with on_unsupported="validate", or drop it with "relax".',
        )
    name, keyword = ("base64", "contentEncoding") if content.base64 else ("a JSON document", "contentMediaType")
    return [(name, content_texts(content, limits), view.at(keyword))]


def _format(view: View, name: str, options: Options, limits: Limits) -> cr.Regex | None:
    if options.format == "annotation":
        view.note("format", "annotation", 'not enforced: format="annotation"')
        return None
    texts = format_expression(name, options.formats, limits)
    if texts is not None:
        return texts
    checked = options.on_unsupported != "validate" or name in CHECKED_AT_END
    if name in NOT_ENFORCED and checked and view.drop("format"):
        return None
    if name in NOT_ENFORCED:
        raise UnsupportedFeature(
            f"the format {name!r} is not supported",
            pointer=view.at("format"),
            keyword="format",
            hint='Remove it, or take it as an annotation with on_unsupported="relax" or format="annotation".',
        )
    if options.format == "strict":
        raise UnsupportedFeature(
            f"the format {name!r} is not known",
            pointer=view.at("format"),
            keyword="format",
            hint='Use a standard format, a pattern, or format="assert", which takes unknown formats as annotations.',
        )
    view.note("format", "annotation", f"the format {name!r} is not known and not enforced")
    return None


def merge_strings(atoms: Iterable[StringAtoms]) -> StringAtoms:
    """All of them at once."""
    parts = list(atoms)
    longest = [part.longest for part in parts if part.longest is not None]
    expressions = {(name, at): (name, texts, at) for part in parts for name, texts, at in part.expressions}
    return StringAtoms(
        max((part.shortest for part in parts), default=(0, ""), key=lambda count: count[0]),
        min(longest, default=None, key=lambda count: count[0]),
        tuple(expressions.values()),
    )


def allows_string(atoms: StringAtoms, value: str) -> bool:
    """Whether a string is valid."""
    if len(value) < atoms.shortest[0] or (atoms.longest is not None and len(value) > atoms.longest[0]):
        return False
    return all(matches(texts, value) for _, texts, _ in atoms.expressions)


def conflict_of_strings(atoms: StringAtoms) -> Reason | None:
    """Why no string is valid, or None where that is not seen with little work."""
    if atoms.longest is not None and atoms.shortest[0] > atoms.longest[0]:
        return Reason(
            f"no string has at least {atoms.shortest[0]} and at most {atoms.longest[0]} characters",
            (atoms.shortest[1], atoms.longest[1]),
        )
    counted = bool(atoms.shortest[0]) or atoms.longest is not None
    if len(atoms.expressions) + counted < 2 or not is_empty(string_texts(atoms), states=_PROOF_STATES):
        return None
    what = [name for name, _, _ in atoms.expressions]
    pointers = [pointer for _, _, pointer in atoms.expressions]
    if atoms.shortest[0]:
        what.append(f"at least {atoms.shortest[0]} characters")
        pointers.append(atoms.shortest[1])
    if atoms.longest is not None:
        what.append(f"at most {atoms.longest[0]} characters")
        pointers.append(atoms.longest[1])
    return Reason(f"no string has {' and '.join(what)}", tuple(pointers))


def string_texts(atoms: StringAtoms) -> cr.Regex:
    """The valid texts, as an expression over characters."""
    parts = [texts for _, texts, _ in atoms.expressions]
    longest = None if atoms.longest is None else atoms.longest[0]
    if atoms.shortest[0] or longest is not None:
        parts.append(cr.repeat(ANY, atoms.shortest[0], longest))
    return cr.intersection(parts)


def string_expression(atoms: StringAtoms) -> ir.Expression:
    """The valid JSON strings, in every spelling."""
    texts = string_texts(atoms)
    return ANY_STRING if cr.is_any_text(texts) else to_json_string(texts)
