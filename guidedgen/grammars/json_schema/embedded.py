"""JSON texts inside a grammar (`ir.JsonText`): for the native kernel's machine, translated to rules, and reported."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from guidedgen.errors import UnsupportedFeature
from guidedgen.grammars import ir
from guidedgen.grammars.json_schema import translate_schema
from guidedgen.grammars.json_schema.bounds import Bounds
from guidedgen.grammars.json_schema.native_compile import read_text
from guidedgen.grammars.json_schema.native_schema import report_of
from guidedgen.grammars.report import Entry
from guidedgen.limits import Limits

if TYPE_CHECKING:
    from guidedgen.kernel._native import Schema

_HINT = 'Inside a grammar only masks decide: drop the keyword, or let on_unsupported="relax" ignore it.'


def native_text(node: ir.JsonText, limits: Limits) -> tuple[Schema, dict[str, int]]:
    """The schema as the native kernel reads it, and how its texts are laid out; each call reads it anew.

    Raises:
        UnsupportedFeature: a keyword that masks do not enforce.
        CompileError, LimitExceeded: as `native_schema.read_native` does.
    """
    options = replace(node.options, on_unsupported=_strict(node.options.on_unsupported))
    return read_text(node.schema, options=options, limits=limits, bounds=node.bounds or Bounds())


def translated(node: ir.JsonText, limits: Limits) -> ir.Grammar:
    """The rules that derive the same texts; raises as `native_text` does."""
    options = replace(node.options, on_unsupported=_strict(node.options.on_unsupported))
    translation = translate_schema(node.schema, options=options, limits=limits, bounds=node.bounds or Bounds())
    if translation.check is not None:
        raise UnsupportedFeature("a keyword is checked on finished texts only", hint=_HINT)
    return translation.grammar


def report_entries(node: ir.JsonText, limits: Limits, *, native: bool) -> tuple[Entry, ...]:
    """What is enforced, keyword by keyword."""
    options = replace(node.options, on_unsupported=_strict(node.options.on_unsupported))
    bounds = node.bounds or Bounds()
    if native:
        return (*report_of(native_text(node, limits)[0]), *bounds.entries())
    return tuple(translate_schema(node.schema, options=options, limits=limits, bounds=bounds).report)


def _strict(on_unsupported: str) -> str:
    return "error" if on_unsupported == "validate" else on_unsupported
