"""Lark's lexers for Earley: which text a terminal takes, and what must not follow it then.

- "dynamic" (lark's default): where the parser expects a terminal, its pattern takes what `re.match` takes there.
- "dynamic_complete": it takes that or any beginning of it that the pattern would take if the text ended there.
- "basic": all terminals compete wherever a text begins, in an order of their own (`scanner`); the parser has no say.

`%ignore`d terminals are read as in "dynamic" by both dynamic lexers, wherever the parser expects a terminal and at the
end; in "basic" they compete with all others. Source: lark 1.2, `parsers/xearley.py`, `lexer.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal, TypeAlias

from lark.lexer import PatternStr, TerminalDef

from guidedgen.errors import UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import ir
from guidedgen.grammars.char_emptiness import is_empty
from guidedgen.grammars.char_promises import Way
from guidedgen.grammars.char_set import ANY, CharSet
from guidedgen.grammars.lark_loader import in_order, without_warnings
from guidedgen.grammars.looking_back import ANYTHING, Marks
from guidedgen.grammars.preferred import Preferred

DynamicLexer: TypeAlias = Literal["dynamic", "dynamic_complete"]

_NO_CHARS: Final = CharSet(())
_NO_LABELS: Final[Mapping[str, str]] = {}
_NO_MARKS: Final = Marks(())
_NO_OTHERS: Final[Mapping[str, Preferred]] = {}


@dataclass(frozen=True)
class Lexemes:
    """The terminals of a grammar as nodes.

    Attributes:
        nodes: by name, each with what may be ignored behind it.
        bare: by name, without.
        ignored: any run of ignored texts, None where there are none.
    """

    nodes: Mapping[str, ir.Node]
    bare: Mapping[str, ir.Node]
    ignored: ir.Node | None


def dynamic(
    taken: Mapping[str, Preferred],
    ignored: Collection[str],
    lexer: DynamicLexer,
    labels: Mapping[str, str] = _NO_LABELS,
) -> Lexemes:
    """Terminals that are read where the parser expects them.

    Args:
        taken: what each terminal can take, by name.
        ignored: names of those that are ignored.
        lexer: "dynamic" or "dynamic_complete".
        labels: what people call them, where that is not their names.
    """
    marks = Marks(found.before for found in taken.values())
    if marks and lexer == "dynamic_complete":
        raise _looks_back(taken)
    ignorable = [name for name in ignored if name in taken]
    skipped = _run([_terminal(taken[name], labels.get(name, name), shorter=False, marks=marks) for name in ignorable])
    bare: dict[str, ir.Node] = {}
    for name, found in taken.items():
        terminal = _terminal(found, labels.get(name, name), shorter=lexer == "dynamic_complete", marks=marks)
        maybe = found.whole.nullable and not (isinstance(terminal, ir.Terminal) and not _looks(terminal))
        bare[name] = ir.Repetition(terminal, 0, 1) if maybe else terminal
    return _lexemes(bare, skipped)


def basic(
    definitions: Sequence[TerminalDef],
    taken: Mapping[str, Preferred],
    ignored: Collection[str],
    labels: Mapping[str, str] = _NO_LABELS,
    beside: Mapping[str, Preferred] = _NO_OTHERS,
) -> Lexemes:
    """Terminals that compete for every text.

    Args:
        definitions: those that do.
        taken: what each can take, by name.
        ignored: names of those that are ignored.
        labels: what people call them, where that is not their names.
        beside: terminals that lark does not know: they are read where they are expected, and stand in nobody's way.

    Raises:
        UnsupportedFeature: whether a terminal takes a text depends on how another one looks at what follows.
    """
    if any(found.before != ANYTHING for found in taken.values()):
        raise _looks_back(taken)
    ways: dict[str, list[ir.Node]] = {definition.name: [] for definition in definitions}
    skipped: list[ir.Node] = []
    for entry in scanner(definitions):
        for name, terminal in _ways(entry, taken, skip=entry.name in ignored):
            labelled = ir.Terminal(terminal.expression, labels.get(name, name))
            (skipped if entry.name in ignored else ways[name]).append(labelled)
    bare: dict[str, ir.Node] = {
        name: found[0] if len(found) == 1 else ir.Choice(tuple(found)) for name, found in ways.items()
    }
    for name, found in beside.items():
        bare[name] = _terminal(found, name, shorter=False)
        skipped += [bare[name]] if name in ignored else []
    return _lexemes(bare, _run(skipped))


@dataclass(frozen=True)
class Entry:
    """A terminal in the order of a scanner.

    Attributes:
        definition: the terminal.
        earlier: those that are tried before it.
        strings: terminals whose texts are theirs although this one takes them, the first one first.
    """

    definition: TerminalDef
    earlier: tuple[TerminalDef, ...]
    strings: tuple[TerminalDef, ...] = field(default=())

    @property
    def name(self) -> str:
        """The terminal's name."""
        return self.definition.name


