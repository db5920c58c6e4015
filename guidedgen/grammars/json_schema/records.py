"""One location, read: its own atoms by kind of value, and the groups of schemas that apply beside them.

Reading happens once for each location that the schema reaches; combining locations is `branches.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from guidedgen.errors import CompileError, UnsupportedFeature
from guidedgen.grammars.json_schema.arrays import ArrayAtoms, read_arrays
from guidedgen.grammars.json_schema.keywords import ALL, KINDS
from guidedgen.grammars.json_schema.locations import Location, Locations
from guidedgen.grammars.json_schema.numbers import NumberAtoms, read_numbers
from guidedgen.grammars.json_schema.objects import ObjectAtoms, read_objects
from guidedgen.grammars.json_schema.options import Draft, Options
from guidedgen.grammars.json_schema.strings import StringAtoms, read_strings
from guidedgen.grammars.json_schema.values import Scalar
from guidedgen.grammars.json_schema.view import View
from guidedgen.grammars.report import Entry
from guidedgen.limits import Limits

_TYPES: Final = frozenset(KINDS) | {"integer"}


@dataclass(frozen=True, slots=True)
class Simple:
    """What one location says by itself.

    Attributes:
        pointer: of the location.
        kinds: the kinds of values that its `type` allows.
        scalars: the scalars that its `enum` or `const` allows; None: all.
        listed_at: the pointer of that keyword.
        unsupported: keywords that are not enforced, with the kinds that they are about.
    """

    pointer: str
    kinds: frozenset[str] = ALL
    scalars: tuple[Scalar, ...] | None = None
    listed_at: str = ""
    numbers: NumberAtoms = field(default_factory=NumberAtoms)
    strings: StringAtoms = field(default_factory=StringAtoms)
    arrays: ArrayAtoms = field(default_factory=ArrayAtoms)
    objects: ObjectAtoms = field(default_factory=ObjectAtoms)
    unsupported: tuple[tuple[str, frozenset[str]], ...] = ()

    @property
    def says_nothing(self) -> bool:
        """Whether every value satisfies it: left out of branches, so that all uses of a `$ref` share their rules."""
        return (
            self.kinds == ALL
            and self.scalars is None
            and not self.unsupported
            and self.numbers == NumberAtoms()
            and not (self.strings.shortest[0] or self.strings.longest or self.strings.expressions)
            and not (self.arrays.prefix or self.arrays.rest or self.arrays.fewest[0] or self.arrays.most)
            and not (self.objects.properties or self.objects.required or self.objects.names)
            and not (self.objects.fewest[0] or self.objects.most or any(part.schemas for part in self.objects.others))
        )


@dataclass(frozen=True, slots=True)
class Group:
    """Schemas that apply together ("all"), of which at least one ("any") or exactly one ("one") applies."""

    kind: Literal["all", "any", "one"]
    members: tuple[Location, ...]
    pointer: str


Part: TypeAlias = Simple | Group
Record: TypeAlias = tuple[Part, ...]
"""The parts of a location, in the order of their first mention."""

NOTHING_KINDS: Final[frozenset[str]] = frozenset()


class Reader:
    """Reads locations, each once, and collects the report's entries."""

    def __init__(self, locations: Locations, options: Options, limits: Limits) -> None:
        self._locations = locations
        self._options = options
        self._limits = limits
        self._records: dict[str, Record] = {}
        self._entries: list[Entry] = []

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The report's entries so far."""
        return tuple(self._entries)

    def add_entry(self, entry: Entry) -> None:
        """Put a fact into the report that is about no single keyword."""
        self._entries.append(entry)

    def refuse_overlap(self, group: Group, first: int, second: int) -> None:
        """`oneOf` members that one value may satisfy: an error, or a line in the report where the caller asked for it.

        Raises:
            UnsupportedFeature: unless on_unsupported="relax".
        """
        detail = f"members {first} and {second} are not plainly exclusive"
        if self._options.on_unsupported != "relax":
            raise refuse(group.pointer, "oneOf", f": {detail}")
        self._entries = [entry for entry in self._entries if entry.pointer != group.pointer]
        self._entries.append(Entry(group.pointer, "oneOf", "relaxed", f"enforced as anyOf: {detail}"))

    def read(self, location: Location) -> Record:
        """The parts of a location.

        Raises:
            CompileError: a keyword's value is malformed, a keyword is misspelled, a reference points to nothing.
            UnsupportedFeature: a pattern, format or reference that is not supported.
        """
        known = self._records.get(location.pointer)
        if known is None:
            known = self._records[location.pointer] = self._read(location)
        return known

    def _read(self, location: Location) -> Record:
        schema = location.schema
        if schema is True or schema == {}:
            return ()
        if schema is False:
            if location.draft is Draft.D4 and not location.pointer.endswith(
                ("/additionalProperties", "/additionalItems")
            ):
                raise CompileError(
                    "false is not a schema in draft 4", pointer=location.pointer, hint='Write {"not": {}}.'
                )
            return (Simple(location.pointer, NOTHING_KINDS),)
        if not isinstance(schema, dict):
            raise CompileError("a schema must be an object, true or false", pointer=location.pointer)
        return self._read_keywords(location)

    def _read_keywords(self, location: Location) -> Record:
        types = _types(View(location, self._locations))
        kinds = frozenset("number" if name == "integer" else name for name in types)
        lenient = self._options.on_unsupported == "relax"
        view = View(location, self._locations, kinds, lenient=lenient)
        if view.has("type"):
            view.note("type", "exact")
        if view.has("$ref") and not view.draft.merges_ref_siblings:
            return self._only_reference(view)
        integral = "integer" in types and "number" not in types
        groups = _groups(view)
        scalars, alternatives = _enumerated(view)
        simple = Simple(
            location.pointer,
            kinds,
            scalars,
            location.pointer if location.resolver is None else view.at("enum" if view.has("enum") else "const"),
            read_numbers(view, integral=integral),
            read_strings(view, self._options, self._limits),
            read_arrays(view),
            read_objects(view, self._limits, closed=self._options.closed),
            self._unsupported(view),
        )
        if location.resolver is not None:
            self._entries.extend(view.entries[name] for name in view.schema if name in view.entries)
        return _in_order(view, simple, [*groups, *alternatives])

    def _only_reference(self, view: View) -> Record:
        """Before 2019-09, keywords beside `$ref` are ignored (draft 7 core, 8.3)."""
        target = view.resolve()
        for keyword in view.schema:
            if keyword != "$ref":
                view.note(keyword, "annotation", f"stands beside $ref, which {view.draft.title} ignores")
        self._entries.extend(view.entries[name] for name in view.schema)
        return (Group("all", (target,), view.at("$ref")),)

    def _unsupported(self, view: View) -> tuple[tuple[str, frozenset[str]], ...]:
        """Keywords that are not enforced, unless what they say is nothing."""
        found: list[tuple[str, frozenset[str]]] = []
        if view.flag("uniqueItems"):
            found.append(("uniqueItems", frozenset({"array"})))
        for keyword, kinds in view.finish():
            if _says_nothing(view, keyword):
                view.note(keyword, "exact", "excludes nothing")
            elif self._options.on_unsupported == "relax":
                view.note(keyword, "relaxed", 'not enforced: on_unsupported="relax"')
            else:
                found.append((keyword, kinds))
        if self._options.on_unsupported == "relax":
            for keyword, _ in found:
                view.note(keyword, "relaxed", 'not enforced: on_unsupported="relax"')
            return ()
        return tuple((keyword, kinds & view.kinds) for keyword, kinds in found)


