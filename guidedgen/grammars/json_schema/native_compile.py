"""A JSON Schema compiled by the native kernel: read, compiled, and wrapped with its report."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cache, partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from guidedgen.errors import UnsatisfiableSchema, UnsupportedFeature
from guidedgen.grammars.json_schema.bounds import Bounds
from guidedgen.grammars.json_schema.diagnosis import diagnosed
from guidedgen.grammars.json_schema.native_schema import read_native, refuse_slips, report_of
from guidedgen.grammars.json_schema.options import Options
from guidedgen.grammars.json_schema.whitespace import Indent
from guidedgen.grammars.report import Report
from guidedgen.grammars.translation import Form
from guidedgen.kernel import compile_native
from guidedgen.limits import Limits

if TYPE_CHECKING:
    from guidedgen.kernel import Compiled
    from guidedgen.kernel._native import Schema
    from guidedgen.vocabulary import Vocabulary

_COMPACT, _FLEXIBLE, _INDENTED = range(3)
_LAYOUTS: Final = {"compact": _COMPACT, "flexible": _FLEXIBLE}
_LARGEST_BOUND: Final = 1_000_000_000


def native_form(
    schema: Mapping[str, Any] | bool | str,
    vocabulary: Vocabulary,
    *,
    options: Options,
    limits: Limits,
    bounds: Bounds | None = None,
) -> Form | None:
    """A schema compiled natively; None where a keyword is beyond masks and on_unsupported is "validate".

    With on_unsupported="validate" nothing is left to check: what is compiled here is enforced by masks.

    Raises:
        UnsatisfiableSchema: with the keywords that contradict each other, where they are found within a short time.
        CompileError, LimitExceeded: as `native_schema.read_native` does.
    """
    bounds = bounds or Bounds()
    if options.on_unsupported == "validate":
        try:
            strict = replace(options, on_unsupported="error")
            return native_form(schema, vocabulary, options=strict, limits=limits, bounds=bounds)
        except UnsupportedFeature:
            return None
    read, settings = read_text(schema, options=options, limits=limits, bounds=bounds)
    try:
        compiled = _compiled(read, vocabulary, settings, limits)
    except UnsatisfiableSchema as error:
        refuted = partial(_refuted, vocabulary=vocabulary, options=options, limits=limits)
        raise diagnosed(error, schema, options=options, limits=limits, refuted=refuted) from None
    return Form(compiled=compiled, report=lambda: Report((*report_of(read), *bounds.entries()), compiled.unproved))


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
    """How texts are laid out, as `Grammar.from_schema` takes it."""
    settings = {"any_order": int(options.property_order == "any"), "canonical_numbers": int(options.canonical_numbers)}
    if isinstance(options.whitespace, Indent):
        return {**settings, "whitespace": _INDENTED, "indent": options.whitespace.width}
    return {**settings, "whitespace": _LAYOUTS[options.whitespace]}


def _bound_options(bounds: Bounds) -> dict[str, int]:
    given = {f"max_{entry.name}": getattr(bounds, entry.name) for entry in fields(bounds)}
    return {name: min(value, _LARGEST_BOUND) for name, value in given.items() if value is not None}


def _compiled(read: Schema, vocabulary: Vocabulary, settings: dict[str, int], limits: Limits) -> Compiled:
    def make(module: ModuleType, prepared: Any, bounds: dict[str, int]) -> Any:
        return module.Grammar.from_schema(prepared, read, settings, bounds)

    return compile_native(make, vocabulary, limits=limits)


def _refuted(schema: Any, *, vocabulary: Vocabulary, options: Options, limits: Limits) -> bool:
    """Whether the native kernel finds a schema unsatisfiable."""
    try:
        read = read_native(schema, options, limits, formats=_formats())
        _compiled(read, vocabulary, _layout_options(options), limits)
    except UnsatisfiableSchema:
        return True
    return False