def scanner(definitions: Sequence[TerminalDef]) -> list[Entry]:
    """The order in which lark's basic lexer tries terminals; the first that matches at all takes the text.

    By priority, then the longest text that a pattern can have, then its length, all falling, then the name. A string
    that a pattern of the same priority takes as a whole becomes what the pattern takes where that is the string; it is
    not tried by itself unless it has flags that the pattern has not. (lark 1.2, `lexer.py`: `BasicLexer.__init__`,
    `_create_unless`.)
    """
    order = in_order(definitions)
    strings = [terminal for terminal in order if isinstance(terminal.pattern, PatternStr)]
    embedded: set[str] = set()
    owners: dict[str, tuple[TerminalDef, ...]] = {}
    for terminal in order:
        if isinstance(terminal.pattern, PatternStr):
            continue
        with without_warnings():
            pattern = re.compile(terminal.pattern.to_regexp())
        own = [one for one in strings if one.priority == terminal.priority and _takes_whole(pattern, one)]
        embedded.update(one.name for one in own if set(one.pattern.flags) <= set(terminal.pattern.flags))
        owners[terminal.name] = tuple(own)
    tried = [terminal for terminal in order if terminal.name not in embedded]
    return [Entry(one, tuple(tried[:place]), owners.get(one.name, ())) for place, one in enumerate(tried)]


def _takes_whole(pattern: re.Pattern[str], string: TerminalDef) -> bool:
    found = pattern.match(string.pattern.value)
    return found is not None and found[0] == string.pattern.value


def _ways(entry: Entry, taken: Mapping[str, Preferred], *, skip: bool) -> list[tuple[str, ir.Terminal]]:
    """What an entry of the scanner takes, by the terminal that it then is."""
    own = taken[entry.name]
    if own.whole.nullable:
        hint = 'Let it match at least one character, and make it optional in the rules; or use lexer="dynamic".'
        raise UnsupportedFeature(f"terminal {entry.name} matches the empty text", keyword=entry.name, hint=hint)
    first = _first(own.whole)
    rivals = [taken[one.name] for one in entry.earlier if first & _first(taken[one.name].whole)]
    for rival in rivals:
        check_rival(entry.name, own, rival)
    before = cr.union(rival.texts for rival in rivals)
    lost = cr.union(_matched(rival) for rival in rivals)
    found: list[tuple[str, ir.Terminal]] = []
    if not (own.ways and cr.is_nothing(own.texts)):
        tracked, alone = cr.union([own.texts, own.broken, before]), own.alone and not rivals
        made = partial(_longest, tracked=tracked, alone=alone, unmet=own.unmet)
        found += _shared(entry, taken, _less(own.texts, lost), made, skip=skip)
    for way in own.ways:
        found += _shared(entry, taken, _less(way.texts, lost), partial(_followed, tracked=before, way=way), skip=skip)
    return found


def _less(texts: cr.Regex, lost: cr.Regex) -> cr.Regex:
    return texts if cr.is_nothing(lost) else cr.intersection([texts, cr.complement(lost)])


def _shared(
    entry: Entry,
    taken: Mapping[str, Preferred],
    left: cr.Regex,
    made: Callable[[cr.Regex, str], ir.Terminal],
    *,
    skip: bool,
) -> list[tuple[str, ir.Terminal]]:
    """Texts that an entry takes, for the terminals that own some of them and for itself."""
    ways = []
    if skip:
        return [(entry.name, made(left, entry.name))]
    for string in entry.strings:
        texts = taken[string.name].texts
        ways.append((string.name, made(_both(left, texts), string.name)))
        left = cr.intersection([left, cr.complement(texts)])
    return [*ways, (entry.name, made(left, entry.name))]


def _matched(rival: Preferred) -> cr.Regex:
    """Texts at whose beginning a terminal takes something."""
    begun = cr.concat([rival.texts, cr.ANY_TEXT])
    if cr.is_nothing(rival.broken):
        return begun
    return cr.intersection([begun, cr.complement(cr.concat([rival.broken, cr.ANY_TEXT]))])


def check_rival(name: str, own: Preferred, rival: Preferred) -> None:
    """Refuse a rival that can give a text up for what follows, unless that makes a longer text of our own."""
    if rival.looks_for_more:
        raise _depends(name)
    if cr.is_nothing(rival.broken):
        return
    before = cr.concat([rival.broken, ANY, cr.ANY_TEXT])  # given up before our own text ended
    given_up = cr.intersection(
        [rival.broken, cr.concat([own.texts, ANY]), cr.complement(own.texts), cr.complement(before)]
    )
    if is_empty(given_up) is not True:
        raise _depends(name)


