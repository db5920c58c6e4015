"""How a text falls into the rules of a grammar: one parse tree, for people to look at.

Nothing here is fast: a chart of which rule may end where, grown until it is stable, in characters and not in tokens.
Left recursion and ambiguity are no problem; of several trees the first alternative that fits is taken, and each step
uses only what the chart knew before it, so that no tree is infinite.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any, Final, TypeAlias

import lark
import lark.indenter

from guidedgen.errors import CompileError, LimitExceeded, UnsupportedFeature, ValidationFailed
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.captures import rules_read
from guidedgen.grammars.char_set import CharSet
from guidedgen.grammars.grammar_specs import Ebnf, Gbnf
from guidedgen.grammars.lark_extensions import extend
from guidedgen.grammars.lark_lalr import Indentation
from guidedgen.grammars.rule_grammar import nonrecursive, rules_by_name
from guidedgen.grammars.rule_tree import Body, Chain, Chars, Either, Except, Name, Times, Token
from guidedgen.grammars.specs import Lark
from guidedgen.kernel import default_implementation
from guidedgen.limits import Limits

Place: TypeAlias = tuple[str, int]

_STOPS: Final = "`guidedgen check --text` says where it stops."
_LONGEST: Final = 4_000  # bytes that are read rule by rule
_STEPS: Final = 1_000_000  # parts of rules looked at
_DEEP: Final = 40  # rules inside each other that are looked at at once


@dataclass(frozen=True)
class Tree:
    """A rule and what it consists of: trees and pieces of the text."""

    label: str
    children: tuple[Tree | str, ...]


@singledispatch
def parse_tree(spec: Any, text: str, limits: Limits) -> Tree:
    """The tree of a text.

    Raises:
        CompileError: the text is not in the language, or the grammar cannot be read.
        UnsupportedFeature: specs of this kind have no trees.
        LimitExceeded: the text is too long, or nested too deep, to be drawn.
    """
    raise UnsupportedFeature(f"{type(spec).__name__} has no parse trees", hint="Draw grammars: Lark, GBNF or EBNF.")


@parse_tree.register(Gbnf)
@parse_tree.register(Ebnf)
def _(spec: Gbnf | Ebnf, text: str, limits: Limits) -> Tree:
    source, rules, start = spec.read(limits)
    known = rules_by_name(rules, start, source)
    try:
        tree = _Chart({name: rule.body for name, rule in known.items()}, text).tree(start)
    except RecursionError:
        raise _too_much("depth", limits.depth) from None
    if tree is None:
        raise CompileError("the text is no text of this grammar", hint=_STOPS)
    return tree


@parse_tree.register
def _(spec: Lark, text: str, limits: Limits) -> Tree:
    if spec.parser == "earley" and (spec.terminals or extend(spec.text).extended):
        return _of_rules(spec, text, limits)
    try:
        options: dict[str, Any] = {"parser": spec.parser, "lexer": spec.lexer, "maybe_placeholders": False}
        if spec.indent is not None:
            options["postlex"] = _indenter(spec.indent)
        parser = lark.Lark(spec.text, start=spec.start, keep_all_tokens=True, **options)
        return _of_lark(parser.parse(text))
    except RecursionError:
        raise _too_much("depth", limits.depth) from None
    except lark.exceptions.LarkError as error:
        raise CompileError(
            f"lark cannot parse the text: {str(error).splitlines()[0]}", hint="Only what lark itself reads is drawn."
        ) from error


def _of_rules(spec: Lark, text: str, limits: Limits) -> Tree:
    """The tree of a grammar with more than lark knows: of its rules alone, terminals are pieces of the text."""
    data = text.encode()
    if len(data) > _LONGEST:
        raise _too_much("steps", _LONGEST)
    grammar = spec.translate(limits).grammar
    assert grammar is not None
    native = default_implementation() == "native"
    try:
        found = rules_read(grammar, data, native=native, limits=limits)
    except ValidationFailed:
        raise CompileError("the text is no text of this grammar", hint=_STOPS) from None
    named = [entry for entry in found if not entry[0].startswith("_")]
    tree, rest = _nested(named, 0, data)
    assert rest == len(named)
    return tree


def _nested(found: Sequence[tuple[str, int, int]], at: int, data: bytes) -> tuple[Tree, int]:
    """The tree of the rule at a place of a list, outer before inner ones, and the place behind all that is in it."""
    name, start, end = found[at]
    children: list[Tree | str] = []
    at += 1
    while at < len(found) and found[at][1] >= start and found[at][2] <= end:
        if found[at][1] > start:
            children.append(data[start : found[at][1]].decode("utf-8", errors="replace"))
        start = found[at][2]
        child, at = _nested(found, at, data)
        children.append(child)
    if start < end:
        children.append(data[start:end].decode("utf-8", errors="replace"))
    return Tree(name, tuple(children)), at


def _indenter(indent: Indentation) -> Any:
    """lark's own reader of blocks, with the names of ours."""
    settings = {
        "NL_type": indent.newline,
        "INDENT_type": indent.indent,
        "DEDENT_type": indent.dedent,
        "OPEN_PAREN_types": list(indent.open),
        "CLOSE_PAREN_types": list(indent.close),
        "tab_len": indent.tab,
    }
    return type("_Blocks", (lark.indenter.Indenter,), settings)()


