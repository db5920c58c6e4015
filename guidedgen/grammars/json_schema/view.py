"""Reading one location: every keyword's value is checked for its form, and every keyword goes into the report once.

The modules about kinds of values ask a `View` for the keywords they know; what nobody asked for is an annotation, an
unknown keyword, or something that is not enforced. What keywords mean is not decided here.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NoReturn

from guidedgen.errors import CompileError
from guidedgen.grammars.json_schema.keywords import ALL, KEYWORDS, VALIDATED, likely_typo, slip, slip_note
from guidedgen.grammars.json_schema.locations import Location, Locations
from guidedgen.grammars.json_schema.values import is_integral, is_number
from guidedgen.grammars.report import Entry, Treatment


class View:
    """One location while it is read.

    Args:
        location: the place; its schema is a dict.
        locations: where its subschemas are looked up.
        kinds: the kinds of values that the location's own `type` allows; keywords about others are annotations.
        dropped: treatment of what masks cannot enforce, and the note about it; None where it is refused.
        strict: refuse keywords that look misspelled.
    """

    def __init__(
        self,
        location: Location,
        locations: Locations,
        kinds: frozenset[str] = ALL,
        *,
        dropped: tuple[Treatment, str] | None = None,
        strict: bool = False,
    ) -> None:
        self.location = location
        self.schema: dict[str, Any] = location.schema
        self.draft = location.draft
        self.kinds = kinds
        self.entries: dict[str, Entry] = {}
        self._locations = locations
        self._dropped = dropped
        self._strict = strict

    def at(self, *tokens: str | int) -> str:
        """The pointer to something below this place."""
        return self.location.at(*tokens)

    def has(self, keyword: str) -> bool:
        """Whether the keyword is here and the draft has it."""
        known = KEYWORDS.get(keyword)
        return keyword in self.schema and known is not None and known.known_in(self.draft)

    def note(self, keyword: str, treatment: Treatment, note: str = "") -> None:
        """Put a keyword into the report, or correct what stands there."""
        self.entries[keyword] = Entry(self.at(keyword), keyword, treatment, note)

    def drop(self, keyword: str) -> bool:
        """Leave a keyword to whoever checks the value, and say so; False where it is to be refused instead."""
        if self._dropped is not None:
            self.note(keyword, *self._dropped)
        return self._dropped is not None

    def malformed(self, keyword: str, expected: str) -> NoReturn:
        """Refuse the value of a keyword."""
        text = repr(self.schema[keyword])
        shown = text if len(text) <= 80 else text[:77] + "..."
        raise CompileError(
            f"{keyword} must be {expected}, not {shown}",
            pointer=self.at(keyword),
            keyword=keyword,
            hint="Correct the schema.",
        )

    def value(self, keyword: str) -> Any:
        """The raw value of a keyword that is here, noted as enforced."""
        self.note(keyword, "exact")
        return self.schema[keyword]

    def number(self, keyword: str) -> int | Decimal | None:
        """A number."""
        if not self.has(keyword):
            return None
        value = self.value(keyword)
        if not is_number(value):
            self.malformed(keyword, "a number")
        assert isinstance(value, int | Decimal)
        return value

    def count(self, keyword: str) -> int | None:
        """A non-negative integer."""
        value = self.number(keyword)
        if value is None:
            return None
        if value < 0 or not is_integral(value):
            self.malformed(keyword, "a non-negative integer")
        return int(value)

    def text(self, keyword: str) -> str | None:
        """A string."""
        if not self.has(keyword):
            return None
        value = self.value(keyword)
        if not isinstance(value, str):
            self.malformed(keyword, "a string")
        return str(value)

    def flag(self, keyword: str) -> bool | None:
        """A boolean."""
        if not self.has(keyword):
            return None
        value = self.value(keyword)
        if not isinstance(value, bool):
            self.malformed(keyword, "true or false")
        return bool(value)

    def names(self, keyword: str) -> tuple[str, ...]:
        """A list of different strings; empty where the keyword is not here."""
        if not self.has(keyword):
            return ()
        value = self.value(keyword)
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            self.malformed(keyword, "a list of strings")
        if len(set(value)) < len(value):
            self.malformed(keyword, "a list of different strings")
        return tuple(value)

    def subschema(self, keyword: str) -> Location | None:
        """A schema: an object, true or false."""
        if not self.has(keyword):
            return None
        value = self.value(keyword)
        if not isinstance(value, dict | bool):
            self.malformed(keyword, "a schema (an object, true or false)")
        return self._locations.child(self.location, keyword)

    def subschemas(self, keyword: str) -> tuple[Location, ...]:
        """A list of schemas; refused where it is empty (2020-12 core, 10.2.1)."""
        if not self.has(keyword):
            return ()
        value = self.value(keyword)
        if not isinstance(value, list) or not value:
            self.malformed(keyword, "a list of at least one schema")
        if not all(isinstance(item, dict | bool) for item in value):
            self.malformed(keyword, "a list of schemas (objects, true or false)")
        return tuple(self._locations.child(self.location, keyword, index) for index in range(len(value)))

    def schema_map(self, keyword: str) -> dict[str, Location]:
        """Schemas by name."""
        if not self.has(keyword):
            return {}
        value = self.value(keyword)
        if not isinstance(value, dict) or not all(isinstance(item, dict | bool) for item in value.values()):
            self.malformed(keyword, "an object whose values are schemas")
        return {name: self._locations.child(self.location, keyword, name) for name in value}

    def resolve(self) -> Location:
        """What `$ref` points to."""
        reference = self.text("$ref")
        assert reference is not None
        target = self._locations.resolve(self.location, reference)
        if not isinstance(target.schema, dict | bool):
            self.malformed("$ref", "a reference to a schema (an object, true or false)")
        return target

    def made(self, schema: Any, *tokens: str | int) -> Location:
        """A schema that stands for something else below this place."""
        return self._locations.made(self.location, schema, *tokens)

    def child(self, *tokens: str | int) -> Location:
        """A subschema whose form was checked."""
        return self._locations.child(self.location, *tokens)

    def negated(self, location: Location) -> Location:
        """What is valid exactly where a location is not."""
        return self._locations.negated(location)

    def finish(self) -> list[tuple[str, frozenset[str]]]:
        """Note every keyword that nobody asked for.

        Returns:
            The keywords that are not enforced, with the kinds of values they are about.

        Raises:
            CompileError: a keyword that is unknown and looks like a slip of the pen, where that is not tolerated.
        """
        unsupported: list[tuple[str, frozenset[str]]] = []
        for keyword in self.schema:
            known = KEYWORDS.get(keyword)
            if keyword in self.entries:
                self._check_kind(keyword)
            elif known is None:
                self._unknown(keyword)
            elif not known.known_in(self.draft):
                self.note(keyword, "annotation", f"not a keyword in {self.draft.title}")
            elif known.role == "annotation":
                self.note(keyword, "annotation")
            elif not known.kinds & self.kinds:
                self.note(keyword, "annotation", f"says nothing about {_listed(self.kinds)}")
            elif known.role == "unsupported":
                unsupported.append((keyword, known.kinds))
            else:
                self.note(keyword, "annotation", "has no effect here")
        return unsupported

    def _check_kind(self, keyword: str) -> None:
        known = KEYWORDS[keyword]
        if not known.kinds & self.kinds and self.entries[keyword].treatment == "exact":
            self.note(keyword, "annotation", f"says nothing about {_listed(self.kinds)}")

    def _unknown(self, keyword: str) -> None:
        if keyword == VALIDATED:
            self.note(keyword, "validated", str(self.schema[keyword]))
            return
        meant = likely_typo(keyword)
        if meant is None or meant in self.schema:
            self.note(keyword, "annotation", "not a keyword of JSON Schema")
        elif self._strict:
            raise slip(self.at(keyword), keyword, meant)
        else:
            self.note(keyword, "annotation", slip_note(meant))


def _listed(kinds: frozenset[str]) -> str:
    return " or ".join(sorted(kinds)) or "any value that is allowed here"
