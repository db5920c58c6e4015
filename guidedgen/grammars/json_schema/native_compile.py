"""A JSON Schema compiled by the native kernel: read and compiled in one call, and wrapped with its report."""

from __future__ import annotations

import importlib
from dataclasses import fields, replace
from functools import cache, partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from guidedgen.errors import UnsatisfiableSchema, UnsupportedFeature
from guidedgen.grammars.json_schema.bounds import Bounds
from guidedgen.grammars.json_schema.diagnosis import diagnosed
from guidedgen.grammars.json_schema.native_schema import (
    native_arguments,
    read_native,
    readable,
    refuse_slips,
    report_of,
)
from guidedgen.grammars.json_schema.options import Options
from guidedgen.grammars.json_schema.whitespace import Indent
from guidedgen.grammars.report import Report
from guidedgen.grammars.translation import Form
from guidedgen.kernel import compile_native
from guidedgen.limits import Limits

if TYPE_CHECKING:
    from guidedgen.kernel import Compiled
    from guidedgen.kernel._native import Schema, SchemaSettings
    from guidedgen.vocabulary import Vocabulary

_COMPACT, _FLEXIBLE, _INDENTED = range(3)
_LAYOUTS: Final = {"compact": _COMPACT, "flexible": _FLEXIBLE}
_LARGEST_BOUND: Final = 1_000_000_000


class Reading:
    """How schemas are read and their texts laid out. The native kernel takes it in once, for all schemas.

    Attributes:
        options: how they are read.
        bounds: on what they leave endless.
    """

    __slots__ = ("_settings", "_strict", "bounds", "options")

    def __init__(self, options: Options, bounds: Bounds) -> None:
        """One way of reading."""
        self.options = options
        self.bounds = bounds
        self._strict: Reading | None = None
        self._settings: tuple[Limits, SchemaSettings] | None = None

    @property
    def strict(self) -> Reading:
        """The same, but what masks do not enforce is refused."""
        if self._strict is None:
            self._strict = Reading(replace(self.options, on_unsupported="error"), self.bounds)
        return self._strict

    def settings(self, limits: Limits) -> SchemaSettings:
        """The native kernel's form of it; the last one is kept. Raises ImportError where the kernel is not built."""
        known = self._settings
        if known is None or (known[0] is not limits and known[0] != limits):
            options, documents, bounds = native_arguments(self.options, limits, formats=_formats())
            layout = _layout_options(self.options) | _bound_options(self.bounds)
            module = importlib.import_module("guidedgen.kernel._native")
            known = self._settings = limits, module.SchemaSettings(options, documents, layout, bounds)
        return known[1]


def form_of(schema: Any, vocabulary: Vocabulary, *, reading: Reading, limits: Limits) -> Form | None:
    """A schema compiled natively; None where a keyword is beyond masks and on_unsupported is "validate".

    With on_unsupported="validate" nothing is left to check: what is compiled here is enforced by masks.

    Raises:
        UnsatisfiableSchema: with the keywords that contradict each other, where they are found within a short time.
        CompileError, LimitExceeded: as `native_schema.read_native` does.
    """
    options = reading.options
    if options.on_unsupported == "validate":
        try:
            return form_of(schema, vocabulary, reading=reading.strict, limits=limits)
        except UnsupportedFeature:
            return None
    if options.strict_keywords:
        refuse_slips(read_native(schema, options, limits, formats=_formats()))
    try:
        compiled = _compiled(schema, vocabulary, reading, limits)
    except UnsatisfiableSchema as error:
        refuted = partial(_refuted, vocabulary=vocabulary, options=options, limits=limits)
        raise diagnosed(error, schema, options=options, limits=limits, refuted=refuted) from None
    return Form(compiled=compiled, report=partial(_report, compiled, reading.bounds))


def native_form(
    schema: Any, vocabulary: Vocabulary, *, options: Options, limits: Limits, bounds: Bounds | None = None
) -> Form | None:
    """`form_of` for settings that are used once."""
    return form_of(schema, vocabulary, reading=Reading(options, bounds or Bounds()), limits=limits)


def _report(compiled: Compiled, bounds: Bounds) -> Report:
    assert compiled.schema is not None
    return Report((*report_of(compiled.schema), *bounds.entries()), compiled.unproved)


def read_text(schema: Any, *, options: Options, limits: Limits, bounds: Bounds) -> tuple[Schema, dict[str, int]]:
    """A schema as the native kernel reads it, and how its texts are laid out. Raises as `native_schema` does."""
    read = read_native(schema, options, limits, formats=_formats())
    if options.strict_keywords:
        refuse_slips(read)
    return read, _layout_options(options) | _bound_options(bounds)


@cache
def _formats() -> frozenset[str]:
    """The formats that the native kernel enforces."""
    return frozenset(importlib.import_module("guidedgen.kernel._native").formats())


def _layout_options(options: Options) -> dict[str, int]:
    """How texts are laid out, as `SchemaSettings` takes it."""
    settings = {"any_order": int(options.property_order == "any"), "canonical_numbers": int(options.canonical_numbers)}
    if isinstance(options.whitespace, Indent):
        return {**settings, "whitespace": _INDENTED, "indent": options.whitespace.width}
    return {**settings, "whitespace": _LAYOUTS[options.whitespace]}


def _bound_options(bounds: Bounds) -> dict[str, int]:
    given = {f"max_{entry.name}": getattr(bounds, entry.name) for entry in fields(bounds)}
    return {name: min(value, _LARGEST_BOUND) for name, value in given.items() if value is not None}


def _compiled(schema: Any, vocabulary: Vocabulary, reading: Reading, limits: Limits) -> Compiled:
    plain = schema if type(schema) is dict else readable(schema, limits)

    def make(module: ModuleType, vocabulary_: Any) -> Any:
        return module.Grammar.from_schema(vocabulary_, plain, reading.settings(limits))

    return compile_native(make, vocabulary)


def _refuted(schema: Any, *, vocabulary: Vocabulary, options: Options, limits: Limits) -> bool:
    """Whether the native kernel finds a schema unsatisfiable."""
    try:
        _compiled(schema, vocabulary, Reading(options, Bounds()), limits)
    except UnsatisfiableSchema:
        return True
    return False
