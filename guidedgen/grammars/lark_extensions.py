"""What guidedgen's Lark text may say beyond lark's: taken out, so that lark's own loader reads the rest.

Each extension becomes a `%declare`d terminal, or is remembered by the rule that it is about. Places in the text that is
left are places in the text that was given (`Extended.place`).

    rule: %json {...}               JSON by a schema                %regex {...}      parts of a text
    rule: <|name|> <[5-7]>          special tokens                  x{2,3}            repetition
    NAME: A & ~B                    and, not (terminals)            a-b               names with hyphens
    rule[max_tokens=9, stop="."]:   limits, ends and captures of a rule
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from guidedgen.errors import GrammarSyntaxError, UnsupportedFeature
from guidedgen.grammars.lark_attributes import Attributes, read_attributes
from guidedgen.grammars.lark_scan import Statement, Word, statements_of
from guidedgen.grammars.lark_terminals import Node, TerminalReader
from guidedgen.grammars.text_source import Source

_REPEAT: Final = re.compile(r"\{[ \t]*(\d*)[ \t]*(,?)[ \t]*(\d*)[ \t]*\}")
_HARMLESS: Final = frozenset(["no_forcing"])
_DEFINING: Final = frozenset(["%override", "%extend"])


@dataclass(eq=False)
class Extended:
    """A grammar's text without its extensions.

    Attributes:
        text: what lark reads.
        placeholders: declared terminals that stand for a word: `%json`, `%regex`, special tokens.
        terminals: declared terminals by name, whose language is worked out from others.
        literals: terminals that stand for strings and patterns in those.
        attributes: what is said about rules.
        declared: names that the text declares itself.
        source: the text as it was given.
    """

    text: str
    source: Source
    placeholders: dict[str, Word] = field(default_factory=dict)
    terminals: dict[str, Node] = field(default_factory=dict)
    literals: dict[str, int] = field(default_factory=dict)
    attributes: dict[str, Attributes] = field(default_factory=dict)
    declared: set[str] = field(default_factory=set)
    segments: list[tuple[int, int, int]] = field(default_factory=list)  # place here, place given, length

    @property
    def extended(self) -> bool:
        """Whether anything was taken out."""
        return self.text != self.source.text

    def place(self, offset: int) -> int:
        """Where what stands at an offset of `text` was in the text that was given."""
        here, given, length = max((s for s in self.segments if s[0] <= offset), default=(0, 0, len(self.source.text)))
        return given + min(offset - here, length)

    def error(self, error: GrammarSyntaxError) -> GrammarSyntaxError:
        """lark's error about `text`, about the text that was given."""
        if error.line is None or error.column is None:
            return error
        lines = self.text.split("\n")
        line, column = self.source.line_and_column(
            self.place(sum(len(before) + 1 for before in lines[: error.line - 1]) + error.column - 1)
        )
        message = error.reason
        for name, word in self.placeholders.items():
            message = message.replace(name, word.text)
        return GrammarSyntaxError(
            message, line=line, column=column, source=self.source.text, keyword=error.keyword, hint=error.hint
        )


def extend(text: str) -> Extended:
    """Take the extensions out of a grammar's text.

    Raises:
        GrammarSyntaxError: an extension that cannot be read, with line and column.
        UnsupportedFeature: one that is known and not enforced.
    """
    return _Extending(Source(text, "Lark")).run()


