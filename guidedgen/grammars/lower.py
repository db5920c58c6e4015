"""Flattens the intermediate form (`ir.py`) into the kernel's GrammarTable. No recursion, so nesting cannot overflow.

Nodes that are shared in the tree are shared in the table; equal expressions are stored once. Only the rules that the
start node reaches are lowered. Whether the result is satisfiable is the kernel's business.
"""

from __future__ import annotations

import difflib
from array import array
from collections.abc import Callable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from guidedgen.errors import CompileError, LimitExceeded
from guidedgen.grammars import ir
from guidedgen.grammars.json_schema.embedded import native_text, translated
from guidedgen.grammars.lalr_rows import lalr_row
from guidedgen.grammars.regular import expression_of, within_chars
from guidedgen.kernel.table import BEGINNING, END_OF_TERMINAL, END_OF_TEXT, ExprOp, GrammarTable, SymOp
from guidedgen.limits import Limits

if TYPE_CHECKING:
    from guidedgen.kernel._native import Schema
    from guidedgen.vocabulary import Vocabulary

_AnyNode: TypeAlias = ir.Expression | ir.Longest | ir.Node
_ALL_BYTES = (1 << 256) - 1
_LARGEST_COUNT = 2**31 - 1
_READ = (SymOp.TERMINAL, SymOp.LIMITED, SymOp.TOKEN, SymOp.JSON)
_NAMED = 12  # special tokens that an error lists


def lower(
    grammar: ir.Grammar,
    *,
    special: Mapping[str, int],
    limits: Limits,
    native: bool = False,
    vocabulary: Vocabulary | None = None,
    counted: bool = True,
) -> GrammarTable:
    """Flatten a grammar.

    Args:
        grammar: the start node and the rules it may refer to.
        special: token id of every special or added token by its text; what `ir.SpecialToken` may name.
        limits: `repeat` bounds counts; `expressions` and `symbols` bound the size of the table.
        native: leave `ir.JsonText` to the native kernel; otherwise its translation takes its place.
        vocabulary: what `ir.TokenSet` needs.
        counted: whether limits on tokens hold, and what looks for the end of the text finds it. Parts of a finished
            text do not show their tokens, and end where the text may go on.

    Raises:
        CompileError: an undefined rule, an unknown special token, or a malformed node.
        LimitExceeded: one of the limits above.
    """
    lowering = _Lowering(special, limits, native, vocabulary, counted)
    start = lowering.run(grammar)
    return lowering.table(start)


