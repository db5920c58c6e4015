"""ISO/IEC 14977 Extended BNF: to rules.

The signs of the standard and their alternatives (table 1 and section 7), `n *` and exceptions. A name may consist of
several words; more leniently than the standard it may also hold underscores, and a text may be empty. The standard
leaves special sequences to whoever uses them: here `? U+000A ?` is a character and `? U+0030..U+0039 ?` a range, all
others are refused. Strings have no escapes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from guidedgen.errors import UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.char_set import CharSet
from guidedgen.grammars.rule_tree import Body, Chars, Name, Rule, RuleBuilder, Times
from guidedgen.grammars.text_source import Source
from guidedgen.limits import Limits

_SPACE: Final = re.compile(r"\s+")
_COMMENT_SIGN: Final = re.compile(r"\(\*|\*\)")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\s+[A-Za-z][A-Za-z0-9_]*)*")
_NUMBER: Final = re.compile(r"[0-9]+")
_SPECIAL: Final = re.compile(r"\?([^?]*)\?")
_CHARACTERS: Final = re.compile(r"\s*U\+([0-9A-Fa-f]{1,6})\s*(?:\.\.\s*U\+([0-9A-Fa-f]{1,6})\s*)?")
_OPENING: Final = ("(/", "(:", "(", "[", "{")
_CLOSING: Final = {"/)": "(/", ":)": "(:", ")": "(", "]": "[", "}": "{"}
_OPTIONAL, _REPEATED = ("[", "(/"), ("{", "(:")


def read_rules(source: Source, limits: Limits) -> list[Rule]:
    """The rules in the order of the text.

    Raises:
        GrammarSyntaxError: the text is not in this notation.
        UnsupportedFeature: a special sequence.
        LimitExceeded: `depth` for brackets.
    """
    rules: list[Rule] = []
    _blank(source)
    while not source.at_end:
        rules.append(_rule(source, limits))
        _blank(source)
    return rules


def _blank(source: Source) -> None:
    """Skip white space and comments, which may nest."""
    while source.take(_SPACE) or source.sees("(*"):
        if source.sees("(*"):
            _comment(source)


def _comment(source: Source) -> None:
    begin, depth = source.offset, 0
    while True:
        sign = _COMMENT_SIGN.search(source.text, source.offset)
        if sign is None:
            raise source.error("this comment is never closed", at=begin, hint="Add '*)'.")
        source.offset = sign.end()
        depth += 1 if sign[0] == "(*" else -1
        if depth == 0:
            return


def _rule(source: Source, limits: Limits) -> Rule:
    place = source.offset
    name = _name(source)
    if name is None:
        hint = "Write name = body; names begin with a letter."
        raise source.error(f"a rule should begin here, not {source.shown()}", hint=hint)
    _blank(source)
    if not source.sees("=") or source.sees("=="):
        hint = 'A rule is written name = body; (with ::= it would be the other notation: syntax="w3c").'
        raise source.error(f"'=' is missing behind the rule name {name!r}", hint=hint)
    source.offset += 1
    builder = RuleBuilder(source, limits)
    separated = True  # whether an item may come
    while True:
        _blank(source)
        if source.at_end:
            if not builder.depth:
                hint = "End each rule with ';'."
                raise source.error(f"rule {name!r} is never ended", at=place, hint=hint, keyword=name)
            break
        if source.sees(";") or (source.sees(".") and not builder.depth):
            source.offset += 1
            break
        separated = _step(source, builder, separated)
    return Rule(name, builder.finish(), place)


def _name(source: Source) -> str | None:
    found = source.take(_NAME)
    return None if found is None else " ".join(found[0].split())


def _step(source: Source, builder: RuleBuilder, separated: bool) -> bool:
    """Read one item, sign or bracket; returns whether an item may come behind it."""
    place = source.offset
    for closing, opening in _CLOSING.items():
        if source.sees(closing):
            builder.close(opening, place, _BRACKETS[opening])
            source.offset += len(closing)
            return False
    char = source.text[place]
    if char in "|/!":
        builder.option()
    elif char == ",":
        _comma(source, builder, place)
    elif char == "-":
        builder.minus(place)
    else:
        if not separated:
            hint = "Put ',' between items, '|' between alternatives, and ';' behind each rule."
            raise source.error(f"unexpected {source.shown()}: a comma is missing", hint=hint)
        return _factor(source, builder)
    source.offset += 1
    return True


def _comma(source: Source, builder: RuleBuilder, place: int) -> None:
    if builder.empty:
        raise source.error("nothing stands before ','", at=place, hint="Leave it out, or write the item.")


def _factor(source: Source, builder: RuleBuilder) -> bool:
    """Read an item that may begin here, or the count in front of one."""
    place = source.offset
    for opening in _OPENING:
        if source.sees(opening):
            builder.open(opening, place)
            source.offset += len(opening)
            return True
    number = source.take(_NUMBER)
    if number is not None:
        _blank(source)
        if not source.sees("*"):
            hint = "A count is written 3 * item; quote a number that is meant literally."
            raise source.error(f"'*' is missing behind {number[0]}", hint=hint)
        source.offset += 1
        builder.count(int(number[0]), place)
        return True
    builder.add(_item(source))
    return False


def _item(source: Source) -> Body:
    place = source.offset
    name = _name(source)
    if name is not None:
        return Name(name, place)
    char = source.text[place]
    if char in "\"'":
        return _string(source, char)
    if char == "?":
        return _special(source)
    hint = "Quote it where it is meant literally."
    if char in "*+":
        hint = "Write {item} for any number, {item}- for at least one, 3 * item for a fixed number."
    elif char == ":":
        hint = 'With ::= it is the other notation: syntax="w3c".'
    raise source.error(f"unexpected {source.shown()}", hint=hint)


def _string(source: Source, quote: str) -> Body:
    begin = source.offset
    end = source.text.find(quote, begin + 1)
    newline = source.text.find("\n", begin)
    if end < 0 or 0 <= newline < end:
        raise source.error("this text is not closed in its line", at=begin, hint=f"Add the closing {quote}.")
    source.offset = end + 1
    return Chars(cr.literal(source.text[begin + 1 : end]), source.text[begin : end + 1])


def _special(source: Source) -> Body:
    begin = source.offset
    found = source.take(_SPECIAL)
    if found is None:
        raise source.error("this special sequence is never closed", at=begin, hint="Add the closing '?'.")
    named = _CHARACTERS.fullmatch(found[1])
    if named is None:
        line, column = source.line_and_column(begin)
        raise UnsupportedFeature(
            f"line {line}, column {column}: the special sequence {found[0]} has no meaning here",
            keyword=found[1].strip(),
            hint="Define it as a rule; characters can be written ? U+000A ? or ? U+0030..U+0039 ?.",
        )
    low, high = int(named[1], 16), int(named[2] or named[1], 16)
    chars = CharSet.of((low, high)) if low <= high else CharSet(())
    if not chars:
        hint = "The smaller comes first; D800 to DFFF and what is above 10FFFF are no characters."
        raise source.error(f"{found[0]} is no character", at=begin, hint=hint)
    return Chars(chars, found[0])


def _times(low: int, high: int | None) -> Callable[[Body], Body]:
    return lambda node: Times(node, low, high)


_BRACKETS: Final[dict[str, Callable[[Body], Body]]] = {
    "(": lambda node: node,
    **{opening: _times(0, 1) for opening in _OPTIONAL},
    **{opening: _times(0, None) for opening in _REPEATED},
}
