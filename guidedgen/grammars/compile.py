"""From a spec and a vocabulary to a constraint: translate, lower, compile. Knows no format and no kernel details."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guidedgen.errors import CompileError, UnsatisfiableSchema
from guidedgen.grammars.lower import lower
from guidedgen.grammars.report import Report
from guidedgen.grammars.specs import spec_of
from guidedgen.grammars.translation import Spec
from guidedgen.grammars.validated import Checking, ValidatedState
from guidedgen.kernel import compile_table
from guidedgen.limits import Limits

if TYPE_CHECKING:
    from guidedgen.kernel import Compiled, InspectableState
    from guidedgen.vocabulary import Vocabulary


@dataclass(frozen=True, kw_only=True, eq=False)
class GrammarConstraint:
    """A compiled spec: a `Constraint` that also knows where it came from.

    Attributes:
        compiled: the kernel's form.
        vocabulary: the tokens that the masks are about.
        spec: what was compiled; `spec.parse` turns a finished text into a value.
        report: what is enforced, keyword by keyword (empty where a spec has no keywords).
        checking: checks complete texts where masks alone do not decide; None where they do.
    """

    compiled: Compiled
    vocabulary: Vocabulary
    spec: Spec[Any]
    report: Report
    checking: Checking | None = None

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
        return start if self.checking is None else ValidatedState(start, self.checking)

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
        spec: a `Regex`, `Choice`, `Lark`, `JsonSchema` or `TypeSpec`, or a Python type.
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
    bounds = limits or getattr(wanted, "limits", None) or Limits()
    translation = wanted.translate(bounds)
    table = lower(translation.grammar, special=vocabulary.special, limits=bounds)
    try:
        compiled = compile_table(table, vocabulary, limits=bounds, implementation=implementation)
    except UnsatisfiableSchema as error:
        if error.pointer is not None:
            raise
        raise UnsatisfiableSchema(
            f"no text matches {_short(wanted)}", pointer=translation.root, hint=error.hint
        ) from error
    checking = None if translation.check is None else Checking(vocabulary, translation.check)
    return GrammarConstraint(
        compiled=compiled, vocabulary=vocabulary, spec=wanted, report=translation.report, checking=checking
    )


def _short(spec: Spec[Any]) -> str:
    text = repr(spec)
    return text if len(text) <= 200 else text[:197] + "..."
