"""Compiled constraints in files, to start a process with: `constraint.save(path)`, `Constraint.load(path, vocabulary)`.

A grammar is saved as the table that the kernels read; loading skips the reading of its text and the lowering. A JSON
Schema is saved as itself, with its options: the native kernel compiles it faster than tables of that size are read.
What users made of the text (a pydantic model, an enum) is no data: hand the spec to `load` to get its values.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guidedgen.errors import SavedConstraintError, UnsupportedFeature, ValidationFailed
from guidedgen.grammars import ir, table_file
from guidedgen.grammars.compile import GrammarConstraint, compile
from guidedgen.grammars.content import digest_of, schema_fields, schema_of_fields
from guidedgen.grammars.json_schema import Options, translate_schema
from guidedgen.grammars.json_schema.bounds import Bounds
from guidedgen.grammars.json_schema.embedded import native_text
from guidedgen.grammars.json_schema.native_compile import native_form
from guidedgen.grammars.json_schema.values import parse_json
from guidedgen.grammars.report import Entry, Report
from guidedgen.grammars.specs import spec_of
from guidedgen.grammars.translation import Form, Translation
from guidedgen.kernel import compile_table, default_implementation
from guidedgen.limits import Limits

if TYPE_CHECKING:
    from guidedgen.kernel.table import GrammarTable
    from guidedgen.vocabulary import Vocabulary

LARGEST = 1 << 30
"""The most bytes of a file that is read."""


@dataclass(frozen=True, eq=False)
class SavedText:
    """What a saved grammar stands for where nobody says more: its value is the text."""

    def translate(self, limits: Limits) -> Translation:
        """Raises UnsupportedFeature: its text was not saved."""
        raise UnsupportedFeature("only the table of a saved grammar is known", hint="Compile the grammar itself.")

    def grammar(self, limits: Limits) -> ir.Grammar:
        """Raises as `translate` does."""
        return self.translate(limits).grammar

    def parse(self, text: str) -> str:
        """The text itself."""
        return text


@dataclass(frozen=True, eq=False)
class SavedSchema:
    """A JSON Schema as it was saved: with all settings, also those that only Python types have; its value is JSON."""

    schema: Any
    options: Options
    bounds: Bounds

    def translate(self, limits: Limits) -> Translation:
        """Raises every kind of `CompileError`, with a JSON pointer, and `LimitExceeded`."""
        return translate_schema(self.schema, options=self.options, limits=limits, bounds=self.bounds)

    def compile_native(self, vocabulary: Vocabulary, limits: Limits) -> Form | None:
        """The native JSON machine's form."""
        return native_form(self.schema, vocabulary, options=self.options, limits=limits, bounds=self.bounds)

    def grammar(self, limits: Limits) -> ir.Grammar:
        """The grammar alone."""
        return self.translate(limits).grammar

    def parse(self, text: str) -> Any:
        """The JSON value. Raises `ValidationFailed` for what breaks a keyword that masks do not enforce."""
        value = parse_json(text)
        check = self.translate(Limits()).check if self.options.on_unsupported == "validate" else None
        wrong = None if check is None else check(text)
        if wrong is not None:
            raise ValidationFailed(f"the value is not valid: {wrong}", raw=text)
        return value


def save(constraint: GrammarConstraint, path: str | Path) -> None:
    """Write a constraint to a file; see `GrammarConstraint.save`."""
    table, spec = constraint.compiled.table, constraint.spec
    header: dict[str, Any] = {
        "vocabulary": constraint.vocabulary.fingerprint,
        "limits": constraint.limits.as_dict(),
        "spec": digest_of(spec),
    }
    try:
        if table is None:
            node: Any = spec if isinstance(spec, SavedSchema) else spec.node(constraint.limits)  # type: ignore[attr-defined]
            header["schema"] = _schema_fields(node)
        else:
            header["texts"] = [_text_fields(source) for source in table.sources]
            header["report"] = [dataclasses.astuple(entry) for entry in constraint.report]
            if constraint.checking is not None:
                raise TypeError("finished texts are checked outside of the masks")
            if constraint.has_captures:
                raise TypeError("captures are read with the grammar's text, which is not saved")
            if constraint.reads_rules:
                raise TypeError("temperatures are read with the grammar's rules, which are not saved")
            if constraint.is_dynamic:
                raise TypeError("its dynamic terminals are functions")
        table_file.write(Path(path), header, table)
    except (AttributeError, TypeError, ValueError) as error:
        raise UnsupportedFeature(
            f"{type(spec).__name__} cannot be saved: {error}", hint="Schemas and grammars can, in the native kernel."
        ) from error


def load(
    path: str | Path,
    vocabulary: Vocabulary,
    *,
    spec: object = None,
    limits: Limits | None = None,
    implementation: str | None = None,
    largest: int = LARGEST,
) -> GrammarConstraint:
    """Read a constraint that `GrammarConstraint.save` wrote; see `Constraint.load`."""
    header, table = table_file.read(Path(path), limit=largest)
    if header.get("vocabulary") != vocabulary.fingerprint:
        hint = "Compile it for this one, and save it under another name."
        raise SavedConstraintError(f"{path} was compiled for another vocabulary. {hint}", reason="vocabulary")
    wanted = None if spec is None else _checked(path, header, spec)
    try:
        bounds = limits or Limits(**header["limits"])
        if table is None:
            known = SavedSchema(*schema_of_fields(header["schema"]))
            made = compile(known, vocabulary, limits=bounds, implementation=implementation, cache=False)
        else:
            made = _of_table(header, table, vocabulary, bounds, implementation)
    except (KeyError, TypeError, AttributeError) as error:
        hint = "Compile and save it again."
        raise SavedConstraintError(f"{path} cannot be understood: {error!r}. {hint}", reason="damaged") from error
    return made if wanted is None else dataclasses.replace(made, spec=wanted)


def _checked(path: str | Path, header: Mapping[str, Any], spec: object) -> Any:
    wanted = spec_of(spec)
    digest = digest_of(wanted)
    if header.get("spec") is not None and digest is not None and digest != header["spec"]:
        hint = "Compile and save that one."
        raise SavedConstraintError(f"{path} holds another grammar or schema than {wanted!r}. {hint}", reason="spec")
    return wanted


def _of_table(
    header: Mapping[str, Any], table: GrammarTable, vocabulary: Vocabulary, limits: Limits, implementation: str | None
) -> GrammarConstraint:
    sources = tuple(ir.JsonText(*schema_of_fields(fields)) for fields in header["texts"])
    if sources:
        if (implementation or default_implementation()) != "native":
            hint = "Compile its grammar."
            raise SavedConstraintError(
                f"the file needs the native kernel, which is not in use. {hint}", reason="kernel"
            )
        texts = tuple(native_text(source, limits) for source in sources)
        table = dataclasses.replace(table, texts=texts, sources=sources)
    compiled = compile_table(table, vocabulary, limits=limits, implementation=implementation)
    entries = tuple(Entry(*entry) for entry in header["report"])
    return GrammarConstraint(
        compiled=compiled,
        vocabulary=vocabulary,
        spec=SavedText(),
        limits=limits,
        _read_report=lambda: Report(entries, compiled.unproved),
    )


def _text_fields(source: object) -> dict[str, Any]:
    if not isinstance(source, ir.JsonText):
        raise TypeError(f"it embeds {type(source).__name__}")
    return _schema_fields(source)


def _schema_fields(node: ir.JsonText | SavedSchema) -> dict[str, Any]:
    return schema_fields(node.schema, node.options, node.bounds or Bounds())
