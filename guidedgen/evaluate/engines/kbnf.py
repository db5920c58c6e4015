"""kbnf: Earley over terminals as automata. Its masks are written into the buffer by the engine itself."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import kbnf

from guidedgen.evaluate.engine import Tokenizer
from guidedgen.evaluate.grammar_dialect import KBNF_END
from guidedgen.masks import Mask


class KBNF:
    """Grammars in its own notation, ended by `KBNF_END`. A fresh matcher is a copy of one that was never used."""

    version = version("kbnf")

    def __init__(self, tokenizer: Tokenizer) -> None:
        vocabulary = tokenizer.vocabulary
        tokens = {token: vocabulary.token_bytes(token) for token in range(vocabulary.size)}
        spelled = {token: text for token, text in tokens.items() if text}
        self._vocabulary = kbnf.Vocabulary(
            {token: kbnf.Token(text) for token, text in spelled.items()},
            {token: text.decode("utf-8", "replace") for token, text in spelled.items()},
        )
        self._end = next(token for token, text in spelled.items() if text == KBNF_END.encode())

    def compile_grammar(self, grammar: str) -> _Matcher:
        """Raises ValueError with the engine's message."""
        return _Matcher(kbnf.InternalEngine(grammar, self._vocabulary), self._end)


@contextmanager
def _panics_are_errors() -> Iterator[None]:
    """A panic of the engine is no `Exception`, so that it would end the whole run."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise RuntimeError(f"panic: {error}") from error
        raise


class _Matcher:
    def __init__(self, unused: Any, end: int) -> None:
        self._unused, self._end = unused, end
        self._engine = copy.copy(unused)

    def fresh(self) -> _Matcher:
        return _Matcher(self._unused, self._end)

    def fill(self, mask: Mask) -> None:
        with _panics_are_errors():
            self._engine.compute_allowed_token_ids()
        mask.fill(0)
        self._engine.fill_torch_bitmask(mask.ctypes.data)

    def commit(self, token: int) -> bool:
        try:
            with _panics_are_errors():
                self._engine.try_accept_new_token(token)
        except ValueError:
            return False
        return True

    @property
    def accepting(self) -> bool:
        self._engine.compute_allowed_token_ids()
        return bool(self._engine.check_if_token_is_allowed(self._end))
