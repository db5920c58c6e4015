"""Masks of LALR automata, read off the topmost states of a stack: they hold what can be read byte by byte."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import guidedgen as gg
from guidedgen.grammars.library import library
from guidedgen.testing import byte_vocabulary
from tests.kernel.small_vocabulary import small_vocabulary

PYTHON = """\
def f(x, *, y=(1, [2])):
    if x[0] or (
        y
    ):  # so
        return {'a': f(x)}
    while True: pass

class A(B): a = b"c"
"""
GRAPHQL = 'query q($a: [Int!]! = 3) { a: b(c: {d: [1.5, "x"]}) @e { ...f } # g\n h }'
VERILOG = "module m(input a);\n  wire [1:0] b = {a, ~a}; // c\nendmodule\n"

BLOCKS = r"""
start: (_NL | statement)*
statement: NAME _NL | "if" call ":" _NL _INDENT statement+ _DEDENT
call: NAME "(" [call ("," call)*] ")" | NAME
NAME: /[a-z]+/
_NL: /(\r?\n[\t ]*)+/
%ignore " "
%ignore /#[^\n]*/
%declare _INDENT _DEDENT
"""
NOTHING_BEHIND_SOME_NAMES = r"""
start: call*
call: name "(" (name ("," name)*)? ")" ";"
name: NAME | reserved NEVER
reserved: "if" | "in"
NAME: /[a-z]+/
NEVER: /(?!x)x/
%ignore /\s+/
"""
# A state after `a` stands on stacks that can be completed, and on others that cannot.
SOMETIMES_WITHOUT_END = r"""
start: A [P] | [NL] P | start B r
r: A s S r
s: start+ P A | start start RP NL
RP: ")"
S: /'[^']*'/
A.2: "a"
NL: /\n+/
B.2: "b"
P: /a[bc]*/
"""
# After "no" the state behind a name is on a stack that cannot be completed; so is the one behind brackets around names.
TWO_OUTLOOKS = r"""
start: (item ";")*
item: value "=" value | "no" value NEVER | "no" "class" NAME
value: NAME | "(" value ")" | value "." NAME
NAME: /[a-z]+/
NEVER: /(?!x)x/
%ignore /\s+/
"""
TYPESCRIPT = "export declare class A<B> { c?: D[]; e(f: string): void; }\nconst g = (h) => `i ${1 + j} k`;\n"


def tokens_of(state: gg.State) -> list[int]:
    bits = np.unpackbits(np.asarray(state.mask()).view(np.uint8), bitorder="little")
    return [int(token) for token in np.flatnonzero(bits)]


def read(state: gg.State, token: int) -> bool:
    """Whether the token's bytes can be read, each as a token of its own: those stand first in the vocabulary."""
    now: gg.State | None = state
    for byte in small_vocabulary().token_bytes(token):
        now = now and now.advance(byte)
    return now is not None


def check(state: gg.State) -> None:
    vocabulary = small_vocabulary()
    in_mask = set(tokens_of(state))
    wrong = [
        vocabulary.token_bytes(token) for token in range(vocabulary.size) if read(state, token) != (token in in_mask)
    ]
    assert wrong == []


def walk(constraint: gg.Constraint, seed: int, steps: int) -> None:
    """Checks states on the way of random tokens, short ones rather than long ones."""
    chosen = random.Random(seed)
    state = constraint.start()
    for _ in range(steps):
        check(state)
        tokens = tokens_of(state)
        if not tokens:
            return
        some = chosen.choices(tokens, k=8)
        after = state.advance(min(some, key=lambda token: len(small_vocabulary().token_bytes(token))))
        assert after is not None
        state = after


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("python", PYTHON, marks=pytest.mark.slow, id="python"),
        pytest.param("graphql", GRAPHQL, id="graphql"),
        pytest.param("typescript", TYPESCRIPT, marks=pytest.mark.slow, id="typescript"),
        pytest.param("verilog", VERILOG, id="verilog"),
    ],
)
def test_masks_on_the_way_of_a_text(name: str, text: str) -> None:
    constraint = gg.compile(library(name), small_vocabulary(), implementation="native")
    state = constraint.start()
    for place, token in enumerate(small_vocabulary().encode(text)):
        if place % 6 == 0:
            check(state)
        after = state.advance(token)
        assert after is not None
        state = after
    assert state.accepting
    assert constraint.stats()["remainder_nodes_visited"] == 0, "a mask was made by reading tokens row by row"


@pytest.mark.parametrize("lexer", ["contextual", "basic"])
@pytest.mark.parametrize("grammar", [BLOCKS, NOTHING_BEHIND_SOME_NAMES, SOMETIMES_WITHOUT_END, TWO_OUTLOOKS])
def test_masks_along_random_tokens(grammar: str, lexer: Any) -> None:
    indent = gg.Indentation(newline="_NL", deepest=6) if grammar == BLOCKS else None
    spec = gg.Lark(grammar, parser="lalr", lexer=lexer, indent=indent)
    constraint = gg.compile(spec, small_vocabulary(), implementation="native")
    for seed in range(3):
        walk(constraint, seed, 8)


