"""Finished values checked against the schema itself: what `on_unsupported="validate"` does with keywords beyond masks.

The `jsonschema` library walks the schema. What it takes from Python instead of the standard is replaced: numbers are
exact, patterns are ECMA-262 searches, formats are those of the masks, equal items are found inside of items too.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from types import ModuleType
from typing import Any, Final, TypeAlias

import referencing

from guidedgen.errors import CompileError, GrammarSyntaxError, LimitExceeded, UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import regex_text
from guidedgen.grammars.json_schema.content import content_fault
from guidedgen.grammars.json_schema.formats import format_expression
from guidedgen.grammars.json_schema.locations import SPECIFICATIONS, escape
from guidedgen.grammars.json_schema.options import Draft
from guidedgen.grammars.json_schema.text_matching import matches
from guidedgen.grammars.json_schema.values import is_integral, is_number, read_exact
from guidedgen.limits import Limits

Check: TypeAlias = Callable[[str], str | None]
"""What is wrong with a text, in a sentence; None where it is valid."""
_Keyword: TypeAlias = Callable[[Any, Any, Any, Any], Iterator[Any]]

_CLASSES: Final[Mapping[Draft, str]] = {
    Draft.MIXED: "Draft202012Validator",
    Draft.D4: "Draft4Validator",
    Draft.D6: "Draft6Validator",
    Draft.D7: "Draft7Validator",
    Draft.D2019: "Draft201909Validator",
    Draft.D2020: "Draft202012Validator",
}
_DATA: Final = frozenset({"enum", "const", "default", "examples"})
"""Keywords whose values are no schemas."""
_LIMITS: Final = Limits()


def checker(schema: Any, draft: Draft, documents: Mapping[str, Any], *, formats: bool) -> Check:
    """What checks texts against a schema.

    Args:
        schema: as `values.read_schema` gives it.
        draft: of the schema.
        documents: others that it may refer to, by URI; read alike.
        formats: whether `format` is enforced.

    Raises:
        UnsupportedFeature: the library is not installed, or cannot check this schema.
    """
    library = _library()
    if isinstance(schema, dict):  # the draft is settled; a reference to the root must not bring the library's own class
        schema = {name: value for name, value in schema.items() if name != "$schema"}
        _check_patterns(schema)
    registry: referencing.Registry[Any] = referencing.Registry().with_resources(
        (uri, referencing.Resource.from_contents(document, default_specification=SPECIFICATIONS[draft]))
        for uri, document in documents.items()
    )
    validator = _validator_class(library, draft, formats)(schema, registry=registry)

    def check(text: str) -> str | None:
        try:
            value = read_exact(text)
            error = library.exceptions.best_match(validator.iter_errors(value))
        except (referencing.exceptions.Unresolvable, RecursionError, ArithmeticError) as fault:
            raise CompileError(
                f"finished values cannot be checked: {fault}", pointer="", hint="Correct the schema."
            ) from fault
        except ValueError as fault:
            return str(fault)
        return None if error is None else _told(error)

    return check


def _told(error: Any) -> str:
    place = "".join("/" + escape(str(step)) for step in error.absolute_path)
    rule = "".join("/" + escape(str(step)) for step in error.absolute_schema_path)
    message = error.message if len(error.message) <= 200 else error.message[:197] + "..."
    return f"{place or 'the value'}: {message} (#{rule})"


def _library() -> ModuleType:
    try:
        return importlib.import_module("jsonschema")  # late and optional: only schemas beyond masks need it
    except ImportError as error:
        raise UnsupportedFeature(
            'on_unsupported="validate" needs the jsonschema library',
            keyword="on_unsupported",
            hint="pip install 'guidedgen[validate]'",
        ) from error


@lru_cache(maxsize=16)
def _validator_class(library: ModuleType, draft: Draft, formats: bool) -> Any:
    base: Any = getattr(library, _CLASSES[draft])
    types = base.TYPE_CHECKER.redefine("number", lambda _, value: is_number(value))
    whole = (lambda _, value: isinstance(value, int) and is_number(value)) if draft is Draft.D4 else _is_integer
    keywords: dict[str, _Keyword] = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "multipleOf": _multiple_of,
        "uniqueItems": _unique_items,
        "format": _format if formats else _nothing,
    }
    if draft is Draft.D7:
        keywords |= {"contentEncoding": _content, "contentMediaType": _content}
    if draft is Draft.MIXED:
        keywords |= _of_older_drafts(library)
    return library.validators.extend(base, keywords, type_checker=types.redefine("integer", whole))


def _is_integer(_: Any, value: Any) -> bool:
    return is_number(value) and is_integral(value)


def _of_older_drafts(library: ModuleType) -> dict[str, _Keyword]:
    """What a schema without `$schema` may use beside the keywords of 2020-12, in its older meaning."""
    newest: dict[str, _Keyword] = library.Draft202012Validator.VALIDATORS
    seventh: dict[str, _Keyword] = library.Draft7Validator.VALIDATORS
    fourth: dict[str, _Keyword] = library.Draft4Validator.VALIDATORS

    def items(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        return (seventh if isinstance(value, list) else newest)["items"](validator, value, instance, schema)

    def additional_items(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        listed = isinstance(schema.get("items"), list)
        return seventh["additionalItems"](validator, value, instance, schema) if listed else ()

    def exclusive(name: str) -> _Keyword:
        def bound(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
            return () if isinstance(value, bool) else newest[name](validator, value, instance, schema)

        return bound

    def inclusive(name: str, other: str) -> _Keyword:
        def bound(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
            old = isinstance(schema.get(other), bool)
            return (fourth if old else newest)[name](validator, value, instance, schema)

        return bound

    return {
        "items": items,
        "additionalItems": additional_items,
        "dependencies": seventh["dependencies"],
        "exclusiveMinimum": exclusive("exclusiveMinimum"),
        "exclusiveMaximum": exclusive("exclusiveMaximum"),
        "minimum": inclusive("minimum", "exclusiveMinimum"),
        "maximum": inclusive("maximum", "exclusiveMaximum"),
    }


def _error(message: str) -> Any:
    library: Any = _library()
    return library.ValidationError(message)


def _nothing(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
    return iter(())


def _pattern(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if isinstance(instance, str) and not _finds(value, instance):
        yield _error(f"{instance!r} does not match {value!r}")


def _pattern_properties(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if isinstance(instance, dict):
        for pattern, inner in value.items():
            for name, item in instance.items():
                if _finds(pattern, name):
                    yield from validator.descend(item, inner, path=name, schema_path=pattern)


def _additional_properties(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if isinstance(instance, dict):
        declared, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        for name, item in instance.items():
            if name not in declared and not any(_finds(pattern, name) for pattern in patterns):
                yield from validator.descend(item, value, path=name)


def _multiple_of(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if is_number(instance) and (Fraction(instance) / Fraction(value)).denominator != 1:
        yield _error(f"{instance} is not a multiple of {value}")


def _unique_items(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if value and isinstance(instance, list):
        seen: dict[object, int] = {}
        for index, item in enumerate(instance):
            first = seen.setdefault(_equality_key(item), index)
            if first != index:
                yield _error(f"items {first} and {index} are equal")
                return


def _equality_key(value: Any) -> object:
    """Equal for values that are equal (2020-12 core, 4.2.2)."""
    if isinstance(value, dict):
        return ("object", frozenset((name, _equality_key(item)) for name, item in value.items()))
    if isinstance(value, list):
        return ("array", tuple(map(_equality_key, value)))
    return Fraction(value) if is_number(value) else (type(value), value)


def _content(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
    fault = content_fault(schema, instance) if isinstance(instance, str) else None
    if fault is not None:
        yield _error(f"{instance!r} is {fault}")


def _format(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if not isinstance(instance, str):
        return
    texts = format_expression(value, {}, _LIMITS)
    bad = not matches(texts, instance) if texts is not None else value == "regex" and not _is_pattern(instance)
    if bad:
        yield _error(f"{instance!r} is not a {value!r}")


def _is_pattern(text: str) -> bool:
    try:
        _search(text)
    except GrammarSyntaxError:
        return False
    except (UnsupportedFeature, LimitExceeded):
        pass  # well formed, only not regular or too large for masks
    return True


def _finds(pattern: str, text: str) -> bool:
    return matches(_search(pattern), text)


@lru_cache(maxsize=1024)
def _search(pattern: str) -> cr.Regex:
    return regex_text.parse_search(pattern, limits=_LIMITS)


def _check_patterns(schema: dict[str, Any]) -> None:
    """Refuse patterns that nothing here can match, now and not when the first value is complete."""
    names: list[tuple[str, str]] = []
    library_matches = False
    stack: list[tuple[Any, str]] = [(schema, "")]
    while stack:
        value, pointer = stack.pop()
        if isinstance(value, list):
            stack.extend((item, f"{pointer}/{index}") for index, item in enumerate(value))
        if not isinstance(value, dict):
            continue
        stack.extend((item, f"{pointer}/{escape(name)}") for name, item in value.items() if name not in _DATA)
        if isinstance(value.get("pattern"), str):
            _check_pattern(value["pattern"], f"{pointer}/pattern")
        if isinstance(value.get("patternProperties"), dict):
            names += [(pattern, f"{pointer}/patternProperties") for pattern in value["patternProperties"]]
        library_matches |= "unevaluatedProperties" in value
    for pattern, place in names:
        _check_pattern(pattern, place, library_matches=library_matches)


def _check_pattern(pattern: str, pointer: str, *, library_matches: bool = False) -> None:
    """`library_matches`: for `unevaluatedProperties` the library uses Python's `re` itself."""
    try:
        _search(pattern)
        if library_matches:
            re.compile(pattern)
    except (CompileError, re.error) as error:
        reason = error.reason if isinstance(error, CompileError) else str(error)
        raise UnsupportedFeature(
            f"the pattern {json.dumps(pattern)} cannot be checked: {reason}",
            pointer=pointer,
            keyword=pointer.rsplit("/", 1)[-1],
        ) from error
