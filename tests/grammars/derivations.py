"""What a context-free grammar derives, by brute force; and the same grammar written in each notation.

A grammar is a dict from rule names to bodies; a body is a small value that says what it matches. `ends` is the
definition of derivation itself: no parsing algorithm, only the least sets that satisfy the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

ALPHABET = "abcd"


@dataclass(frozen=True)
class Text:
    chars: str


@dataclass(frozen=True)
class OneOf:
    chars: str
    negated: bool = False

    def members(self) -> str:
        return "".join(char for char in ALPHABET if (char in self.chars) != self.negated)


@dataclass(frozen=True)
class Ref:
    name: str


@dataclass(frozen=True)
class Seq:
    parts: tuple[Body, ...]


@dataclass(frozen=True)
class Alt:
    options: tuple[Body, ...]


@dataclass(frozen=True)
class Rep:
    inner: Body
    low: int
    high: int | None


@dataclass(frozen=True)
class Minus:
    inner: Body
    removed: Body


Body: TypeAlias = Text | OneOf | Ref | Seq | Alt | Rep | Minus
Rules: TypeAlias = Mapping[str, Body]
Known: TypeAlias = Mapping[tuple[str, int], frozenset[int]]


def derived(rules: Rules, start: str, longest: int) -> set[str]:
    """All texts over the alphabet up to a length that `start` derives."""
    texts = ("".join(chars) for length in range(longest + 1) for chars in product(ALPHABET, repeat=length))
    return {text for text in texts if derives(rules, start, text)}


def derives(rules: Rules, start: str, text: str) -> bool:
    known: Known = {(name, place): frozenset() for name in rules for place in range(len(text) + 1)}
    while True:
        derivation = Derivation(text, known)
        after = {(name, place): derivation.ends(rules[name], place) for name, place in known}
        if after == known:
            return len(text) in known[start, 0]
        known = after


class Derivation:
    """Where texts of a body may end, if the rules derive what is `known`."""

    def __init__(self, text: str, known: Known) -> None:
        self.text = text
        self.known = known
        self.found: dict[tuple[Body, int], frozenset[int]] = {}

    def ends(self, body: Body, place: int) -> frozenset[int]:
        if (body, place) not in self.found:
            self.found[body, place] = self.search(body, place)
        return self.found[body, place]

    def search(self, body: Body, place: int) -> frozenset[int]:
        match body:
            case Text(chars):
                return frozenset([place + len(chars)] if self.text.startswith(chars, place) else [])
            case OneOf():
                return frozenset([place + 1] if self.text[place : place + 1] in [*body.members()] else [])
            case Ref(name):
                return self.known[name, place]
            case Seq(parts):
                reached = frozenset([place])
                for part in parts:
                    reached = self.onwards(part, reached)
                return reached
            case Alt(options):
                return frozenset(end for option in options for end in self.ends(option, place))
            case Minus(inner, removed):
                return self.ends(inner, place) - self.ends(removed, place)
            case Rep(inner, low, high):
                return self.repeated(inner, low, high, place)

    def onwards(self, body: Body, places: frozenset[int]) -> frozenset[int]:
        return frozenset(end for place in places for end in self.ends(body, place))

    def repeated(self, inner: Body, low: int, high: int | None, place: int) -> frozenset[int]:
        reached = frozenset([place])
        found = set(reached) if low == 0 else set()
        most = low + len(self.text) + 1 if high is None else high  # more repetitions only add empty texts
        for count in range(1, most + 1):
            reached = self.onwards(inner, reached)
            if count >= low:
                found |= reached
        return frozenset(found)


def gbnf(rules: Rules) -> str:
    def write(body: Body) -> str:
        match body:
            case Text(chars):
                return f'"{chars}"'
            case OneOf():
                return f"[{'^' if body.negated else ''}{body.chars}]"
            case Ref(name):
                return name
            case Seq(parts):
                return f"({' '.join(map(write, parts))})"
            case Alt(options):
                return f"({' | '.join(map(write, options))})"
            case Rep(inner, low, high):
                short = {(0, None): "*", (1, None): "+", (0, 1): "?"}
                counts = f"{{{low},{'' if high is None else high}}}"
                return f"({write(inner)}){short.get((low, high), counts)}"
            case Minus():
                raise NotImplementedError

    return "".join(f"{name} ::= {write(body)}\n" for name, body in rules.items())


def w3c(rules: Rules) -> str:
    def write(body: Body) -> str:
        match body:
            case Text(chars):
                return f"'{chars}'"
            case OneOf():
                return f"[{'^' if body.negated else ''}{body.chars}]"
            case Ref(name):
                return name
            case Seq(parts):
                return f"({' '.join(map(write, parts))})"
            case Alt(options):
                return f"({' | '.join(map(write, options))})"
            case Rep(inner, low, high):
                return counted(write(inner), low, high, " ", lambda one: f"({one})*", lambda one: f"({one})?")
            case Minus(inner, removed):
                return f"({write(inner)} - {write(removed)})"

    return "\n".join(f"{name} ::= {write(body)}" for name, body in rules.items())


def iso(rules: Rules) -> str:
    def write(body: Body) -> str:
        match body:
            case Text(chars):
                return f'"{chars}"'
            case OneOf():
                return f"({' | '.join(map(repr, body.members())) or '? U+0041 ?'})"
            case Ref(name):
                return name
            case Seq(parts):
                return f"({', '.join(map(write, parts))})"
            case Alt(options):
                return f"({' | '.join(map(write, options))})"
            case Rep(inner, low, high):
                if low == high:
                    return f"{low} * ({write(inner)})"
                return counted(write(inner), low, high, ", ", lambda one: f"{{{one}}}", lambda one: f"[{one}]")
            case Minus(inner, removed):
                return f"(({write(inner)}) - ({write(removed)}))"

    return "".join(f"{name} = {write(body)} ;\n" for name, body in rules.items())


def counted(
    one: str, low: int, high: int | None, glue: str, endless: Callable[[str], str], optional: Callable[[str], str]
) -> str:
    """A repetition in a notation that has no counts."""
    rest = [endless(one)] if high is None else [optional(one)] * (high - low)
    return f"({glue.join([f'({one})'] * low + rest)})" if low or rest else '""'


def lark(rules: Rules) -> str:
    def write(body: Body) -> str:
        match body:
            case Text(chars):
                return f'"{chars}"' if chars else "()"
            case OneOf():
                members = " | ".join(f'"{char}"' for char in body.members())
                return f"({members})" if members else '"A"'
            case Ref(name):
                return name
            case Seq(parts):
                return f"({' '.join(map(write, parts))})"
            case Alt(options):
                return f"({' | '.join(map(write, options))})"
            case Rep(inner, low, high):
                return counted(write(inner), low, high, " ", lambda one: f"({one})*", lambda one: f"({one})?")
            case Minus():
                raise NotImplementedError

    return "".join(f"{name}: {write(body)}\n" for name, body in rules.items())
