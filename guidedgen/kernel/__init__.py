"""Token masks from a flat grammar (`table.py`): the native kernel, or the reference kernel, behind one surface.

`compile_table` validates a table, chooses the implementation and returns a `Compiled`, whose states implement
`guidedgen.constraint.State`. Knows nothing about schemas, texts of grammars, models or sampling.
"""

from __future__ import annotations

import importlib
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from guidedgen.errors import CompileError, GuidedGenError, LimitExceeded
from guidedgen.kernel.explain import Explanation, InspectableState, explainer
from guidedgen.kernel.table import GrammarTable
from guidedgen.kernel.validate import validate
from guidedgen.limits import Limits
from guidedgen.vocabulary import Vocabulary

__all__ = ["Compiled", "Explanation", "InspectableState", "compile_native", "compile_table", "default_implementation"]

_MODULES = {"native": "guidedgen.kernel._native", "reference": "guidedgen.kernel.reference"}
_LOG = logging.getLogger(__name__)
_DEFAULT_LIMITS = Limits()

# By implementation: what it made of a vocabulary. Building the tree of bytes takes longer than compiling most grammars.
_prepared: dict[str, WeakKeyDictionary[Vocabulary, Any]] = {name: WeakKeyDictionary() for name in _MODULES}
_prepare_lock = threading.Lock()


@dataclass(frozen=True, kw_only=True, eq=False)
class Compiled:
    """A grammar compiled for a vocabulary; implements `guidedgen.constraint.Constraint`. Thread-safe.

    Attributes:
        vocabulary: what its tokens are.
        vocab_size: number of token ids V, the bits of a mask.
        implementation: the kernel that runs it.
        labels: names of the table's symbols.
        table: what was compiled; None for what the native kernel compiles by itself.
    """

    vocabulary: Vocabulary
    vocab_size: int
    implementation: str
    labels: dict[int, str] = field(repr=False)
    _grammar: Any = field(repr=False)
    table: GrammarTable | None = field(default=None, repr=False)

    def start(self) -> InspectableState:
        """The position before the first token."""
        first: InspectableState = self._grammar.start()
        return first

    @property
    def schema(self) -> Any:
        """The schema that the native kernel read, for its report; None for what has a table."""
        return getattr(self._grammar, "schema", None)

    @property
    def nbytes(self) -> int:
        """What the kernel holds for it, which grows with use; `stats` says the same."""
        return int(self._grammar.memory)

    @property
    def lexer(self) -> tuple[int, int]:
        """What it shares with others of its vocabulary: which one, and its bytes where others to come have another.

        Those bytes go with the last that has it. The reference kernel shares nothing.
        """
        which, held = getattr(self._grammar, "lexer", (0, 0))
        return which, held

    def stats(self) -> dict[str, int]:
        """Sizes of the caches, for tests and reports; implementations differ in what they count beside `rows`."""
        return dict(self._grammar.stats())

    def unproved(self) -> tuple[str, ...]:
        """Places of a JSON Schema where it is not proved, as far as texts came, that every text can be completed."""
        return tuple(self._grammar.unproved()) if hasattr(self._grammar, "unproved") else ()


def compile_table(
    table: GrammarTable,
    vocabulary: Vocabulary,
    *,
    limits: Limits = _DEFAULT_LIMITS,
    implementation: str | None = None,
) -> Compiled:
    """Compile a table for a vocabulary.

    Args:
        table: the grammar; checked before it is used.
        vocabulary: whose tokens the masks are about. What is built for it is kept as long as it lives.
        limits: bounds on size, nesting, work and memory.
        implementation: `None` takes the environment's GUIDEDGEN_KERNEL, else the native kernel where it is installed.

    Raises:
        CompileError: where the table breaks a rule of `table.py`, or names an end token.
        UnsatisfiableSchema: where its start produces nothing.
        LimitExceeded: where a limit is reached, here or later by any method of a state.
        ValueError: for an unknown implementation.
        ImportError: where the native kernel is asked for and is not installed.
    """
    name = default_implementation() if implementation is None else implementation
    module = _module(name)
    validate(table, vocab_size=vocabulary.size, eos=vocabulary.eos, limits=limits)
    if table.texts and name != "native":
        raise CompileError("only the native kernel reads JSON symbols", hint="Lower the grammar with native=False.")
    try:
        grammar = module.Grammar(
            _prepare(name, module, vocabulary),
            table.exprs,
            table.symbols,
            table.pool,
            table.byte_sets,
            table.literals,
            table.start,
            limits.as_dict(),
            *([table.texts] if table.texts else []),
        )
    except GuidedGenError:
        raise
    except ValueError as error:  # what the native kernel calls a symbol that must not derive the empty text
        raise CompileError(str(error), hint="This is a fault in whatever built the GrammarTable.") from error
    except RecursionError as error:  # cannot happen in either kernel as far as we know; fail with a name if it does
        raise LimitExceeded("depth", limits.depth, "a grammar nested too deep") from error
    return _compiled(grammar, vocabulary, name, dict(table.labels), table)


def compile_native(make: Callable[[ModuleType, Any], Any], vocabulary: Vocabulary) -> Compiled:
    """What the native kernel compiles by itself, without a table.

    Args:
        make: from the native module and its form of the vocabulary to its grammar.
        vocabulary: as for `compile_table`.

    Raises:
        ImportError: the native kernel is not installed.
    """
    module = _module("native")
    grammar = make(module, _prepare("native", module, vocabulary))
    return _compiled(grammar, vocabulary, "native", {})


def _compiled(
    grammar: Any, vocabulary: Vocabulary, implementation: str, labels: dict[int, str], table: GrammarTable | None = None
) -> Compiled:
    grammar.explainer = explainer(vocabulary, labels)
    return Compiled(
        vocabulary=vocabulary,
        vocab_size=vocabulary.size,
        implementation=implementation,
        labels=labels,
        _grammar=grammar,
        table=table,
    )


def default_implementation() -> str:
    """The kernel that is used where none is asked for: `$GUIDEDGEN_KERNEL`, else the native one if it is installed.

    Raises:
        ValueError: where GUIDEDGEN_KERNEL names no implementation.
    """
    wanted = os.environ.get("GUIDEDGEN_KERNEL")
    if wanted:
        if wanted not in _MODULES:
            raise ValueError(f"GUIDEDGEN_KERNEL={wanted!r}: use one of {', '.join(_MODULES)}.")
        return wanted
    return "native" if native_is_installed() else "reference"


@cache
def native_is_installed() -> bool:
    """Whether the native kernel is there; says so in the log, once, where it is not."""
    try:
        importlib.import_module(_MODULES["native"])
    except ImportError as error:
        _LOG.warning("The native kernel is not available (%s): masks come from the slow reference kernel.", error)
        return False
    return True


@cache
def _module(name: str) -> ModuleType:
    if name not in _MODULES:
        raise ValueError(f"implementation={name!r}: use one of {', '.join(_MODULES)}, or None.")
    return importlib.import_module(_MODULES[name])


def _prepare(name: str, module: ModuleType, vocabulary: Vocabulary) -> Any:
    """The implementation's form of a vocabulary, built once."""
    with _prepare_lock:
        known = _prepared[name].get(vocabulary)
        if known is None:
            known = _prepared[name][vocabulary] = module.Vocabulary(vocabulary.data, vocabulary.offsets)
        return known
