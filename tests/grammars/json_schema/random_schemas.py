"""Random schemas within what is enforced, and values that are often valid under them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

NAMES = ["a", "b", "c", "é", 'q"']
TEXTS = ["", "a", "ab", "abc", "b", "12", "2024-02-29", "a\nb", "é", "\N{GRINNING FACE}"]
INTEGERS = st.integers(-12, 30)
NUMBERS = INTEGERS | st.sampled_from([0.5, -1.25, 2.0, 1e-7, 12.75, 1e21])
SCALARS = st.none() | st.booleans() | NUMBERS | st.sampled_from(TEXTS)


def values(size: int = 3) -> st.SearchStrategy[Any]:
    """JSON values over few names and texts, so that schemas often accept them."""
    return st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
        max_leaves=size,
    )


def _optional(**keywords: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=keywords)


NUMBER_KEYWORDS = _optional(
    minimum=NUMBERS,
    maximum=NUMBERS,
    exclusiveMinimum=INTEGERS,
    exclusiveMaximum=INTEGERS,
    multipleOf=st.sampled_from([1, 2, 3, 5, 7]),
)
STRING_KEYWORDS = _optional(
    minLength=st.integers(0, 3),
    maxLength=st.integers(0, 4),
    pattern=st.sampled_from(["^a", "b$", "a.*b", "^[a-c]*$", "^.{2}$"]),
)


def _tagged(kind: str, keywords: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return keywords.map(lambda found: {"type": kind, **found})


LEAVES = st.one_of(
    st.booleans(),
    st.just({}),
    st.sampled_from(["null", "boolean", "string"]).map(lambda name: {"type": name}),
    _tagged("integer", NUMBER_KEYWORDS),
    _tagged(
        "number", _optional(minimum=NUMBERS, maximum=NUMBERS, exclusiveMinimum=INTEGERS, exclusiveMaximum=INTEGERS)
    ),
    _tagged("string", STRING_KEYWORDS),
    st.lists(values(2), min_size=1, max_size=4, unique_by=repr).map(lambda found: {"enum": found}),
    values(3).map(lambda found: {"const": found}),
    st.lists(
        st.sampled_from(["null", "string", "integer", "number", "array", "object"]), min_size=1, max_size=3, unique=True
    ).map(lambda names: {"type": names}),
)


def _compound(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    properties = st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
    objects = _optional(
        properties=properties,
        required=st.lists(st.sampled_from(NAMES), max_size=2, unique=True),
        additionalProperties=st.booleans() | inner,
        patternProperties=st.dictionaries(
            st.sampled_from(["^a", "b|c", "[^a]", '"$', "^.$", "^$"]), inner, min_size=1, max_size=3
        ),
        propertyNames=STRING_KEYWORDS | st.just({"enum": ["a", "b", "é"]}),
        dependentRequired=st.dictionaries(
            st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), max_size=2, unique=True), max_size=2
        ),
        dependentSchemas=st.dictionaries(st.sampled_from(NAMES), inner, max_size=2),
        minProperties=st.integers(0, 2),
        maxProperties=st.integers(1, 4),
    )
    arrays = _optional(
        items=inner,
        prefixItems=st.lists(inner, min_size=1, max_size=2),
        minItems=st.integers(0, 2),
        maxItems=st.integers(0, 3),
    )
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        _tagged("object", objects),
        _tagged("array", arrays),
        several.map(lambda found: {"anyOf": found}),
        several.map(lambda found: {"allOf": found}),
        several.map(lambda found: {"oneOf": found}),
        inner.map(lambda found: {"not": found}),
        st.fixed_dictionaries({"if": inner}, optional={"then": inner, "else": inner}),
        st.tuples(_tagged("object", objects), inner).map(lambda pair: {**pair[0], "not": pair[1]}),
        st.tuples(_tagged("object", objects), several).map(lambda pair: {**pair[0], "anyOf": pair[1]}),
        st.tuples(objects, several).map(lambda pair: {**pair[0], "allOf": pair[1]}),
    )


SCHEMAS = st.recursive(LEAVES, _compound, max_leaves=6)