class _Lowering:
    """The growing table. Expressions and symbols have separate ids; a node's type says which one `_ids` holds."""

    def __init__(
        self, special: Mapping[str, int], limits: Limits, native: bool, vocabulary: Vocabulary | None, counted: bool
    ) -> None:
        self._counted = counted
        self._vocabulary = vocabulary
        self._special = special
        self._limits = limits
        self._native = native
        self._heat: float | None = None  # the temperature of what is being lowered
        self._heats: dict[int, float] = {}
        self._known_ids: dict[float | None, dict[_AnyNode, int]] = {}  # by temperature
        self._known: dict[tuple[object, ...], int] = {}
        self._exprs = array("i")
        self._symbols = array("i")
        self._pool = array("i")
        self._byte_sets = bytearray()
        self._literals = bytearray()
        self._labels: dict[int, str] = {}
        self._texts: list[tuple[Schema, dict[str, int]]] = []
        self._sources: list[object] = []
        self._grammars: dict[tuple[ir.Grammar, bool, float | None], int] = {}  # grammars within the grammar, as rules
        self._rule_ids: dict[tuple[ir.Grammar, str, float | None], int] = {}
        # Bodies, whose names they use, at which temperature, and for which rule.
        self._pending: list[tuple[ir.Grammar, ir.Node, float | None, int]] = []

    @property
    def _ids(self) -> dict[_AnyNode, int]:
        return self._known_ids.setdefault(self._heat, {})

    def run(self, grammar: ir.Grammar) -> int:
        """Lower the start node and every rule it reaches; returns the start symbol."""
        self._scope = grammar
        start_id = self._lower(grammar.start)
        while self._pending:
            self._scope, node, self._heat, rule = self._pending.pop()
            body = self._lower(node)
            self._symbols[3 * rule + 1] = body
        return start_id

    def table(self, start: int) -> GrammarTable:
        """The arrays built so far."""
        return GrammarTable(
            exprs=np.array(self._exprs, dtype=np.int32).reshape(-1, 3),
            symbols=np.array(self._symbols, dtype=np.int32).reshape(-1, 3),
            pool=np.array(self._pool, dtype=np.int32),
            byte_sets=np.frombuffer(bytes(self._byte_sets), dtype=np.uint8).reshape(-1, 32),
            literals=bytes(self._literals),
            start=start,
            labels=self._labels,
            texts=tuple(self._texts),
            sources=tuple(self._sources),
            heats=self._heats,
        )

    def _lower(self, root: _AnyNode) -> int:
        """Children first, with an explicit stack."""
        ids = self._ids
        stack: list[_AnyNode] = [root]
        while stack:
            node = stack[-1]
            if node in ids:
                stack.pop()
                continue
            kind = _KINDS.get(type(node))
            if kind is None:
                raise CompileError(f"{type(node).__name__!r} is not a grammar node", hint="Build grammars from ir.py.")
            children, emit = kind
            missing = [child for child in children(node) if child not in ids]
            if missing:
                stack.extend(reversed(missing))
            else:
                ids[node] = emit(self, node)
                stack.pop()
        return ids[root]

    def _expression(self, op: ExprOp, a: int = 0, b: int = 0) -> int:
        """Append an expression row; the caller has looked for an equal one."""
        self._exprs.extend((op, a, b))
        count = len(self._exprs) // 3
        if count > self._limits.expressions:
            raise LimitExceeded("expressions", self._limits.expressions)
        return count - 1

    def _symbol(self, op: SymOp, a: int = 0, b: int = 0, label: str | None = None) -> int:
        self._symbols.extend((op, a, b))
        count = len(self._symbols) // 3
        if count > self._limits.symbols:
            raise LimitExceeded("symbols", self._limits.symbols)
        if label is not None:
            self._labels[count - 1] = label
        if self._heat is not None and op in _READ:
            self._heats[count - 1] = self._heat
        return count - 1

    def _list(self, items: list[int]) -> tuple[int, int]:
        offset = len(self._pool)
        self._pool.extend(items)
        return offset, len(items)

    def _bounds(self, low: int, high: int | None) -> int:
        """Put a pair of counts into the pool; returns its offset."""
        largest = min(self._limits.repeat, _LARGEST_COUNT)
        if max(low, high or 0) > largest:
            raise LimitExceeded("repeat", self._limits.repeat, f"a repetition of {max(low, high or 0)}")
        return self._list([low, -1 if high is None else high])[0]

    def emit_simple(self, node: ir.Nothing | ir.Epsilon | ir.ByteSet | ir.Literal) -> int:
        """Expressions without children."""
        if isinstance(node, ir.ByteSet):
            return self._emit_byte_set(node.mask)
        if isinstance(node, ir.Literal) and node.text:
            return self._emit_literal(node.text)
        op = ExprOp.EMPTY if isinstance(node, ir.Nothing) else ExprOp.EPSILON
        key = (op,)
        if key not in self._known:
            self._known[key] = self._expression(op)
        return self._known[key]

    def _emit_byte_set(self, mask: int) -> int:
        if not 0 <= mask <= _ALL_BYTES:
            raise CompileError(f"byte set {mask:#x} has bits outside 0..255")
        key = (ExprOp.BYTES, mask)
        if key not in self._known:
            row = len(self._byte_sets) // 32
            self._byte_sets += mask.to_bytes(32, "little")
            self._known[key] = self._expression(ExprOp.BYTES, row)
        return self._known[key]

    def _emit_literal(self, text: bytes) -> int:
        key = (ExprOp.LITERAL, text)
        if key not in self._known:
            offset = len(self._literals)
            self._literals += text
            self._known[key] = self._expression(ExprOp.LITERAL, offset, len(text))
        return self._known[key]

    def emit_expressions(self, op: ExprOp, parts: tuple[ir.Expression, ...]) -> int:
        """CONCAT, OR and AND."""
        return self._joined(op, [self._ids[part] for part in parts])

    def _joined(self, op: ExprOp, children: list[int]) -> int:
        key = (op, *children)
        if key not in self._known:
            self._known[key] = self._expression(op, *self._list(children))
        return self._known[key]

    def emit_complement(self, node: ir.Complement) -> int:
        """NOT."""
        child = self._ids[node.inner]
        key = (ExprOp.NOT, child)
        if key not in self._known:
            self._known[key] = self._expression(ExprOp.NOT, child)
        return self._known[key]

    def emit_longest(self, node: ir.Longest) -> int:
        """LONGEST; the end of the terminal and that of the text are bytes that no text has."""
        tracked = self._either([self._ids[node.tracked], *map(self._mark, node.apart)], node.unended)
        barred = [self._ids[node.barred]] if node.barred is not None else []
        barred += map(self._mark, node.marks)
        if barred or node.unfinished is not None:
            behind = [self._ids[node.accepted], self._emit_byte_set(END_OF_TERMINAL)]
            behind.append(self._either(barred, node.unfinished))
            tracked = self._joined(ExprOp.OR, [tracked, self._joined(ExprOp.CONCAT, behind)])
        key = (ExprOp.LONGEST, self._ids[node.accepted], tracked)
        if key not in self._known:
            self._known[key] = self._expression(*key)
        return self._known[key]

    def _mark(self, name: bytes) -> int:
        return self._joined(ExprOp.CONCAT, [self._emit_byte_set(BEGINNING), self._emit_literal(name)])

    def _either(self, options: list[int], unended: ir.Expression | None) -> int:
        """Any of them, or `unended` at the end of the text."""
        options = [*options]
        if unended is not None and self._counted:
            options.append(self._joined(ExprOp.CONCAT, [self._ids[unended], self._emit_byte_set(END_OF_TEXT)]))
        return options[0] if len(options) == 1 else self._joined(ExprOp.OR, options)

    def emit_repeat(self, node: ir.Repeat) -> int:
        """REPEAT; impossible bounds give the empty language."""
        if _impossible(node.low, node.high):
            return self.emit_simple(ir.Nothing())
        child = self._ids[node.inner]
        key = (ExprOp.REPEAT, child, node.low, node.high)
        if key not in self._known:
            self._known[key] = self._expression(ExprOp.REPEAT, child, self._bounds(node.low, node.high))
        return self._known[key]

    def emit_automaton(self, node: ir.Automaton) -> int:
        """AUTOMATON."""
        words = np.ascontiguousarray(node.table, dtype=np.int32).tobytes()
        key = (ExprOp.AUTOMATON, words)
        if key not in self._known:
            offset = len(self._pool)
            self._pool.frombytes(words)
            self._known[key] = self._expression(ExprOp.AUTOMATON, offset, len(words) // 4)
        return self._known[key]

    def emit_terminal(self, node: ir.Terminal) -> int:
        """TERMINAL."""
        return self._symbol(SymOp.TERMINAL, self._ids[node.expression], label=node.label)

    def emit_symbols(self, op: SymOp, parts: tuple[ir.Node, ...]) -> int:
        """SEQUENCE and CHOICE."""
        return self._symbol(op, *self._list([self._ids[part] for part in parts]))

    def emit_repetition(self, node: ir.Repetition) -> int:
        """REPETITION; impossible bounds give a choice without options."""
        if _impossible(node.low, node.high):
            return self._symbol(SymOp.CHOICE)
        return self._symbol(SymOp.REPETITION, self._ids[node.inner], self._bounds(node.low, node.high))

    def emit_unordered(self, node: ir.Unordered) -> int:
        """UNORDERED; impossible bounds give a choice without options."""
        if _impossible(node.low, node.high):
            return self._symbol(SymOp.CHOICE)
        rest = -1 if node.rest is None else self._ids[node.rest]
        offset, _ = self._list([self._ids[node.separator], rest])
        self._bounds(node.low, node.high)
        for member in node.members:
            self._list([self._ids[member.node], int(member.required)])
        return self._symbol(SymOp.UNORDERED, offset, len(node.members))

    def emit_lalr(self, node: ir.Lalr) -> int:
        """LALR; its nonterminals get symbols, too, that only name them."""
        terminals = [-1 if terminal is None else self._ids[terminal] for terminal in node.terminals]
        names = [self._symbol(SymOp.SEQUENCE, label=name) for name in node.nonterminals]
        return self._symbol(SymOp.LALR, *self._list(lalr_row(node, terminals, names, self._ids.__getitem__)))

    def emit_reference(self, node: ir.Reference) -> int:
        """RULE; its body is filled in when the queue reaches it."""
        name, scope = node.name, self._scope
        key = (scope, name, self._heat)
        if key not in self._rule_ids:
            if name not in scope.rules:
                hint = _suggestion(name, scope.rules) or "Define it."
                raise CompileError(f"rule {name!r} is not defined", keyword=name, hint=hint)
            rule = self._rule_ids[key] = self._symbol(SymOp.RULE, label=name)
            self._pending.append((scope, scope.rules[name], self._heat, rule))
        return self._rule_ids[key]

    def emit_scope(self, node: ir.Scope) -> int:
        """RULE without a name, whose body has names of its own."""
        return self._emit_grammar(node.grammar, node.fenced)

    def _emit_grammar(self, grammar: ir.Grammar, fenced: bool = False) -> int:
        key = (grammar, fenced, self._heat)
        if key not in self._grammars:
            rule = self._grammars[key] = self._symbol(SymOp.RULE, 0, int(fenced))
            self._pending.append((grammar, grammar.start, self._heat, rule))
        return self._grammars[key]

    def emit_heated(self, node: ir.Heated) -> int:
        """RULE without a name; its terminals have symbols of their own."""
        rule = self._symbol(SymOp.RULE)
        self._pending.append((self._scope, node.node, node.temperature, rule))
        return rule

    def emit_limited(self, node: ir.Limited) -> int:
        """LIMITED, or a TERMINAL where tokens are not counted."""
        text = expression_of(node.node, self._scope, "a limit")
        expression = self._lower(within_chars(text, node.max_chars))
        if node.max_tokens is None or not self._counted:
            return self._symbol(SymOp.TERMINAL, expression, label=node.label)
        if node.max_tokens <= 0:
            nothing = self._lower(ir.Intersection((text, ir.Epsilon())))
            return self._symbol(SymOp.TERMINAL, nothing, label=node.label)
        return self._symbol(SymOp.LIMITED, expression, min(node.max_tokens, _LARGEST_COUNT), node.label)

    def emit_dynamic(self, node: ir.Dynamic) -> int:
        """TERMINAL, of a text that no token spells."""
        return self._symbol(SymOp.TERMINAL, self._emit_literal(ir.MARKERS[node.number]), label=node.name)

    def emit_json(self, node: ir.JsonText) -> int:
        """JSON, or the rules that stand for it."""
        if not self._native:
            return self._emit_grammar(translated(node, self._limits))
        self._texts.append(native_text(node, self._limits))
        self._sources.append(node)
        return self._symbol(SymOp.JSON, len(self._texts) - 1)

    def emit_special(self, node: ir.SpecialToken) -> int:
        """TOKEN."""
        return self._symbol(SymOp.TOKEN, *self._list([self._token_named(node.name)]), label=node.name)

    def emit_token_set(self, node: ir.TokenSet) -> int:
        """TOKEN with several ids."""
        if self._vocabulary is None:
            raise CompileError("tokens by id need a vocabulary", hint="Hand it to `lower`.")
        ids = {*map(self._token_named, node.names), *node.ids}
        size = self._vocabulary.size
        beyond = next((number for number in sorted(ids) if not 0 <= number < size), None)
        if beyond is not None:
            raise CompileError(f"there is no token {beyond}", hint=f"The vocabulary has {size} tokens.")
        if len(ids) > 1:
            ids -= self._vocabulary.eos
        if node.excluded:
            ids = _text_tokens(self._vocabulary) - ids
        return self._symbol(SymOp.TOKEN, *self._list(sorted(ids)), label=node.label)

    def _token_named(self, name: str) -> int:
        if name not in self._special:
            hint = _suggestion(name, self._special) or _known_names(self._special)
            raise CompileError(f"the vocabulary has no special token {name!r}", keyword=name, hint=hint)
        return self._special[name]


def _known_names(special: Mapping[str, int]) -> str:
    """A hint that names what a vocabulary has."""
    names = [*special]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"It has {', '.join(names[:_NAMED])}{more}." if names else "It names no tokens: write the text instead."


def _text_tokens(vocabulary: Vocabulary) -> set[int]:
    """The tokens that can stand in a text: with bytes or a name, and no end token."""
    with_bytes = np.flatnonzero(np.diff(vocabulary.offsets)).tolist()
    return {*with_bytes, *vocabulary.special.values()} - vocabulary.eos


def _impossible(low: int, high: int | None) -> bool:
    if low < 0:
        raise CompileError(f"a repetition of at least {low} times makes no sense", hint="Use 0 or more.")
    return high is not None and high < low


def _suggestion(name: str, known: Mapping[str, object]) -> str | None:
    near = difflib.get_close_matches(name, known, n=3)
    return f"Did you mean {' or '.join(map(repr, near))}?" if near else None


def _no_children(_node: _AnyNode) -> tuple[_AnyNode, ...]:
    return ()


def _languages(node: ir.Longest) -> tuple[_AnyNode, ...]:
    more = (node.unended, node.barred, node.unfinished)
    return (node.accepted, node.tracked, *(part for part in more if part is not None))


def _lexemes(node: ir.Lalr) -> tuple[_AnyNode, ...]:
    told = (ways for scanner in node.scanners for by in (scanner.ways, scanner.skipped) for ways in by.values())
    own = (terminal for terminal in node.terminals if terminal is not None)
    return (*own, *chain.from_iterable(told))


def _items(node: ir.Unordered) -> tuple[_AnyNode, ...]:
    rest = () if node.rest is None else (node.rest,)
    return (node.separator, *rest, *(member.node for member in node.members))


# How to find a node's children and how to append it, by type.
_KINDS: dict[type, tuple[Callable[..., tuple[_AnyNode, ...]], Callable[..., int]]] = {
    ir.Nothing: (_no_children, _Lowering.emit_simple),
    ir.Epsilon: (_no_children, _Lowering.emit_simple),
    ir.ByteSet: (_no_children, _Lowering.emit_simple),
    ir.Literal: (_no_children, _Lowering.emit_simple),
    ir.Concat: (lambda node: node.parts, lambda low, node: low.emit_expressions(ExprOp.CONCAT, node.parts)),
    ir.Union: (lambda node: node.options, lambda low, node: low.emit_expressions(ExprOp.OR, node.options)),
    ir.Intersection: (lambda node: node.parts, lambda low, node: low.emit_expressions(ExprOp.AND, node.parts)),
    ir.Complement: (lambda node: (node.inner,), _Lowering.emit_complement),
    ir.Repeat: (lambda node: (node.inner,), _Lowering.emit_repeat),
    ir.Automaton: (_no_children, _Lowering.emit_automaton),
    ir.Longest: (_languages, _Lowering.emit_longest),
    ir.Terminal: (lambda node: (node.expression,), _Lowering.emit_terminal),
    ir.Sequence: (lambda node: node.parts, lambda low, node: low.emit_symbols(SymOp.SEQUENCE, node.parts)),
    ir.Choice: (lambda node: node.options, lambda low, node: low.emit_symbols(SymOp.CHOICE, node.options)),
    ir.Repetition: (lambda node: (node.inner,), _Lowering.emit_repetition),
    ir.Unordered: (_items, _Lowering.emit_unordered),
    ir.Reference: (_no_children, _Lowering.emit_reference),
    ir.SpecialToken: (_no_children, _Lowering.emit_special),
    ir.Lalr: (_lexemes, _Lowering.emit_lalr),
    ir.Scope: (_no_children, _Lowering.emit_scope),
    ir.JsonText: (_no_children, _Lowering.emit_json),
    ir.Limited: (_no_children, _Lowering.emit_limited),
    ir.Heated: (_no_children, _Lowering.emit_heated),
    ir.Dynamic: (_no_children, _Lowering.emit_dynamic),
    ir.Capture: (lambda node: (node.node,), lambda low, node: low._ids[node.node]),
    ir.TokenSet: (_no_children, _Lowering.emit_token_set),
}


def children_of(node: object) -> tuple[_AnyNode, ...]:
    """The nodes right below one; none below a reference, a limit or a grammar within a grammar."""
    return (node.node,) if isinstance(node, ir.Heated) else _KINDS[type(node)][0](node)
