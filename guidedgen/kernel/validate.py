"""Checks a GrammarTable before a kernel sees it, so that no table, however malformed, can crash native code.

Vectorised: a well-formed table of ordinary size costs some tens of microseconds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from guidedgen.errors import CompileError
from guidedgen.kernel import lalr_table
from guidedgen.kernel.table import ExprOp, GrammarTable, SymOp
from guidedgen.limits import Limits

Rows = NDArray[np.int64]  # [N, 3] op, a, b

# One level of a schema or a pattern becomes several levels of the table; both kernels manage this many without trouble
# from recursion, on the small stacks of threads too.
LEVELS_PER_DEPTH = 16

# Up to here repeated vector operations are faster than one loop over the rows.
_FEW_LEVELS = 50


def validate(table: GrammarTable, *, vocab_size: int, eos: frozenset[int], limits: Limits) -> None:
    """Refuse a table that breaks a rule of `table.py` or a limit.

    Args:
        table: the grammar.
        vocab_size: number of token ids.
        eos: tokens that end a text; they are never part of a mask, so a grammar cannot name them.
        limits: bounds on the table's size, counts and nesting.

    Raises:
        CompileError: naming the array, the row and what is wrong with it.
        LimitExceeded: `expressions`, `symbols`, `repeat`, or `depth` for nesting.
    """
    _check_array("exprs", table.exprs, np.int32, 3)
    _check_array("symbols", table.symbols, np.int32, 3)
    _check_array("pool", table.pool, np.int32, None)
    _check_array("byte_sets", table.byte_sets, np.uint8, 32)
    if not isinstance(table.literals, bytes):
        raise CompileError(f"literals is {type(table.literals).__name__}, not bytes")
    limits.check("expressions", len(table.exprs))
    limits.check("symbols", len(table.symbols))
    pool = table.pool.astype(np.int64)
    edges = _check_expressions(table, pool, limits)
    _check_depth(edges, len(table.exprs), limits)
    edges = _check_symbols(table, pool, vocab_size, eos, limits)
    _check_depth(edges, len(table.symbols), limits)
    start: object = table.start  # what the annotation says may not be what came
    if not isinstance(start, int | np.integer) or start not in range(len(table.symbols)):
        raise CompileError(f"start is {table.start!r}, but there are {len(table.symbols)} symbols")


def _check_array(name: str, array: object, dtype: type, columns: int | None) -> None:
    shape_ok = (
        isinstance(array, np.ndarray)
        and array.dtype == dtype
        and (array.ndim == 1 if columns is None else array.ndim == 2 and array.shape[1] == columns)
    )
    if not shape_ok:
        wanted = "[P]" if columns is None else f"[N, {columns}]"
        raise CompileError(f"{name} must be an array {wanted} of {np.dtype(dtype).name}")


def _check_expressions(table: GrammarTable, pool: NDArray[np.int64], limits: Limits) -> Rows:
    """Check the rows of `exprs`; returns the edges [K, 2] (parent, child) between them."""
    rows = table.exprs.astype(np.int64)
    op, a, b = rows.T
    ids = np.arange(len(rows))
    _require("exprs", np.isin(op, list(ExprOp)), "unknown opcode")
    _require("exprs", (op != ExprOp.BYTES) | ((a >= 0) & (a < len(table.byte_sets))), "no such byte set")
    literal_ok = (a >= 0) & (b >= 0) & (a + b <= len(table.literals))
    _require("exprs", (op != ExprOp.LITERAL) | literal_ok, "literal out of range")
    is_list = (op == ExprOp.CONCAT) | (op == ExprOp.OR) | (op == ExprOp.AND)
    is_repeat = op == ExprOp.REPEAT
    is_longest = op == ExprOp.LONGEST
    has_child = is_repeat | (op == ExprOp.NOT) | is_longest
    _require("exprs", ~has_child | ((a >= 0) & (a < ids)), "a child must come before its parent")
    _require("exprs", ~is_longest | ((b >= 0) & (b < ids)), "a child must come before its parent")
    _check_bounds("exprs", is_repeat, b, pool, limits)
    for row in np.flatnonzero(op == ExprOp.AUTOMATON):
        _check_automaton(int(row), int(a[row]), int(b[row]), pool)
    single = np.stack([ids[has_child], a[has_child]], axis=1)
    tracked = np.stack([ids[is_longest], b[is_longest]], axis=1)
    listed = _list_edges("exprs", is_list, a, b, pool)
    _require_edges("exprs", listed, (listed[:, 1] >= 0) & (listed[:, 1] < listed[:, 0]), "a child must come first")
    edges = np.concatenate([single, tracked, listed])
    _require_edges("exprs", edges, ~is_longest[edges[:, 1]], "LONGEST is the whole of a terminal")
    return edges


def _check_automaton(row: int, offset: int, length: int, pool: NDArray[np.int64]) -> None:
    """Check the pool row of an AUTOMATON."""

    def require(good: bool, problem: str) -> None:
        if not good:
            raise CompileError(f"exprs[{row}]: {problem}", hint="This is a fault in whatever built the GrammarTable.")

    require(offset >= 0 and length >= 5 and offset + length <= len(pool), "automaton out of range")
    words = pool[offset : offset + length]
    states, edges, least, most = (int(word) for word in words[:4])
    require(states >= 1 and edges >= 0, "an automaton without states")
    require(length == 5 + states + 2 * edges + (states + 31) // 32, "an automaton of another size")
    require(least >= 0 and (most == -1 or least <= most), "impossible counts")
    first, listed = words[4 : 5 + states], words[5 + states : 5 + states + 2 * edges].reshape(-1, 2)
    require(first[0] == 0 and first[-1] == edges and bool((np.diff(first) >= 0).all()), "edges out of range")
    low, high = listed[:, 0] & 255, listed[:, 0] >> 8 & 255
    require(bool(((low <= high) & (listed[:, 0] >> 17 == 0)).all()), "edges of impossible bytes")
    require(bool(((listed[:, 1] >= 0) & (listed[:, 1] < states)).all()), "edges to states that are not there")
    apart = low[1:] > high[:-1]
    apart[first[(first > 0) & (first < edges)] - 1] = True  # between the edges of two states
    require(bool(apart.all()), "edges that overlap or are out of order")


def _check_symbols(
    table: GrammarTable, pool: NDArray[np.int64], vocab_size: int, eos: frozenset[int], limits: Limits
) -> Rows:
    """Check the rows of `symbols`; returns the edges [K, 2] (parent, child), those of RULEs left out."""
    rows = table.symbols.astype(np.int64)
    op, a, b = rows.T
    ids = np.arange(len(rows))
    _require("symbols", np.isin(op, list(SymOp)), "unknown opcode")
    terminal_ok = (a >= 0) & (a < len(table.exprs))
    limited = op == SymOp.LIMITED
    _require("symbols", ~((op == SymOp.TERMINAL) | limited) | terminal_ok, "no such expression")
    _require("symbols", ~limited | (b > 0), "a limit of less than one token")
    longest = np.zeros(len(rows), dtype=bool)
    longest[limited] = table.exprs[a[limited], 0] == ExprOp.LONGEST
    _require("symbols", ~longest, "LONGEST is the whole of a terminal without a limit")
    _require("symbols", (op != SymOp.RULE) | ((a >= 0) & (a < len(rows))), "no such symbol")
    _require("symbols", (op != SymOp.RULE) | (b == 0) | (b == 1), "neither a fence (1) nor none (0)")
    _require("symbols", (op != SymOp.JSON) | ((a >= 0) & (a < len(table.texts))), "no such JSON text")
    repeats = op == SymOp.REPETITION
    _require("symbols", ~repeats | ((a >= 0) & (a < ids)), "a child must come before its parent")
    _check_bounds("symbols", repeats, b, pool, limits)
    tokens = _list_edges("symbols", op == SymOp.TOKEN, a, b, pool)
    _require_edges("symbols", tokens, (tokens[:, 1] >= 0) & (tokens[:, 1] < vocab_size), "no such token")
    if ending := eos.intersection(tokens[:, 1].tolist()):
        hint = "Leave it out of the grammar, or make a Vocabulary with other end tokens."
        raise CompileError(f"token {min(ending)} ends the text and cannot be part of it", hint=hint)
    single = np.stack([ids[repeats], a[repeats]], axis=1)
    listed = _list_edges("symbols", (op == SymOp.SEQUENCE) | (op == SymOp.CHOICE), a, b, pool)
    _require_edges("symbols", listed, (listed[:, 1] >= 0) & (listed[:, 1] < listed[:, 0]), "a child must come first")
    edges = [single, listed]
    if (unordered := op == SymOp.UNORDERED).any():
        edges.append(_check_unordered(unordered, a, b, pool, limits))
    edges += [_check_lalr(table, row) for row in np.flatnonzero(op == SymOp.LALR).tolist()]
    return np.concatenate(edges)


def _check_lalr(table: GrammarTable, row: int) -> Rows:
    """Check a LALR symbol; returns its edges [K, 2] to its terminals."""
    _, offset, count = table.symbols[row].tolist()
    _, lists = lalr_table.unpack(table.pool, offset, count)
    symbols = lists["terminal_symbol"][lists["terminal_symbol"] != -1]
    edges = np.stack([np.full(len(symbols), row), symbols.astype(np.int64)], axis=1)
    _require_edges("symbols", edges, (edges[:, 1] >= 0) & (edges[:, 1] < row), "a child must come first")
    known = np.isin(table.symbols[symbols, 0], [SymOp.TERMINAL, SymOp.RULE])
    _require_edges("symbols", edges, known, "a terminal of an automaton is no TERMINAL, and no RULE")
    ways = np.maximum(lists["way"], -1 - lists["way"])
    told = np.stack([np.full(len(ways), row), ways.astype(np.int64)], axis=1)
    _require_edges("symbols", told, told[:, 1] < row, "a child must come first")
    texts = table.symbols[ways, 0] == SymOp.TERMINAL
    _require_edges("symbols", told, texts, "what a scanner reads is no TERMINAL")
    names = lists["nonterminal_symbol"]
    _require(
        "symbols", np.array([bool(((names >= 0) & (names < row)).all())]), "a name must come first", np.array([row])
    )
    return np.concatenate([edges, told])


def _check_unordered(
    unordered: NDArray[np.bool_],
    offset: NDArray[np.int64],
    members: NDArray[np.int64],
    pool: NDArray[np.int64],
    limits: Limits,
) -> Rows:
    """Check the pool rows of UNORDERED symbols; returns their edges [K, 2] to separator, rest and members."""
    ids = np.arange(len(unordered))
    _require("symbols", ~unordered | (members >= 0), "a negative number of members")
    entries = _list_edges("symbols", unordered, offset, 4 + 2 * members, pool)
    _check_bounds("symbols", unordered, offset + 2, pool, limits)
    rows = np.flatnonzero(unordered)
    # Of a row's entries, those at even places are symbols, except the bounds; those behind members are flags.
    place = np.arange(len(entries)) - np.searchsorted(entries[:, 0], entries[:, 0])
    flags = entries[(place >= 4) & (place % 2 == 1)]
    _require_edges("symbols", flags, (flags[:, 1] == 0) | (flags[:, 1] == 1), "neither required (1) nor optional (0)")
    rest = np.stack([ids[rows], pool[offset[rows] + 1]], axis=1)
    symbols = entries[(place == 0) | ((place >= 4) & (place % 2 == 0))]
    edges = np.concatenate([symbols, rest[rest[:, 1] != -1]])
    _require_edges("symbols", edges, (edges[:, 1] >= 0) & (edges[:, 1] < edges[:, 0]), "a child must come first")
    return edges


def _check_bounds(
    name: str, repeats: NDArray[np.bool_], offset: NDArray[np.int64], pool: NDArray[np.int64], limits: Limits
) -> None:
    """Check the pairs (minimum, maximum) of repetitions."""
    rows = np.flatnonzero(repeats)
    at = offset[rows]
    _require(name, (at >= 0) & (at + 2 <= len(pool)), "counts out of range", rows)
    low, high = pool[at], pool[at + 1]
    _require(name, (low >= 0) & (high >= -1) & ((high == -1) | (high >= low)), "impossible counts", rows)
    if len(rows):
        limits.check("repeat", int(max(low.max(), high.max())))


def _list_edges(
    name: str, lists: NDArray[np.bool_], offset: NDArray[np.int64], count: NDArray[np.int64], pool: NDArray[np.int64]
) -> Rows:
    """(row, entry) for every entry of the rows' lists in the pool."""
    rows = np.flatnonzero(lists)
    first, length = offset[rows], count[rows]
    _require(name, (first >= 0) & (length >= 0) & (first + length <= len(pool)), "list out of range", rows)
    total = int(length.sum())
    starts = np.repeat(first - (np.cumsum(length) - length), length)
    return np.stack([np.repeat(rows, length), pool[starts + np.arange(total)]], axis=1)


