"""One compiled grammar: builds the parts of the reference kernel from a table and walks the vocabulary with them."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from guidedgen.constraint import Mask
from guidedgen.errors import UnsatisfiableSchema
from guidedgen.explanation import Explanation
from guidedgen.kernel.reference.byte_graph import ByteGraph
from guidedgen.kernel.reference.completion import Completions
from guidedgen.kernel.reference.counts import TokenCounts
from guidedgen.kernel.reference.derivatives import Derivatives
from guidedgen.kernel.reference.expressions import Expression, Expressions, Op
from guidedgen.kernel.reference.lalr import Automaton
from guidedgen.kernel.reference.lexeme import Lexemes
from guidedgen.kernel.reference.rows import Rows
from guidedgen.kernel.reference.state import State, States
from guidedgen.kernel.reference.structure import Structure
from guidedgen.kernel.reference.trie import TokenTrie
from guidedgen.kernel.reference.viability import Viability
from guidedgen.kernel.table import ExprOp, GrammarTable, SymOp
from guidedgen.limits import Limits

# Roughly what one entry of each cache takes, in bytes.
_EXPRESSION, _EXPANDED, _ROW, _STATE = 600, 3000, 2000, 1500


class Grammar:
    """A grammar compiled for a vocabulary; the arrays are those of `GrammarTable`, already validated.

    Attributes:
        vocab_size: number of token ids V.
        mask_words: words in a mask.
        explainer: what `State.explain` calls with the state and the token.

    Raises:
        UnsatisfiableSchema: where the start symbol produces nothing.
        LimitExceeded: where a limit is reached while compiling, or later by any method of a state.
    """

    def __init__(
        self,
        vocabulary: TokenTrie,
        exprs: NDArray[np.int32],
        symbols: NDArray[np.int32],
        pool: NDArray[np.int32],
        byte_sets: NDArray[np.uint8],
        literals: bytes,
        start: int,
        limits: Mapping[str, int],
    ) -> None:
        table = GrammarTable(
            exprs=exprs, symbols=symbols, pool=pool, byte_sets=byte_sets, literals=literals, start=start
        )
        self.limits = Limits(**limits)
        self.vocab_size = vocabulary.size
        self.mask_words = (vocabulary.size + 31) // 32
        self.explainer: Callable[[State, int], Explanation | None] = _explains_nothing
        self._trie = vocabulary
        self._lock = threading.RLock()
        self._depth = 0
        self._masks = 0
        self.expressions = Expressions(limit=self.limits.expressions, spelled=vocabulary.alphabet)
        self._derivatives = Derivatives(self.expressions)
        self.lexemes = Lexemes(self._derivatives, self.expressions, limit=self.limits.states)
        self.counts = TokenCounts(self.lexemes, vocabulary)
        terminals = _terminals(table, self.expressions)
        automata = {
            symbol: Automaton(table, symbol, terminals, self.expressions)
            for symbol in np.flatnonzero(table.symbols[:, 0] == SymOp.LALR).tolist()
        }
        self._structure = Structure(table, terminals, self.lexemes, self.counts.fits, automata)
        self.counted = bool((table.symbols[:, 0] == SymOp.LIMITED).any())
        first = self._structure.part(start)
        if first.cost == math.inf:
            raise UnsatisfiableSchema("the grammar's start produces no text at all", hint="Relax the constraints.")
        self.rows = Rows(self._structure, first, self.lexemes, limit=self.limits.states)
        lexing = any(expression.op is Op.LONGEST for expression in terminals.values())
        lexing = lexing or not all(automaton.exact for automaton in automata.values())
        self.viability = Viability(self.rows, self.lexemes, self.expressions, lexing=lexing, limit=self.limits.states)
        if self.viability.cost(self.rows.first()) == math.inf:
            hint = "Terminals that follow each other must not begin with what the one before could have gone on with."
            raise UnsatisfiableSchema("the grammar produces no text at all under its lexing rules", hint=hint)
        self.states = States(self)
        self.completions = Completions(self, vocabulary)

    def start(self) -> State:
        """The position before any text."""
        with self.operation():
            return self.states.make((), self.rows.first())

    def stats(self) -> dict[str, int]:
        """Sizes of the caches."""
        with self._lock:
            return {
                "expressions": len(self.expressions),
                "lexer_states": len(self.lexemes),
                "rows": len(self.rows),
                "positions": len(self.states),
                "masks": self._masks,
                "bytes": self._used(),
            }

    @property
    def memory(self) -> int:
        """Bytes that the caches take."""
        with self._lock:
            return self._used()

    @contextmanager
    def operation(self) -> Iterator[None]:
        """Holds the lock; between two outermost operations the caches are emptied if they have grown too large."""
        with self._lock:
            if self._depth == 0 and self._used() > self.limits.cache_bytes:
                self._forget()
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1

    def _used(self) -> int:
        """An estimate of the memory that the caches take, in bytes."""
        return (
            len(self.expressions) * _EXPRESSION
            + len(self.lexemes) * _EXPANDED
            + len(self.rows) * _ROW
            + len(self.states) * _STATE
            + self._masks * 4 * self.mask_words
        )

    def _forget(self) -> None:
        for cache in (
            self.counts,
            self.states,
            self.viability,
            self.rows,
            self._structure,
            self.lexemes,
            self._derivatives,
            self.expressions,
        ):
            cache.forget()
        self._masks = 0

    def advance(self, state: State, token: int) -> State | None:
        """The state after a token, read as its bytes, as a special token, or as either."""
        if not 0 <= token < self.vocab_size:
            return None
        data = self._trie.token_bytes(token)
        by_bytes = self.advance_text(state, data) if data else None
        return self.states.either(by_bytes, self.states.step_special(state, token))

    def advance_text(self, state: State, text: bytes) -> State | None:
        """The state after a token with these bytes, read as such."""
        after = self.advance_bytes(state, text)
        return None if after is None else self.states.end_token(after)

    def advance_bytes(self, state: State, data: bytes) -> State | None:
        """The state after these bytes."""
        after: State | None = state
        for byte in data:
            if after is None:
                return None
            after = self.states.step(after, byte)
        return after

    def live_bytes(self, state: State) -> int:
        """The set of bytes that may come next."""
        return self.states.live_bytes(state)

    def fill(self, state: State) -> Mask:
        """The mask of a state."""
        self._masks += 1
        allowed = np.zeros(self.mask_words * 32, dtype=np.bool_)
        for first, last, _ in self._walk(state):
            allowed[self._trie.order[first:last]] = True
        if state.row is not None:
            allowed[list(state.row.tokens)] = True
        return np.packbits(allowed, bitorder="little").view(np.int32)

    def fill_within(self, state: State, budget: int) -> Mask:
        """The tokens of the mask after which the shortest completion takes at most `budget` - 1 tokens."""
        allowed = np.zeros(self.mask_words * 32, dtype=np.bool_)
        for first, last, after in self._walk(state):
            if self._fits(after, budget - 1):
                allowed[self._trie.order[first:last]] = True
        for token in self.states.specials(state):
            after_special = self.advance(state, token)  # by its bytes too, where it has some
            assert after_special is not None
            allowed[token] = self._fits(after_special, budget - 1)
        return np.packbits(allowed, bitorder="little").view(np.int32)

    def _fits(self, state: State, tokens: int) -> bool:
        """Whether the shortest completion takes at most so many tokens; where bytes have tokens, one a byte at most."""
        quick = self._trie.spells_text and self.states.cost(state) <= tokens
        return quick or self.completions.need(state) <= tokens

    def only_token(self, state: State) -> int | None:
        """The one token that is allowed, or None where several are (or none is)."""
        tokens = set(state.row.tokens) if state.row is not None else set()
        for first, last, _ in self._walk(state):
            tokens.update(self._trie.order[first : min(last, first + 2)].tolist())
            if len(tokens) > 1:
                break
        return tokens.pop() if len(tokens) == 1 else None

    def _walk(self, state: State) -> Iterator[tuple[int, int, State]]:
        """Ranges of `trie.order` that are allowed, each with the state that it leads to.

        The trie is walked depth first, subtrees behind a dead byte are skipped. A subtree whose bytes all lead from a
        state to itself is taken as a whole.
        """
        trie, step = self._trie, self.states.step
        path: list[State] = [state] * (max(trie.depth) + 1)  # the state at each depth of the path to the node
        node = 1
        while node < len(trie):
            before = path[trie.depth[node] - 1]
            after = step(before, trie.byte[node])
            if after is None:
                node = trie.end[node]
                continue
            path[trie.depth[node]] = after
            first = trie.first[node]
            ended = self.states.end_token(after)
            if ended is not None and after is before and trie.below[node] & ~self.states.staying_bytes(after) == 0:
                node = trie.end[node]
                yield first, trie.first[node], ended
                continue
            if trie.spelled[node] and ended is not None:
                yield first, first + trie.spelled[node], ended
            node += 1


def _terminals(table: GrammarTable, make: Expressions) -> dict[int, Expression]:
    """The expression of every terminal. Rows of `exprs` only refer to earlier ones, so one pass builds them."""
    built: list[Expression] = []
    pool: list[int] = table.pool.tolist()
    byte_sets = [int.from_bytes(row.tobytes(), "little") for row in table.byte_sets]
    for op, a, b in table.exprs.tolist():
        built.append(_expression(make, built, ExprOp(op), a, b, pool, byte_sets, table.literals))
    terminals = np.flatnonzero(np.isin(table.symbols[:, 0], (SymOp.TERMINAL, SymOp.LIMITED))).tolist()
    return {symbol: built[table.symbols[symbol, 1]] for symbol in terminals}


def _expression(
    make: Expressions,
    built: list[Expression],
    op: ExprOp,
    a: int,
    b: int,
    pool: list[int],
    byte_sets: list[int],
    literals: bytes,
) -> Expression:
    """One row of `exprs`; see `guidedgen.kernel.table` for the operands."""
    match op:
        case ExprOp.EMPTY:
            return make.empty
        case ExprOp.AUTOMATON:
            return make.automaton(ByteGraph(pool[a : a + b], make.spelled), 0)
        case ExprOp.EPSILON:
            return make.epsilon
        case ExprOp.BYTES:
            return make.byte_set(byte_sets[a])
        case ExprOp.LITERAL:
            return make.literal(literals[a : a + b])
        case ExprOp.NOT:
            return make.complement(built[a])
        case ExprOp.REPEAT:
            low, high = pool[b : b + 2]
            return make.repeat(built[a], low, None if high < 0 else high)
        case ExprOp.LONGEST:
            return make.longest(make.nonempty(built[a]), built[b])
    children = [built[child] for child in pool[a : a + b]]
    match op:
        case ExprOp.OR:
            return make.union(children)
        case ExprOp.AND:
            return make.intersection(children)
        case _:
            whole = make.epsilon
            for child in reversed(children):
                whole = make.concat(child, whole)
            return whole


def _explains_nothing(_state: State, _token: int) -> Explanation | None:
    """Stands in until `compile_table` has put the explainer in place."""
    return None
