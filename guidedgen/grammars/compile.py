"""From a spec and a vocabulary to a constraint: translate, lower, compile. Knows no format and no kernel details.

A spec with `compile_native` is asked first where the native kernel runs: what it compiles there needs no translation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from guidedgen.errors import CompileError, LimitExceeded, UnsatisfiableSchema, UnsupportedFeature
from guidedgen.grammars import ir, table_cache
from guidedgen.grammars.captures import Captures
from guidedgen.grammars.compile_cache import SameVocabulary, compile_cache
from guidedgen.grammars.content import key_of
from guidedgen.grammars.dynamic import Dynamics, DynamicState, Thread
from guidedgen.grammars.embedding import dynamic_terminals, json_texts
from guidedgen.grammars.heated import HeatedState
from guidedgen.grammars.json_schema.embedded import report_entries
from guidedgen.grammars.lower import lower
from guidedgen.grammars.marked_text import encode, special_names
from guidedgen.grammars.report import Report
from guidedgen.grammars.specs import spec_of
from guidedgen.grammars.translation import Form, Spec, Translation
from guidedgen.grammars.unwritten import blamed_on_bytes
from guidedgen.grammars.validated import Checking, ValidatedState
from guidedgen.kernel import compile_table, default_implementation
from guidedgen.limits import Limits
from guidedgen.vocabulary import Vocabulary

if TYPE_CHECKING:
    from guidedgen.kernel import Compiled, InspectableState

_DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, kw_only=True, eq=False)
class GrammarConstraint:
    """A compiled spec: a `Constraint` that also knows where it came from.

    Attributes:
        compiled: the kernel's form.
        vocabulary: the tokens that the masks are about.
        spec: what was compiled; `spec.parse` turns a finished text into a value.
        checking: checks complete texts where masks alone do not decide; None where they do.
        limits: what it may cost.
    """

    compiled: Compiled
    vocabulary: Vocabulary
    spec: Spec[Any]
    checking: Checking | None = None
    limits: Limits = _DEFAULT_LIMITS
    _read_report: Callable[[], Report] = field(repr=False)
    _grammar: ir.Grammar | None = field(default=None, repr=False)
    _rules: ir.Grammar | None = field(default=None, repr=False)

    @cached_property
    def report(self) -> Report:
        """What is enforced, keyword by keyword (empty where a spec has no keywords)."""
        report = self._read_report()
        return report if self.vocabulary.spells_text else report.with_unproved("")

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
        start = self._first()
        table = self.compiled.table if self._beside is None else self._beside.table
        if table is None or not table.heats:
            return start
        return HeatedState(start, table.heats, None if self._beside is None else self._beside.start())

    @cached_property
    def _beside(self) -> Compiled | None:
        """The rules that say at which temperature a text is drawn, where what makes the masks does not know."""
        if self._rules is None:
            return None
        native, special = self.implementation == "native", self.vocabulary.special
        table = lower(self._rules, special=special, limits=self.limits, native=native, vocabulary=self.vocabulary)
        if not table.heats:
            return None
        if self.is_dynamic:
            message = "temperatures under LALR do not go with terminals that functions answer for"
            raise UnsupportedFeature(message, keyword="temperature", hint='Use parser="earley".')
        return compile_table(table, self.vocabulary, limits=self.limits, implementation=self.implementation)

    @property
    def reads_rules(self) -> bool:
        """Whether it says more than masks, by rules that are not part of its table."""
        return self._beside is not None

    def _first(self) -> InspectableState:
        start = self.compiled.start()
        if self._grammar is not None and self._dynamics is not None:
            first = DynamicState.at([Thread(start)], self._dynamics, b"")
            if first is None:
                hint = "The functions of its terminals answer with nothing at the beginning."
                raise UnsatisfiableSchema("no text can begin", hint=hint)
            return first
        return start if self.checking is None else cast("InspectableState", ValidatedState(start, self.checking))

    def captures(self, text: str) -> dict[str, str | list[str]]:
        """The parts of a finished text that rules of a grammar with a capture have read, by name.

        A capture that can come several times is a list, the others are texts; one that did not come is left out, unless
        it is a list. Special tokens stand in the text as `marked_text.py` writes them.

        Raises:
            ValidationFailed: it is no text of the grammar.
        """
        return {} if self._captures is None else self._captures.of(encode(text))

    @cached_property
    def _dynamics(self) -> Dynamics | None:
        terminals = [] if self._grammar is None else dynamic_terminals(self._grammar)
        if not terminals:
            return None
        return Dynamics(terminals=terminals, vocabulary=self.vocabulary, kernel=self.implementation, limits=self.limits)

    @property
    def is_dynamic(self) -> bool:
        """Whether functions decide about some of its terminals while a text is written."""
        return self._dynamics is not None

    @property
    def has_captures(self) -> bool:
        """Whether `captures` can say anything."""
        return self._captures is not None and bool(self._captures.names)

    @cached_property
    def _captures(self) -> Captures | None:
        grammar = self._rules or self._grammar
        if grammar is None:
            return None
        special = {token: name for name, token in self.vocabulary.special.items()}
        native = self.implementation == "native"
        return Captures(grammar=grammar, special=special, native=native, limits=self.limits, dynamics=self._dynamics)

    def stats(self) -> dict[str, int]:
        """The kernel's counters (states, memoised masks, bytes)."""
        return self.compiled.stats()

    def save(self, path: str | Path) -> None:
        """Write the constraint to a file, which `Constraint.load(path, vocabulary)` reads in another process.

        Raises:
            UnsupportedFeature: its spec is not data, such as a check of finished texts.
            OSError: the file cannot be written.
        """
        from guidedgen.grammars import saved  # late: it compiles what it reads

        saved.save(self, path)


