"""Which rules of a grammar a text is in the midst of: asked of the reference kernel, whose rows can be read.

Rows forget a rule whose last part is being read (a tail call), so the table is changed first: every rule gets a last
part that is empty, and names it. Only diagnostics use this; a text costs what it costs in the reference kernel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any, Final

import numpy as np

from guidedgen.kernel import lalr_table
from guidedgen.kernel.reference.lalr import Stack
from guidedgen.kernel.reference.rows import Frame, Item
from guidedgen.kernel.reference.state import State
from guidedgen.kernel.reference.structure import Production
from guidedgen.kernel.table import ExprOp, GrammarTable, SymOp
from guidedgen.vocabulary import Vocabulary

_BYTES: Final = Vocabulary.from_tokens([bytes([byte]) for byte in range(256)])
_WAYS: Final = 4  # ways to read a text that are told apart
_STEPS: Final = 10_000  # items looked at in search of them


def with_markers(table: GrammarTable) -> tuple[GrammarTable, dict[int, str]]:
    """The table with an empty terminal behind each rule's body, and the rules' names by that terminal's symbol.

    Special tokens, which no text holds, are replaced by the first token.
    """
    symbols, pool, exprs = table.symbols.copy(), [*table.pool.tolist(), 0], table.exprs
    tokens = symbols[:, 0] == SymOp.TOKEN
    symbols[tokens, 1], symbols[tokens, 2] = len(pool) - 1, 1
    nothing = len(exprs)
    more: list[tuple[int, int, int]] = []
    names: dict[int, str] = {}
    for rule in np.flatnonzero(symbols[:, 0] == SymOp.RULE).tolist():
        marker = len(symbols) + len(more)
        names[marker] = table.labels.get(rule, f"rule {rule}")
        pool.extend([int(symbols[rule, 1]), marker])
        more += [(SymOp.TERMINAL, nothing, 0), (SymOp.SEQUENCE, len(pool) - 2, 2)]
        symbols[rule, 1] = marker + 1
    for automaton in np.flatnonzero(symbols[:, 0] == SymOp.LALR).tolist():
        _, lists = lalr_table.unpack(table.pool, int(symbols[automaton, 1]), int(symbols[automaton, 2]))
        names |= {number: table.labels.get(number, "_") for number in lists["nonterminal_symbol"].tolist()}
    marked = replace(
        table,
        exprs=np.vstack([exprs, np.array([[ExprOp.EPSILON, 0, 0]], dtype=np.int32)]),
        symbols=np.vstack([symbols, np.array(more, dtype=np.int32).reshape(-1, 3)]),
        pool=np.array(pool, dtype=np.int32),
    )
    return marked, names


def rules_around(state: State, names: dict[int, str]) -> tuple[tuple[str, ...], ...]:
    """The rules that are open at a state of a marked table, outermost first: one tuple for each way to read."""
    found: dict[tuple[str, ...], tuple[str, ...]] = {}  # by the names without repetition
    items = [item for _, row, part, *_ in state.readings for item in row.terminals[part]]
    boundary: set[Item] = set()
    if state.row is not None:
        boundary = {item for item in state.row.items if not _is_over(item, names)}
        items += [item for item in state.row.items if item in boundary]
    stack: list[tuple[Item, tuple[str, ...], frozenset[Item]]] = [(item, (), frozenset()) for item in reversed(items)]
    for _ in range(_STEPS):
        if not stack or len(found) == _WAYS:
            break
        item, inner, seen = stack.pop()
        production, _, frame = _parts(item)
        for outer in _around(item, production, names, over=not seen and item in boundary):
            whole = (*outer, *inner)
            if frame is None:
                ways = tuple(name for name, _ in groupby(whole))
                found[ways] = min(found.get(ways, whole), whole, key=len)
            elif item not in seen:  # a left-recursive rule is open any number of times at one place: once is enough
                stack.extend((caller, whole, seen | {item}) for caller in reversed(frame[0].callers[frame[1]]))
    return tuple(found.values())


def _around(
    item: Any, production: Production | None, names: dict[int, str], *, over: bool
) -> Iterator[tuple[str, ...]]:
    """The rules of one item; several ways for a stack of an automaton, whose own helpers have no names."""
    if isinstance(item, Stack):
        for symbols in item.automaton.open_rules(item.states, over=over):
            yield tuple(names[symbol] for symbol in symbols if not names.get(symbol, "_").startswith("_"))
        return
    name = None if production is None else names.get(production.parts[-1].symbol)
    yield () if name is None else (name,)


def _parts(item: Any) -> tuple[Production | None, int, Frame]:
    """The production of an item, how much of it is read, and who waits for it; other kinds of items have none."""
    return item[:3] if isinstance(item, tuple) else (None, 0, item.frame)


def _is_over(item: Item, names: dict[int, str]) -> bool:
    """Whether only the marker is left."""
    production, dot, _ = _parts(item)
    return production is not None and dot == len(production.parts) - 1 and production.parts[dot].symbol in names


def open_rules(table: GrammarTable, text: bytes) -> tuple[tuple[str, ...], ...]:
    """The rules that are open behind `text`, which must be readable.

    Args:
        table: the grammar.
        text: the bytes read so far.

    Returns:
        Tuples of names, outermost first: one for each way to read the text, four at most. None where the reference
        kernel does not know such grammars.

    Raises:
        LimitExceeded: as compiling and reading do.
    """
    from guidedgen.kernel import compile_table  # late: this module is part of that package

    marked, names = with_markers(table)
    state = compile_table(marked, _BYTES, implementation="reference").start().advance_bytes(text)
    return rules_around(state, names) if isinstance(state, State) else ()
