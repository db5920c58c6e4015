r"""GBNF, the notation of llama.cpp, as its guide describes it (grammars/README.md of ggml-org/llama.cpp): to rules.

Everything that llama.cpp reads means the same here, and is enforced exactly: counts are never rounded up, and left
recursion is allowed. More lenient than llama.cpp: a rule may go on in the next line without brackets, since a new one
is known by its `::=`, and names may hold underscores. Stricter, because it can only be a slip: a name defined twice, a
range that runs backwards, an empty set, a rule without a body.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from guidedgen.errors import GrammarSyntaxError
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import ir
from guidedgen.grammars.char_set import ANY, MAX_CODE, SURROGATES, CharSet
from guidedgen.grammars.rule_grammar import assemble
from guidedgen.grammars.rule_tree import Chars, Name, Rule, RuleBuilder, Times, Token
from guidedgen.grammars.text_source import Source
from guidedgen.limits import Limits

_DEFAULT_LIMITS: Final = Limits()
_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*)*")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
_SPACES: Final = re.compile(r"[ \t]*")
_DEFINES: Final = re.compile(r"[ \t]*::=")
_COUNTS: Final = re.compile(r"\{\s*([0-9]+)\s*(?:(,)\s*([0-9]*)\s*)?\}")
_TOKEN_ID: Final = re.compile(r"<\[([0-9]+)\]>")
_TOKEN_TEXT: Final = re.compile(r"<[^\[>\r\n][^>\r\n]*>")
_PLAIN_ESCAPES: Final = {"t": "\t", "r": "\r", "n": "\n", "\\": "\\", '"': '"', "[": "[", "]": "]", "-": "-"}
_HEX_ESCAPES: Final = {"x": 2, "u": 4, "U": 8}
_ESCAPES_HINT: Final = r"Escapes are \n \r \t \\ \" \[ \] \- \xHH \uHHHH \UHHHHHHHH."
_SLIPS: Final = {
    "'": 'Texts stand in double quotes: "text".',
    "/": "Comments begin with '#'; there are no regular expressions.",
    ";": "A rule ends with its line: leave the semicolon out.",
    ",": "Write items one after another, without commas.",
    "=": "A rule is written name ::= body.",
    ":": "A rule is written name ::= body.",
    "\\": "Escapes stand in texts and sets.",
    "]": "A set begins with '['; quote a bracket that is meant literally.",
    "}": "Counts are written {2}, {2,} or {2,5}.",
    ">": "A token is written <text> or <[id]>.",
}


def parse(text: str, *, start: str = "root", limits: Limits = _DEFAULT_LIMITS) -> ir.Grammar:
    """Return the grammar that a GBNF text describes; rules keep their names as labels.

    Args:
        text: the grammar.
        start: the rule to begin with.
        limits: bounds on the text and on what it expands to.

    Raises:
        GrammarSyntaxError: the text is no GBNF, or a name is not defined.
        LimitExceeded: one of `limits`.
    """
    source = Source(text, "GBNF")
    return assemble(read_rules(source, limits), start=start, source=source, limits=limits)


def read_rules(source: Source, limits: Limits) -> list[Rule]:
    """The rules in the order of the text. Raises as `parse` does."""
    limits.check("schema_bytes", len(source.text))
    rules: list[Rule] = []
    source.take(_BLANK)
    while not source.at_end:
        rules.append(_rule(source, limits))
        source.take(_BLANK)
    return rules


def _rule(source: Source, limits: Limits) -> Rule:
    place = source.offset
    name = source.take(_NAME)
    if name is None:
        raise source.error(
            f"a rule should begin here, not {source.shown()}", hint=_slip(source, "Write name ::= body.")
        )
    if source.take(_DEFINES) is None:
        source.take(_SPACES)
        raise source.error(
            f"'::=' is missing behind the rule name {name[0]!r}", hint="A rule is written name ::= body."
        )
    builder = RuleBuilder(source, limits)
    bar: int | None = None  # where the last alternative began, as long as nothing stands in it
    while True:
        before = source.offset
        source.take(_BLANK)
        if source.at_end:
            break
        if _begins_rule(source):
            if "\n" not in source.text[before : source.offset] and "\r" not in source.text[before : source.offset]:
                raise source.error("a second rule begins in this line", hint="Begin each rule on a new line.")
            break
        bar = source.offset if source.sees("|") else None
        _item(source, builder)
    if not source.at_end and builder.depth == 0 and builder.empty:
        if bar is not None:
            raise source.error("nothing follows '|'", at=bar, hint='Write "" for the empty text.')
        raise source.error(
            f"rule {name[0]!r} has no body", at=place, hint='Write "" for the empty text.', keyword=name[0]
        )
    return Rule(name[0], builder.finish(), place)


def _begins_rule(source: Source) -> bool:
    name = _NAME.match(source.text, source.offset)
    return name is not None and _DEFINES.match(source.text, name.end()) is not None


def _item(source: Source, builder: RuleBuilder) -> None:
    """Read one item, sign or bracket."""
    char = source.text[source.offset]
    reader = _READERS.get(char)
    if reader is not None:
        return reader(source, builder)
    place = source.offset
    name = source.take(_NAME)
    if name is None:
        raise source.error(f"unexpected {source.shown()}", hint=_slip(source, "Quote it where it is meant literally."))
    builder.add(Name(name[0], place))


def _slip(source: Source, otherwise: str) -> str:
    return otherwise if source.at_end else _SLIPS.get(source.text[source.offset], otherwise)


def _literal(source: Source, builder: RuleBuilder) -> None:
    begin = source.offset
    source.offset += 1
    chars: list[int] = []
    while not source.sees('"'):
        if source.at_end:
            raise _unterminated(source, "text", begin, '"')
        chars.append(_char(source))
    source.offset += 1
    written = source.text[begin : source.offset]
    if "\n" in written and source.suspect is None:
        line, _ = source.line_and_column(begin)
        source.suspect = (
            f"(The text that begins in line {line} goes on in the next line: is its closing quote missing?)"
        )
    builder.add(Chars(cr.concat([CharSet.single(code) for code in chars]), written))


def _set(source: Source, builder: RuleBuilder) -> None:
    begin = source.offset
    source.offset += 2 if source.sees("[^") else 1
    negated = source.text[source.offset - 1] == "^"
    ranges: list[tuple[int, int]] = []
    while not source.sees("]"):
        ranges.append(_range(source, begin))
    source.offset += 1
    if not ranges:
        raise source.error("this set is empty", at=begin, hint=r"Escape a bracket in a set: [\]].")
    chars = CharSet.of(*ranges)
    builder.add(Chars(~chars if negated else chars, source.text[begin : source.offset]))


def _range(source: Source, begin: int) -> tuple[int, int]:
    """A character of a set, or two with a dash between them."""
    place = source.offset
    low = _set_char(source, begin)
    if not source.sees("-") or source.text[source.offset + 1 : source.offset + 2] in ("]", ""):
        return low, low
    source.offset += 1
    high = _set_char(source, begin)
    if high < low:
        hint = "Turn it around, or escape the dash where it is meant literally."
        raise source.error(f"the range {source.text[place : source.offset]} runs backwards", at=place, hint=hint)
    return low, high


def _set_char(source: Source, begin: int) -> int:
    if source.at_end:
        raise _unterminated(source, "set", begin, "]")
    return _char(source)


def _unterminated(source: Source, what: str, begin: int, closing: str) -> GrammarSyntaxError:
    return source.error(f"this {what} is never closed", at=begin, hint=f"Add the closing {closing!r}.")


def _char(source: Source) -> int:
    """One character of a text or set, escapes resolved."""
    begin = source.offset
    char = source.text[begin]
    source.offset += 1
    if char != "\\":
        return _scalar(source, ord(char), begin)
    kind = source.text[begin + 1 : begin + 2]
    source.offset += 1
    if kind in _PLAIN_ESCAPES:
        return ord(_PLAIN_ESCAPES[kind])
    digits = _HEX_ESCAPES.get(kind)
    if digits is None:
        raise source.error(f"unknown escape \\{kind}", at=begin, hint=_ESCAPES_HINT)
    written = source.text[source.offset : source.offset + digits]
    if re.fullmatch(f"[0-9A-Fa-f]{{{digits}}}", written) is None:
        raise source.error(f"\\{kind} needs {digits} hexadecimal digits", at=begin, hint=_ESCAPES_HINT)
    source.offset += digits
    return _scalar(source, int(written, 16), begin)


def _scalar(source: Source, code: int, place: int) -> int:
    if code > MAX_CODE or SURROGATES[0] <= code <= SURROGATES[1]:
        hint = "Code points go up to 10FFFF; D800 to DFFF are halves of pairs, write the character itself."
        raise source.error(f"U+{code:04X} is no character", at=place, hint=hint)
    return code


def _counts(source: Source, builder: RuleBuilder) -> None:
    place = source.offset
    found = source.take(_COUNTS)
    if found is None:
        raise source.error("these are no counts", hint="Write {2}, {2,} or {2,5}; {0,5} for at most 5.")
    low = int(found[1])
    high = low if found[2] is None else int(found[3]) if found[3] else None
    if high is not None and high < low:
        raise source.error(f"the counts {found[0]} run backwards", at=place, hint="The larger one comes last.")
    builder.wrap(found[0], place, lambda node: Times(node, low, high))


def _times(low: int, high: int | None) -> Callable[[Source, RuleBuilder], None]:
    def read(source: Source, builder: RuleBuilder) -> None:
        place = source.offset
        source.offset += 1
        builder.wrap(source.text[place], place, lambda node: Times(node, low, high))

    return read


def _open(source: Source, builder: RuleBuilder) -> None:
    builder.open("(", source.offset)
    source.offset += 1


def _close(source: Source, builder: RuleBuilder) -> None:
    builder.close("(", source.offset, lambda node: node)
    source.offset += 1


def _bar(source: Source, builder: RuleBuilder) -> None:
    builder.option()
    source.offset += 1


def _any(source: Source, builder: RuleBuilder) -> None:
    builder.add(Chars(ANY, "."))
    source.offset += 1


def _token(source: Source, builder: RuleBuilder) -> None:
    begin = source.offset
    negated = source.sees("!")
    source.offset += negated
    found = source.take(_TOKEN_ID)
    if found is not None:
        token: int | str = int(found[1])
    else:
        named = source.take(_TOKEN_TEXT)
        if named is None:
            hint = "Write <text> or <[id]>, and !<text> or !<[id]> for any other token."
            raise source.error("this is no token", at=begin, hint=hint)
        token = named[0]
    builder.add(Token(token, negated, source.text[begin : source.offset]))


_READERS: Final[dict[str, Callable[[Source, RuleBuilder], None]]] = {
    '"': _literal,
    "[": _set,
    "(": _open,
    ")": _close,
    "|": _bar,
    ".": _any,
    "*": _times(0, None),
    "+": _times(1, None),
    "?": _times(0, 1),
    "{": _counts,
    "<": _token,
    "!": _token,
}
