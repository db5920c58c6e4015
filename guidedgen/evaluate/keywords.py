"""Which keywords of JSON Schema occur in a schema; what it merely quotes (enum, const, default) does not count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


# By what their value is: one schema, a list of schemas, schemas by name, something else.
_ONE = words("""additionalItems additionalProperties contains contentSchema else if items not propertyNames then
    unevaluatedItems unevaluatedProperties""")
_MANY = words("allOf anyOf items oneOf prefixItems")
_NAMED = words("$defs definitions dependencies dependentSchemas patternProperties properties")
_PLAIN = words("""$anchor $dynamicAnchor $dynamicRef $id $recursiveAnchor $recursiveRef $ref const dependentRequired
    enum exclusiveMaximum exclusiveMinimum format id maxContains maxItems maxLength maxProperties maximum minContains
    minItems minLength minProperties minimum multipleOf pattern required type uniqueItems""")
KEYWORDS = _ONE | _MANY | _NAMED | _PLAIN


def keywords_of(schema: Any) -> list[str]:
    """Names of the keywords, sorted; a format also as `format: NAME`, a list of types also as `type: [...]`."""
    found: set[str] = set()
    waiting = [schema]
    while waiting:
        place = waiting.pop()
        if isinstance(place, bool):
            found.add(f"{str(place).lower()} as a schema")
        elif isinstance(place, Mapping):
            found.update(_named(place))
            waiting.extend(_below(place))
    return sorted(found)


def _named(schema: Mapping[str, Any]) -> Iterator[str]:
    yield from KEYWORDS & schema.keys()
    if isinstance(schema.get("format"), str):
        yield f"format: {schema['format']}"
    if isinstance(schema.get("type"), list):
        yield "type: [...]"


def _below(schema: Mapping[str, Any]) -> Iterator[Any]:
    for keyword, value in schema.items():
        if keyword in _MANY and isinstance(value, list):
            yield from value
        elif keyword in _NAMED and isinstance(value, Mapping):
            yield from (entry for entry in value.values() if isinstance(entry, Mapping | bool))
        elif keyword in _ONE and isinstance(value, Mapping):  # a boolean here is so common that it tells nothing
            yield value
