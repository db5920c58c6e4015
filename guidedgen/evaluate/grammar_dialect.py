"""A Lark grammar as peers read it: plain rules over patterns of Rust's regex.

llguidance and xgrammar have a dialect of Lark for them, kbnf its own notation. None has priorities, templates,
tests in patterns, or blocks by indentation. What is lost is named, since figures about a wider language are not figures
about the same one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lark.grammar import Rule, Symbol

from guidedgen.grammars.lark_loader import Loaded, load
from guidedgen.limits import Limits

_NOTHING: Final = "_NEVER"  # the library's terminal that matches no text


KBNF_END: Final = "\x03"
"""What a text ends with in kbnf's notation, where a complete grammar allows nothing more, even if it could go on."""


@dataclass(frozen=True, kw_only=True)
class Translated:
    """A grammar in a peer's notation.

    Attributes:
        text: the grammar; it starts with the rule `start`.
        lost: what it could not say, in a few words each: then it accepts more texts than the original.
    """

    text: str
    lost: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """Rules that can be reached, the patterns of terminals, what is ignored, and names that every notation takes."""

    rules: Mapping[str, Sequence[Sequence[str]]]
    patterns: Mapping[str, str]
    ignored: tuple[str, ...]
    names: Mapping[str, str]
    lost: tuple[str, ...]

    @property
    def used(self) -> set[str]:
        return {name for options in self.rules.values() for option in options for name in option} | set(self.ignored)


def translated(text: str, *, start: str = "start") -> Translated:
    """Write a grammar in the dialect of Lark; raises what reading a Lark grammar raises."""
    parts = _parts(text, start)
    names, used = parts.names, parts.used
    lines = [
        f"{names[rule]}: {' | '.join(_option(option, names) for option in options)}"
        for rule, options in parts.rules.items()
    ]
    lines += [f"{names[name]}: /{_slashed(pattern)}/" for name, pattern in parts.patterns.items() if name in used]
    lines += [f"%ignore {names[name]}" for name in parts.ignored]
    return Translated(text="\n".join(lines) + "\n", lost=parts.lost)


def translated_to_kbnf(text: str, *, start: str = "start") -> Translated:
    """Write a grammar in kbnf's notation; raises what reading a Lark grammar raises.

    There is nothing to ignore texts with: they stand behind every terminal, and at the beginning.
    """
    parts = _parts(text, start)
    names, used = parts.names, parts.used
    spaces = "|".join(f"(?:{parts.patterns[name]})" for name in parts.ignored)
    skip = f"(?:{spaces})*" if spaces else ""
    first = f"{_kbnf_pattern(f'(?:{spaces})+')} {names[start]}_ end | " if spaces else ""
    lines = [f"start ::= {first}{names[start]}_ end;", f"end ::= {_kbnf_pattern(_visible(KBNF_END))};"]
    lines += [
        f"{names[rule]}_ ::= {' | '.join(_kbnf_option(option, names) for option in options)};"
        for rule, options in parts.rules.items()
    ]
    lines += [
        f"{names[name]}_ ::= {_kbnf_pattern(f'(?:{pattern}){skip}')};"
        for name, pattern in parts.patterns.items()
        if name in used and name not in parts.ignored
    ]
    return Translated(text="\n".join(lines) + "\n", lost=parts.lost)


def _kbnf_option(option: Iterable[str], names: Mapping[str, str]) -> str:
    return " ".join(f"{names[name]}_" for name in option) or "''"


def _kbnf_pattern(pattern: str) -> str:
    return "#'" + pattern.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _parts(text: str, start: str) -> _Parts:
    loaded = load(text, start=start, import_paths=(), limits=Limits())
    lost: set[str] = set()
    patterns = {
        str(terminal.name): _pattern(terminal.pattern.to_regexp(), lost)
        for terminal in loaded.terminals
        if terminal.name != _NOTHING
    }
    rules = _reachable(_rules(loaded, patterns, lost), start)
    names = {name: f"r{index}" for index, name in enumerate(rules)} | {
        name: f"T{index}" for index, name in enumerate(patterns)
    }
    names[start] = "start"
    ignored = tuple(str(name) for name in loaded.ignored)
    return _Parts(rules=rules, patterns=patterns, ignored=ignored, names=names, lost=tuple(sorted(lost)))


def _rules(loaded: Loaded, patterns: dict[str, str], lost: set[str]) -> dict[str, list[list[str]]]:
    rules: dict[str, list[list[str]]] = {}
    for rule in loaded.rules:
        option = _symbols(rule, patterns, lost)
        if option is not None:
            rules.setdefault(str(rule.origin.name), []).append(option)
    return rules


def _symbols(rule: Rule, patterns: dict[str, str], lost: set[str]) -> list[str] | None:
    """The names of an alternative; None where no text matches it. Declared terminals have no text and are left out."""
    if any(symbol.name == _NOTHING for symbol in rule.expansion):
        lost.add("what must not follow a terminal")
        return None
    declared = [symbol for symbol in rule.expansion if _is_declared(symbol, patterns)]
    if declared:
        lost.add("indentation")
    return [str(symbol.name) for symbol in rule.expansion if symbol not in declared]


def _is_declared(symbol: Symbol, patterns: dict[str, str]) -> bool:
    return symbol.is_term and symbol.name not in patterns


def _reachable(rules: dict[str, list[list[str]]], start: str) -> dict[str, list[list[str]]]:
    found, waiting = {start}, [start]
    while waiting:
        inner = {name for option in rules[waiting.pop()] for name in option if name in rules} - found
        found |= inner
        waiting += inner
    return {name: options for name, options in rules.items() if name in found}


def _option(option: Iterable[str], names: Mapping[str, str]) -> str:
    return " ".join(names[name] for name in option) or '""'


def _pattern(pattern: str, lost: set[str]) -> str:
    """Without tests, control characters escaped."""
    bare = _without_tests(pattern)
    if bare != pattern:
        lost.add("tests in patterns")
    return _visible(bare)


def _visible(pattern: str) -> str:
    """With control characters escaped."""
    return re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\x{ord(found[0]):02x}", pattern)


def _slashed(pattern: str) -> str:
    """With slashes escaped."""
    return re.sub(r"(\\.)|/", lambda found: found[1] or "\\/", pattern, flags=re.DOTALL)


def _without_tests(pattern: str) -> str:
    """Cut lookaheads, with what stands in their brackets."""
    kept, place = [], 0
    while place < len(pattern):
        if pattern.startswith(("(?!", "(?="), place):
            place = _end_of_group(pattern, place)
            continue
        width = _width(pattern, place)
        kept.append(pattern[place : place + width])
        place += width
    return "".join(kept)


def _end_of_group(pattern: str, place: int) -> int:
    depth = 0
    while True:
        depth += {"(": 1, ")": -1}.get(pattern[place], 0)
        place += _width(pattern, place)
        if depth == 0:
            return place


def _width(pattern: str, place: int) -> int:
    """How long the escape, class or character is that begins here."""
    if pattern[place] == "\\":
        return 2
    if pattern[place] != "[":
        return 1
    end = place + 1 + pattern.startswith("^", place + 1)
    end += pattern.startswith("]", end)
    while pattern[end] != "]":
        end += 2 if pattern[end] == "\\" else 1
    return end + 1 - place
