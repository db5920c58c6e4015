"""The seam between specs and kernels: specs that compile themselves natively, reports that are read when asked for."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from typing import Any

import pytest

from guidedgen.grammars.compile import compile
from guidedgen.grammars.lower import lower
from guidedgen.grammars.report import Entry, Report
from guidedgen.grammars.specs import JsonSchema, Regex
from guidedgen.grammars.translation import Form, NativeSpec, Spec, Translation
from guidedgen.kernel import compile_native, compile_table
from guidedgen.limits import Limits
from guidedgen.testing import accepts
from guidedgen.vocabulary import Vocabulary
from tests.grammars.json_schema.feeding import BYTES

needs_native = pytest.mark.skipif(
    importlib.util.find_spec("guidedgen.kernel._native") is None, reason="the native kernel is not built"
)


@dataclass
class Short:
    """`a` by translation, `b` natively unless `able` is false."""

    able: bool = True
    calls: list[str] = field(default_factory=list)

    def translate(self, limits: Limits) -> Translation:
        self.calls.append("translate")
        return Regex("a").translate(limits)

    def grammar(self, limits: Limits) -> Any:
        return self.translate(limits).grammar

    def parse(self, text: str) -> str:
        return text

    def compile_native(self, vocabulary: Vocabulary, limits: Limits) -> Form | None:
        self.calls.append("native")
        if not self.able:
            return None
        table = lower(Regex("b+").grammar(limits), special=vocabulary.special, limits=limits)
        compiled = compile_table(table, vocabulary, limits=limits, implementation="native")
        return Form(compiled=compiled, report=self.report, check=lambda text: None if len(text) > 1 else "too short")

    def report(self) -> Report:
        self.calls.append("report")
        return Report((Entry("", "b", "exact"),))


@needs_native
def test_a_spec_may_compile_itself() -> None:
    spec = Short()
    assert isinstance(spec, Spec)
    assert isinstance(spec, NativeSpec)
    constraint = compile(spec, BYTES, implementation="native")
    assert [text for text in ("a", "b", "bb") if accepts(constraint, text)] == ["bb"]
    assert spec.calls == ["native"]
    assert (constraint.report, constraint.report) == (Report((Entry("", "b", "exact"),)),) * 2
    assert spec.calls == ["native", "report"]


@needs_native
def test_where_it_cannot_it_is_translated() -> None:
    spec = Short(able=False)
    assert accepts(compile(spec, BYTES, implementation="native"), "a")
    assert spec.calls == ["native", "translate"]


def test_the_reference_kernel_always_translates() -> None:
    spec = Short()
    assert accepts(compile(spec, BYTES, implementation="reference"), "a")
    assert spec.calls == ["translate"]


@needs_native
def test_the_kernel_wraps_what_was_made_natively() -> None:
    table = lower(Regex("ab").grammar(Limits()), special=BYTES.special, limits=Limits())

    def make(module: Any, vocabulary: Any) -> Any:
        parts = (table.exprs, table.symbols, table.pool, table.byte_sets, table.literals, table.start)
        return module.Grammar(vocabulary, *parts, Limits().as_dict())

    compiled = compile_native(make, BYTES)
    assert (compiled.implementation, compiled.vocab_size, compiled.schema) == ("native", BYTES.size, None)
    assert compiled.nbytes == compiled.stats()["bytes"] > 0
    told = compiled.start().explain(ord("b"))
    assert told is not None
    assert told.expected == frozenset(b"a")


def test_reports_of_translated_schemas_stay_what_they_were() -> None:
    constraint = compile(JsonSchema({"type": "integer"}), BYTES)
    assert [entry.keyword for entry in constraint.report] == ["type"]
    assert constraint.report is constraint.report
