"""One location, read: its own atoms by kind of value, and the groups of schemas that apply beside them.

Reading happens once for each location that the schema reaches; combining locations is `branches.py`.
"""

from __future__ import annotations

from typing import Final

from guidedgen.errors import CompileError, UnsupportedFeature
from guidedgen.grammars.json_schema.arrays import read_arrays
from guidedgen.grammars.json_schema.groups import enumerated, groups_of, too_many_dependencies
from guidedgen.grammars.json_schema.keywords import KINDS
from guidedgen.grammars.json_schema.locations import Location, Locations
from guidedgen.grammars.json_schema.negation import negation
from guidedgen.grammars.json_schema.numbers import read_numbers
from guidedgen.grammars.json_schema.objects import read_objects
from guidedgen.grammars.json_schema.options import Draft, Options
from guidedgen.grammars.json_schema.parts import Group, Record, Simple, Unsupported
from guidedgen.grammars.json_schema.strings import read_strings
from guidedgen.grammars.json_schema.view import View
from guidedgen.grammars.report import Entry, Treatment
from guidedgen.limits import Limits

_TYPES: Final = frozenset(KINDS) | {"integer"}


NOTHING_KINDS: Final[frozenset[str]] = frozenset()


class Reader:
    """Reads locations, each once, and collects the report's entries."""

    def __init__(self, locations: Locations, options: Options, limits: Limits) -> None:
        self._locations = locations
        self._options = options
        self._limits = limits
        self._records: dict[str, Record] = {}
        self._entries: list[Entry] = []
        self._loosened: set[str] = set()

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
            UnsupportedFeature: unless what is not enforced may be dropped.
        """
        detail = f"members {first} and {second} are not plainly exclusive"
        if self._options.dropped is None:
            raise refuse(group.pointer, "oneOf", f": {detail}")
        inside = f"{group.pointer}/"  # complements of members that nobody asks for any more
        self._entries = [
            entry
            for entry in self._entries
            if not (entry.pointer.startswith(inside) and entry.keyword == "not" and "/not" not in entry.pointer)
        ]
        treatment, _ = self._options.dropped
        checked = ", the rest when the value is complete" if treatment == "validated" else ""
        self._drop(group.pointer, "oneOf", treatment, f"enforced as anyOf{checked}: {detail}")

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

    def negated(self, location: Location) -> Location:
        """What is valid exactly where a location is not."""
        return self._locations.negated(location)

    def _read(self, location: Location) -> Record:
        if location.negates is not None:
            return self._read_negation(location.negates)
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

    def _read_negation(self, location: Location) -> Record:
        """Where the caller asked to drop what is not enforced: nothing, rather than more than the schema excludes."""
        plain = self.read(location)
        record = negation(plain, location, self.negated, self._locations.made(location, False, "(never)"))
        if self._options.dropped is not None:
            parts = [item for part in record if isinstance(part, Group) for member in part.members for item in member]
            refused = any(isinstance(item, Simple) and item.unsupported for item in parts)
            if refused or location.pointer in self._loosened:
                keyword = next(
                    (token for token in reversed(location.pointer.split("/")) if token in ("not", "if")), "not"
                )
                self._drop(location.pointer, keyword, *self._options.dropped)
                self._loosened.add(f"{location.pointer} (not)")
                return ()
        return record

    def loosened(self, location: Location) -> bool:
        """Whether what a location says was dropped, all or in part, because the caller asked for that."""
        return location.pointer in self._loosened

    def _drop(self, pointer: str, keyword: str, treatment: Treatment, note: str) -> None:
        self._entries = [entry for entry in self._entries if entry.pointer != pointer]
        self._entries.append(Entry(pointer, keyword, treatment, note))

    def _read_keywords(self, location: Location) -> Record:
        types = _types(View(location, self._locations))
        kinds = frozenset("number" if name == "integer" else name for name in types)
        dropped, strict = self._options.dropped, self._options.strict_keywords
        view = View(location, self._locations, kinds, dropped=dropped, strict=strict)
        if view.has("type"):
            view.note("type", "exact")
        if view.has("$ref") and not view.draft.merges_ref_siblings:
            return self._only_reference(view)
        integral = "integer" in types and "number" not in types
        groups = groups_of(view)
        scalars, alternatives = enumerated(view)
        excess = too_many_dependencies(view, groups)
        if excess:
            groups = [
                group for group in groups if not group.pointer.startswith(tuple(view.at(k) + "/" for k in excess))
            ]
        simple = Simple(
            location.pointer,
            kinds,
            scalars,
            location.pointer if location.resolver is None else view.at("enum" if view.has("enum") else "const"),
            read_numbers(view, integral=integral),
            read_strings(view, self._options, self._limits),
            read_arrays(view),
            read_objects(view, self._limits, closed=self._options.closed and location.resolver is not None),
            self._unsupported(view, excess),
        )
        if dropped is not None and any(entry.treatment == dropped[0] for entry in view.entries.values()):
            self._loosened.add(location.pointer)
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
        return (Group("all", ((target,),), view.at("$ref")),)

    def _unsupported(self, view: View, excess: list[str]) -> tuple[Unsupported, ...]:
        """Keywords that are not enforced, unless what they say is nothing."""
        found: list[tuple[str, frozenset[str]]] = [(keyword, frozenset({"object"})) for keyword in excess]
        if view.flag("uniqueItems"):
            found.append(("uniqueItems", frozenset({"array"})))
        for keyword, kinds in view.finish():
            if _says_nothing(view, keyword):
                view.note(keyword, "exact", "excludes nothing")
            else:
                found.append((keyword, kinds))
        if self._options.dropped is not None:
            for keyword, _ in found:
                view.drop(keyword)
            return ()
        return tuple(Unsupported(keyword, view.at(keyword), kinds & view.kinds) for keyword, kinds in found)


def refuse(pointer: str, keyword: str, detail: str = "") -> UnsupportedFeature:
    """The error for a keyword that would not be enforced."""
    return UnsupportedFeature(
        f"{keyword} is not supported{detail}",
        pointer=pointer,
        keyword=keyword,
        hint='Remove it, have finished values checked with on_unsupported="validate", or drop it with "relax".',
    )


def _says_nothing(view: View, keyword: str) -> bool:
    value = view.schema[keyword]
    if keyword in ("minContains", "maxContains"):
        return "contains" not in view.schema
    return keyword in ("unevaluatedProperties", "unevaluatedItems") and (value is True or value == {})


def _types(view: View) -> frozenset[str]:
    if not view.has("type"):
        return _TYPES
    value = view.schema["type"]
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) and name in _TYPES for name in names):
        view.malformed("type", f"one or several of {', '.join(sorted(_TYPES))}")
    return frozenset(names)


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
