"""A process that compiles hostile grammars with every lexer and parser; see `tests/hostile_process.py`."""

from __future__ import annotations

from guidedgen.grammars.specs import Lark
from tests.grammars.hostile import HOSTILE
from tests.hostile_process import serve

if __name__ == "__main__":
    serve(HOSTILE, Lark('start: "a"'))
