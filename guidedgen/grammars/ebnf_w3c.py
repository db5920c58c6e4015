"""The EBNF notation of the XML specification (section 6 of XML 1.0), which the W3C uses for its languages: to rules.

`#xN`, sets with ranges, `A - B`, `? * +`, comments. There are no escapes: a backslash is one. Numbers in front of rules
(`[12]`) and notes on constraints (`[wfc: ...]`, `[vc: ...]`) are skipped: productions can be pasted from a document.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.char_set import MAX_CODE, SURROGATES, CharSet
from guidedgen.grammars.rule_tree import Body, Chars, Name, Rule, RuleBuilder, Times
from guidedgen.grammars.text_source import Source
from guidedgen.limits import Limits

_SPACE: Final = re.compile(r"\s+")
_NAME: Final = re.compile(r"[A-Za-z_](?:[\w.]|-(?=\w))*", re.ASCII)
_RULE: Final = re.compile(r"(?:\[[0-9]+[a-z]*\]\s*)?([A-Za-z_](?:[\w.]|-(?=\w))*)\s*::=", re.ASCII)
_CODE: Final = re.compile(r"#x([0-9A-Fa-f]+)")
_NOTE: Final = re.compile(r"\[\s*(?:wfc|vc|nsc|gn)\s*:[^\]]*\]", re.IGNORECASE)
_COUNTS: Final = {"*": (0, None), "+": (1, None), "?": (0, 1)}
_SLIPS: Final = {
    ",": 'Items stand one after another, without commas (with commas it is the other notation: syntax="iso").',
    ";": "Rules need no end: leave the semicolon out.",
    "=": "A rule is written name ::= body.",
    "{": "Write (item)* for any number.",
    "#": "A character is written #xN, with hexadecimal digits.",
    "]": "A set begins with '['; quote a bracket that is meant literally.",
}


def read_rules(source: Source, limits: Limits) -> list[Rule]:
    """The rules in the order of the text.

    Raises:
        GrammarSyntaxError: the text is not in this notation.
        LimitExceeded: `depth` for brackets.
    """
    rules: list[Rule] = []
    _blank(source)
    while not source.at_end:
        rules.append(_rule(source, limits))
        _blank(source)
    return rules


def _blank(source: Source) -> None:
    """Skip white space, comments and notes on constraints."""
    while source.take(_SPACE) or source.take(_NOTE) or source.sees("/*"):
        if source.sees("/*"):
            end = source.text.find("*/", source.offset + 2)
            if end < 0:
                raise source.error("this comment is never closed", hint="Add '*/'.")
            source.offset = end + 2


def _rule(source: Source, limits: Limits) -> Rule:
    head = source.take(_RULE)
    if head is None:
        hint = _SLIPS.get(source.text[source.offset], "Write name ::= body.")
        raise source.error(f"a rule name and '::=' should stand here, not {source.shown()}", hint=hint)
    builder = RuleBuilder(source, limits)
    while True:
        _blank(source)
        if source.at_end or _RULE.match(source.text, source.offset):
            break
        _step(source, builder)
    _check_signs(source, builder)
    if not builder.depth and builder.empty and not builder.has_options:
        message = f"rule {head[1]!r} has no body"
        raise source.error(message, at=head.start(1), hint="Write '' for the empty text.", keyword=head[1])
    return Rule(head[1], builder.finish(), head.start(1))


def _check_signs(source: Source, builder: RuleBuilder) -> None:
    if builder.wants_factor:
        raise source.error("nothing follows '-'", hint="Write A - B.")


def _step(source: Source, builder: RuleBuilder) -> None:
    """Read one item, sign or bracket."""
    place = source.offset
    char = source.text[place]
    if char in _COUNTS:
        low, high = _COUNTS[char]
        builder.wrap(char, place, lambda node: Times(node, low, high))
    elif char == "|":
        _check_signs(source, builder)
        builder.option()
    elif char == "-":
        builder.minus(place)
    elif char == "(":
        builder.open("(", place)
    elif char == ")":
        _check_signs(source, builder)
        builder.close("(", place, lambda node: node)
    else:
        builder.add(_item(source, char))
        return
    source.offset += 1


def _item(source: Source, char: str) -> Body:
    reader = _ITEMS.get(char)
    if reader is not None:
        return reader(source)
    place = source.offset
    name = source.take(_NAME)
    if name is None:
        hint = _SLIPS.get(char, "Quote it where it is meant literally.")
        raise source.error(f"unexpected {source.shown()}", hint=hint)
    return Name(name[0], place)


def _string(source: Source) -> Body:
    begin = source.offset
    quote = source.text[begin]
    end = source.text.find(quote, begin + 1)
    newline = source.text.find("\n", begin)
    if end < 0 or 0 <= newline < end:
        raise source.error("this text is not closed in its line", at=begin, hint=f"Add the closing {quote}.")
    source.offset = end + 1
    return Chars(cr.literal(source.text[begin + 1 : end]), source.text[begin : end + 1])


def _code(source: Source) -> Body:
    begin = source.offset
    if source.take(_CODE) is None:
        raise source.error("this is no character", hint=_SLIPS["#"])
    source.offset = begin
    code = _char(source)
    return Chars(CharSet.single(code), source.text[begin : source.offset])


def _set(source: Source) -> Body:
    begin = source.offset
    source.offset += 2 if source.sees("[^") else 1
    negated = source.text[source.offset - 1] == "^"
    ranges: list[tuple[int, int]] = []
    while not source.sees("]"):
        if source.at_end or source.sees("\n"):
            raise source.error("this set is not closed in its line", at=begin, hint="Add the closing ']'.")
        ranges.append(_range(source))
    source.offset += 1
    if not ranges:
        raise source.error("this set is empty", at=begin, hint="Write #x5D for a bracket.")
    chars = CharSet.of(*ranges)
    return Chars(~chars if negated else chars, source.text[begin : source.offset])


def _range(source: Source) -> tuple[int, int]:
    """A character of a set, or two with a dash between them."""
    place = source.offset
    low = _char(source)
    if not source.sees("-") or source.text[source.offset + 1 : source.offset + 2] in ("]", "", "\n"):
        return low, low
    source.offset += 1
    high = _char(source)
    if high < low:
        hint = "Turn it around, or write the dash first where it is meant literally."
        raise source.error(f"the range {source.text[place : source.offset]} runs backwards", at=place, hint=hint)
    return low, high


def _char(source: Source) -> int:
    """A character, or its number."""
    begin = source.offset
    number = source.take(_CODE)
    if number is None:
        source.offset += 1
        return ord(source.text[begin])
    code = int(number[1], 16)
    if code > MAX_CODE or SURROGATES[0] <= code <= SURROGATES[1]:
        raise source.error(f"{number[0]} is no character", at=begin, hint="D800 to DFFF are none; the last is 10FFFF.")
    return code


_ITEMS: Final[dict[str, Callable[[Source], Body]]] = {'"': _string, "'": _string, "#": _code, "[": _set}
