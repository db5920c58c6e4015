"""What every front end returns: a grammar and a report. Also the protocols of the things that can be compiled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from guidedgen.grammars import ir
from guidedgen.grammars.report import Entry, Report
from guidedgen.limits import Limits

if TYPE_CHECKING:
    from guidedgen.kernel import Compiled
    from guidedgen.vocabulary import Vocabulary

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, kw_only=True, eq=False)
class Translation:
    """A grammar, what it enforces, and the pointer of its root where it came from a schema.

    `check` says what is wrong with a complete text, where the grammar alone does not decide that (None: nothing is).
    `notes` makes further entries of the report, when somebody asks for it. `rules` is the grammar that says what
    captures and temperatures of a text are, where `grammar` does not know (None: it does).
    """

    grammar: ir.Grammar
    report: Report = field(default_factory=Report)
    root: str | None = None
    check: Callable[[str], str | None] | None = None
    notes: Callable[[], tuple[Entry, ...]] = tuple
    rules: ir.Grammar | None = None

    def full_report(self) -> Report:
        """The report with the notes."""
        notes = self.notes()
        return Report((*self.report, *notes)) if notes else self.report


@dataclass(kw_only=True, eq=False, slots=True)
class Form:
    """A spec compiled for a kernel.

    Attributes:
        compiled: the kernel's form.
        report: reads what is enforced; called when somebody asks for it first.
        check: as in `Translation`.
        grammar: what was compiled; None where it was no grammar.
        rules: as in `Translation`.
    """

    compiled: Compiled
    report: Callable[[], Report] = Report
    check: Callable[[str], str | None] | None = None
    grammar: ir.Grammar | None = None
    rules: ir.Grammar | None = None


@runtime_checkable
class NativeSpec(Protocol):
    """A spec that may go past the grammar table."""

    def compile_native(self, vocabulary: Vocabulary, limits: Limits) -> Form | None:
        """Compile for the native kernel; None leaves it to `translate`. Raises what `translate` does."""


@runtime_checkable
class Spec(Protocol[T_co]):
    """Something that a text can be constrained to, and the value that such a text stands for."""

    def translate(self, limits: Limits) -> Translation:
        """The grammar of the valid texts, with a report. Raises `CompileError` and `LimitExceeded`."""

    def grammar(self, limits: Limits) -> ir.Grammar:
        """The grammar alone."""

    def parse(self, text: str) -> T_co:
        """The value of a finished text. Raises `ValidationFailed`."""
