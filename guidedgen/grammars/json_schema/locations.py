"""Places in a schema document, and what `$ref` at one of them points to.

A location is a subschema with its JSON pointer; equal places are the same object (interned by pointer). Resolution of
fragments, `$id`, `$anchor` and documents of a registry is the `referencing` library's work; plain pointers in a
document without inner identifiers take a short way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import unquote

import referencing
import referencing.exceptions
from referencing.jsonschema import DRAFT4, DRAFT6, DRAFT7, DRAFT201909, DRAFT202012

from guidedgen.errors import CompileError, UnsupportedFeature
from guidedgen.grammars.json_schema.keywords import draft_of
from guidedgen.grammars.json_schema.options import Draft

Resolver: TypeAlias = "referencing._core.Resolver[Any]"

SPECIFICATIONS: Mapping[Draft, referencing.Specification[Any]] = {
    Draft.D4: DRAFT4,
    Draft.D6: DRAFT6,
    Draft.D7: DRAFT7,
    Draft.D2019: DRAFT201909,
    Draft.D2020: DRAFT202012,
    Draft.MIXED: DRAFT202012,
}


@dataclass(frozen=True, slots=True, eq=False)
class Location:
    """A subschema at its place.

    Attributes:
        schema: a dict or a boolean (anything else is refused when it is read).
        pointer: JSON pointer from the root of its document; behind the document's URI where that is not the main one.
        draft: the draft that applies here.
        resolver: what references are relative to; None for values that are not from a document (an enumerated object).
        negates: the location that is valid exactly where this one is not; None where `schema` itself says what is.
    """

    schema: Any
    pointer: str
    draft: Draft
    resolver: Resolver | None
    negates: Location | None = None

    def at(self, *tokens: str | int) -> str:
        """The pointer to something below this place."""
        return self.pointer + "".join("/" + escape(str(token)) for token in tokens)


def escape(token: str) -> str:
    """A token of a JSON pointer (RFC 6901, 3)."""
    return token.replace("~", "~0").replace("/", "~1")


def unescape(token: str) -> str:
    """What a token of a JSON pointer stands for."""
    return token.replace("~1", "/").replace("~0", "~")


class Locations:
    """All places of one schema that have been asked for.

    Args:
        root: the schema.
        registry: documents by URI.
        default: the draft of documents that name none.
    """

    def __init__(self, root: Any, registry: Mapping[str, Any], default: Draft = Draft.MIXED) -> None:
        draft = _declared(root, "") or default
        specification = SPECIFICATIONS[draft]
        resource = specification.create_resource(root)
        uri = _identifier(resource, root)
        known: referencing.Registry[Any] = referencing.Registry()
        known = known.with_resources(
            (name, referencing.Resource.from_contents(document, default_specification=specification))
            for name, document in registry.items()
        )
        self._uri = uri
        self._documents: dict[str, Any] = {uri: root}
        self._pointers: dict[str, dict[int, str]] = {}
        self._known: dict[str, Location] = {}
        self._inner_ids = _has_inner_ids(root)
        resolver = known.with_resource(uri, resource).resolver(uri)
        self.root = self._intern(Location(root, "", draft, resolver))

    def _intern(self, location: Location) -> Location:
        return self._known.setdefault(location.pointer, location)

    def child(self, parent: Location, *tokens: str | int) -> Location:
        """The subschema below a place."""
        pointer = parent.at(*tokens)
        if pointer in self._known:
            return self._known[pointer]
        schema = parent.schema
        for token in tokens:
            schema = schema[token]
        draft, resolver = parent.draft, parent.resolver
        if resolver is not None and _names_itself(schema):
            draft = _declared(schema, pointer) or draft
            resolver = resolver.in_subresource(SPECIFICATIONS[draft].create_resource(schema))
        return self._intern(Location(schema, pointer, draft, resolver))

    def made(self, parent: Location, schema: Any, *tokens: str | int) -> Location:
        """A schema that stands for something else below a place: an enumerated object, say. Always draft 2020-12."""
        pointer = parent.at(*tokens)
        return self._known.get(pointer) or self._intern(Location(schema, pointer, Draft.D2020, None))

    def negated(self, location: Location) -> Location:
        """What is valid exactly where a location is not."""
        if location.negates is not None:
            return location.negates
        pointer = f"{location.pointer} (not)"
        made = Location(location.schema, pointer, location.draft, location.resolver, location)
        return self._known.get(pointer) or self._intern(made)

    def resolve(self, location: Location, reference: str) -> Location:
        """What a reference at a place points to.

        Raises:
            CompileError: it points to nothing.
            UnsupportedFeature: it leaves the schema for a document that is not in the registry.
        """
        plain = reference == "#" or reference.startswith("#/")
        if plain and not self._inner_ids and not location.pointer.startswith("<"):
            return self._descend(location, reference)
        return self._look_up(location, reference)

    def _descend(self, location: Location, reference: str) -> Location:
        known = self._known.get(unquote(reference[1:]))
        if known is not None and known.resolver is not None:
            return known
        schema = self.root.schema
        for token in unquote(reference[1:]).split("/")[1:]:
            token = unescape(token)
            if isinstance(schema, dict) and token in schema:
                schema = schema[token]
            elif isinstance(schema, list) and token.isdigit() and int(token) < len(schema):
                schema = schema[int(token)]
            else:
                raise _dangling(location, reference)
        return self._intern(Location(schema, unquote(reference[1:]), self.root.draft, self.root.resolver))

    def _look_up(self, location: Location, reference: str) -> Location:
        assert location.resolver is not None
        try:
            resolved = location.resolver.lookup(reference)
        except referencing.exceptions.Unresolvable as error:
            if isinstance(error, referencing.exceptions.PointerToNowhere | referencing.exceptions.NoSuchAnchor):
                raise _dangling(location, reference) from error
            raise UnsupportedFeature(
                f"the reference {reference!r} leaves the schema",
                pointer=location.at("$ref"),
                keyword="$ref",
                hint="Pass the document in registry={uri: document}.",
            ) from error
        except ValueError as error:
            raise _dangling(location, reference) from error
        pointer = self._pointer(resolved.contents, resolved.resolver, reference)
        draft = _declared(resolved.contents, pointer) or location.draft
        return self._intern(Location(resolved.contents, pointer, draft, resolved.resolver))

    def _pointer(self, schema: Any, resolver: Resolver, reference: str) -> str:
        """Where a resolved schema stands; another document's URI goes in front, in angle brackets."""
        here = self._place(self._uri, schema)
        if here is not None:
            return here
        uri = resolver._base_uri
        document = resolver._registry.contents(uri) if uri in resolver._registry else None
        self._documents.setdefault(uri, document)
        inner = self._place(uri, schema)
        return f"<{uri}>{inner}" if inner is not None else f"<{uri}>{unquote(reference)}"

    def _place(self, uri: str, schema: Any) -> str | None:
        if uri not in self._pointers:
            self._pointers[uri] = _pointers_of(self._documents[uri])
        return self._pointers[uri].get(id(schema))