def _of_lark(tree: Any) -> Tree:
    if not isinstance(tree, lark.Tree):  # a rule that was inlined down to its only terminal
        return Tree(str(tree.type), (str(tree),))
    children = (
        _of_lark(child) if isinstance(child, lark.Tree) else str(child) for child in tree.children if child != ""
    )
    return Tree(str(tree.data), tuple(children))


class _Chart:
    """Where each rule may end, by where it begins; `rank` says in which order that was found."""

    def __init__(self, rules: Mapping[str, Body], text: str) -> None:
        self._rules = rules
        self._text = text
        self._plain = nonrecursive(rules)
        self._ends: dict[Place, set[int]] = {}
        self._rank: dict[tuple[str, int, int], int] = {}
        self._users: dict[Place, dict[Place, None]] = {}
        self._agenda: list[Place] = []
        self._current: Place | None = None
        self._round = self._depth = self._steps = 0

    def tree(self, start: str) -> Tree | None:
        """The tree of the whole text, if there is one."""
        length = len(self._text)
        if start in self._plain:
            return Tree(start, (self._text,)) if length in self._of_rule(start, 0, None) else None
        self._of_rule(start, 0, None)
        while self._agenda:
            self._grow(self._agenda.pop())
        return self._tree(start, 0, length) if length in self._ends[start, 0] else None

    def _grow(self, place: Place) -> None:
        """Look for more ends of a rule; whoever used the known ones has to look again."""
        outer, self._current = self._current, place
        found = self._of_body(self._rules[place[0]], place[1], None) - self._ends[place]
        self._current = outer
        self._round += 1  # later than all that was found on the way
        self._ends[place] |= found
        self._rank |= {(*place, end): self._round for end in found}
        if found:
            self._agenda.extend(self._users.get(place, ()))

    def _of_rule(self, name: str, place: int, before: int | None) -> Collection[int]:
        """Where a rule may end; of what was found before some round, if one is given."""
        key = (name, place)
        if name in self._plain:
            if key not in self._ends:
                self._ends[key] = self._of_body(self._rules[name], place, before)
            return self._ends[key]
        if before is not None:
            return [end for end in self._ends.get(key, ()) if self._rank[name, place, end] < before]
        if key not in self._ends:
            self._ends[key] = set()
            if self._depth < _DEEP:  # at once, so that only left recursion has to look twice
                self._depth += 1
                self._grow(key)
                self._depth -= 1
            else:
                self._agenda.append(key)
        if self._current is not None:
            self._users.setdefault(key, {})[self._current] = None
        return self._ends[key]

    def _of_body(self, node: Body, place: int, before: int | None) -> set[int]:
        self._steps += 1
        if self._steps > _STEPS:
            raise _too_much("steps", _STEPS)
        match node:
            case Chars():
                end = _end_of(node.regex, self._text, place)
                return set() if end is None else {end}
            case Token():
                return set()
            case Name():
                return set(self._of_rule(node.name, place, before))
            case Either():
                return {end for option in node.options for end in self._of_body(option, place, before)}
            case Except():
                return self._of_body(node.inner, place, before) - self._of_body(node.removed, place, before)
            case Chain():
                return set(self._steps_of(node.parts, place, before)[-1])
            case Times():
                return {end for end, _ in self._repeats(node, place, before)}

    def _steps_of(self, parts: Sequence[Body], place: int, before: int | None) -> list[dict[int, int]]:
        """For each number of parts the places that they may end at, with where the last of them began."""
        levels = [{place: place}]
        for part in parts:
            following: dict[int, int] = {}
            for begin in levels[-1]:
                for end in self._of_body(part, begin, before):
                    following.setdefault(end, begin)
            levels.append(following)
        return levels

    def _repeats(self, node: Times, place: int, before: int | None) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Where a repetition may end, each with the places between its items."""
        reached: dict[int, tuple[int, ...]] = {place: (place,)}
        told: set[int] = set()
        count = 0
        while reached:
            if count >= node.low:
                yield from ((end, way) for end, way in reached.items() if end not in told)
                told |= set(reached)
            if count == node.high:
                return
            following: dict[int, tuple[int, ...]] = {}
            for begin, way in reached.items():
                for end in self._of_body(node.inner, begin, before):
                    if (end > begin or count < node.low) and (count < node.low or end not in told):
                        following.setdefault(end, (*way, end))
            reached, count = following, count + 1

    def _tree(self, name: str, start: int, end: int) -> Tree:
        if name in self._plain:
            return Tree(name, (self._text[start:end],))
        pieces = self._pieces(self._rules[name], start, end, self._rank[name, start, end])
        return Tree(name, tuple(_joined(pieces)))

    def _pieces(self, node: Body, start: int, end: int, before: int) -> list[Tree | str]:
        """What a body consists of between two places, of what was found before some round."""
        match node:
            case Name():
                empty = start == end and node.name in self._plain  # optional white space would be all that one sees
                return [] if empty else [self._tree(node.name, start, end)]
            case Either():
                option = next(one for one in node.options if end in self._of_body(one, start, before))
                return self._pieces(option, start, end, before)
            case Except():
                return self._pieces(node.inner, start, end, before)
            case Chain():
                levels = self._steps_of(node.parts, start, before)
                places = [end]
                for level in reversed(levels[1:]):
                    places.append(level[places[-1]])
                places.reverse()
                parts: Sequence[Body] = node.parts
            case Times():
                places = list(next(way for last, way in self._repeats(node, start, before) if last == end))
                parts = [node.inner] * (len(places) - 1)
            case _:
                return [self._text[start:end]]
        pieces: list[Tree | str] = []
        for part, begin, stop in zip(parts, places, places[1:], strict=False):
            pieces += self._pieces(part, begin, stop, before)
        return pieces


def _joined(pieces: Sequence[Tree | str]) -> Iterator[Tree | str]:
    """Pieces of text that stand side by side as one; empty ones are left out."""
    text = ""
    for piece in pieces:
        if isinstance(piece, str):
            text += piece
            continue
        if text:
            yield text
        text = ""
        yield piece
    if text:
        yield text


def _end_of(regex: cr.Regex, text: str, place: int) -> int | None:
    """Where a literal or a set ends."""
    if isinstance(regex, CharSet):
        return place + 1 if place < len(text) and ord(text[place]) in regex else None
    for part in regex.children:
        after = _end_of(part, text, place)
        if after is None:
            return None
        place = after
    return place


def _too_much(limit: str, value: int) -> LimitExceeded:
    return LimitExceeded(limit, value, "the text is too long or too deep to be drawn", remedy="Draw a shorter text.")
