"""From a spec and a vocabulary to a constraint: translate, lower, compile. Knows no format and no kernel details.

A spec with `compile_native` is asked first where the native kernel runs: what it compiles there needs no translation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from guidedgen.errors import CompileError, LimitExceeded, UnsatisfiableSchema
from guidedgen.grammars.embedding import json_texts
from guidedgen.grammars.json_schema.embedded import report_entries
from guidedgen.grammars.lower import lower
from guidedgen.grammars.marked_text import special_names
from guidedgen.grammars.report import Report
from guidedgen.grammars.specs import spec_of
from guidedgen.grammars.translation import Form, Spec, Translation
from guidedgen.grammars.validated import Checking, ValidatedState
from guidedgen.kernel import compile_table, default_implementation
from guidedgen.limits import Limits

if TYPE_CHECKING:
    from guidedgen.kernel import Compiled, InspectableState
    from guidedgen.vocabulary import Vocabulary

_DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, kw_only=True, eq=False)
class GrammarConstraint:
    """A compiled spec: a `Constraint` that also knows where it came from.

    Attributes:
        compiled: the kernel's form.
        vocabulary: the tokens that the masks are about.
        spec: what was compiled; `spec.parse` turns a finished text into a value.
        checking: checks complete texts where masks alone do not decide; None where they do.
    """

    compiled: Compiled
    vocabulary: Vocabulary
    spec: Spec[Any]
    checking: Checking | None = None
    _read_report: Callable[[], Report] = field(repr=False)

    @cached_property
    def report(self) -> Report:
        """What is enforced, keyword by keyword (empty where a spec has no keywords)."""
        return self._read_report()

    @property
    def vocab_size(self) -> int:
        """The number of bits in a mask."""
        return self.compiled.vocab_size

    @property
    def implementation(self) -> str:
        """Which kernel runs: "native" or "reference"."""
        return self.compiled.implementation

    def start(self) -> InspectableState:
        """The position before the first token."""
        start = self.compiled.start()
        return start if self.checking is None else cast("InspectableState", ValidatedState(start, self.checking))

    def stats(self) -> dict[str, int]:
        """The kernel's counters (states, memoised masks, bytes)."""
        return self.compiled.stats()


def compile(
    spec: object,
    vocabulary: Vocabulary,
    *,
    limits: Limits | None = None,
    implementation: str | None = None,
) -> GrammarConstraint:
    """Compile a spec, or anything that `spec_of` takes, for a vocabulary.

    Args:
        spec: a `Regex`, `Choice`, `Lark`, `Gbnf`, `Ebnf`, `JsonSchema` or `TypeSpec`, or a Python type.
        vocabulary: the tokens.
        limits: how much work and memory the input may cost; the spec's own, else the defaults.
        implementation: "native" or "reference"; None takes the native kernel where it is built.

    Raises:
        UnsupportedFeature: something in the input would not be enforced exactly.
        UnsatisfiableSchema: no text at all is valid.
        GrammarSyntaxError: a text could not be read.
        CompileError: anything else that is wrong with the input.
        LimitExceeded: a limit was reached.
    """
    wanted = spec_of(spec)
    if wanted is None:
        raise CompileError(
            f"{spec!r} means free text, which needs no constraint",
            hint='Use Regex("(?s:.*)") for a constraint that allows all.',
        )
    bounds = limits or getattr(wanted, "limits", None) or _DEFAULT_LIMITS
    try:
        form = _natively(wanted, vocabulary, bounds, implementation) or _translated(
            wanted, vocabulary, bounds, implementation
        )
    except (CompileError, LimitExceeded):
        blame = getattr(wanted, "blame", None)
        if blame is not None:
            blame(lambda part: compile(part, vocabulary, limits=bounds, implementation=implementation))
        raise
    return GrammarConstraint(
        compiled=form.compiled,
        vocabulary=vocabulary,
        spec=wanted,
        checking=None if form.check is None else Checking(vocabulary, form.check),
        _read_report=form.report,
    )


def _natively(spec: Spec[Any], vocabulary: Vocabulary, limits: Limits, implementation: str | None) -> Form | None:
    """What the spec compiles in the native kernel by itself, if it does and that kernel is the one to use."""
    compile_native = getattr(spec, "compile_native", None)
    if compile_native is None or (implementation or default_implementation()) != "native":
        return None
    form: Form | None = compile_native(vocabulary, limits)
    return form


def _translated(spec: Spec[Any], vocabulary: Vocabulary, limits: Limits, implementation: str | None) -> Form:
    translate_for = getattr(spec, "translate_for", None)
    translation: Translation = (
        spec.translate(limits) if translate_for is None else translate_for(limits, special_names(vocabulary))
    )
    native = (implementation or default_implementation()) == "native"
    table = lower(translation.grammar, special=vocabulary.special, limits=limits, native=native, vocabulary=vocabulary)
    try:
        compiled = compile_table(table, vocabulary, limits=limits, implementation=implementation)
    except UnsatisfiableSchema as error:
        if error.pointer is not None:
            raise
        raise UnsatisfiableSchema(
            f"no text matches {_short(spec)}", pointer=translation.root, hint=error.hint
        ) from error

    def report() -> Report:
        texts = json_texts(translation.grammar)
        if not texts:
            return translation.full_report()
        entries = [entry for text in texts for entry in report_entries(text, limits, native=native)]
        return Report((*translation.full_report(), *entries), compiled.unproved)

    return Form(compiled=compiled, report=report, check=translation.check)


def _short(spec: Spec[Any]) -> str:
    text = repr(spec)
    return text if len(text) <= 200 else text[:197] + "..."
