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
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Final, Literal, TypeAlias

from lark.lexer import PatternStr, TerminalDef

from guidedgen.errors import UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import ir
from guidedgen.grammars.char_emptiness import has_beginning_in, is_empty, may_mend
from guidedgen.grammars.char_promises import Way, promise
from guidedgen.grammars.char_set import ANY, CharSet
from guidedgen.grammars.lark_loader import in_order, without_warnings
from guidedgen.grammars.lark_readings import Lexeme, Marks, Readings
from guidedgen.grammars.preferred import Preferred

DynamicLexer: TypeAlias = Literal["dynamic", "dynamic_complete"]

_NO_CHARS: Final = CharSet(())
_NO_LABELS: Final[Mapping[str, str]] = {}
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

    Raises:
        UnsupportedFeature: how a terminal looks around is not enforced.
    """
    readings, shorter = Readings(taken), lexer == "dynamic_complete"
    found = {name: _lexemes_of(name, readings, labels.get(name, name), shorter=shorter) for name in taken}
    skipped = {
        name: _lexemes_of(name, readings, labels.get(name, name), shorter=False) for name in ignored if name in taken
    }
    marks = Marks(readings, chain.from_iterable([*found.values(), *skipped.values()]))
    bare: dict[str, ir.Node] = {}
    for name, lexemes in found.items():
        terminal = _any_of(lexemes, marks)
        maybe = taken[name].whole.nullable and not (isinstance(terminal, ir.Terminal) and not _looks(terminal))
        bare[name] = ir.Repetition(terminal, 0, 1) if maybe else terminal
    return _followed_by_ignored(bare, _run([_any_of(lexemes, marks) for lexemes in skipped.values()]))


def _any_of(lexemes: Sequence[Lexeme], marks: Marks) -> ir.Node:
    nodes = [node for lexeme in lexemes for node in marks.spread(lexeme)]
    return nodes[0] if len(nodes) == 1 else ir.Choice(tuple(nodes))


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
        UnsupportedFeature: whether a terminal takes a text depends on how another one looks around, and is not
            found out.
    """
    readings = Readings({**taken, **beside})
    found, skipped = scanned(definitions, readings, ignored, labels)
    others = {name: _lexemes_of(name, readings, name, shorter=False) for name in beside}
    marks = Marks(readings, [*found, *skipped, *chain.from_iterable(others.values())])
    ways: dict[str, list[ir.Node]] = {definition.name: [] for definition in definitions}
    for lexeme in found:
        ways[lexeme.name] += marks.spread(lexeme)
    run: list[ir.Node] = [node for lexeme in skipped for node in marks.spread(lexeme)]
    bare: dict[str, ir.Node] = {
        name: nodes[0] if len(nodes) == 1 else ir.Choice(tuple(nodes)) for name, nodes in ways.items()
    }
    for name, lexemes in others.items():
        bare[name] = _any_of(lexemes, marks)
        run += [bare[name]] if name in ignored else []
    return _followed_by_ignored(bare, _run(run))


def scanned(
    definitions: Sequence[TerminalDef],
    readings: Readings,
    ignored: Collection[str],
    labels: Mapping[str, str] = _NO_LABELS,
) -> tuple[list[Lexeme], list[Lexeme]]:
    """What a scanner of some terminals reads, and what it ignores. Raises as `basic` does."""
    found: list[Lexeme] = []
    skipped: list[Lexeme] = []
    for entry in scanner(definitions):
        skip = entry.name in ignored
        names = [entry.name, *(one.name for one in entry.earlier), *(one.name for one in entry.strings)]
        for contexts in readings.alike(names):
            taken = {name: readings.of(name, min(contexts)) for name in names}
            for name, terminal, texts in _ways(entry, taken, skip=skip):
                if readings.contexts is not None and is_empty(texts) is True:
                    continue
                labelled = ir.Terminal(terminal.expression, labels.get(name, name))
                (skipped if skip else found).append(Lexeme(name, labelled, texts, contexts))
    return found, skipped


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