def test_states_that_stand_before_a_dead_end_and_elsewhere() -> None:
    constraint = gg.compile(gg.Lark(TWO_OUTLOOKS, parser="lalr"), small_vocabulary(), implementation="native")
    state = constraint.start()
    for token in small_vocabulary().encode("(a.b) = ((c)).d;\nno class e; f = no;"):
        check(state)
        after = state.advance(token)
        assert after is not None
        state = after
    assert state.accepting
    assert constraint.stats()["remainder_nodes_visited"] == 0, "a mask was made by reading tokens row by row"
    for dead in ("no a", "no (a", "no (a.b)"):
        now: gg.State | None = constraint.start()
        for byte in dead.encode():
            now = now and now.advance(byte)
        assert now is None, dead


FENCED = """
start: (item ";")*
item: NAME "=" sum | "if" sum "{" start "}"
sum: sum "+" NAME | NAME
NAME: /[a-z]+/
%ignore " "
%ignore /#[^\\n]*/
"""


@pytest.mark.parametrize("lexer", ["contextual", "basic"])
@pytest.mark.parametrize(
    ("before", "behind"), [("```\n", "```"), ("a", "a"), ("#", "#"), ("\n", ";"), ("", " ."), ("", "\n"), ("", ";;")]
)
def test_an_automaton_before_a_text(before: str, behind: str, lexer: Any) -> None:
    spec = gg.Sequence(before, gg.Lark(FENCED, parser="lalr", lexer=lexer), behind)
    constraint = gg.compile(spec, small_vocabulary(), implementation="native")
    for seed in range(3):
        walk(constraint, seed, 8)


def test_a_fence_around_a_language_takes_no_search() -> None:
    constraint = gg.compile(gg.Sequence("```\n", library("graphql"), "```"), small_vocabulary())
    state = constraint.start()
    for token in small_vocabulary().encode(f"```\n{GRAPHQL}\n```"):
        state.mask()
        after = state.advance(token)
        assert after is not None
        state = after
    assert state.accepting
    assert constraint.stats()["rows"] < 1500


LINES = """
start: (_NL | line)* [NAME]
line: NAME [sum] _NL
sum: sum "+" NAME | "+" NAME
NAME: /[a-z]+/
_NL: /(\\r?\\n[ ]*)+/
%ignore " "
"""


@pytest.mark.parametrize("grammar", [FENCED, LINES, BLOCKS])
@pytest.mark.parametrize("behind", ["\n.", " .", "a", "\n", ".", "+."])
def test_what_stands_behind_and_the_last_terminal_could_be(grammar: str, behind: str) -> None:
    """What stands behind begins as the automaton's terminals could go on: the same masks by search, in plain Python."""
    indent = gg.Indentation(newline="_NL", deepest=3) if grammar == BLOCKS else None
    spec = gg.Sequence("<", gg.Lark(grammar, parser="lalr", indent=indent), behind)
    fast, slow = (
        gg.compile(spec, byte_vocabulary(), implementation=kernel).start() for kernel in ("native", "reference")
    )
    chosen = random.Random(behind)
    for _ in range(3):
        now, twin = fast, slow
        for _ in range(14):
            tokens = tokens_of(now)
            assert tokens == tokens_of(twin)
            if not tokens:
                break
            token = chosen.choice([t for t in tokens if t in b"<>ab =+;{}\n."] or tokens)
            after, twin_after = now.advance(token), twin.advance(token)
            assert after is not None
            assert twin_after is not None
            now, twin = after, twin_after


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("python", PYTHON, id="python"),
        pytest.param("typescript", TYPESCRIPT, marks=pytest.mark.slow, id="typescript"),
    ],
)
def test_a_fence_on_a_line_of_its_own_takes_no_search(name: str, text: str) -> None:
    """The program could take the line break before the fence for its own: each mask is bounded work all the same."""
    spec = gg.Sequence(f"```{name}\n", library(name), "\n```")
    constraint = gg.compile(spec, small_vocabulary(), limits=gg.Limits(steps=3_000_000))
    state = constraint.start()
    for token in small_vocabulary().encode(f"```{name}\n{text.rstrip()}\n```"):
        state.mask()
        after = state.advance(token)
        assert after is not None
        state = after
    assert state.accepting
    stats = constraint.stats()
    assert stats["rows"] < 12_000
    assert stats["bytes"] < 24 << 20


@pytest.mark.parametrize("behind", ["\n```", "```"])
def test_a_fence_that_comes_again_takes_no_search(behind: str) -> None:
    """What stands behind the program leads to such a program again."""
    tag = gg.Tag("```python\n", library("python"), behind)
    constraint = gg.compile(gg.Tags([tag]), small_vocabulary())
    state = constraint.start()
    for token in small_vocabulary().encode(2 * f"So: ```python\na = 1\nif a: b{behind}\n"):
        state.mask()
        after = state.advance(token)
        assert after is not None
        state = after
    assert state.accepting
    assert constraint.stats()["rows"] < 3000