def refuse(pointer: str, keyword: str, detail: str = "") -> UnsupportedFeature:
    """The error for a keyword that would not be enforced."""
    return UnsupportedFeature(
        f"{keyword} is not supported{detail}",
        pointer=pointer,
        keyword=keyword,
        hint='Remove it, or drop it knowingly with on_unsupported="relax".',
    )


def _says_nothing(view: View, keyword: str) -> bool:
    value = view.schema[keyword]
    if keyword in ("dependencies", "dependentRequired", "dependentSchemas"):
        return bool(value == {})
    if keyword in ("then", "else"):
        return "if" not in view.schema
    if keyword == "if":
        return "then" not in view.schema and "else" not in view.schema
    if keyword in ("minContains", "maxContains"):
        return "contains" not in view.schema
    if keyword in ("unevaluatedProperties", "unevaluatedItems"):
        return value is True or value == {}
    return keyword == "not" and value is False


def _types(view: View) -> frozenset[str]:
    if not view.has("type"):
        return _TYPES
    value = view.schema["type"]
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) and name in _TYPES for name in names):
        view.malformed("type", f"one or several of {', '.join(sorted(_TYPES))}")
    return frozenset(names)


def _groups(view: View) -> list[Group]:
    groups: list[Group] = []
    if view.has("$ref"):
        groups.append(Group("all", (view.resolve(),), view.at("$ref")))
    for keyword, kind in (("allOf", "all"), ("anyOf", "any"), ("oneOf", "one")):
        members = view.subschemas(keyword)
        if members:
            groups.append(Group(kind, members, view.at(keyword)))  # type: ignore[arg-type]
    return groups


def _enumerated(view: View) -> tuple[tuple[Scalar, ...] | None, list[Group]]:
    """The scalars that `enum` and `const` allow; with arrays or objects among them, alternatives instead."""
    scalars: tuple[Scalar, ...] | None = None
    groups: list[Group] = []
    for keyword in ("enum", "const"):
        if not view.has(keyword):
            continue
        value = view.value(keyword)
        if keyword == "enum" and not isinstance(value, list):
            view.malformed("enum", "a list")
        values: list[Any] = value if keyword == "enum" else [value]
        plain = tuple(item for item in values if not isinstance(item, dict | list))
        if len(plain) == len(values):
            if scalars is None:
                scalars = plain
            else:
                groups.append(Group("all", (view.made({"enum": list(plain)}, keyword),), view.at(keyword)))
            continue
        members = [
            view.made(_exactly(item), keyword, i) for i, item in enumerate(values) if isinstance(item, dict | list)
        ]
        if plain:
            members.append(view.made({"enum": list(plain)}, keyword, "scalars"))
        groups.append(Group("any", tuple(members), view.at(keyword)))
    return scalars, groups


def _exactly(value: Any) -> dict[str, Any]:
    """A schema that only this value satisfies (an object's names in their order)."""
    if isinstance(value, dict):
        properties = {name: _exactly(item) for name, item in value.items()}
        return {"type": "object", "properties": properties, "required": list(value), "additionalProperties": False}
    if isinstance(value, list):
        items = {"prefixItems": [_exactly(item) for item in value]} if value else {}
        return {"type": "array", **items, "minItems": len(value), "maxItems": len(value)}
    return {"enum": [value]}


def _in_order(view: View, simple: Simple, groups: list[Group]) -> Record:
    """Groups that the text mentions before `properties` come before the location's own atoms."""
    keys = list(view.schema)
    own = keys.index("properties") if "properties" in view.schema else len(keys)

    def place(group: Group) -> int:
        keyword = group.pointer[len(view.location.pointer) + 1 :].split("/")[0]
        return keys.index(keyword)

    ordered = sorted(groups, key=place)
    before = [group for group in ordered if place(group) < own]
    after = [group for group in ordered if place(group) >= own]
    return (*before, *([] if simple.says_nothing else [simple]), *after)
