"""What draft 7 says about the content of strings (validation, 8): `contentEncoding` and `contentMediaType`.

Later drafts take them for annotations. Encoded texts are those that encoders write (RFC 4648, 4; pad bits zero).
JSON documents nest up to `DEEPEST` levels: a parser may set such a limit (RFC 8259, 9), and brackets of any depth
are no regular language.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import regex_text
from guidedgen.grammars.json_schema.options import Draft
from guidedgen.grammars.json_schema.view import View
from guidedgen.limits import Limits

DEEPEST: Final = 64
"""Arrays and objects inside one another."""

_BASE64: Final = "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?"
_PLAIN: Final = frozenset({"7bit", "8bit", "binary"})
_UNKNOWN: Final = "not enforced: only base64 and application/json are"

_SPACE: Final = r"[ \t\n\r]*"
_TEXT: Final = r'"(?:[^\u0000-\u001f"\\]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"'
_NUMBER: Final = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+\-]?[0-9]+)?"


@dataclass(frozen=True, slots=True)
class Content:
    """What a string holds: something in base64, a JSON document, or one in base64."""

    base64: bool = False
    document: bool = False


def content_of(view: View) -> Content:
    """What a location says; notes in the report what of it is enforced."""
    if view.draft is not Draft.D7:
        return Content()
    encoding, media = view.text("contentEncoding"), view.text("contentMediaType")
    content, readable = _known(encoding, media)
    if encoding is not None and not content.base64:
        view.note("contentEncoding", "annotation", "has no effect here" if readable else _UNKNOWN)
    if media is not None and not content.document:
        view.note("contentMediaType", "annotation", _UNKNOWN)
    elif media is not None:
        view.note("contentMediaType", "exact", f"documents whose values nest more than {DEEPEST} deep are not taken")
    return content


def _known(encoding: str | None, media: str | None) -> tuple[Content, bool]:
    """What is enforced, and whether the encoding is known. Case does not matter (RFC 2045, 5.1 and 6.1)."""
    name = (encoding or "binary").lower()
    readable = name == "base64" or name in _PLAIN
    kind = (media or "").lower().replace("\t", ";").replace(" ", ";").split(";")[0]  # without parameters
    return Content(name == "base64", readable and kind == "application/json"), readable


def content_texts(content: Content, limits: Limits) -> cr.Regex:
    """The texts of encodings, or of documents; of documents in base64: those of encodings."""
    return _parsed(_BASE64, limits) if content.base64 else _documents(limits)


@lru_cache(maxsize=16)
def _parsed(pattern: str, limits: Limits) -> cr.Regex:
    return regex_text.parse_chars(f"(?:{pattern})", syntax="ecma", limits=limits)


@lru_cache(maxsize=16)
def _documents(limits: Limits) -> cr.Regex:
    """Levels are shared, so that the expression grows with their number only."""
    space, name = _parsed(_SPACE, limits), _parsed(f"{_SPACE}{_TEXT}{_SPACE}:", limits)
    value = scalar = _parsed(f"{_TEXT}|{_NUMBER}|true|false|null", limits)
    for _ in range(DEEPEST):
        item = cr.concat((space, value, space))
        value = cr.union((scalar, _listed("[", item, "]", space), _listed("{", cr.concat((name, item)), "}", space)))
    return cr.concat((space, value, space))


def _listed(opening: str, part: cr.Regex, closing: str, space: cr.Regex) -> cr.Regex:
    """Parts with commas between them, or space only."""
    parts = cr.concat((part, cr.repeat(cr.concat((cr.literal(","), part)), 0, None)))
    return cr.concat((cr.literal(opening), cr.union((space, parts)), cr.literal(closing)))


def content_fault(schema: Mapping[str, Any], text: str) -> str | None:
    """What is wrong with a string under the keywords of a location; None where nothing is."""
    encoding, media = schema.get("contentEncoding"), schema.get("contentMediaType")
    content, _ = _known(encoding, media)
    data: bytes | None = text.encode("utf-8", errors="surrogatepass")
    if content.base64:
        data = _decoded(text)
        if data is None:
            return "no base64"
    return "no JSON document" if content.document and data is not None and not _is_document(data) else None


def _decoded(text: str) -> bytes | None:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if base64.b64encode(data).decode() == text else None


def _is_document(data: bytes) -> bool:
    try:
        json.loads(data.decode("utf-8"), parse_constant=_refuse, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return False
    return _depth(data) <= DEEPEST


def _refuse(name: str) -> Any:
    raise ValueError(name)  # NaN and the infinities are Python's


def _depth(data: bytes) -> int:
    """Of the arrays and objects of a document."""
    depth = deepest = 0
    inside = escaped = False
    for byte in data:
        if inside:
            inside, escaped = escaped or byte != ord('"'), not escaped and byte == ord("\\")
        elif byte == ord('"'):
            inside = True
        else:
            depth += (byte in b"[{") - (byte in b"]}")
            deepest = max(deepest, depth)
    return deepest
