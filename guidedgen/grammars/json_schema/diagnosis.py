"""Which keywords contradict each other in a schema that a kernel has found unsatisfiable, within a time budget.

Two ways, the one with the better message first: the translation's own proof (`branches.py`), which knows why; and
leaving out keywords one after another as long as the kernel still finds nothing valid, until none can be spared. That
is a minimal unsatisfiable subset by deletion (Chinneck and Dravnieks 1991), the largest parts tried first.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from guidedgen.errors import GuidedGenError, UnsatisfiableSchema
from guidedgen.grammars.json_schema.branches import Branches
from guidedgen.grammars.json_schema.keywords import KEYWORDS
from guidedgen.grammars.json_schema.locations import Location, Locations, escape, unescape
from guidedgen.grammars.json_schema.options import Options
from guidedgen.grammars.json_schema.parts import Record
from guidedgen.grammars.json_schema.reasons import Reason
from guidedgen.grammars.json_schema.records import Reader
from guidedgen.grammars.json_schema.shapes import Branch, Shape
from guidedgen.grammars.json_schema.values import read_schema
from guidedgen.limits import Limits

Refuted: TypeAlias = Callable[[Any], bool]
"""Whether a schema is certainly unsatisfiable. May raise any `GuidedGenError` for what is no schema any more."""

SECONDS: Final = 0.25
_MOST_NAMED: Final = 8
_HINT: Final = "No value is valid: change one of them."
Path: TypeAlias = tuple[str | int, ...]

# Values that are schemas by name; lists whose members count one by one; schemas that may be less strict by themselves
# (in `not`, `if`, `oneOf` and `contains`, less strict inside is more strict outside).
_DEFINITIONS: Final = frozenset({"$defs", "definitions"})
_MAPS: Final = _DEFINITIONS | {"properties", "patternProperties", "dependentSchemas", "dependencies"}
_LISTS: Final = frozenset({"allOf", "required"})
_SCHEMAS: Final = frozenset({"items", "additionalItems", "additionalProperties", "propertyNames", "then", "else"})
_FEWER: Final = frozenset({"minContains"})
"""Keywords without which fewer values may be valid: `minContains: 0` makes `contains` say nothing."""


def diagnosed(
    error: UnsatisfiableSchema,
    schema: Any,
    *,
    options: Options,
    limits: Limits,
    refuted: Refuted | None = None,
    seconds: float = SECONDS,
) -> UnsatisfiableSchema:
    """A better error for an unsatisfiable schema: what contradicts what; `error` itself where that is not found.

    Args:
        error: what the kernel raised; its pointer, if it has one, is the place that it found impossible.
        schema: what was compiled.
        options: how it was read.
        limits: bounds on the work of the proof.
        refuted: compiles a changed schema in the same way, and says whether it is unsatisfiable.
        seconds: for both ways together.
    """
    deadline = time.monotonic() + seconds
    try:
        root = read_schema(schema, limits)
        reason = _proof(root, error.pointer, options, limits, deadline)
        if reason is not None:
            return reason.within(root).error()
        plain = json.loads(schema) if isinstance(schema, str) else schema
        pointers = [] if refuted is None else contradicting(plain, refuted, deadline=deadline)
    except (GuidedGenError, RecursionError):
        return error
    if not pointers:
        return error
    named = ", ".join(f"#{pointer}" for pointer in pointers[1:_MOST_NAMED])
    more = f" and {len(pointers) - _MOST_NAMED} more" if len(pointers) > _MOST_NAMED else ""
    return UnsatisfiableSchema(
        "no value satisfies all of these keywords" + (f"; see also {named}{more}" if named else ""),
        pointer=pointers[0],
        keyword=pointers[0].rsplit("/", 1)[-1] or None,
        hint=_HINT,
        pointers=pointers,
    )


class _TooSlow(GuidedGenError):
    """The budget is used up."""


def _proof(root: Any, pointer: str | None, options: Options, limits: Limits, deadline: float) -> Reason | None:
    """The translation's reason why the root allows nothing, or why the place that the kernel named does not.

    What the translation does not enforce is left out: that leaves more values valid, so a proof stays a proof.
    """
    loose = Options(
        property_order=options.property_order,
        format=options.format,
        registry=options.registry,
        on_unsupported="relax",
        closed=options.closed,
        canonical_numbers=options.canonical_numbers,
        formats=options.formats,
        draft=options.draft,
    )
    try:
        documents = {uri: read_schema(document, limits) for uri, document in options.registry.items()}
        locations = Locations(root, documents, options.draft)
        branches = _HurriedBranches(_HurriedReader(locations, loose, limits, deadline), limits, deadline)
        found = branches.reason((locations.root,))
        if found is None and pointer:
            place = _at(locations, pointer)
            found = None if place is None else branches.reason((place,))
    except (GuidedGenError, RecursionError):
        return None
    return found


def _at(locations: Locations, pointer: str) -> Location | None:
    """The location at a pointer into the main document; None where there is no schema."""
    tokens: list[str | int] = []
    value: Any = locations.root.schema
    for step in pointer.split("/")[1:]:
        token: Any = int(step) if isinstance(value, list) and step.isdigit() else unescape(step)
        if not isinstance(value, dict | list) or token not in (value if isinstance(value, dict) else range(len(value))):
            return None
        value = value[token]
        tokens.append(token)
    return locations.child(locations.root, *tokens) if isinstance(value, dict | bool) else None


class _HurriedReader(Reader):
    """A reader that gives up at a deadline."""

    def __init__(self, locations: Locations, options: Options, limits: Limits, deadline: float) -> None:
        super().__init__(locations, options, limits)
        self._deadline = deadline

    def read(self, location: Location) -> Record:
        _hurry(self._deadline)
        return super().read(location)


class _HurriedBranches(Branches):
    """Branches that give up at a deadline."""

    def __init__(self, reader: Reader, limits: Limits, deadline: float) -> None:
        super().__init__(reader, limits)
        self._deadline = deadline

    def shape(self, branch: Branch) -> Shape:
        _hurry(self._deadline)
        return super().shape(branch)


def _hurry(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise _TooSlow


def contradicting(schema: Any, refuted: Refuted, *, deadline: float) -> list[str]:
    """Pointers of keywords that together leave nothing valid; none where `refuted` does not say so of the schema.

    Leaving any one of them out gives a schema that is not refuted. None where the deadline passes before that is sure.
    """
    if not _still(schema, refuted):
        return []
    removed: set[Path] = set()
    kept: list[Path] = []
    for path in _parts(schema, ()):
        if any(path[:length] in removed for length in range(1, len(path))):
            continue
        if time.monotonic() > deadline:
            return []
        if _still(_without(schema, (), removed | {path}), refuted):
            removed.add(path)
        else:
            kept.append(path)
    inner = {path[:length] for path in kept for length in range(len(path))}
    return [_pointer(path) for path in kept if path not in inner]


def _still(schema: Any, refuted: Refuted) -> bool:
    try:
        return refuted(schema)
    except GuidedGenError:
        return False  # no schema any more


def _pointer(path: Path) -> str:
    return "".join("/" + escape(str(token)) for token in path)


def _parts(schema: Any, path: Path) -> Iterator[Path]:
    """What can be left out so that more values are valid, larger parts before those in them.

    `properties` and its like are never left out as a whole: what they declare counts for `additionalProperties`.
    """
    if not isinstance(schema, dict):
        return
    for keyword, value in schema.items():
        known = KEYWORDS.get(keyword)
        here = (*path, keyword)
        if keyword in _MAPS and isinstance(value, dict):
            for name, inner in value.items():
                if keyword not in _DEFINITIONS:
                    yield (*here, name)
                yield from _parts(inner, (*here, name))
        elif known is None or known.role == "annotation" or keyword in _FEWER:
            continue
        elif keyword == "prefixItems" or (keyword == "items" and isinstance(value, list)):
            yield from _members(value, here)
        else:
            yield here
            if keyword in _LISTS and isinstance(value, list):
                yield from _members(value, here)
            elif keyword == "anyOf" and isinstance(value, list):
                for index, inner in enumerate(value):  # each branch less strict, none left out
                    yield from _parts(inner, (*here, index))
            elif keyword in _SCHEMAS:
                yield from _parts(value, here)


def _members(value: Any, path: Path) -> Iterator[Path]:
    for index, inner in enumerate(value if isinstance(value, list) else ()):
        yield (*path, index)
        yield from _parts(inner, (*path, index))


def _without(value: Any, path: Path, removed: set[Path]) -> Any:
    """A copy without the removed parts; a schema among others becomes the one that allows everything."""
    if isinstance(value, dict):
        named = bool(path) and path[-1] in _MAPS  # a map of schemas keeps its names
        return {
            name: _without(inner, (*path, name), removed) if (*path, name) not in removed else {}
            for name, inner in value.items()
            if named or (*path, name) not in removed
        }
    if isinstance(value, list):
        return [
            _without(inner, (*path, index), removed) if (*path, index) not in removed else {}
            for index, inner in enumerate(value)
            if isinstance(inner, dict | bool) or (*path, index) not in removed
        ]
    return value
