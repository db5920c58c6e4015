"""Engines that compile grammars of the library: guidedgen itself, and peers on the same grammars in their dialects."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

import guidedgen as gg
from guidedgen.evaluate.engine import EvaluationError, Matcher, Tokenizer
from guidedgen.evaluate.engines.own import matcher_of
from guidedgen.evaluate.grammar_dialect import translated, translated_to_kbnf
from guidedgen.grammars.library import LIBRARY, LibraryGrammar, library

# What is slow is to be seen in the figures, not to end in an error.
_UNBOUNDED: Final = gg.Limits(steps=10**12, milliseconds=120_000)


class GrammarEngine(Protocol):
    """Compiles grammars of the library for one tokenizer."""

    version: str
    masks_end: bool

    def prepare(self, grammar: LibraryGrammar) -> tuple[Any, tuple[str, ...]]:
        """The grammar in the engine's dialect, and what that leaves out. Not timed."""

    def compile(self, prepared: Any) -> Matcher:
        """A matcher at the start. Any exception: the engine does not take the grammar."""


class OwnGrammars:
    """guidedgen through its public surface; nothing that was compiled before is used."""

    version = gg.__version__
    masks_end = False

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._vocabulary = tokenizer.vocabulary

    def prepare(self, grammar: LibraryGrammar) -> tuple[Any, tuple[str, ...]]:
        """The spec."""
        return library(grammar.name), ()

    def compile(self, prepared: Any) -> Matcher:
        """Raises every kind of `CompileError`."""
        return matcher_of(gg.compile(prepared, self._vocabulary, limits=_UNBOUNDED, cache=False))


class _Translating:
    masks_end = True

    def prepare(self, grammar: LibraryGrammar) -> tuple[Any, tuple[str, ...]]:
        """The grammar in the dialect that both engines read."""
        written = translated(grammar.text)
        return written.text, written.lost


class LLGuidanceGrammars(_Translating):
    """llguidance with its own Lark dialect."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        own = importlib.import_module("guidedgen.evaluate.engines.llguidance")
        self.version = own.LLGuidance.version
        self._engine = own.LLGuidance(tokenizer)

    def compile(self, prepared: Any) -> Matcher:
        """Raises ValueError with the engine's message."""
        matcher: Matcher = self._engine.compile_grammar(json.dumps({"grammars": [{"lark_grammar": prepared}]}))
        return matcher


class XGrammarGrammars(_Translating):
    """xgrammar with the same dialect."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        own = importlib.import_module("guidedgen.evaluate.engines.xgrammar")
        self.version = own.XGrammar.version
        self._engine = own.XGrammar(tokenizer)

    def compile(self, prepared: Any) -> Matcher:
        """Raises RuntimeError with the engine's message."""
        matcher: Matcher = self._engine.compile_lark(prepared)
        return matcher


class KBNFGrammars:
    """kbnf with its own notation."""

    masks_end = False

    def __init__(self, tokenizer: Tokenizer) -> None:
        own = importlib.import_module("guidedgen.evaluate.engines.kbnf")
        self.version = own.KBNF.version
        self._engine = own.KBNF(tokenizer)

    def prepare(self, grammar: LibraryGrammar) -> tuple[Any, tuple[str, ...]]:
        """The grammar in the engine's notation, and what that leaves out."""
        written = translated_to_kbnf(grammar.text)
        return written.text, written.lost

    def compile(self, prepared: Any) -> Matcher:
        """Raises ValueError with the engine's message."""
        matcher: Matcher = self._engine.compile_grammar(prepared)
        return matcher


GRAMMAR_ENGINES: Mapping[str, Any] = MappingProxyType(
    {"guidedgen": OwnGrammars, "llguidance": LLGuidanceGrammars, "xgrammar": XGrammarGrammars, "kbnf": KBNFGrammars}
)


def grammar_engine(name: str, tokenizer: Tokenizer) -> GrammarEngine:
    """The engine of that name.

    Raises:
        EvaluationError: there is none, or its package is not installed.
    """
    if name not in GRAMMAR_ENGINES:
        raise EvaluationError(f"no engine {name!r} for grammars: use one of {', '.join(GRAMMAR_ENGINES)}.")
    try:
        engine: GrammarEngine = GRAMMAR_ENGINES[name](tokenizer)
    except ImportError as error:
        raise EvaluationError(
            f"the engine {name!r} cannot be imported: {error}. Install it: pip install 'guidedgen[peers]'."
        ) from error
    return engine


def known_grammar(name: str) -> LibraryGrammar:
    """A grammar of the library. Raises EvaluationError for another name."""
    if name not in LIBRARY:
        raise EvaluationError(f"the library has no grammar {name!r}: it has {', '.join(LIBRARY)}.")
    return LIBRARY[name]