def _pointers_of(document: Any) -> dict[int, str]:
    found: dict[int, str] = {}
    stack = [(document, "")]
    while stack:
        value, pointer = stack.pop()
        if isinstance(value, dict | list):
            found[id(value)] = pointer
            items = value.items() if isinstance(value, dict) else enumerate(value)
            stack.extend((child, f"{pointer}/{escape(str(key))}") for key, child in items)
    return found


def _names_itself(schema: Any) -> bool:
    return isinstance(schema, dict) and (isinstance(schema.get("$id"), str) or isinstance(schema.get("id"), str))


def _has_inner_ids(root: Any) -> bool:
    """Whether a subschema may change what references are relative to (`$id`, or `id` with a text)."""
    stack = list(root.values()) if isinstance(root, dict) else []
    while stack:
        value = stack.pop()
        if _names_itself(value):
            return True
        if isinstance(value, dict):
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)
    return False


def _identifier(resource: referencing.Resource[Any], root: Any) -> str:
    try:
        return resource.id() or ""
    except (AttributeError, TypeError) as error:
        value = root.get("$id", root.get("id")) if isinstance(root, dict) else None
        raise CompileError(f"an identifier must be a URI, not {value!r}", pointer="", keyword="$id") from error


def _declared(schema: Any, pointer: str) -> Draft | None:
    if not isinstance(schema, dict) or "$schema" not in schema:
        return None
    uri = schema["$schema"]
    if not isinstance(uri, str):
        raise CompileError("$schema must be a URI", pointer=f"{pointer}/$schema", keyword="$schema")
    draft = draft_of(uri)
    if draft is None:
        raise UnsupportedFeature(
            f"the dialect {uri!r} is not known",
            pointer=f"{pointer}/$schema",
            keyword="$schema",
            hint="Use drafts 4, 6, 7, 2019-09 or 2020-12, or leave $schema out.",
        )
    return draft


def _dangling(location: Location, reference: str) -> CompileError:
    return CompileError(
        f"the reference {reference!r} points to nothing",
        pointer=location.at("$ref"),
        keyword="$ref",
        hint="Correct it, or add the definition.",
    )
