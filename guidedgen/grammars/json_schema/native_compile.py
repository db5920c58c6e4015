"""A JSON Schema compiled by the native kernel itself: read, checked for what only masks of a table can do, wrapped.

None where the translation has to do it: options that the native machine does not know.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from guidedgen.errors import UnsatisfiableSchema, UnsupportedFeature
from guidedgen.grammars.json_schema.diagnosis import diagnosed
from guidedgen.grammars.json_schema.native_schema import read_native, refuse_slips, report_of
from guidedgen.grammars.json_schema.options import Options
from guidedgen.grammars.json_schema.whitespace import Indent
from guidedgen.grammars.translation import Form
from guidedgen.kernel import compile_native
from guidedgen.limits import Limits

if TYPE_CHECKING:
    from guidedgen.kernel import Compiled
    from guidedgen.kernel._native import Schema
    from guidedgen.vocabulary import Vocabulary

_COMPACT, _FLEXIBLE, _INDENTED = range(3)
_LAYOUTS: Final = {"compact": _COMPACT, "flexible": _FLEXIBLE}


def native_form(
    schema: Mapping[str, Any] | bool | str, vocabulary: Vocabulary, *, options: Options, limits: Limits
) -> Form | None:
    """A schema compiled natively; None where the options are the translation's alone, or a keyword is beyond masks.

    With on_unsupported="validate" nothing is left to check: what is compiled here is enforced by masks.

    Raises:
        UnsatisfiableSchema: with the keywords that contradict each other, where they are found within a short time.
        CompileError, LimitExceeded: as `native_schema.read_native` does.
    """
    if options.canonical_numbers or options.formats:
        return None
    if options.on_unsupported == "validate":
        try:
            return native_form(schema, vocabulary, options=replace(options, on_unsupported="error"), limits=limits)
        except UnsupportedFeature:
            return None
    read = read_native(schema, options, limits, formats=_formats())
    if options.strict_keywords:
        refuse_slips(read)
    try:
        compiled = _compiled(read, vocabulary, options, limits)
    except UnsatisfiableSchema as error:
        refuted = partial(_refuted, vocabulary=vocabulary, options=options, limits=limits)
        raise diagnosed(error, schema, options=options, limits=limits, refuted=refuted) from None
    return Form(compiled=compiled, report=partial(report_of, read))


@cache
def _formats() -> frozenset[str]:
    """The formats that the native kernel enforces."""
    return frozenset(importlib.import_module("guidedgen.kernel._native").formats())


def layout_options(options: Options) -> dict[str, int]:
    """How texts are laid out, as `Grammar.from_schema` takes it."""
    settings = {"any_order": int(options.property_order == "any")}
    if isinstance(options.whitespace, Indent):
        return {**settings, "whitespace": _INDENTED, "indent": options.whitespace.width}
    return {**settings, "whitespace": _LAYOUTS[options.whitespace]}


def _compiled(read: Schema, vocabulary: Vocabulary, options: Options, limits: Limits) -> Compiled:
    settings = layout_options(options)

    def make(module: ModuleType, prepared: Any, bounds: dict[str, int]) -> Any:
        return module.Grammar.from_schema(prepared, read, settings, bounds)

    return compile_native(make, vocabulary, limits=limits)


def _refuted(schema: Any, *, vocabulary: Vocabulary, options: Options, limits: Limits) -> bool:
    """Whether the native kernel finds a schema unsatisfiable."""
    try:
        _compiled(read_native(schema, options, limits, formats=_formats()), vocabulary, options, limits)
    except UnsatisfiableSchema:
        return True
    return False
