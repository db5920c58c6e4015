"""JSON Schema to grammar: read each location, combine what applies to one value, write rules.

view, records          one location: keywords checked, atoms by kind of value
locations              places and references
branches               conjunctions of locations -> alternatives of merged atoms; proofs that nothing is valid
numbers, strings, arrays, objects   one kind each: read, merge, contradict, express
builder                alternatives -> rules
validation             finished values, for keywords that masks cannot enforce
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guidedgen.errors import CompileError, LimitExceeded
from guidedgen.grammars import ir
from guidedgen.grammars.json_schema.bounds import Bounds
from guidedgen.grammars.json_schema.branches import Branches
from guidedgen.grammars.json_schema.builder import Builder
from guidedgen.grammars.json_schema.locations import Locations
from guidedgen.grammars.json_schema.options import Options
from guidedgen.grammars.json_schema.records import Reader
from guidedgen.grammars.json_schema.validation import checker
from guidedgen.grammars.json_schema.values import read_schema
from guidedgen.grammars.json_schema.whitespace import layout_of
from guidedgen.grammars.report import Report
from guidedgen.grammars.translation import Translation
from guidedgen.limits import Limits

__all__ = ["Options", "translate_schema"]


def translate_schema(
    schema: Mapping[str, Any] | bool | str, *, options: Options, limits: Limits, bounds: Bounds | None = None
) -> Translation:
    """The grammar of the JSON texts that are valid under a schema, and within the bounds that are asked for.

    Raises:
        CompileError: the schema or an option is malformed.
        GrammarSyntaxError: the schema's text is not JSON, or a pattern is invalid.
        UnsupportedFeature: a keyword or option that would not be enforced exactly.
        UnsatisfiableSchema: no value is valid.
        LimitExceeded: too large, or nested too deeply.
    """
    bounds = bounds or Bounds()
    layout = layout_of(options.whitespace, bounds.whitespace)
    root = read_schema(schema, limits)
    if not isinstance(root, dict | bool):
        raise CompileError(f"a schema must be an object, true or false, not {type(root).__name__}", pointer="")
    documents = {uri: read_schema(document, limits) for uri, document in options.registry.items()}
    try:
        locations = Locations(root, documents, options.draft)
        reader = Reader(locations, options, limits)
        branches = Branches(reader, limits)
        start = (locations.root,)
        reason = branches.reason(start)
        if reason is not None:
            raise reason.within(root).error()
        builder = Builder(branches, reader, layout, options, bounds)
        node = builder.build(start)
    except RecursionError as error:
        raise LimitExceeded("depth", limits.depth, "schemas are nested too deeply") from error
    around = layout.around()
    if around is not None:
        space = ir.Terminal(around, "whitespace")
        node = ir.Sequence((space, node, space))
    report = Report((*reader.entries, *bounds.entries()))
    check = None
    if options.on_unsupported == "validate" and report.treated("validated"):
        check = checker(root, locations.root.draft, documents, formats=options.format != "annotation")
    return Translation(grammar=ir.Grammar(start=node, rules=builder.rules), report=report, root="", check=check)