def _ways(entry: Entry, taken: Mapping[str, Preferred], *, skip: bool) -> list[tuple[str, ir.Terminal, cr.Regex]]:
    """What an entry of the scanner takes, by the terminal that it then is, with the texts alone."""
    own = taken[entry.name]
    if own.whole.nullable:
        hint = 'Let it match at least one character, and make it optional in the rules; or use lexer="dynamic".'
        raise UnsupportedFeature(f"terminal {entry.name} matches the empty text", keyword=entry.name, hint=hint)
    first = _first(own.whole)
    rivals = [taken[one.name] for one in entry.earlier if first & _first(taken[one.name].whole)]
    before, lost, unmet = _in_the_way(entry.name, own, rivals)
    found: list[tuple[str, ir.Terminal, cr.Regex]] = []
    if not (own.ways and cr.is_nothing(own.texts)):
        tracked, alone = cr.union([own.texts, own.broken, before]), own.alone and not rivals
        unended = own.unmet if cr.is_nothing(unmet) else cr.union([own.unmet, unmet])
        made = partial(_longest, tracked=tracked, alone=alone, unmet=unended)
        found += _shared(entry, taken, _less(own.texts, lost), made, skip=skip)
    for way in own.ways:
        made = partial(_followed, tracked=before, way=way, unmet=unmet)
        found += _shared(entry, taken, _less(way.texts, lost), made, skip=skip)
    return found


def _in_the_way(name: str, own: Preferred, rivals: Sequence[Preferred]) -> tuple[cr.Regex, cr.Regex, cr.Regex]:
    """What terminals that are tried before another leave of its texts.

    Returns:
        Beginnings of the rest that must not come about, texts that must not be taken, and what must not be all.
    """
    told = [rival for rival in rivals if is_told(own, rival)]
    lost = cr.union(_matched(rival) for rival in told)
    before = cr.union(rival.texts for rival in told)
    open_rests = [_rests_of(rival) for rival in rivals if rival not in told]
    if not open_rests:
        return before, lost, cr.NOTHING
    given = None if None in open_rests else promise(cr.complement(cr.union(filter(None, open_rests))))
    if given is None:
        raise _depends(name)
    return (
        cr.union([before, given.broken]),
        cr.union([lost, cr.concat([given.broken, cr.ANY_TEXT])]),
        given.unmet,
    )


def _rests_of(rival: Preferred) -> cr.Regex | None:
    """All rests of a text that a terminal matches a beginning of; None: not known."""
    if rival.rests is None:
        return cr.concat([rival.texts, cr.ANY_TEXT])
    with suppress(UnsupportedFeature):
        return rival.rests()
    return None


def _less(texts: cr.Regex, lost: cr.Regex) -> cr.Regex:
    return texts if cr.is_nothing(lost) else cr.intersection([texts, cr.complement(lost)])


def _shared(
    entry: Entry,
    taken: Mapping[str, Preferred],
    left: cr.Regex,
    made: Callable[[cr.Regex, str], ir.Terminal],
    *,
    skip: bool,
) -> list[tuple[str, ir.Terminal, cr.Regex]]:
    """Texts that an entry takes, for the terminals that own some of them and for itself."""
    ways = []
    if skip:
        return [(entry.name, made(left, entry.name), left)]
    for string in entry.strings:
        texts = taken[string.name].texts
        both = _both(left, texts)
        ways.append((string.name, made(both, string.name), both))
        left = cr.intersection([left, cr.complement(texts)])
    return [*ways, (entry.name, made(left, entry.name), left)]


def _matched(rival: Preferred) -> cr.Regex:
    """Texts at whose beginning a terminal takes something."""
    begun = cr.concat([rival.texts, cr.ANY_TEXT])
    if cr.is_nothing(rival.broken):
        return begun
    return cr.intersection([begun, cr.complement(cr.concat([rival.broken, cr.ANY_TEXT]))])


def is_told(own: Preferred, rival: Preferred) -> bool:
    """Whether what a rival takes, or gives up for what follows, is plain once its own texts are read.

    One that gives a text up may do so only where that makes a longer text of our own, and not find a longer one of its
    own within that.
    """
    if rival.looks_for_more:
        return False
    if cr.is_nothing(rival.broken):
        return True
    if may_mend(own.texts, rival.texts, rival.broken):
        return False
    before = cr.concat([rival.broken, ANY, cr.ANY_TEXT])  # given up before our own text ended
    given_up = cr.intersection(
        [rival.broken, cr.concat([own.texts, ANY]), cr.complement(own.texts), cr.complement(before)]
    )
    return is_empty(given_up) is True


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