class _Extending:
    """The pieces of the new text, in order."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._made = Extended("", source)
        self._edits: list[tuple[int, int, str]] = []  # from, to, what stands there instead
        self._appended: list[tuple[str, int]] = []
        self._prefix = "EXT"
        while self._prefix in source.text:
            self._prefix += "X"

    def run(self) -> Extended:
        statements = statements_of(self._source)
        self._made.declared = {
            word.text for s in statements if s.directive == "%declare" for word in s.body if word.kind == "name"
        }
        composite = _composite(statements, self._made.declared)
        for statement in statements:
            self._statement(statement, composite)
        self._check_names(statements)
        self._finish()
        return self._made

    def _statement(self, statement: Statement, composite: Collection[str]) -> None:
        directive, name = statement.directive, statement.name
        if directive == "%llguidance":
            self._options(statement.head[0])
            self._blank(statement.start, statement.end)
        elif directive == "%lark":
            raise UnsupportedFeature(
                "%lark is not supported", keyword="%lark", hint="Write its rules into this grammar."
            )
        elif directive == "%ignore":
            if _is_composite(statement.body, composite):
                self._ignore(statement)
        elif directive is not None and directive not in _DEFINING:
            return
        elif name is not None and name.text in composite:
            self._terminal(name.text, statement)
        elif name is not None:
            self._rule(name, statement)

    def _options(self, word: Word) -> None:
        options = json.loads(word.value)
        for name, value in options.items() if isinstance(options, dict) else [(word.value, None)]:
            if name not in _HARMLESS and value not in (False, None):
                hint = "Leave it out; see the guide on Lark grammars for what is different here."
                raise UnsupportedFeature(
                    f"the option {name!r} of %llguidance is not supported", keyword=name, hint=hint
                )

    def _rule(self, name: Word, statement: Statement) -> None:
        self._attributes(name, statement)
        terminal = name.text.strip("_")[:1].isupper()
        depth_starts: list[int] = []
        atom = statement.start  # where what a repetition is about begins
        last = None
        for index, word in enumerate(statement.body):
            if word.is_one_of("(["):
                depth_starts.append(word.start)
            elif word.is_one_of(")]") and depth_starts:
                atom = depth_starts.pop()
            elif word.is_one_of("{") and (found := _REPEAT.match(self._source.text, word.start)):
                self._repetition(found, atom, word)
            elif word.is_one_of("&"):
                hint = "Define a terminal: NAME: A & B."
                raise self._source.error("& stands in terminals only", hint=hint, at=word.start)
            elif word.kind in ("json", "token"):
                self._placeholder(word, terminal)
                atom = word.start
            elif word.kind in ("name", "string", "pattern") and not (last is not None and last.text == ".."):
                atom = word.start
            last = statement.body[index]
        for word in (*statement.head, *statement.body):
            if word.kind == "name" and "-" in word.text:
                self._edit(word.start, word.end, word.text.replace("-", "_"))

    def _attributes(self, name: Word, statement: Statement) -> None:
        after = statement.head[statement.head.index(name) + 1 :]
        if not after or not after[0].is_one_of("[") or after[0].start != name.end:
            return
        end = next((i for i, word in enumerate(after) if word.is_one_of("]")), None)
        if end is None:
            raise self._source.error("the attributes have no end", hint="Close them with ].", at=after[0].start)
        given = read_attributes(self._source, name.text, after[1:end], self._literal)
        self._made.attributes[name.text.replace("-", "_")] = given
        self._blank(after[0].start, after[end].end)

    def _repetition(self, found: re.Match[str], atom: int, word: Word) -> None:
        low, comma, high = found.groups()
        if not low and not high:
            return
        if not comma:
            text = f"~{low}"
        elif high:
            text = f"~{low or 0}..{high}"
        elif int(low) <= 1:
            text = "+" if int(low) else "*"
        else:
            again = self._source.text[atom : word.start].strip()
            if self._edits and self._edits[-1][1] > atom:  # they are made in the order of the text
                hint = "Put it into a rule of its own, and repeat that."
                raise self._source.error("an extension is repeated without an upper bound", hint=hint, at=atom)
            self._edit(atom, atom, "(")
            text = f"~{low} {again}*)"
        self._edit(found.start(), found.end(), text)

    def _placeholder(self, word: Word, terminal: bool) -> None:
        if terminal:
            hint = "Give the rule a lower-case name."
            raise self._source.error(f"{word.text} cannot stand in a terminal", hint=hint, at=word.start)
        if word.text == "%llguidance":
            raise self._source.error("%llguidance stands alone", hint="Put it on a line of its own.", at=word.start)
        name = f"{self._prefix}_{len(self._made.placeholders)}"
        self._made.placeholders[name] = word
        self._edit(word.start, word.end, name)

    def _terminal(self, name: str, statement: Statement) -> None:
        if name in self._made.terminals:
            place = statement.start
            raise self._source.error(f"terminal {name!r} is defined twice", hint="Keep one.", at=place, keyword=name)
        words = [*statement.body]
        if any(word.is_one_of(">") or word.text == "->" for word in words):
            raise self._source.error(f"terminal {name!r} has an alias", hint="Remove it.", at=statement.start)
        self._made.terminals[name] = TerminalReader(self._source, words, self._literal).read()
        self._blank(statement.start, statement.end)

    def _ignore(self, statement: Statement) -> None:
        name = f"{self._prefix}_IGNORED_{len(self._made.terminals)}"
        self._made.terminals[name] = TerminalReader(self._source, statement.body, self._literal).read()
        self._edit(statement.body[0].start, statement.end, name)

    def _literal(self, text: str, place: int) -> str:
        name = f"{self._prefix}_PART_{len(self._made.literals)}"
        self._made.literals[name] = place
        self._appended.append((f"\n{name}: ", place))
        self._appended.append((text, place))
        return name

    def _check_names(self, statements: list[Statement]) -> None:
        seen: dict[str, str] = {}
        for statement in statements:
            name = statement.name
            if name is None or statement.directive is not None:
                continue
            plain = name.text.replace("-", "_")
            if seen.setdefault(plain, name.text) != name.text:
                hint = f"Rename one: {plain!r} is what both are called."
                raise self._source.error("two names differ in a hyphen only", hint=hint, at=name.start)

    def _edit(self, start: int, end: int, text: str) -> None:
        self._edits.append((start, end, text))

    def _blank(self, start: int, end: int) -> None:
        """Put spaces there; line ends stay, so that the lines that follow keep their numbers."""
        self._edit(start, end, re.sub(r"[^\n]", " ", self._source.text[start:end]))

    def _finish(self) -> None:
        text, pieces, length, at = self._source.text, list[str](), 0, 0
        segments = self._made.segments

        def put(piece: str, place: int) -> None:
            nonlocal length
            segments.append((length, place, len(piece)))
            pieces.append(piece)
            length += len(piece)

        for start, end, instead in sorted(self._edits, key=lambda edit: (edit[0], edit[1])):
            put(text[at:start], at)
            put(instead, start)
            at = max(at, end)
        put(text[at:], at)
        for piece, place in self._appended:
            put(piece, place)
        names = [*self._made.placeholders, *self._made.terminals]
        if names:
            put("\n%declare " + " ".join(names) + "\n", len(text))
        elif self._appended:
            put("\n", len(text))
        self._made.text = "".join(pieces)


def _composite(statements: list[Statement], declared: Collection[str]) -> set[str]:
    """The terminals that lark cannot read: those with operators, and those made of such or of declared ones."""
    terminals = {
        s.name.text: s.body
        for s in statements
        if s.name is not None and s.directive is None and s.name.text.strip("_")[:1].isupper()
    }
    users: dict[str, list[str]] = {}
    for name, body in terminals.items():
        for word in body:
            if word.kind == "name":
                users.setdefault(word.text, []).append(name)
    work = [name for name, body in terminals.items() if _is_composite(body, declared)]
    found = set(work)
    while work:
        more = [name for name in users.get(work.pop(), ()) if name not in found]
        found.update(more)
        work += more
    return found


def _is_composite(body: tuple[Word, ...], composite: Collection[str]) -> bool:
    for index, word in enumerate(body):
        following = body[index + 1] if index + 1 < len(body) else None
        negates = word.is_one_of("~") and (following is None or following.kind != "number")
        unlike_lark = word.is_one_of("&{") or negates or (word.kind == "json" and word.text == "%regex")
        if unlike_lark or (word.kind == "name" and word.text in composite):
            return True
    return False
