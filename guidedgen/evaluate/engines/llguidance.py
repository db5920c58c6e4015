"""llguidance: lazy lexer and Earley parser. A matcher that refused something stays in its error state for ever."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any, Final

import llguidance

from guidedgen.evaluate.engine import Tokenizer
from guidedgen.evaluate.engines.nothing import Nothing
from guidedgen.masks import Mask

_UNSATISFIABLE: Final = "Unsatisfiable schema"


class LLGuidance:
    """A fresh matcher is a copy of the one that was compiled and never used, so what one text taught is not kept."""

    version = version("llguidance")

    def __init__(self, tokenizer: Tokenizer) -> None:
        text = tokenizer.json_file.read_text(encoding="utf-8")
        self._tokenizer = llguidance.LLTokenizer(text, eos_token=list(tokenizer.ends))

    def compile(self, schema: object) -> _Matcher | Nothing:
        """Raises ValueError with the engine's message, except where that is that no value is valid."""
        return self.compile_grammar(json.dumps({"grammars": [{"json_schema": schema}]}))

    def compile_grammar(self, grammar: str) -> _Matcher | Nothing:
        """A grammar in the engine's own JSON form; raises as `compile` does."""
        matcher = llguidance.LLMatcher(self._tokenizer, grammar, log_level=0)
        if matcher.is_error():
            message = matcher.get_error()
            if message.startswith(_UNSATISFIABLE):
                return Nothing()
            raise ValueError(message)
        return _Matcher(matcher.deep_copy(), matcher)


class _Matcher:
    def __init__(self, matcher: Any, unused: Any) -> None:
        self._matcher, self._unused = matcher, unused

    def fresh(self) -> _Matcher:
        return _Matcher(self._unused.deep_copy(), self._unused)

    def fill(self, mask: Mask) -> None:
        self._matcher.unsafe_compute_mask_ptr(mask.ctypes.data, mask.nbytes)
        if self._matcher.is_error():  # limits are reached silently: the mask is then empty
            raise RuntimeError(self._matcher.get_error())

    def commit(self, token: int) -> bool:
        return bool(self._matcher.consume_token(token))

    @property
    def accepting(self) -> bool:
        return bool(self._matcher.is_accepting())
