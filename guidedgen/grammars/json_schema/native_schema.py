"""Schemas read natively: Python hands over the values and finds the documents that references name.

What the kernel reads is the table that its JSON machine works on. Nothing here knows what a keyword means.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection, Mapping, Set
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urldefrag, urljoin

from guidedgen.errors import CompileError
from guidedgen.grammars.json_schema.formats import FORMATS, NOT_ENFORCED
from guidedgen.grammars.json_schema.keywords import draft_of, likely_typo, slip, slip_note
from guidedgen.grammars.json_schema.options import Draft, Options
from guidedgen.grammars.json_schema.values import read_schema
from guidedgen.grammars.report import Entry, Report, Treatment
from guidedgen.limits import Limits

if TYPE_CHECKING:
    from guidedgen.kernel._native import Schema

__all__ = ["native_arguments", "read_native", "readable", "refuse_slips", "report_of"]

_UNKNOWN: Final = "not a keyword of JSON Schema"
_VOCABULARY: Final = "/vocab/"
_DEPTH_OF_DIALECTS: Final = 8


class Documents:
    """The documents that references may name: those of a registry, and the metaschemas of the standard.

    The native reader calls `join`, `document`, `uris` and `dialect`, and only for references that leave a document's
    JSON pointers: a registry costs nothing until something refers to it.
    """

    def __init__(self, registry: Mapping[Any, Any], limits: Limits) -> None:
        self._registry = registry
        self._limits = limits

    def join(self, base: str, reference: str) -> str | None:
        """The absolute URI of a reference, without its fragment (RFC 3986, 5.2); None where it is no URI."""
        try:
            return urldefrag(urljoin(base, reference)).url
        except ValueError:
            return None

    def document(self, uri: str) -> object:
        """A document by its URI, with or without an empty fragment; None where there is none."""
        for name in (uri, f"{uri}#"):
            if name in self._registry:
                return prepared(self._registry[name], self._limits)
        return _metaschema(uri)

    def uris(self) -> list[str]:
        """The documents of the registry, for references to what a document calls itself."""
        return [urldefrag(uri).url for uri in self._registry]

    def dialect(self, uri: str) -> tuple[int, bool, bool] | None:
        """What a metaschema that is not a standard one says: draft, whether assertions count, whether formats do.

        A vocabulary that must be understood and is not makes the dialect unknown (2020-12 core, 8.1.2.1).
        """
        vocabularies: Mapping[str, Any] | None = None
        for _ in range(_DEPTH_OF_DIALECTS):
            draft = draft_of(uri)
            if draft is not None:
                return _with_vocabularies(draft, vocabularies)
            metaschema = self.document(urldefrag(uri.strip()).url)
            if not isinstance(metaschema, Mapping) or not isinstance(metaschema.get("$schema"), str):
                return None
            if vocabularies is None and isinstance(metaschema.get("$vocabulary"), Mapping):
                vocabularies = metaschema["$vocabulary"]
            uri = metaschema["$schema"]
        return None


@cache
def _metaschema(uri: str) -> object:
    """A metaschema or vocabulary of the standard. Loading all takes milliseconds: only where one is referred to."""
    resource = importlib.import_module("jsonschema_specifications").REGISTRY.get(uri)
    return None if resource is None else resource.contents


def _with_vocabularies(draft: Draft, vocabularies: Mapping[str, Any] | None) -> tuple[int, bool, bool] | None:
    if vocabularies is None or draft < Draft.D2019:
        return int(draft), True, False
    own = f"https://json-schema.org/draft/{draft.title}{_VOCABULARY}"
    names = {uri.removeprefix(own) for uri in vocabularies if uri.startswith(own)}
    if any(needed is True for uri, needed in vocabularies.items() if not uri.startswith(own)):
        return None
    asserted = "format-assertion" in names or vocabularies.get(f"{own}format") is True
    return int(draft), "validation" in names, asserted


def prepared(schema: object, limits: Limits) -> object:
    """What the native reader takes: a text is parsed with exact numbers, a mapping becomes a dict, all else stays."""
    if isinstance(schema, str):
        return read_schema(schema, limits)
    return dict(schema) if isinstance(schema, Mapping) and not isinstance(schema, dict) else schema


def readable(schema: object, limits: Limits) -> object:
    """`prepared` for what a caller gave as a schema. Raises CompileError where it can be none."""
    if not isinstance(schema, str | Mapping | bool):
        raise CompileError(f"a schema must be an object, true or false, not {type(schema).__name__}", pointer="")
    return prepared(schema, limits)


def native_arguments(
    options: Options, limits: Limits, *, formats: Collection[str] | None = None
) -> tuple[dict[str, Any], Documents, dict[str, int]]:
    """The options, resolver and limits that the native kernel takes beside a schema.

    Args:
        options: how the schema is read.
        limits: `schema_bytes` and `depth`.
        formats: names of the formats that the kernel enforces; where it is None, those that the translation does.
    """
    enforced = frozenset(FORMATS if formats is None else formats).union(options.formats)
    settings = {
        "draft": int(options.draft),
        "format": options.format,
        "on_unsupported": options.on_unsupported,
        "closed": options.closed,
        "enforced_formats": enforced,
        "refused_formats": NOT_ENFORCED - enforced,
        "format_patterns": dict(options.formats),
    }
    return settings, Documents(options.registry, limits), limits.as_dict()


def read_native(
    schema: Mapping[str, Any] | bool | str,
    options: Options,
    limits: Limits,
    *,
    formats: Collection[str] | None = None,
) -> Schema:
    """A schema as the native kernel reads it: every location that its root refers to.

    Args:
        schema: Python values that JSON can write (read in place, not copied), or a JSON text.
        options: how it is read.
        limits: `schema_bytes` and `depth`.
        formats: see `native_arguments`.

    Raises:
        GrammarSyntaxError: the text is not JSON.
        CompileError: a keyword's value is malformed, or a reference points to nothing.
        UnsupportedFeature: a dialect, format or document that is not known.
        LimitExceeded: too large, or nested too deeply.
        ImportError: the native kernel is not installed.
    """
    settings, documents, bounds = native_arguments(options, limits, formats=formats)
    made: Schema = _native_schema()(readable(schema, limits), settings, documents, bounds)
    return made


@cache
def _native_schema() -> Any:
    return importlib.import_module("guidedgen.kernel._native").Schema


def report_of(schema: Schema) -> Report:
    """The report of a schema that was read, with a suggestion for each unknown keyword that looks misspelled."""
    lines = schema.report()
    places = {pointer for pointer, *_ in lines}
    return Report(tuple(_entry(*line, places) for line in lines))


def refuse_slips(schema: Schema) -> None:
    """What `strict_keywords` asks for. Raises CompileError for the first unknown keyword that looks misspelled."""
    lines = schema.report()
    places = {pointer for pointer, *_ in lines}
    for pointer, keyword, _, note in lines:
        meant = _meant(pointer, keyword, note, places)
        if meant is not None:
            raise slip(pointer, keyword, meant)


def _entry(pointer: str, keyword: str, treatment: str, note: str, places: Set[str]) -> Entry:
    meant = _meant(pointer, keyword, note, places)
    return Entry(pointer, keyword, cast(Treatment, treatment), note if meant is None else slip_note(meant))


def _meant(pointer: str, keyword: str, note: str, places: Set[str]) -> str | None:
    """The keyword that an unknown one was probably meant to be; None where that one stands beside it."""
    meant = likely_typo(keyword) if note == _UNKNOWN else None
    return None if meant is None or f"{pointer.rpartition('/')[0]}/{meant}" in places else meant
