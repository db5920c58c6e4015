"""From the rules of a GBNF or EBNF file (`rule_tree.py`) to the intermediate form, and notes about them.

There is no lexer: any text may end wherever it can, as in llama.cpp. Parts that are regular become one terminal each,
since masks of terminals are shared and cheap: whole rules that are not recursive and small, and the parts of others
between the names that they mention. The language is the same; only labels get coarser.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from guidedgen.errors import LimitExceeded, UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import ir
from guidedgen.grammars.notes import unreached
from guidedgen.grammars.rule_tree import (
    Body,
    Chain,
    Chars,
    Either,
    Except,
    Name,
    Rule,
    Times,
    Token,
    bottom_up,
    is_nullable,
    label_of,
    names_in,
    nullable_rules,
    parts_of,
)
from guidedgen.grammars.text_source import Source, did_you_mean
from guidedgen.limits import Limits

# A regular rule up to this size is one terminal; larger ones stay rules, and errors say where in them a text stands.
_LEXEME = 300
# An exception needs both sides as one expression each; that is refused beyond this size.
_EXCEPTION = 100_000


def assemble(rules: Sequence[Rule], *, start: str, source: Source, limits: Limits) -> ir.Grammar:
    """The grammar of some rules.

    Args:
        rules: in the order of the file.
        start: the rule to begin with.
        source: where they were read, for errors.
        limits: bounds on what they expand to.

    Raises:
        GrammarSyntaxError: a name is defined twice, or not at all.
        UnsupportedFeature: an exception that is not regular.
        LimitExceeded: an exception that is too large.
    """
    known = rules_by_name(rules, start, source)
    return _Assembly(known, source, limits).grammar(start)


def nonrecursive(rules: Mapping[str, Body]) -> dict[str, None]:
    """The rules that are not recursive and mention only such, each after those that it mentions."""
    users: dict[str, list[str]] = {name: [] for name in rules}
    missing: dict[str, int] = {}
    for rule, body in rules.items():
        mentioned = {name.name for name in names_in(body)}
        missing[rule] = len(mentioned)
        for name in mentioned:
            users[name].append(rule)
    ready = [name for name, count in missing.items() if count == 0]
    found: dict[str, None] = {}
    while ready:
        name = ready.pop()
        found[name] = None
        for user in users[name]:
            missing[user] -= 1
            if missing[user] == 0:
                ready.append(user)
    return found


def unreached_rules(rules: Sequence[Rule], start: str) -> dict[str, str]:
    """A note on every rule that the start rule does not reach, by name."""
    return unreached({rule.name: {name.name for name in names_in(rule.body)} for rule in rules}, start)


def rules_by_name(rules: Sequence[Rule], start: str, source: Source) -> dict[str, Rule]:
    """The rules by name; raises `GrammarSyntaxError` where a name is defined twice, or not at all."""
    known: dict[str, Rule] = {}
    for rule in rules:
        if rule.name in known:
            line, _ = source.line_and_column(known[rule.name].place)
            hint = f"It is defined in line {line} as well: rename one, or join them with '|'."
            message = f"rule {rule.name!r} is defined twice"
            raise source.error(message, at=rule.place, hint=hint, keyword=rule.name)
        known[rule.name] = rule
    for rule in rules:
        for name in names_in(rule.body):
            if name.name not in known:
                raise source.error(
                    f"rule {name.name!r} is not defined",
                    at=name.place,
                    hint=_advice(name.name, known),
                    keyword=name.name,
                )
    if start not in known:
        names = ", ".join(known) or "none"
        hint = did_you_mean(start, known) or f"Define it, or name another start rule (the grammar has: {names})."
        raise source.error(f"the start rule {start!r} is not defined", at=0, hint=hint)
    return known


def _advice(name: str, known: Mapping[str, Rule]) -> str:
    words = name.split()
    if len(words) > 1 and all(word in known for word in words):
        return f"Separate names by commas: {', '.join(words)}."
    return did_you_mean(name, known) or f'Define it, or quote it where it is meant literally: "{name}".'


@dataclass(frozen=True, slots=True)
class _Size:
    """How large a body is as one expression, infinite where it is none; whether it counts, or mentions rules."""

    weight: float
    counted: bool = False
    names: bool = False


class _Assembly:
    """The rules, how large each is as a terminal, and the expressions and nodes made so far."""

    def __init__(self, rules: Mapping[str, Rule], source: Source, limits: Limits) -> None:
        self._rules = rules
        self._source = source
        self._limits = limits
        self._sizes: dict[str, _Size] = {}  # of rules that are not recursive
        self._known: dict[Body, _Size] = {}
        self._simpler: dict[Except, Body | None] = {}
        self._regexes: dict[str, cr.Regex] = {}
        self._terminals: dict[str, ir.Terminal] = {}
        for name in nonrecursive({name: rule.body for name, rule in rules.items()}):
            self._sizes[name] = self._size(rules[name].body)

    def grammar(self, start: str) -> ir.Grammar:
        """All rules that are not terminals."""
        bodies = {name: self._node(rule.body) for name, rule in self._rules.items() if not self._is_lexeme(name)}
        return ir.Grammar(start=self._named(start), rules=bodies)

    def _size(self, root: Body) -> _Size:
        if root not in self._known:
            for node in bottom_up(root):
                self._known[node] = self._size_of(node, [self._known[part] for part in parts_of(node)])
        return self._known[root]

    def _size_of(self, node: Body, parts: Sequence[_Size]) -> _Size:
        if isinstance(node, Chars):
            return _Size(max(1, len(node.regex.children)))
        if isinstance(node, Token):
            return _Size(math.inf)
        if isinstance(node, Name):
            size = self._sizes.get(node.name, _Size(math.inf))
            return _Size(size.weight, size.counted, True)
        weight = 1 + sum(part.weight for part in parts)
        counted, names = any(part.counted for part in parts), any(part.names for part in parts)
        if isinstance(node, Times) and max(node.low, node.high or 0) > 1:  # counters inside counters multiply
            return _Size(weight * max(node.low, node.high or 0) if counted else weight, True, names)
        return _Size(weight, counted, names)

    def _is_lexeme(self, name: str) -> bool:
        return name in self._sizes and self._sizes[name].weight <= _LEXEME

    def _named(self, name: str) -> ir.Node:
        if not self._is_lexeme(name):
            return ir.Reference(name)
        if name not in self._terminals:
            self._terminals[name] = ir.Terminal(cr.to_utf8(self._rule_regex(name)), name)
        return self._terminals[name]

    def _rule_regex(self, name: str) -> cr.Regex:
        """The expression of a rule and of all that it mentions, without recursion."""
        wanted = [name]
        while wanted:
            last = wanted[-1]
            body = self._rules[last].body
            missing = [used.name for used in names_in(body) if used.name not in self._regexes]
            if missing:
                wanted.extend(missing)
                continue
            wanted.pop()
            if last not in self._regexes:
                self._regexes[last] = self._regex(body)
        return self._regexes[name]

    def _regex(self, root: Body) -> cr.Regex:
        """A body as one expression. The rules that it mentions must have theirs."""
        made: dict[int, cr.Regex] = {}
        for node in bottom_up(root):
            parts = [made[id(part)] for part in parts_of(node)]
            made[id(node)] = self._combined(node, parts)
        return made[id(root)]

    def _combined(self, node: Body, parts: list[cr.Regex]) -> cr.Regex:
        match node:
            case Chars():
                return node.regex
            case Name():
                return self._rule_regex(node.name)
            case Chain():
                return cr.concat(parts)
            case Either():
                return cr.union(parts)
            case Times():
                return cr.NOTHING if _impossible(node) else cr.repeat(parts[0], node.low, node.high)
            case Except():
                return cr.intersection([parts[0], cr.complement(parts[1])])
            case Token():
                raise AssertionError("a token is in no expression")

    def _node(self, root: Body) -> ir.Node:
        """A body, bottom up; `bottom_up` is not used, because what is one terminal is not looked into."""
        made: dict[int, ir.Node] = {}
        stack = [root]
        while stack:
            node = stack[-1]
            if id(node) in made:
                stack.pop()
                continue
            whole = self._whole(node)
            missing = [] if whole else [part for part in self._parts(node) if id(part) not in made]
            if missing:
                stack.extend(reversed(missing))
                continue
            stack.pop()
            made[id(node)] = self._terminal(node) if whole else self._structure(node, made)
        return made[id(root)]

    def _whole(self, node: Body) -> bool:
        """Whether a part of a rule becomes one terminal."""
        if isinstance(node, Chars):
            return True
        if isinstance(node, Except):
            if self._without_empty(node) is not None:
                return False
            self._check_exception(node)
            return True
        if isinstance(node, Name) or self._size(node).weight > _LEXEME:
            return False
        return isinstance(node, Times) or not self._size(node).names

    def _terminal(self, node: Body) -> ir.Node:
        for name in names_in(node):
            self._rule_regex(name.name)
        return ir.Terminal(cr.to_utf8(self._regex(node)), label_of(node))

    def _structure(self, node: Body, made: Mapping[int, ir.Node]) -> ir.Node:
        match node:
            case Name():
                return self._named(node.name)
            case Token():
                return _token(node)
            case Chain():
                return ir.Sequence(tuple(self._joined(node.parts, made)))
            case Either():
                return ir.Choice(tuple(made[id(option)] for option in node.options))
            case Times():
                return ir.Repetition(made[id(node.inner)], node.low, node.high)
            case Except():
                return made[id(self._parts(node)[0])]
            case Chars():
                raise AssertionError("characters are always one terminal")

    def _joined(self, parts: Sequence[Body], made: Mapping[int, ir.Node]) -> Iterator[ir.Node]:
        """The parts of a sequence; neighbours that mention no rule become one terminal."""
        for joins, group in groupby(parts, self._joins):
            run = tuple(group)
            if joins and len(run) > 1 and self._size(Chain(run)).weight <= _LEXEME:
                yield self._terminal(Chain(run))
            else:
                yield from (made[id(part)] for part in run)

    def _joins(self, node: Body) -> bool:
        return self._whole(node) and not self._size(node).names

    @cached_property
    def _nullable(self) -> set[str]:
        return nullable_rules(self._rules.values())

    def _parts(self, node: Body) -> tuple[Body, ...]:
        simpler = self._without_empty(node) if isinstance(node, Except) else None
        return parts_of(node) if simpler is None else (simpler,)

    def _without_empty(self, node: Except) -> Body | None:
        """What `A -` with nothing behind it comes to where A is recursive; None where it is worked out as others are.

        `{ item }-` is how ISO EBNF writes at least one repetition.
        """
        if node not in self._simpler:
            empty = isinstance(node.removed, Chain) and not node.removed.parts
            recursive = math.isinf(self._size(node.inner).weight)
            self._simpler[node] = _nonempty(node.inner, self._nullable) if empty and recursive else None
        return self._simpler[node]

    def _check_exception(self, node: Except) -> None:
        for side in (node.inner, node.removed):
            weight = self._size(side).weight
            if math.isinf(weight):
                line, column = self._source.line_and_column(node.place)
                raise UnsupportedFeature(
                    f"line {line}, column {column}: {label_of(side)} is recursive or names tokens, "
                    "and exceptions work on regular languages",
                    keyword=next((name.name for name in names_in(side)), None),
                    hint="Write the exception around the part that is not recursive.",
                )
            if weight > min(_EXCEPTION, self._limits.expressions):
                raise LimitExceeded("expressions", _EXCEPTION, f"the exception {label_of(node)} is too large")


def _nonempty(body: Body, nullable: Collection[str]) -> Body | None:
    """The texts of a body but the empty one, if that is easily said."""
    if isinstance(body, Times) and body.low == 0 and not is_nullable(body.inner, nullable):
        return Times(body.inner, 1, body.high)
    return None if is_nullable(body, nullable) else body


def _impossible(node: Times) -> bool:
    return node.high is not None and node.high < node.low


def _token(node: Token) -> ir.Node:
    names = (node.token,) if isinstance(node.token, str) else ()
    ids = (node.token,) if isinstance(node.token, int) else ()
    return ir.TokenSet(names=names, ids=ids, excluded=node.negated, label=node.label)