def compile(
    spec: object,
    vocabulary: Vocabulary,
    *,
    limits: Limits | None = None,
    implementation: str | None = None,
    cache: bool = True,
) -> GrammarConstraint:
    """Compile a spec, or anything that `spec_of` takes, for a vocabulary.

    Args:
        spec: a `Regex`, `Choice`, `Lark`, `Gbnf`, `Ebnf`, `JsonSchema` or `TypeSpec`, or a Python type.
        vocabulary: the tokens.
        limits: how much work and memory the input may cost; the spec's own, else the defaults.
        implementation: "native" or "reference"; None takes the native kernel where it is built.
        cache: take what this process has compiled from the same content before (`gg.compile_cache`), and of large
            grammars the table that any process has left in the user's cache folder.

    Raises:
        UnsupportedFeature: something in the input would not be enforced exactly.
        UnsatisfiableSchema: no text at all is valid.
        GrammarSyntaxError: a text could not be read.
        CompileError: anything else that is wrong with the input.
        LimitExceeded: a limit was reached.
    """
    if not isinstance(vocabulary, Vocabulary):
        raise TypeError(f"compile takes a gg.Vocabulary, not {vocabulary!r}. Make one with Vocabulary.from_file(...).")
    wanted = _wanted(spec)
    bounds = limits or getattr(wanted, "limits", None) or _DEFAULT_LIMITS
    kernel = implementation or default_implementation()
    make = partial(_form, wanted, vocabulary, bounds, kernel, cache)
    content = key_of(wanted) if cache else None
    key = (content, SameVocabulary(vocabulary), bounds, kernel)
    form = make() if content is None else compile_cache.get(key, make)
    made_of = GrammarConstraint(
        compiled=form.compiled,
        vocabulary=vocabulary,
        spec=wanted,
        checking=None if form.check is None else Checking(vocabulary, form.check),
        limits=bounds,
        _read_report=form.report,
        _grammar=form.grammar,
        _rules=form.rules,
    )
    if form.grammar is not None:
        made_of._dynamics  # noqa: B018 refuses what cannot be, here and not at the first use
        made_of._beside  # noqa: B018 the same
    return made_of


def _wanted(spec: object) -> Spec[Any]:
    wanted = spec_of(spec)
    if wanted is None:
        raise CompileError(
            f"{spec!r} means free text, which needs no constraint",
            hint='Use Regex("(?s:.*)") for a constraint that allows all.',
        )
    return wanted


def _form(spec: Spec[Any], vocabulary: Vocabulary, limits: Limits, kernel: str, cache: bool) -> Form:
    """What a spec compiles to; an error in one of its parts is raised as the part's, where the spec can tell."""
    try:
        return _natively(spec, vocabulary, limits, kernel) or _translated(spec, vocabulary, limits, kernel, cache)
    except (CompileError, LimitExceeded) as error:
        blame = getattr(spec, "blame", None)
        if blame is not None:
            blame(lambda part: compile(part, vocabulary, limits=limits, implementation=kernel))
        if isinstance(error, UnsatisfiableSchema):
            told = blamed_on_bytes(error, vocabulary, lambda other: _form(spec, other, limits, kernel, cache=False))
            if told is not error:
                raise told from error
        raise


def _natively(spec: Spec[Any], vocabulary: Vocabulary, limits: Limits, kernel: str) -> Form | None:
    """What the spec compiles in the native kernel by itself, if it does and that kernel is the one to use."""
    compile_native = getattr(spec, "compile_native", None)
    if compile_native is None or kernel != "native":
        return None
    form: Form | None = compile_native(vocabulary, limits)
    return form


def _translated(spec: Spec[Any], vocabulary: Vocabulary, limits: Limits, kernel: str, cache: bool) -> Form:
    entry = table_cache.entry_of(spec, vocabulary, limits, kernel) if cache else None
    table = None if entry is None else table_cache.load(entry)
    if table is not None:
        compiled = compile_table(table, vocabulary, limits=limits, implementation=kernel)
        return Form(compiled=compiled, report=lambda: _translation(spec, vocabulary, limits).full_report())
    form = _read(spec, vocabulary, limits, kernel)
    if entry is not None and form.compiled.table is not None:
        table_cache.store(entry, form.compiled.table)
    return form


def _translation(spec: Spec[Any], vocabulary: Vocabulary, limits: Limits) -> Translation:
    translate_for = getattr(spec, "translate_for", None)
    translation: Translation = (
        spec.translate(limits) if translate_for is None else translate_for(limits, special_names(vocabulary))
    )
    return translation


def _read(spec: Spec[Any], vocabulary: Vocabulary, limits: Limits, kernel: str) -> Form:
    """A spec translated, lowered and compiled."""
    translation = _translation(spec, vocabulary, limits)
    native = kernel == "native"
    table = lower(translation.grammar, special=vocabulary.special, limits=limits, native=native, vocabulary=vocabulary)
    try:
        compiled = compile_table(table, vocabulary, limits=limits, implementation=kernel)
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
        entries = [
            replace(entry, part=text.part) for text in texts for entry in report_entries(text, limits, native=native)
        ]
        return Report((*translation.full_report(), *entries), compiled.unproved)

    return Form(
        compiled=compiled,
        report=report,
        check=translation.check,
        grammar=translation.grammar,
        rules=translation.rules,
    )


def _short(spec: Spec[Any]) -> str:
    text = repr(spec)
    return text if len(text) <= 200 else text[:197] + "..."
