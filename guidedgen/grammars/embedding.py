"""Any spec as a node inside another grammar: a schema inside rules, a regex inside tags, a grammar inside a grammar."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from guidedgen.errors import UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import ir
from guidedgen.grammars.lower import children_of
from guidedgen.grammars.specs import spec_of
from guidedgen.limits import Limits

_DEFAULT_LIMITS: Final = Limits()


def node_of(spec: object, limits: Limits = _DEFAULT_LIMITS) -> ir.Node:
    """The texts of a spec, or of anything that `spec_of` takes, as a node; free text where it means that.

    Args:
        spec: what the part of the text should be.
        limits: how much work and memory it may cost.

    Raises:
        UnsupportedFeature: it needs a check of the finished text, which a part of a text does not get.
        CompileError, LimitExceeded: as compiling it alone does.
    """
    wanted = spec_of(spec)
    if wanted is None:
        return ir.Terminal(cr.to_utf8(cr.ANY_TEXT), "text")
    node = getattr(wanted, "node", None)
    if node is not None:
        made: ir.Node = node(limits)
        return made
    translation = wanted.translate(limits)
    if translation.check is not None:
        hint = 'Use on_unsupported="relax", or make it the whole output.'
        raise UnsupportedFeature(f"{wanted!r} needs a check of the finished text", hint=hint)
    if translation.rules is not None:
        message = "an LALR grammar with captures or temperatures stands in another grammar"
        raise UnsupportedFeature(message, keyword="capture", hint='Use parser="earley", or leave them out.')
    return scoped(translation.grammar)


def scoped(grammar: ir.Grammar) -> ir.Node:
    """A grammar as a node. What its terminals oblige the rest to ends with its text: what follows is no text of it."""
    if _looks_at_what_follows(grammar):
        return ir.Scope(grammar, fenced=True)
    return ir.Scope(grammar) if grammar.rules else grammar.start


def _looks_at_what_follows(grammar: ir.Grammar) -> bool:
    return any(
        isinstance(node.expression, ir.Longest) if isinstance(node, ir.Terminal) else isinstance(node, ir.Lalr)
        for node in _nodes(grammar)
    )


def json_texts(grammar: ir.Grammar) -> list[ir.JsonText]:
    """The JSON texts that stand in a grammar, those of grammars inside it as well, each once."""
    return [node for node in _nodes(grammar) if isinstance(node, ir.JsonText)]


def dynamic_terminals(grammar: ir.Grammar) -> list[ir.Dynamic]:
    """The terminals that functions answer for, by their numbers.

    Raises:
        UnsupportedFeature: they are those of several grammars.
    """
    found = sorted((node for node in _nodes(grammar) if isinstance(node, ir.Dynamic)), key=lambda node: node.number)
    if len({node.number for node in found}) < len(found):
        hint = "Put the terminals that functions answer for into one grammar."
        raise UnsupportedFeature("several grammars of one output ask functions", hint=hint)
    return found


def _nodes(grammar: ir.Grammar) -> Iterator[object]:
    seen: set[object] = set()
    work: list[object] = [*reversed([*grammar.rules.values()]), grammar.start]
    while work:
        node = work.pop()
        if node in seen:
            continue
        seen.add(node)
        yield node
        if isinstance(node, ir.Scope):
            work += [*reversed([*node.grammar.rules.values()]), node.grammar.start]
        elif isinstance(node, ir.Limited):
            work.append(node.node)
        elif not isinstance(node, ir.Terminal):
            work += reversed(children_of(node))
