"""The JSON Schema of a Python type, with everything that pydantic leaves out of it marked as checked at the end.

pydantic writes schemas for documentation: it omits Python validators, bounds of dates and the number of digits of a
decimal. Here each of those becomes a `x-validated` line, which the report shows; nothing is dropped silently.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from guidedgen.errors import CompileError, UnsupportedFeature
from guidedgen.grammars.json_schema.formats import FORMATS
from guidedgen.grammars.json_schema.keywords import VALIDATED

# Python's dates have no year 0 and its times no leap second (datetime.MINYEAR, datetime.time).
_YEAR: Final = r"(?!0000)"
_DATE: Final = _YEAR + FORMATS["date"]
_MINUTES: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_TIME: Final = rf"{_MINUTES}:[0-5][0-9](?:\.[0-9]{{1,6}})?(?:[Zz]|[+-]{_MINUTES})"
_UUID: Final = r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-%s[0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-[0-9A-Fa-f]{12}"
_NUMERALS: Final = {"integer": r"^-?(?:0|[1-9][0-9]{0,17})$", "number": r"^-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?$"}
_UP_TO_SIX: Final = r"[0-9]{1,6}"
_CLOCK: Final = rf"T(?:{_UP_TO_SIX}H(?:{_UP_TO_SIX}M)?|{_UP_TO_SIX}M(?:{_UP_TO_SIX}S)?|{_UP_TO_SIX}S)"

PYTHON_FORMATS: Final[Mapping[str, str]] = {
    "date": _DATE,
    "time": _TIME,
    "date-time": f"{_DATE}[Tt]{_TIME}",
    "duration": rf"P(?:{_UP_TO_SIX}D(?:{_CLOCK})?|{_CLOCK}|{_UP_TO_SIX}W)",
    "ipvanyaddress": rf"(?:{FORMATS['ipv4']}|{FORMATS['ipv6']})",
    "ipv4network": rf"{FORMATS['ipv4']}/32",
    "ipv4interface": rf"{FORMATS['ipv4']}/(?:3[0-2]|[12]?[0-9])",
    "binary": r"[^]*",
    "path": r"[^\u0000]+",
    "password": r"[^]*",
    **{f"uuid{version}": _UUID % version for version in range(1, 9)},
}
"""Formats as Python's types read them: a subset of the standard's where the two differ."""


class _Generator(GenerateJsonSchema):
    """pydantic's generator; methods carry the names of its core schemas."""

    def _marked(self, schema: JsonSchemaValue, note: str) -> JsonSchemaValue:
        notes = ", ".join(filter(None, [schema.get(VALIDATED), note]))
        return {**schema, VALIDATED: notes}

    def _bounded(self, schema: Mapping[str, Any], made: JsonSchemaValue) -> JsonSchemaValue:
        names = [name for name in ("ge", "gt", "le", "lt", "now_op") if schema.get(name) is not None]
        return self._marked(made, f"bounds of a {schema['type']} ({', '.join(names)})") if names else made

    def date_schema(self, schema: Any) -> JsonSchemaValue:
        """A day; bounds are checked at the end."""
        return self._bounded(schema, super().date_schema(schema))

    def time_schema(self, schema: Any) -> JsonSchemaValue:
        """A time of day; bounds are checked at the end."""
        return self._bounded(schema, super().time_schema(schema))

    def datetime_schema(self, schema: Any) -> JsonSchemaValue:
        """A moment; bounds are checked at the end."""
        return self._bounded(schema, super().datetime_schema(schema))

    def timedelta_schema(self, schema: Any) -> JsonSchemaValue:
        """A duration; bounds are checked at the end."""
        return self._bounded(schema, super().timedelta_schema(schema))

    def decimal_schema(self, schema: Any) -> JsonSchemaValue:
        """A JSON number (pydantic would also take a string); the number of digits is checked at the end."""
        made: JsonSchemaValue = {"type": "number"}
        names = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
        for name, keyword in {**names, "multiple_of": "multipleOf"}.items():
            if schema.get(name) is not None:
                made[keyword] = float(schema[name])
        if schema.get("decimal_places") is not None and "multipleOf" not in made:
            made["multipleOf"] = float(f"1e-{schema['decimal_places']}")
        return self._marked(made, "max_digits") if schema.get("max_digits") is not None else made

    def dict_schema(self, schema: Any) -> JsonSchemaValue:
        """An object; what the keys are is said about the names."""
        made: JsonSchemaValue = {"type": "object", "additionalProperties": True}
        if "values_schema" in schema:
            made["additionalProperties"] = self.generate_inner(schema["values_schema"])
        if "keys_schema" in schema:
            keys = schema["keys_schema"]
            if keys["type"] == "enum" and keys.get("sub_type") in ("int", "float"):
                raise UnsupportedFeature("keys that are members of an enumeration of numbers", hint="Use strings.")
            names = self._names(self.generate_inner(schema["keys_schema"]))
            made |= {} if names == {"type": "string"} else {"propertyNames": names}
        self.update_with_validations(made, schema, self.ValidationsMapping.object)
        return made

    def _names(self, keys: JsonSchemaValue) -> JsonSchemaValue:
        """Keys are strings; those of numbers are their numerals, and their bounds are checked at the end."""
        kind = keys.get("type")
        if kind in ("integer", "number") and "enum" not in keys and "const" not in keys:
            return self._marked({"type": "string", "pattern": _NUMERALS[kind]}, "keys that are numbers")
        return keys

    def set_schema(self, schema: Any) -> JsonSchemaValue:
        """An array: equal items become one, so they need not be kept apart."""
        return self._as_array(super().set_schema(schema))

    def frozenset_schema(self, schema: Any) -> JsonSchemaValue:
        """As a set."""
        return self._as_array(super().frozenset_schema(schema))

    def _as_array(self, made: JsonSchemaValue) -> JsonSchemaValue:
        made.pop("uniqueItems", None)
        return self._marked(made, "different items in a set") if made.get("minItems", 0) > 1 else made

    def function_after_schema(self, schema: Any) -> JsonSchemaValue:
        """A validator behind the type's own."""
        return self._marked(super().function_after_schema(schema), "a Python validator")

    def function_before_schema(self, schema: Any) -> JsonSchemaValue:
        """A validator before the type's own."""
        return self._marked(super().function_before_schema(schema), "a Python validator")

    def function_wrap_schema(self, schema: Any) -> JsonSchemaValue:
        """A validator around the type's own."""
        return self._marked(super().function_wrap_schema(schema), "a Python validator")

    def tagged_union_schema(self, schema: Any) -> JsonSchemaValue:
        """A union whose tag must be there, also where it has a default."""
        made = dict(super().tagged_union_schema(schema))
        members = made.pop("oneOf", None)
        if members is not None:
            made["anyOf"] = members
        tag = made.pop("discriminator", {}).get("propertyName")
        if tag is not None:
            made["required"] = [tag]
        return made


def schema_of(adapter: TypeAdapter[Any], name: str) -> dict[str, Any]:
    """The JSON Schema of what a type is validated from.

    Raises:
        UnsupportedFeature: a type that has no JSON form.
        CompileError: pydantic refuses the type.
    """
    try:
        return adapter.json_schema(mode="validation", schema_generator=_Generator)
    except PydanticInvalidForJsonSchema as error:
        raise UnsupportedFeature(
            f"{name} has no JSON form: {error.message.rstrip('.')}",
            hint="Use types that JSON can write, or a schema of your own.",
        ) from error
    except PydanticUserError as error:
        raise CompileError(f"{name} cannot be used: {error.message.rstrip('.')}") from error