def _check_depth(edges: Rows, count: int, limits: Limits) -> None:
    """Longest path along the edges; only tables with more rows than the limit can have one that is too long."""
    most = limits.depth * LEVELS_PER_DEPTH
    if count <= most:
        return
    depth = np.zeros(count, dtype=np.int64)
    for _ in range(min(most, _FEW_LEVELS)):
        deeper = np.zeros(count, dtype=np.int64)
        np.maximum.at(deeper, edges[:, 0], depth[edges[:, 1]] + 1)
        if np.array_equal(deeper, depth):
            return
        depth = deeper
    if max(_depths_in_order(edges, count)) > most:
        limits.check("depth", limits.depth + 1, f"a grammar nested more than {most} levels deep")


def _depths_in_order(edges: Rows, count: int) -> list[int]:
    """Depth of every row in one pass: children come before their parents."""
    depth = [0] * count
    for parent, child in edges[np.argsort(edges[:, 0], kind="stable")].tolist():
        depth[parent] = max(depth[parent], depth[child] + 1)
    return depth


def _require(name: str, good: NDArray[np.bool_], problem: str, rows: NDArray[np.int64] | None = None) -> None:
    if not good.all():
        at = int(np.argmin(good))
        row = at if rows is None else int(rows[at])
        raise CompileError(f"{name}[{row}]: {problem}", hint="This is a fault in whatever built the GrammarTable.")


def _require_edges(name: str, edges: Rows, good: NDArray[np.bool_], problem: str) -> None:
    _require(name, good, problem, edges[:, 0])
