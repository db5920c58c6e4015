"""What is left of an expression after one byte, and which bytes it need not tell apart. Explicit stacks, no recursion.

The rules for derivatives are Brzozowski's; a counted repetition steps by lowering its counts, `x{m,n}` to
`dx . x{m-1,n-1}`, so `{0,10000}` costs no more than `*`. The classes of bytes over-approximate: bytes in one class have
equal derivatives, bytes in different classes may have.

Source: S. Owens, J. Reppy, A. Turon, Regular-expression derivatives re-examined, 2009, sections 2 and 4.2.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

from guidedgen.kernel.reference.expressions import ANY_BYTE, Expression, Expressions, Op

Classes = tuple[int, ...]  # disjoint byte sets that cover all bytes
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def evaluate(root: K, memo: dict[K, V], needs: Callable[[K], Iterable[K]], combine: Callable[[K], V]) -> V:
    """Fill `memo` bottom-up until it has `root`: `combine(x)` may read the entries of `needs(x)`."""
    stack = [root]
    while stack:
        missing = [need for need in needs(stack[-1]) if need not in memo] if stack[-1] not in memo else []
        if missing:
            stack.extend(missing)
            continue
        node = stack.pop()
        if node not in memo:
            memo[node] = combine(node)
    return memo[root]


class Derivatives:
    """Memoised derivatives of the expressions of one arena."""

    def __init__(self, expressions: Expressions) -> None:
        self._expressions = expressions
        self._derived: list[dict[Expression, Expression]] = []
        self._classes: dict[Expression, Classes] = {}
        self._successors: dict[Expression, tuple[tuple[int, Expression], ...]] = {}
        self.forget()

    def forget(self) -> None:
        """Drop everything that was memoised."""
        self._derived = [{} for _ in range(256)]
        self._classes = {}
        self._successors = {}

    def successors(self, expression: Expression) -> tuple[tuple[int, Expression], ...]:
        """(byte set, derivative) for the classes of bytes that can be written, but for visibly empty derivatives."""
        known = self._successors.get(expression)
        if known is None:
            by_target: dict[Expression, int] = {}
            for group in self.classes(expression):
                if not (mask := group & self._expressions.spelled):
                    continue
                target = self.after(expression, (mask & -mask).bit_length() - 1)
                by_target[target] = by_target.get(target, 0) | mask
            by_target.pop(self._expressions.empty, None)
            known = self._successors[expression] = tuple((mask, target) for target, mask in by_target.items())
        return known

    def after(self, expression: Expression, byte: int) -> Expression:
        """The derivative: every string that continues `byte` to a string of the expression."""
        memo = self._derived[byte]
        return evaluate(expression, memo, _stepped_parts, lambda node: self._step(node, byte, memo))

    def _step(self, node: Expression, byte: int, memo: dict[Expression, Expression]) -> Expression:
        """Derivative of one node, given those of the parts that it steps."""
        make = self._expressions
        match node.op:
            case Op.BYTES:
                return make.epsilon if node.args[0] >> byte & 1 else make.empty
            case Op.LITERAL:
                return make.literal(node.args[0][1:]) if node.args[0][0] == byte else make.empty
            case Op.WORDS:
                return self._step_words(node, byte)
            case Op.CONCAT:
                head, tail = node.args
                rest = make.concat(memo[head], tail)
                return make.union((rest, memo[tail])) if head.nullable else rest
            case Op.OR:
                return make.union(memo[part] for part in node.args)
            case Op.AND:
                return make.intersection(memo[part] for part in node.args)
            case Op.NOT:
                return make.complement(memo[node.args[0]])
            case Op.AUTOMATON:
                graph, state = node.args
                after = graph.after(state, byte)
                return make.empty if after is None else make.automaton(graph, after)
            case Op.REPEAT:
                child, low, high = node.args
                rest = make.repeat(child, max(low - 1, 0), None if high is None else high - 1)
                return make.concat(memo[child], rest)
            case Op.LONGEST:
                accepted, tracked, banned = node.args
                return make.longest(memo[accepted], memo[tracked], banned)
            case _:
                return make.empty

    def _step_words(self, node: Expression, byte: int) -> Expression:
        words, first, last, depth = node.args
        prefix = words[first][:depth]
        low = bisect_left(words, prefix + bytes([byte]), first, last)
        high = bisect_left(words, prefix + bytes([byte + 1]), low, last) if byte < 255 else last
        if low == high:
            return self._expressions.empty
        return self._expressions.words(words, low, high, depth + 1)

    def classes(self, expression: Expression) -> Classes:
        """Disjoint byte sets that cover all bytes; bytes in one set have the same derivative."""
        return evaluate(expression, self._classes, _stepped_parts, self._classify)

    def _classify(self, node: Expression) -> Classes:
        match node.op:
            case Op.EMPTY | Op.EPSILON:
                return (ANY_BYTE,)
            case Op.BYTES:
                return _partition((node.args[0],))
            case Op.LITERAL:
                return _partition((1 << node.args[0][0],))
            case Op.WORDS:
                return _partition(tuple(_first_bytes(*node.args)))
            case Op.AUTOMATON:
                graph, state = node.args
                return _partition(tuple(mask for mask, _ in graph.steps[state]))
            case _:
                classes: Classes = (ANY_BYTE,)
                for part in _stepped_parts(node):
                    classes = _refine(classes, self._classes[part])
                return classes


def _stepped_parts(node: Expression) -> tuple[Expression, ...]:
    """The parts whose derivative the derivative of `node` is made of."""
    match node.op:
        case Op.CONCAT:
            parts: tuple[Expression, ...] = node.args if node.args[0].nullable else node.args[:1]
            return parts
        case Op.OR | Op.AND | Op.NOT:
            return node.args
        case Op.REPEAT:
            return node.args[:1]
        case Op.LONGEST:
            return node.args[:2]
        case _:
            return ()


def _first_bytes(words: tuple[bytes, ...], first: int, last: int, depth: int) -> Iterator[int]:
    """The bytes that may follow the first `depth` ones, each as a byte set; skips from one to the next."""
    at = first + (len(words[first]) == depth)
    prefix = words[first][:depth]
    while at < last:
        byte = words[at][depth]
        yield 1 << byte
        at = bisect_left(words, prefix + bytes([byte + 1]), at, last) if byte < 255 else last


def _partition(sets: Classes) -> Classes:
    """Disjoint sets, and all other bytes as one more."""
    covered = 0
    for mask in sets:
        covered |= mask
    return sets if covered == ANY_BYTE else (*sets, ANY_BYTE ^ covered)


def _refine(left: Classes, right: Classes) -> Classes:
    """The coarsest partition that is finer than both."""
    if len(left) == 1:
        return right
    if len(right) == 1:
        return left
    return tuple({a & b for a in left for b in right} - {0})
