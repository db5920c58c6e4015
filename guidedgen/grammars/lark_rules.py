"""Extensions of Lark text as nodes: what declared terminals stand for, and rules with attributes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from guidedgen.errors import CompileError, GrammarSyntaxError, LimitExceeded, UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import ir
from guidedgen.grammars.json_schema.options import Options
from guidedgen.grammars.lark_attributes import Attributes
from guidedgen.grammars.lark_extensions import Extended
from guidedgen.grammars.lark_scan import Word
from guidedgen.grammars.lark_terminals import characters_of, structured
from guidedgen.grammars.regular import expression_of
from guidedgen.limits import Limits

_ID: Final = re.compile(r"(\d+)(?:-(\d+))?")
_MANY: Final = 1 << 20
_ANY_BYTE: Final = ir.ByteSet((1 << 256) - 1)
_SOMETHING: Final = ir.Repeat(_ANY_BYTE, 1, None)
_ANYTHING: Final = ir.Repeat(_ANY_BYTE, 0, None)


def placeholder_nodes(extended: Extended, json: ir.JsonText | None, limits: Limits) -> dict[str, ir.Node]:
    """What the declared terminals of `extended.placeholders` stand for.

    Args:
        extended: the text without its extensions.
        json: how JSON texts are read and laid out; its schema does not matter.
        limits: what parts of a text may cost.
    """
    return {name: _placeholder(word, extended, json, limits) for name, word in extended.placeholders.items()}


def _placeholder(word: Word, extended: Extended, json: ir.JsonText | None, limits: Limits) -> ir.Node:
    if word.kind == "token":
        return _token(word, extended)
    if word.text == "%regex":
        text = characters_of(word)
        if text:
            from guidedgen.grammars.substring import Substring  # late: specs know Lark

            return Substring(text, "characters", min=0).translate(limits).grammar.start
        return ir.Terminal(cr.to_utf8(structured(extended.source, word)), "%regex")
    return ir.JsonText(word.value, Options()) if json is None else replace(json, schema=word.value)


def _token(word: Word, extended: Extended) -> ir.Node:
    """`<name>`, `<[1,5-7]>`, `<[^1]>` or `<[*]>`."""
    if not word.text.startswith("<["):
        return ir.SpecialToken(word.text)
    inside = word.text[2:-2].replace(" ", "")
    excluded = inside.startswith("^") or inside == "*"
    ids: set[int] = set()
    for piece in [] if inside == "*" else inside.removeprefix("^").split(","):
        found = _ID.fullmatch(piece)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if last < first or last > _MANY:
            hint = "Write ids and ranges of them, as in <[5,10-20]>, <[^7]> or <[*]>."
            raise extended.source.error(f"{word.text} names no tokens", hint=hint, at=word.start, keyword=word.text)
        ids |= set(range(first, last + 1))
    return ir.TokenSet(ids=tuple(sorted(ids)), excluded=excluded, label=word.text)


class Terminals:
    """The terminals of a grammar by name, each worked out once.

    Args:
        plain: works out one that lark knows.
        extended: the others.
        given: what declared terminals stand for.
        defined: the names of those that lark knows.
    """

    def __init__(
        self,
        plain: Callable[[str], cr.Regex | None],
        extended: Extended,
        given: Mapping[str, ir.Node],
        defined: frozenset[str],
    ) -> None:
        self._defined = defined
        self._plain = plain
        self._extended = extended
        self._given = given
        self._known: dict[str, cr.Regex] = {}
        self._open: list[str] = []

    def knows(self, name: str) -> bool:
        """Whether it is a terminal that a pattern defines."""
        return name in self._defined or name in self._extended.terminals

    def __call__(self, name: str) -> cr.Regex:
        """The language of one. Raises `GrammarSyntaxError` where it is not defined, or made of itself."""
        if name not in self._known:
            node = self._extended.terminals.get(name)
            if name in self._open:
                raise self._error(f"terminal {name} is made of itself", name)
            self._open.append(name)
            found = self._plain(name) if node is None else node(self)
            if found is None and (name in self._given or name in self._extended.declared):
                hint = "Define it by a pattern, or use it in a rule only."
                raise UnsupportedFeature(f"the declare'd terminal {name} stands in another", keyword=name, hint=hint)
            if found is None:
                raise self._error(f"terminal {name} is not defined", name)
            self._known[name] = found
            self._open.pop()
        return self._known[name]

    def _error(self, message: str, name: str) -> GrammarSyntaxError:
        found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", self._extended.source.text)
        at = None if found is None else found.start()
        return self._extended.source.error(message, hint="Define it by others.", at=at, keyword=name)


def with_attributes(
    rule: str,
    body: ir.Node,
    grammar: ir.Grammar,
    attributes: Attributes,
    named: Terminals,
    ignored: ir.Node | None,
    closed: bool,
) -> ir.Node:
    """A rule's body with its attributes.

    Args:
        rule: its name.
        body: its body; of a single terminal, without the ignored text behind it.
        grammar: whose rules it refers to.
        attributes: what is said about it.
        named: the terminals.
        ignored: what may stand behind all terminals.
        closed: whether all that its texts begin with are its texts, too.

    Raises:
        UnsupportedFeature: a limit or an end on what is no plain text.
    """
    ending = None if attributes.suffix is None else cr.to_utf8(named(attributes.suffix))
    made = body
    if not attributes.captures_only:
        made = _held(rule, body, grammar, attributes, named, ending, closed)
    if attributes.capture is not None or attributes.stop_capture is not None:
        trailing = None if ignored is None or made is not body else expression_of(ignored, grammar, "what is ignored")
        made = ir.Capture(
            made, attributes.capture, ending=ending, ending_name=attributes.stop_capture, trailing=trailing
        )
    return made


def _held(
    rule: str,
    body: ir.Node,
    grammar: ir.Grammar,
    attributes: Attributes,
    named: Terminals,
    ending: ir.Expression | None,
    closed: bool,
) -> ir.Node:
    text = expression_of(body, grammar, f"rule {rule!r} with {_said(attributes)}")
    before = _ANYTHING if closed else text  # what may stand before an ending that comes too early
    if ending is not None:
        early = ir.Concat((before, ending, _SOMETHING))
        text = ir.Intersection((ir.Concat((text, ending)), ir.Complement(early)))
    elif attributes.stop is not None:
        text = before_stop(text, before, named(attributes.stop))
    elif attributes.lazy:
        text = lazily(text)
    terminal = ir.Terminal(text, rule)
    if attributes.max_tokens is None and attributes.max_chars is None:
        return terminal
    return ir.Limited(terminal, attributes.max_tokens, attributes.max_chars, rule)


def _said(attributes: Attributes) -> str:
    return next(name for name in ("max_tokens", "max_chars", "stop", "suffix", "lazy") if getattr(attributes, name))


def lazily(text: ir.Expression) -> ir.Expression:
    """Those texts that have no shorter one at their beginning."""
    return ir.Intersection((text, ir.Complement(ir.Concat((text, _SOMETHING)))))


def before_stop(text: ir.Expression, before: ir.Expression, stop: cr.Regex) -> ir.Expression:
    """Those texts that a stop text could follow as the first one: none stands in them, or begins in them too early."""
    inside = ir.Concat((before, cr.to_utf8(stop), _ANYTHING))
    early = [ir.Concat((before, ir.Literal(start))) for start in _overlaps(stop)]
    return ir.Intersection((text, ir.Complement(ir.Union((inside, *early)))))


def _overlaps(stop: cr.Regex) -> list[bytes]:
    """Of a stop that is one text: what it begins with before it can begin again ("a" of "aa")."""
    chars = stop.children if isinstance(stop, cr.Concat) else (stop,)
    if not all(isinstance(char, cr.CharSet) and char.size == 1 for char in chars):
        return []
    text = "".join(chr(next(iter(char))) for char in chars if isinstance(char, cr.CharSet)).encode()
    return [text[:shift] for shift in range(1, len(text)) if text.startswith(text[shift:])]


def given_terminals(
    terminals: Mapping[str, Any], declared: set[str], node_of: Callable[[object, Limits], ir.Node], limits: Limits
) -> dict[str, ir.Node]:
    """What is given for declared terminals, as nodes.

    Raises:
        CompileError: a name that the grammar does not declare, or a value that is no spec.
    """
    for name in terminals:
        if name not in declared:
            hint = f"Write `%declare {name}` into the grammar."
            raise CompileError(f"the grammar declares no terminal {name!r}", keyword=name, hint=hint)
    nodes: dict[str, ir.Node] = {}
    asked = 0
    for name, value in terminals.items():
        if callable(value) and not isinstance(value, type) and not hasattr(value, "translate"):
            if asked == len(ir.MARKERS):
                hint = "Answer for several of them in one function."
                raise LimitExceeded("terminals", asked, "functions for terminals of one grammar", remedy=hint)
            nodes[name] = ir.Dynamic(name, value, asked)
            asked += 1
        else:
            nodes[name] = node_of(value, limits)
    return nodes
