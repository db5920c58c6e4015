"""Nodes whose texts are a regular language, as one expression: what limits and text operators need of a rule's body."""

from __future__ import annotations

from guidedgen.errors import UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import ir

_BOUND_SCHEMA = "Bound the schema (maxLength, maxItems, maximum), or the whole generation by its max_tokens."
_HINT = "Limit the terminals inside it instead, or write it as one pattern."


def expression_of(node: ir.Node, grammar: ir.Grammar, what: str) -> ir.Expression:
    """The language of a node, where no rule in it comes back to itself.

    Args:
        node: what stands in the grammar.
        grammar: whose rules it refers to.
        what: what needs the expression, for messages.

    Raises:
        UnsupportedFeature: a recursive rule, a JSON text, a special token, or a limit on tokens inside.
    """
    return _Reading(what).of(node, grammar)


class _Reading:
    """One walk; expressions of rules are made once."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._open: list[str] = []
        self._rules: dict[tuple[ir.Grammar, str], ir.Expression] = {}

    def of(self, node: ir.Node, grammar: ir.Grammar) -> ir.Expression:
        match node:
            case ir.Terminal():
                return ir.accepted(node.expression)
            case ir.Sequence():
                return ir.Concat(tuple(self.of(part, grammar) for part in node.parts)) if node.parts else ir.Epsilon()
            case ir.Choice():
                return ir.Union(tuple(self.of(option, grammar) for option in node.options))
            case ir.Repetition():
                return ir.Repeat(self.of(node.inner, grammar), node.low, node.high)
            case ir.Reference():
                return self._rule(node.name, grammar)
            case ir.Scope():
                return self.of(node.grammar.start, node.grammar)
            case ir.Capture() | ir.Heated():
                return self.of(node.node, grammar)
            case ir.Limited() if node.max_tokens is None:
                return within_chars(self.of(node.node, grammar), node.max_chars)
        hint = _BOUND_SCHEMA if isinstance(node, ir.JsonText) else _HINT
        raise UnsupportedFeature(f"{self._what} needs plain text, and this is {_NAMES[type(node)]}", hint=hint)

    def _rule(self, name: str, grammar: ir.Grammar) -> ir.Expression:
        if name in self._open:
            raise UnsupportedFeature(
                f"{self._what} cannot stand on the recursive rule {name!r}", keyword=name, hint=_HINT
            )
        known = self._rules.get((grammar, name))
        if known is None:
            self._open.append(name)
            known = self._rules[grammar, name] = self.of(grammar.rules[name], grammar)
            self._open.pop()
        return known


def within_chars(expression: ir.Expression, most: int | None) -> ir.Expression:
    """Those texts of a language that have so many characters at most."""
    if most is None:
        return expression
    if isinstance(expression, ir.Repeat) and is_character(expression.inner) and expression.low <= most:
        high = most if expression.high is None else min(most, expression.high)
        return ir.Repeat(expression.inner, expression.low, high)
    return ir.Intersection((expression, cr.to_utf8(cr.repeat(cr.ANY, 0, most))))


def is_character(expression: ir.Expression) -> bool:
    """Whether it is plain to see that each of its texts is one character in UTF-8 (RFC 3629, section 3)."""
    match expression:
        case ir.Union():
            return all(map(is_character, expression.options))
        case ir.ByteSet():
            return expression.mask >> 0x80 == 0
        case ir.Literal():
            return len(expression.text.decode("utf-8", "replace")) == 1
        case ir.Concat() if len(expression.parts) > 1:
            first, *rest = expression.parts
            leads = isinstance(first, ir.ByteSet) and first.mask & ((1 << 0xC2) - 1) == 0
            return leads and all(map(_continues, rest))
    return False


def _continues(expression: ir.Expression) -> bool:
    """Whether its texts are what characters go on with: bytes from 0x80 to 0xBF."""
    match expression:
        case ir.ByteSet():
            return expression.mask & ~(((1 << 0x40) - 1) << 0x80) == 0
        case ir.Concat():
            return all(map(_continues, expression.parts))
        case ir.Union():
            return all(map(_continues, expression.options))
    return False


_NAMES: dict[type, str] = {
    ir.JsonText: "JSON",
    ir.SpecialToken: "a special token",
    ir.TokenSet: "a special token",
    ir.Dynamic: "a terminal that a function answers for",
    ir.Unordered: "an unordered collection",
    ir.Limited: "a part with a limit of its own on tokens",
}
