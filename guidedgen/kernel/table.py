"""GrammarTable: the flat form of a grammar that both kernels read. Numbers only, no Python objects per node.

Two node kinds share one layout (an opcode and two operands, lists in a common pool):

*Expressions* are regular languages over bytes. A child always has a smaller id than its parent.

    op             a                     b
    EMPTY          -                     -              no string at all
    EPSILON        -                     -              the empty string
    BYTES          row of byte_sets      -              one byte out of a set
    LITERAL        offset in literals    length         these bytes
    CONCAT         offset in pool        count          children one after another
    OR             offset in pool        count
    AND            offset in pool        count
    NOT            child                 -              complement with respect to all byte strings
    REPEAT         child                 offset in pool pool[b:b+2] = minimum, maximum (-1: no maximum)
    AUTOMATON      offset in pool        length         texts that lead from state 0 to an accepting one, see below
    LONGEST        accepted              tracked        only as the whole of a TERMINAL, see below

The pool row of AUTOMATON is: number of states S, number of edges E, least and most counting edges of a text (most -1:
any number), S + 1 numbers that say where each state's edges begin (and end), then for each edge its lowest byte + 256 *
its highest byte + 65536 if it counts, and the state that it leads to, then the accepting states as bits, 32 a number.
The edges of one state are of ascending bytes and do not overlap. An automaton with bounds has no circles, and from each
state all numbers of counting edges between the fewest and the most lead to an accepting state.

*Symbols* are the context-free structure over them. RULE may refer forward, everything else only backward.

    TERMINAL       expression            -              a text in the expression's language (even if empty)
    SEQUENCE       offset in pool        count
    CHOICE         offset in pool        count
    REPETITION     child                 offset in pool minimum, maximum (-1: none)
    TOKEN          offset in pool        count          exactly one of these token ids (special tokens)
    RULE           body symbol           1: a fence     a named symbol; the only way to be recursive
    UNORDERED      offset in pool        members        members in any order, see below
    JSON           row of texts          -              a JSON text of a schema (native kernel only)
    LIMITED        expression            tokens         a text in its language in so many tokens at most
    LALR           offset in pool        count          what an LALR(1) parser accepts; the row: `lalr_table.py`

The pool row of UNORDERED is: separator, rest (-1: none), minimum, maximum (-1: none), then for each member its symbol
and 1 where it is required, else 0. It derives all sequences of items with the separator between two of them, where an
item is a member that did not come before, or `rest`; every required member comes, and the number of items is within the
bounds. Separator, rest and members must not derive the empty text.

Semantics: the language of the table is the set of token sequences whose bytes (special tokens kept apart) are derived
from `start`. A terminal may end wherever its expression accepts, except that LONGEST looks at what follows: such a
terminal has a non-empty text w in `accepted`, and the bytes from its end up to the next special token, or the end of
the whole text, begin with no non-empty v for which w v is in `tracked`. With the same expression twice that is the
longest match; every rule by which a lexer decides is of this form (docs/concepts/lexing.md). A RULE that is a fence is
a text of its own: to the terminals in it, its end is that of the whole text. (Where it begins before what a terminal in
front of it tracks is decided, that is not so: then it is read as any other RULE.) Two bytes that are in no text stand
in `tracked` for ends, of the terminal (0xFE) and of the bytes that follow (0xFF): with w 0xFE v, the bytes from the end
of a text w do not begin with v, and with w 0xFF, a text w is not the last one. A third, 0xFC, keeps terminals apart:
one that tracks 0xFC k does not follow straight behind a text w of one that tracks w 0xFC k, and one that tracks 0xFC
alone only begins behind one that tracks w 0xFC k for some k.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from guidedgen.kernel._native import Schema


BEGINNING, END_OF_TERMINAL, END_OF_TEXT = 1 << 0xFC, 1 << 0xFE, 1 << 0xFF
"""The byte sets that stand for places in what LONGEST tracks. Where others have these bytes, they mean nothing."""


class ExprOp(IntEnum):
    """Opcodes of expressions."""

    EMPTY = 0
    EPSILON = 1
    BYTES = 2
    LITERAL = 3
    CONCAT = 4
    OR = 5
    AND = 6
    NOT = 7
    REPEAT = 8
    AUTOMATON = 9
    LONGEST = 10


class SymOp(IntEnum):
    """Opcodes of symbols."""

    TERMINAL = 0
    SEQUENCE = 1
    CHOICE = 2
    REPETITION = 3
    TOKEN = 4
    RULE = 5
    UNORDERED = 6
    JSON = 7
    LIMITED = 8
    LALR = 10


@dataclass(frozen=True, kw_only=True)
class GrammarTable:
    """A grammar as arrays; see the module for the meaning of the opcodes.

    `labels[i]` names symbol i for people (a rule, a terminal or a JSON pointer); it has no meaning for the language.
    `texts` are the schemas that JSON symbols name, as the native kernel read them, and how their texts are laid out;
    each serves one compilation. `sources` are what they were read from, to do it again. `heats[i]` is the temperature
    at which tokens of symbol i are to be drawn; it has no meaning for the language either.
    """

    exprs: NDArray[np.int32]  # [E, 3] op, a, b
    symbols: NDArray[np.int32]  # [S, 3] op, a, b
    pool: NDArray[np.int32]  # [P]
    byte_sets: NDArray[np.uint8]  # [B, 32] bit b of byte b >> 3, LSB first
    literals: bytes
    start: int
    labels: dict[int, str] = field(default_factory=dict)
    texts: tuple[tuple[Schema, dict[str, int]], ...] = ()
    sources: tuple[object, ...] = ()
    heats: dict[int, float] = field(default_factory=dict)

    @property
    def looks_ahead(self) -> bool:
        """Whether what follows a text in it may be told by it: it has LONGEST expressions or LALR symbols."""
        return bool((self.exprs[:, 0] == ExprOp.LONGEST).any() or (self.symbols[:, 0] == SymOp.LALR).any())
