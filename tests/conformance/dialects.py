"""Which draft a schema document is in, and what its references point to, for the validator of tests.

Documents and anchors are looked up by `referencing`, which this adds the drafts' own rules to. MIXED stands for
documents without `$schema`: they may use the keywords of all drafts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urldefrag, urljoin

import referencing
from jsonschema_specifications import REGISTRY
from referencing.jsonschema import (
    DRAFT4,
    DRAFT6,
    DRAFT7,
    DRAFT201909,
    DRAFT202012,
    EMPTY_REGISTRY,
    lookup_recursive_ref,
)

MIXED = 0
_SPECIFICATIONS = {4: DRAFT4, 6: DRAFT6, 7: DRAFT7, 2019: DRAFT201909, 2020: DRAFT202012, MIXED: DRAFT202012}
_DRAFTS = {
    "json-schema.org/draft-04/schema": 4,
    "json-schema.org/draft-06/schema": 6,
    "json-schema.org/draft-07/schema": 7,
    "json-schema.org/draft/2019-09/schema": 2019,
    "json-schema.org/draft/2020-12/schema": 2020,
    "json-schema.org/schema": MIXED,
}


@dataclass(frozen=True)
class Place:
    """Where a schema stands: what its references are relative to, its draft, and what its dialect asserts."""

    resolver: Any
    draft: int
    asserts_format: bool
    validates: bool = True  # whether the dialect has the validation vocabulary

    def below(self, schema: Any) -> Place:
        """The place of a subschema, which may name itself.

        Only then its `$schema` counts (2020-12 core, 8.1.1: it must not stand in what is no resource of its own).
        """
        if not isinstance(schema, dict) or not ({"$id", "id"} & schema.keys()):
            return self
        resolver = self.resolver.in_subresource(_SPECIFICATIONS[self.draft].create_resource(schema))
        return replace(self, resolver=resolver).dialect_of(schema)

    def dialect_of(self, schema: Any) -> Place:
        """This place in the dialect that a document declares."""
        uri = schema.get("$schema") if isinstance(schema, dict) else None
        if not isinstance(uri, str):
            return self
        known = _DRAFTS.get(uri.strip().rstrip("#").split("://")[-1])
        if known is not None:
            return replace(self, draft=known, validates=True)
        meta = self.resolver.lookup(uri).contents
        vocabularies = meta.get("$vocabulary", {})
        there = self.dialect_of(meta)
        return replace(
            there,
            validates=any(name.endswith("/vocab/validation") for name in vocabularies) or not vocabularies,
            asserts_format=self.asserts_format or any("vocab/format-assertion" in name for name in vocabularies),
        )

    def refer(self, reference: str) -> tuple[Any, Place]:
        """What `$ref` points to: an anchor is a plain one here, even where it is declared as dynamic."""
        uri, fragment = urldefrag(urljoin(self.resolver._base_uri, reference))
        if not fragment or fragment.startswith("/"):
            return self._landed(self.resolver.lookup(reference))
        base = self.resolver.lookup(uri).resolver
        resource = base._registry.anchor(uri, fragment).value.resource
        return resource.contents, self._moved(base.in_subresource(resource), resource.contents)

    def refer_dynamically(self, reference: str) -> tuple[Any, Place]:
        """What `$dynamicRef` points to (2020-12 core, 8.2.3.2)."""
        return self._landed(self.resolver.lookup(reference))

    def recur(self) -> tuple[Any, Place]:
        """What `$recursiveRef` points to (2019-09 core, 8.2.4.2.1)."""
        return self._landed(lookup_recursive_ref(self.resolver))

    def _landed(self, resolved: Any) -> tuple[Any, Place]:
        return resolved.contents, self._moved(resolved.resolver, resolved.contents)

    def _moved(self, resolver: Any, schema: Any) -> Place:
        """This place elsewhere: in the dialect of the document there, or of this one where it declares none."""
        moved = replace(self, resolver=resolver)
        uri = resolver._base_uri
        document = resolver._registry.contents(uri) if uri in resolver._registry else None
        moved = moved.dialect_of(document)
        return moved.dialect_of(schema) if isinstance(schema, dict) and {"$id", "id"} & schema.keys() else moved


def root(schema: Any, default: int, registry: Mapping[str, Any], asserts_format: bool) -> Place:
    """The place of a document."""
    uri = schema.get("$schema") if isinstance(schema, dict) else None
    plain = uri.strip().rstrip("#").split("://")[-1] if isinstance(uri, str) else ""
    specification = _SPECIFICATIONS[_DRAFTS.get(plain, default)]
    known: Any = EMPTY_REGISTRY.with_resources(
        (name, _resource(document, specification)) for name, document in registry.items()
    )
    resolver = REGISTRY.combine(known).resolver_with_root(specification.create_resource(schema))
    return Place(resolver, default, asserts_format).dialect_of(schema)


def _resource(document: Any, specification: Any) -> Any:
    """A document of the registry; in dialects that `referencing` does not know, nothing inside it names itself."""
    try:
        resource = referencing.Resource.from_contents(document, default_specification=specification)
    except referencing.exceptions.CannotDetermineSpecification:
        return referencing.Specification.OPAQUE.create_resource(document)
    try:
        resource.id()
        EMPTY_REGISTRY.with_resource("", resource).crawl()
    except TypeError:  # true and false as schemas, which draft 4 does not have: a document for later drafts
        return DRAFT6.create_resource(document)
    return resource
