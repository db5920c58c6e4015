"""What lark's messages about a grammar's text mean, where the fault really is, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from guidedgen.grammars.text_source import did_you_mean

GENERAL: Final = "See the grammar reference of lark."
_DEFINED: Final = re.compile(r"^[ \t]*[?!]*([A-Za-z_]\w*)[^:\n]*:|%import[^\n]*?\b(\w+)[ \t]*$", re.MULTILINE)
_TWICE: Final = re.compile(r"(\w+) '?(\w+)'? defined more than once")
_RANGE: Final = re.compile(r"Bad Range for .*\((\d+)\.\.(\d+)")
_ESCAPE: Final = re.compile(r"^\('(.*?)', SyntaxError\(", re.DOTALL)
_PLAIN: Final = re.compile(r'"(?:\\.|[^"\\\n])*"i?|/(?:\\.|[^/\\\n])+/\w*|//[^\n]*')
_SLIPS: Final = {
    '"': ("a text is never closed in its line", "Add the closing quote."),
    "/": ("a pattern is never closed in its line", "Add the closing slash; a slash in a pattern is written \\/."),
    "'": ("unexpected quote", 'Texts stand in double quotes: "text".'),
    ";": ("unexpected ';'", "A rule ends with its line: leave the semicolon out."),
    "=": ("unexpected '='", "A rule is written name: body."),
    "{": ("unexpected '{'", "Counts are written x~2..5; templates follow their name."),
    "\\": ("unexpected backslash", "Escapes stand in texts and patterns."),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A message with its place (both begin at 1; None: unknown) and a hint."""

    message: str
    line: int | None
    column: int | None
    hint: str = GENERAL


def explained(text: str, fault: Fault) -> Fault:
    """The same fault, better told where more is known about it."""
    for begins, better in _KINDS.items():
        if begins in fault.message:
            return better(text, fault)
    return fault


def _undefined(text: str, fault: Fault) -> Fault:
    known = {first or second for first, second in _DEFINED.findall(text)}
    quoted = re.findall(r"'(\w+)'|: (\w+)", fault.message)
    names = [first or second for first, second in quoted]
    near = did_you_mean(names[0], sorted(known - {names[0]})) if names else None
    hint = near or "Define it, import it, or quote it where it is meant literally."
    return Fault(fault.message, fault.line, fault.column, hint)


def _twice(text: str, fault: Fault) -> Fault:
    found = _TWICE.search(fault.message)
    if found is None:
        return fault
    places = [match.start(1) for match in _DEFINED.finditer(text) if match[1] == found[2]]
    if len(places) < 2:
        return fault
    first, _ = _place(text, places[0])
    hint = f"It is defined in line {first} as well: rename one, join them with '|', or say %override or %extend."
    return Fault(fault.message, *_place(text, places[1]), hint)


def _unexpected_input(text: str, fault: Fault) -> Fault:
    offset = _offset(text, fault)
    slip = None if offset is None else _SLIPS.get(text[offset : offset + 1])
    if slip is None:
        return fault
    return Fault(f"Unexpected input: {slip[0]}", fault.line, fault.column, slip[1])


def _unexpected_token(text: str, fault: Fault) -> Fault:
    offset = _offset(text, fault)
    if offset is None:
        return fault
    opened = _open_bracket(text, offset)
    if offset >= len(text) or text[offset] == "\n":
        if opened is None:
            return Fault("Unexpected end of the line", fault.line, fault.column, "Something is missing here.")
        return Fault(f"{text[opened]!r} is never closed", *_place(text, opened), "Add the closing bracket.")
    if text[offset] in ")]" and opened is None:
        return Fault("this bracket was not opened", fault.line, fault.column, "Quote it where it is meant literally.")
    return Fault(
        f"Unexpected token {text[offset]!r}", fault.line, fault.column, "Quote it where it is meant literally."
    )


def _colon(text: str, fault: Fault) -> Fault:
    hint = "A rule is written name: body, each on a new line; '::=' belongs to gg.Gbnf and gg.Ebnf."
    return Fault(fault.message, fault.line, fault.column, hint)


def _definition(text: str, fault: Fault) -> Fault:
    hint = "Rules have names in lower case, terminals in upper case: rule: body, TERMINAL: body."
    return Fault(fault.message, fault.line, fault.column, hint)


def _alias(text: str, fault: Fault) -> Fault:
    return Fault(fault.message, fault.line, fault.column, "Names behind '->' are in lower case.")


def _range(text: str, fault: Fault) -> Fault:
    found = _RANGE.search(fault.message)
    where = None if found is None else re.search(rf"~\s*{found[1]}\s*\.\.\s*{found[2]}", text)
    if found is None or where is None:
        return fault
    message = f"the counts {found[1]}..{found[2]} run backwards"
    return Fault(message, *_place(text, where.start()), "The larger one comes last.")


def _escape(text: str, fault: Fault) -> Fault:
    found = _ESCAPE.search(fault.message)
    written = "" if found is None else found[1].encode().decode("unicode_escape", errors="replace")
    offset = text.find(written) if written else -1
    place = _place(text, offset) if offset >= 0 else (fault.line, fault.column)
    hint = r"Escapes are \n \r \t \f \\ \" \xHH \uHHHH \UHHHHHHHH."
    return Fault(f"bad escape in {written!r}", *place, hint)


def place_of_pattern(text: str, pattern: str) -> tuple[int | None, int | None]:
    """Where a pattern, or the range of characters that lark makes one of, stands in a grammar."""
    ends = re.fullmatch(r"\[(.)-(.)\]", pattern, re.DOTALL)
    spelled = rf'"{re.escape(ends[1])}"\s*\.\.\s*"{re.escape(ends[2])}"' if ends else r"(?!)"
    found = re.search(rf"/{re.escape(pattern)}/|{spelled}", text)
    return (None, None) if found is None else _place(text, found.start())


def _offset(text: str, fault: Fault) -> int | None:
    """The place of a fault in the text."""
    lines = text.split("\n")
    if fault.line is None or fault.column is None or fault.line > len(lines):
        return None
    return sum(len(line) + 1 for line in lines[: fault.line - 1]) + fault.column - 1


def _place(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _open_bracket(text: str, offset: int) -> int | None:
    """The innermost bracket that is open at an offset, strings, patterns and comments left out."""
    plain = _PLAIN.sub(lambda found: " " * len(found[0]), text[:offset])
    opened: list[int] = []
    for bracket in re.finditer(r"[()\[\]]", plain):
        if bracket[0] in "([":
            opened.append(bracket.start())
        elif opened:
            opened.pop()
    return opened[-1] if opened else None


_KINDS: Final[Mapping[str, Callable[[str, Fault], Fault]]] = {
    "used but not defined": _undefined,
    "were not defined": _undefined,
    "defined more than once": _twice,
    "Unexpected input": _unexpected_input,
    "Unexpected token": _unexpected_token,
    "Unexpected colon": _colon,
    "missing colon": _definition,
    "Alias expects": _alias,
    "Bad Range": _range,
    "SyntaxError(": _escape,
}
