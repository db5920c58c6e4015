"""xgrammar: masks prepared when a grammar is compiled. Masks are filled through numpy; it imports torch by itself."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any, Final

import xgrammar

from guidedgen.evaluate.engine import Tokenizer
from guidedgen.evaluate.engines.nothing import Nothing

_UNSATISFIABLE: Final = (
    "cannot accept any value",
    "greater than",
)  # in its messages for bounds that exclude each other


class XGrammar:
    """Its strict mode (no additional properties or items where a schema does not mention them) in fixed whitespace."""

    version = version("xgrammar")
    any_whitespace = False
    strict_mode = True

    def __init__(self, tokenizer: Tokenizer) -> None:
        vocabulary = tokenizer.vocabulary
        tokens = [vocabulary.token_bytes(token) for token in range(vocabulary.size)]
        info = xgrammar.TokenizerInfo(
            tokens, xgrammar.VocabType.RAW, vocab_size=vocabulary.size, stop_token_ids=list(tokenizer.ends)
        )
        self._compiler = xgrammar.GrammarCompiler(info, max_threads=1)

    def compile(self, schema: object) -> _Matcher | Nothing:
        """Raises what the engine raises, except where it says that no value is valid."""
        text = json.dumps(schema)
        try:
            compiled = self._compiler.compile_json_schema(
                text, any_whitespace=self.any_whitespace, strict_mode=self.strict_mode
            )
        except RuntimeError as error:
            if any(part in str(error) for part in _UNSATISFIABLE):
                return Nothing()
            raise
        return _Matcher(compiled)

    def compile_lark(self, grammar: str) -> _Matcher:
        """A grammar in the engine's dialect of Lark; raises what the engine raises."""
        return _Matcher(self._compiler.compile_lark(grammar))


class XGrammarCompliant(XGrammar):
    """Closest to the standard: no strict mode, any whitespace."""

    any_whitespace = True
    strict_mode = False


class _Matcher:
    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self._matcher = xgrammar.GrammarMatcher(compiled)
        self.fill = self._matcher.fill_next_token_bitmask
        self.commit = self._matcher.accept_token

    def fresh(self) -> _Matcher:
        return _Matcher(self._compiled)

    @property
    def accepting(self) -> bool:
        return bool(self._matcher.is_completed())