def _depends(name: str) -> UnsupportedFeature:
    message = f"whether terminal {name} takes a text depends on how another one looks at what follows"
    hint = 'Use parser="earley" and lexer="dynamic", or patterns that do not look ahead.'
    return UnsupportedFeature(message, keyword=name, hint=hint)


def _both(left: cr.Regex, texts: cr.Regex) -> cr.Regex:
    """What is in both; a single text stays as it is where that is plain to see."""
    both = cr.intersection([left, texts])
    if isinstance(texts, cr.Concat | CharSet) and is_empty(cr.intersection([texts, cr.complement(left)])) is True:
        return texts
    return both


def _first(root: cr.Regex) -> CharSet:
    """Characters that a text can begin with, perhaps more."""

    def combine(node: cr.Regex, firsts: tuple[CharSet, ...]) -> CharSet:
        if isinstance(node, CharSet):
            return node
        if isinstance(node, cr.Complement):
            return ANY
        if isinstance(node, cr.Intersection):
            chars = ANY
            for first in firsts:
                chars &= first
            return chars
        chars = _NO_CHARS
        for child, first in zip(node.children, firsts, strict=True):
            chars |= first
            if isinstance(node, cr.Concat) and not child.nullable:
                break
        return chars

    return cr.fold(root, combine)


def _looks_back(taken: Mapping[str, Preferred]) -> UnsupportedFeature:
    name = next(name for name, found in taken.items() if found.before != ANYTHING)
    message = f"terminal {name} tests the text before it, which this lexer does not enforce"
    return UnsupportedFeature(message, keyword=name, hint='Use parser="earley" and lexer="dynamic".')


def _terminal(found: Preferred, name: str, *, shorter: bool, marks: Marks = _NO_MARKS) -> ir.Node:
    """A terminal that is read where it is expected; `shorter` ones than those it prefers are taken as well."""
    if shorter and found.looks_for_more:
        message = f"terminal {name} says what must follow it, which shorter texts of it need not keep to"
        raise UnsupportedFeature(message, keyword=name, hint='Use lexer="dynamic".')
    if shorter:
        return _longest(found.texts, name, tracked=found.broken, alone=cr.is_nothing(found.broken))
    options = [(way.texts, _followed(way.texts, name, tracked=cr.NOTHING, way=way)) for way in found.ways]
    if not (options and cr.is_nothing(found.texts)):
        tracked = cr.union([found.texts, found.broken])
        plain = _longest(found.texts, name, tracked=tracked, alone=found.alone, unmet=found.unmet)
        options.insert(0, (found.texts, plain))
    if marks:
        nodes = [part for texts, whole in options for part in marks.spread(whole, texts, found.before)]
    else:
        nodes = [whole for _, whole in options]
    return nodes[0] if len(nodes) == 1 else ir.Choice(tuple(nodes))


def _longest(
    texts: cr.Regex, name: str, *, tracked: cr.Regex, alone: bool, unmet: cr.Regex = cr.NOTHING
) -> ir.Terminal:
    accepted = cr.to_utf8(texts)
    if alone:
        return ir.Terminal(accepted, name)
    before = accepted if tracked is texts else cr.to_utf8(tracked)
    return ir.Terminal(ir.Longest(accepted, before, _unless_empty(unmet)), name)


def _followed(texts: cr.Regex, name: str, *, tracked: cr.Regex, way: Way) -> ir.Terminal:
    """Texts behind which something must, and something must not come."""
    barred, unfinished = _unless_empty(way.broken), _unless_empty(way.unmet)
    accepted = cr.to_utf8(texts)
    return ir.Terminal(ir.Longest(accepted, cr.to_utf8(tracked), barred=barred, unfinished=unfinished), name)


def _unless_empty(texts: cr.Regex) -> ir.Expression | None:
    return None if cr.is_nothing(texts) else cr.to_utf8(texts)


def _looks(terminal: ir.Terminal) -> bool:
    return isinstance(terminal.expression, ir.Longest)


def _run(terminals: Sequence[ir.Node]) -> ir.Node | None:
    if not terminals:
        return None
    return ir.Repetition(terminals[0] if len(terminals) == 1 else ir.Choice(tuple(terminals)), 0, None)


def _lexemes(bare: Mapping[str, ir.Node], ignored: ir.Node | None) -> Lexemes:
    return Lexemes({name: followed_by(node, ignored) for name, node in bare.items()}, bare, ignored)


def followed_by(node: ir.Node, ignored: ir.Node | None) -> ir.Node:
    """A node and what may be ignored behind it; directly behind each terminal, where the kernel looks for it."""
    if ignored is None:
        return node
    if isinstance(node, ir.Choice):
        return ir.Choice(tuple(followed_by(option, ignored) for option in node.options))
    return ir.Sequence((node, ignored))