def _lexemes_of(name: str, readings: Readings, label: str, *, shorter: bool) -> list[Lexeme]:
    """What is read of a terminal where it is expected; `shorter` texts than those it prefers are taken as well."""
    found: list[Lexeme] = []
    for contexts in readings.alike([name]):
        own = readings.of(name, min(contexts))
        less = shorter and _takes_less(name, own, readings.of(name, 0))
        for texts, terminal in _complete(own, label) if less else _preferred(own, label):
            if readings.contexts is None or is_empty(texts) is not True:
                found.append(Lexeme(name, terminal, texts, contexts))
    return found


def _takes_less(name: str, own: Preferred, alone: Preferred) -> bool:
    """Whether shorter texts count as well: those that are taken of what was matched, read as a text of its own.

    Raises:
        UnsupportedFeature: some of them are not what is taken of the text itself.
    """
    if own is alone and not own.looks_for_more:
        return True
    texts, rests = own.whole, _rests_of(alone)
    if rests is not None and not has_beginning_in(texts, rests):
        return False
    message = f"terminal {name} tests what stands around it, which shorter texts of it need not keep to"
    raise UnsupportedFeature(message, keyword=name, hint='Use lexer="dynamic".')


def _complete(found: Preferred, name: str) -> list[tuple[cr.Regex, ir.Terminal]]:
    whole = _longest(found.texts, name, tracked=found.broken, alone=cr.is_nothing(found.broken))
    return [(found.texts, whole)]


def _preferred(found: Preferred, name: str) -> list[tuple[cr.Regex, ir.Terminal]]:
    options = [(way.texts, _followed(way.texts, name, tracked=cr.NOTHING, way=way)) for way in found.ways]
    if not (options and cr.is_nothing(found.texts)):
        tracked = cr.union([found.texts, found.broken])
        plain = _longest(found.texts, name, tracked=tracked, alone=found.alone, unmet=found.unmet)
        options.insert(0, (found.texts, plain))
    return options


def _longest(
    texts: cr.Regex, name: str, *, tracked: cr.Regex, alone: bool, unmet: cr.Regex = cr.NOTHING
) -> ir.Terminal:
    accepted = cr.to_utf8(texts)
    if alone:
        return ir.Terminal(accepted, name)
    before = accepted if tracked is texts else cr.to_utf8(tracked)
    return ir.Terminal(ir.Longest(accepted, before, _unless_empty(unmet)), name)


def _followed(texts: cr.Regex, name: str, *, tracked: cr.Regex, way: Way, unmet: cr.Regex = cr.NOTHING) -> ir.Terminal:
    """Texts behind which something must, and something must not come."""
    barred, unfinished = _unless_empty(way.broken), _unless_empty(way.unmet)
    accepted, unended = cr.to_utf8(texts), _unless_empty(unmet)
    return ir.Terminal(ir.Longest(accepted, cr.to_utf8(tracked), unended, barred, unfinished), name)


def _unless_empty(texts: cr.Regex) -> ir.Expression | None:
    return None if cr.is_nothing(texts) else cr.to_utf8(texts)


def _looks(terminal: ir.Terminal) -> bool:
    return isinstance(terminal.expression, ir.Longest)


def _run(terminals: Sequence[ir.Node]) -> ir.Node | None:
    if not terminals:
        return None
    return ir.Repetition(terminals[0] if len(terminals) == 1 else ir.Choice(tuple(terminals)), 0, None)


def _followed_by_ignored(bare: Mapping[str, ir.Node], ignored: ir.Node | None) -> Lexemes:
    return Lexemes({name: followed_by(node, ignored) for name, node in bare.items()}, bare, ignored)


def followed_by(node: ir.Node, ignored: ir.Node | None) -> ir.Node:
    """A node and what may be ignored behind it; directly behind each terminal, where the kernel looks for it."""
    if ignored is None:
        return node
    if isinstance(node, ir.Choice):
        return ir.Choice(tuple(followed_by(option, ignored) for option in node.options))
    return ir.Sequence((node, ignored))
