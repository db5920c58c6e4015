"""From conjunctions of schemas to rules: one rule for each branch of arrays or objects, scalars as one lexeme in place.

The work list keeps nesting from costing stack; a place is built the first time that something refers to it.
"""

from __future__ import annotations

from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import ir
from guidedgen.grammars.json_schema.arrays import Conjunction, array_node
from guidedgen.grammars.json_schema.bounds import Bounds
from guidedgen.grammars.json_schema.branches import Branches
from guidedgen.grammars.json_schema.numbers import number_node
from guidedgen.grammars.json_schema.object_structure import Member, ObjectWriter, Others, other_names
from guidedgen.grammars.json_schema.options import Options
from guidedgen.grammars.json_schema.records import Reader, refuse
from guidedgen.grammars.json_schema.shapes import Shape
from guidedgen.grammars.json_schema.spelling import literal_string
from guidedgen.grammars.json_schema.strings import string_expression
from guidedgen.grammars.json_schema.values import Scalar, spellings
from guidedgen.grammars.json_schema.whitespace import Layout
from guidedgen.grammars.report import Entry


class Builder:
    """The growing grammar of one schema."""

    def __init__(self, branches: Branches, reader: Reader, layout: Layout, options: Options, bounds: Bounds) -> None:
        self.rules: dict[str, ir.Node] = {}
        self._branches = branches
        self._reader = reader
        self._layout = layout
        self._options = options
        self._bounds = bounds
        self._values: dict[tuple[tuple[str, ...], int], ir.Node] = {}
        self._names: dict[tuple[tuple[str, ...], str, int], str] = {}
        self._waiting: list[tuple[Shape, str, int, str]] = []

    def build(self, root: Conjunction) -> ir.Node:
        """The node of a value, and the rules of everything below it."""
        start = self.value(root, 0)
        while self._waiting:
            shape, kind, level, name = self._waiting.pop()
            self.rules[name] = self._object(shape, level, name) if kind == "object" else self._array(shape, level, name)
        return start

    def value(self, conjunction: Conjunction, level: int) -> ir.Node:
        """The node of a value that satisfies all of a conjunction."""
        key = (tuple(location.pointer for location in conjunction), level)
        if key not in self._values:
            options = [node for shape in self._branches.of(conjunction) for node in self._shape(shape, level)]
            self._values[key] = options[0] if len(options) == 1 else ir.Choice(tuple(options))
        return self._values[key]

    def _shape(self, shape: Shape, level: int) -> list[ir.Node]:
        self._refuse_unsupported(shape)
        label = _label(shape)
        if shape.scalars is not None:
            return [self._enumeration(shape.scalars, label)]
        nodes: list[ir.Node] = []
        scalars: list[ir.Expression] = []
        if "null" in shape.kinds:
            scalars.append(ir.Literal(b"null"))
        if "boolean" in shape.kinds:
            scalars += [ir.Literal(b"true"), ir.Literal(b"false")]
        if "string" in shape.kinds:
            scalars.append(string_expression(self._bounds.on_strings(shape.strings)))
        if "number" in shape.kinds:
            node = number_node(shape.numbers, canonical=self._options.canonical_numbers, rules=self.rules, label=label)
            if isinstance(node, ir.Terminal) and not isinstance(node.expression, ir.Longest):
                scalars.append(self._bounds.on_numbers(node.expression, shape.numbers))
            else:
                nodes.append(node)
        if scalars:
            expression = scalars[0] if len(scalars) == 1 else ir.Union(tuple(scalars))
            nodes.insert(0, ir.Terminal(expression, label))
        nodes += [self._rule(shape, kind, level) for kind in ("object", "array") if kind in shape.kinds]
        return nodes

    def _refuse_unsupported(self, shape: Shape) -> None:
        for simple in shape.branch:
            for missing in simple.unsupported:
                if missing.kinds & shape.kinds:
                    raise refuse(missing.pointer, missing.keyword, missing.detail)

    def _enumeration(self, scalars: tuple[Scalar, ...], label: str) -> ir.Node:
        options: list[ir.Expression] = []
        for value in scalars:
            if isinstance(value, str):
                options.append(literal_string(value))
            else:
                texts = spellings(value, canonical=self._options.canonical_numbers)
                options += [ir.Literal(text.encode()) for text in texts]
        return ir.Terminal(options[0] if len(options) == 1 else ir.Union(tuple(options)), label)

    def _rule(self, shape: Shape, kind: str, level: int) -> ir.Node:
        key = (tuple(simple.pointer for simple in shape.branch), kind, level)
        name = self._names.get(key)
        if name is None:
            where = " & ".join(f"#{pointer}" for pointer in key[0]) or "any value"
            name = self._names[key] = f"{where} ({kind})" + (f" at level {level}" if level else "")
            self._waiting.append((shape, kind, level, name))
        return ir.Reference(name)

    def _array(self, shape: Shape, level: int, name: str) -> ir.Node:
        below = self._layout.deeper(level)

        def item(conjunction: Conjunction) -> ir.Node:
            return self.value(conjunction, below)

        atoms = self._bounds.on_arrays(shape.arrays)
        return array_node(atoms, self._layout, level, item=item, rules=self.rules, name=name)

    def _object(self, shape: Shape, level: int, name: str) -> ir.Node:
        atoms = shape.objects
        below = self._layout.deeper(level)
        members = [
            Member(key, key in atoms.required, self.value(schemas, below))
            for key, schemas in atoms.properties.items()
            if self._branches.reason(schemas) is None and self._branches.allows_name(atoms.names, key)
        ]
        for named in self._branches.of(atoms.names) if atoms.names else []:
            self._refuse_unsupported(named)
        writer = ObjectWriter(
            self._layout, level, rules=self.rules, name=name, any_order=self._options.property_order == "any"
        )
        high = None if atoms.most is None else atoms.most[0]
        return writer.node(members, self._others(shape, below), low=atoms.fewest[0], high=high)

    def _others(self, shape: Shape, level: int) -> list[Others]:
        """The properties that are not declared."""
        atoms = shape.objects
        if atoms.most is not None and atoms.most[0] == 0:
            return []
        possible = [part for part in atoms.others if self._branches.reason(part.schemas) is None]
        if not possible:
            return []
        self._note_open(shape)
        names = cr.intersection([other_names(tuple(atoms.properties)), self._branches.names(atoms.names)])
        return [Others(cr.intersection([names, part.texts]), self.value(part.schemas, level)) for part in possible]

    def _note_open(self, shape: Shape) -> None:
        pointer = shape.branch[0].pointer if shape.branch else ""
        where = "" if shape.branch else " inside values that the schema leaves open"
        note = f"masks let two additional properties{where} have the same name; parse() refuses that"
        self._reader.add_entry(Entry(pointer, "(different names)", "validated", note))


def _label(shape: Shape) -> str:
    return "#" + (shape.branch[-1].pointer if shape.branch else "")
