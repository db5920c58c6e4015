"""`Tags`: free text, a trigger, a constrained part, free text again.

What free text is, is exact: it never contains a trigger, wherever tokens are cut; see `free_text.py`. Which tags may
follow which is `tag_rules.py`. This module puts both into a grammar and reads finished texts by the same rules.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

from guidedgen.errors import CompileError
from guidedgen.grammars import ir
from guidedgen.grammars.assembly import Assembly
from guidedgen.grammars.combinators import AnyTextSpec, Composite, Text, depth_of, part_of
from guidedgen.grammars.free_text import ANY_TEXT, Triggers, text_until
from guidedgen.grammars.reading import Reading, boundaries, chain, split
from guidedgen.grammars.tag_rules import Counts, State, TagRules
from guidedgen.grammars.translation import Spec
from guidedgen.limits import Limits


@dataclass(frozen=True)
class Tag:
    """A part of a text between two markers.

    Args:
        begin: how it begins. Names of special tokens of the vocabulary in it are those tokens.
        content: a spec or a Python type; None is any text in which `end` does not occur.
        end: how it ends; may be empty where `content` says by itself where it ends.
        name: what results call it; default: the letters, digits and underscores of `begin`.
        at_least: how often it has to come.
        at_most: how often it may come; None for no limit.

    Raises:
        CompileError: no `begin`, free text without an `end`, or impossible counts.
    """

    begin: str
    content: Any = None
    end: str = ""
    name: str = field(default="", kw_only=True)
    at_least: int = field(default=0, kw_only=True)
    at_most: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        for what, text in (("begin", self.begin), ("end", self.end)):
            if not isinstance(text, str):
                raise CompileError(f"the {what} of a Tag must be a string, not {type(text).__name__}")
            Text(text)  # refuses what cannot be encoded
        if not self.begin:
            raise CompileError("a Tag needs a begin", hint='Write Tag("<answer>", content, "</answer>").')
        content = AnyTextSpec() if self.content is None else part_of(self.content)
        if isinstance(content, AnyTextSpec) and not self.end:
            raise CompileError(f"nothing ends the free text of the tag {self.begin!r}", hint="Give it an end.")
        object.__setattr__(self, "content", content)
        name = self.name or "_".join(re.findall(r"\w+", self.begin)) or self.begin
        object.__setattr__(self, "name", name)
        _counts(self.at_least, self.at_most, f"the tag {self.name!r}")


@dataclass(frozen=True)
class Tagged:
    """A tag in a result: its name, the value of its content, and the content as it was written."""

    name: str
    value: Any
    text: str


Segment: TypeAlias = str | Tagged


@dataclass(frozen=True)
class Segments(Sequence[Segment]):
    """A text with tags: pieces of free text (none of them empty) and `Tagged` parts, in order."""

    segments: tuple[Segment, ...]

    @property
    def text(self) -> str:
        """The free text, joined."""
        return "".join(segment for segment in self.segments if isinstance(segment, str))

    @property
    def tags(self) -> tuple[Tagged, ...]:
        """The tags in order."""
        return tuple(segment for segment in self.segments if isinstance(segment, Tagged))

    def values(self, name: str) -> list[Any]:
        """The values of all tags of that name, in order."""
        return [tag.value for tag in self.tags if tag.name == name]

    def __getitem__(self, index: Any) -> Any:
        """A segment, or several."""
        return self.segments[index]

    def __len__(self) -> int:
        """How many segments there are."""
        return len(self.segments)


@dataclass(frozen=True)
class Tags(Composite):
    """Free text with tagged parts in it; the value is a `Segments`.

    A tag ends at the first place where its `end` may stand; without an `end` its content is as long as can be.

    Free text ends where a trigger is complete; the tag that begins with this trigger has to follow. So no trigger can
    occur in free text by accident, nor after a tag has come as often as it may.

    Args:
        tags: the tags.
        triggers: what ends free text; each tag's `begin` has to start with one of them. Default: all of each `begin`.
        at_least: how many tags have to come in all.
        at_most: how many tags may come in all; None for no limit.
        order: whether tags come in the order of `tags` only.
        text: what stands between tags: True is any text, False none, a `Regex` what it matches.
        stop: names of the tags after which the text ends.

    Raises:
        CompileError: no tags, a name or begin that occurs twice, a begin without a trigger or with one inside it, a
            name in `stop` that is none, or counts that contradict each other.
    """

    tags: Sequence[Tag]
    triggers: Collection[str] | None = field(default=None, kw_only=True)
    at_least: int = field(default=0, kw_only=True)
    at_most: int | None = field(default=None, kw_only=True)
    order: bool = field(default=False, kw_only=True)
    text: Any = field(default=True, kw_only=True)
    stop: Collection[str] = field(default=(), kw_only=True)
    depth: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        tags = tuple(self.tags)
        object.__setattr__(self, "tags", tags)
        if not tags or not all(isinstance(tag, Tag) for tag in tags):
            raise CompileError("Tags needs a list of Tag objects", hint='Write Tags([Tag("<a>", int, "</a>")]).')
        for what, values in (("are called", [t.name for t in tags]), ("begin with", [t.begin for t in tags])):
            if len(set(values)) < len(values):
                twice = next(value for value in values if values.count(value) > 1)
                raise CompileError(f"two tags {what} {twice!r}", hint="Tell them apart.")
        for listed in ("triggers", "stop"):
            given = getattr(self, listed)
            if given is not None:
                object.__setattr__(self, listed, (given,) if isinstance(given, str) else tuple(given))
        object.__setattr__(self, "depth", depth_of(tag.content for tag in tags))
        self.groups  # noqa: B018 refuses triggers and counts that do not fit, here and not at the first use
        self._rules  # noqa: B018

    @cached_property
    def _triggers(self) -> Triggers:
        texts: tuple[Any, ...] = tuple(tag.begin for tag in self.tags if self.triggers is None) or tuple(
            self.triggers or ()
        )
        if not all(isinstance(text, str) and text for text in texts):
            raise CompileError("triggers must be texts, and not empty")
        return Triggers(texts)

    @cached_property
    def groups(self) -> dict[str, list[int]]:
        """The tags that each trigger announces."""
        groups: dict[str, list[int]] = {}
        for index, tag in enumerate(self.tags):
            trigger = self._triggers.fired(tag.begin)
            if trigger is None:
                inside = self._triggers.first(tag.begin.encode(), 0, len(tag.begin.encode()))
                what = "no trigger begins" if inside is None else "another trigger is inside"
                raise CompileError(f"{what} the begin {tag.begin!r} of a tag", hint="Give triggers=[...] that fit.")
            groups.setdefault(trigger, []).append(index)
        return groups

    @cached_property
    def _rules(self) -> TagRules:
        names = [tag.name for tag in self.tags]
        unknown = [name for name in self.stop if name not in names]
        if unknown:
            raise CompileError(f"no tag is called {unknown[0]!r}", hint=f"stop names tags: {', '.join(names)}.")
        return TagRules(
            tags=tuple(_counts(tag.at_least, tag.at_most, f"the tag {tag.name!r}") for tag in self.tags),
            total=_counts(self.at_least, self.at_most, "Tags"),
            ordered=self.order,
            last=frozenset(names.index(name) for name in self.stop),
        )

    def embedded(self, scope: Assembly) -> ir.Node:
        """A right-linear grammar: a rule for each state of the counts."""
        return _TagGrammar(self, scope).start()

    def ends(self, reading: Reading, start: int) -> list[int]:
        """Where the text may end, the farthest first."""
        return sorted(self._search(reading, start).ends, reverse=True)

    def value(self, reading: Reading, start: int, end: int) -> Segments:
        """The segments; of several tags that fit at one place the one with the longest begin."""
        return Segments(tuple(self._search(reading, start).segments(end)))

    def _search(self, reading: Reading, start: int) -> _Search:
        return reading.once((id(self), start), lambda: _Search(self, reading, start))


class _TagGrammar:
    """Builds the rules of one `Tags`."""

    def __init__(self, spec: Tags, scope: Assembly) -> None:
        self._spec, self._scope = spec, scope
        self._free = Triggers(spec._triggers.texts, _free_expression(spec.text, scope.limits))
        self._openings = {trigger: self._opening(trigger) for trigger in spec.groups}
        self._bodies = [self._body(index) for index in range(len(spec.tags))]
        self._names: dict[State, str] = {}
        self._pending: list[State] = []

    def start(self) -> ir.Node:
        """The rule of the first state; all the others are in the scope."""
        first = self._reference(self._spec._rules.start())
        while self._pending:
            state = self._pending.pop()
            self._scope.rules[self._names[state]] = self._state(state)
            self._scope.limits.check("symbols", len(self._names) * len(self._spec.tags))
        return first

    def _reference(self, state: State) -> ir.Node:
        if state not in self._names:
            self._names[state] = self._scope.rule("tags")
            self._scope.rules[self._names[state]] = ir.Choice(())  # so that the name is taken
            self._pending.append(state)
        return ir.Reference(self._names[state])

    def _state(self, state: State) -> ir.Node:
        rules = self._spec._rules
        after = dict(rules.following(state))
        options: list[ir.Node] = []
        if rules.complete(state):
            options.append(ir.Sequence(()) if rules.ended(state) else self._last)
        for trigger, group in self._spec.groups.items():
            tags = [ir.Sequence((self._bodies[tag], self._reference(after[tag]))) for tag in group if tag in after]
            if tags:
                options.append(ir.Sequence((self._openings[trigger], ir.Choice(tuple(tags)))))
        return ir.Choice(tuple(options))

    @cached_property
    def _last(self) -> ir.Node:
        """The free text at the end."""
        return ir.Sequence(()) if self._spec.text is False else ir.Terminal(self._free.without(), "text")

    def _opening(self, trigger: str) -> ir.Node:
        """Free text, where there is any, and a trigger."""
        if self._spec.text is False:
            return self._scope.literal(trigger, repr(trigger))
        return text_until(self._free, trigger, self._scope)

    def _body(self, index: int) -> ir.Node:
        """What follows the trigger of a tag."""
        tag = self._spec.tags[index]
        trigger = next(trigger for trigger, group in self._spec.groups.items() if index in group)
        rest = tag.begin[len(trigger) :]
        nodes = [self._scope.literal(rest, repr(rest))] if rest else []
        if isinstance(tag.content, AnyTextSpec):
            nodes.append(text_until(Triggers((tag.end,)), tag.end, self._scope))
        else:
            nodes.append(self._scope.node(tag.content))
            nodes += [self._scope.literal(tag.end, repr(tag.end))] if tag.end else []
        return ir.Sequence(tuple(nodes))


@dataclass(frozen=True)
class UntilEnd(Composite):
    """The content of a tag of free text: any text up to, and without, the first `end` (which has to be there)."""

    end: str
    depth = 0

    def embedded(self, scope: Assembly) -> ir.Node:
        """Never asked for: the grammar takes `end` in."""
        raise NotImplementedError

    def ends(self, reading: Reading, start: int) -> list[int]:
        """Before the first `end`."""
        data, limit = reading.data, len(self.end.encode())
        found = Triggers((self.end,)).first(data, start, reading.plain_until(start))
        if found is not None:
            return [found[0]]
        for at in range(max(start, reading.plain_until(start) - limit), reading.plain_until(start) + 1):
            if Text(self.end).ends(reading, at):
                return [at]  # a special token ends it, or is in its end
        return []

    def value(self, reading: Reading, start: int, end: int) -> str:
        """The text."""
        return reading.text(start, end)


_Step: TypeAlias = "tuple[tuple[int, State], int, int, int]"  # the place before, free text until, tag, content from


class _Search:
    """Every way to read a text with tags that starts at one place."""

    def __init__(self, spec: Tags, reading: Reading, start: int) -> None:
        self._spec, self._reading = spec, reading
        self._origin = (start, spec._rules.start())
        self._steps: dict[tuple[int, State], _Step | None] = {self._origin: None}
        self.ends: dict[int, tuple[int, State]] = {}
        waiting = [self._origin]
        while waiting:
            place = waiting.pop()
            self._finish(place)
            found = [(after, step) for after, step in self._following(place) if after not in self._steps]
            for after, step in found:  # the preferred one first
                self._steps.setdefault(after, step)
            waiting.extend(dict.fromkeys(after for after, _ in reversed(found)))

    def segments(self, end: int) -> Iterator[Segment]:
        """The segments of the text up to `end`."""
        place = self.ends[end]
        steps: list[_Step] = []
        at = place
        while (step := self._steps[at]) is not None:
            steps.append(step)
            at = step[0]
        for index, ((origin, _), until, tag, content) in enumerate(reversed(steps)):
            if until > origin:
                yield self._reading.text(origin, until)
            after = steps[len(steps) - 2 - index][0][0] if index + 1 < len(steps) else place[0]
            yield self._tagged(tag, content, after)
        if end > place[0]:
            yield self._reading.text(place[0], end)

    def _tagged(self, tag: int, start: int, end: int) -> Tagged:
        parts = _parts(self._spec.tags[tag])
        first, last = split(self._reading, parts, start, end)[0]
        value = self._reading.value(parts[0], first, last)
        return Tagged(self._spec.tags[tag].name, value, self._reading.text(first, last))

    def _finish(self, place: tuple[int, State]) -> None:
        """The places where the text may end after the free text that begins here."""
        (at, state), rules = place, self._spec._rules
        if not rules.complete(state):
            return
        if rules.ended(state) or self._spec.text is False:
            self.ends.setdefault(at, place)
            return
        stop = self._reading.plain_until(at)
        found = self._spec._triggers.first(self._reading.data, at, stop)
        stop = stop if found is None else found[1] - 1
        for end in self._free_ends(at, stop):
            self.ends.setdefault(end, place)

    def _free_ends(self, start: int, stop: int) -> list[int]:
        if self._spec.text is True:
            return boundaries(self._reading.data, start, stop)
        return [end for end in self._reading.ends(self._spec.text, start) if end <= stop]

    def _following(self, place: tuple[int, State]) -> Iterator[tuple[tuple[int, State], _Step]]:
        at, state = place
        after = dict(self._spec._rules.following(state))
        for trigger, begin, end in self._fired(at):
            if begin > at and not self._is_free(at, begin):
                continue
            for tag in sorted(self._spec.groups[trigger], key=lambda tag: -len(self._spec.tags[tag].begin)):
                if tag not in after:
                    continue
                rest = self._spec.tags[tag].begin[len(trigger) :]
                for content in Text(rest).ends(self._reading, end):
                    closes = chain(self._reading, _parts(self._spec.tags[tag]), content)
                    for close in sorted(closes, reverse=not self._spec.tags[tag].end):
                        yield (close, after[tag]), (place, begin, tag, content)

    def _is_free(self, start: int, stop: int) -> bool:
        if self._spec.text is True or self._spec.text is False:
            return bool(self._spec.text)
        return stop in self._reading.ends(self._spec.text, start)

    def _fired(self, at: int) -> Iterator[tuple[str, int, int]]:
        """The trigger that ends the free text from here on, with where it begins and ends."""
        data, stop = self._reading.data, self._reading.plain_until(at)
        found = self._spec._triggers.first(data, at, stop)
        if found is not None:
            yield data[found[0] : found[1]].decode(), *found
            return
        for trigger in self._spec.groups:  # those with special tokens in them
            for begin in range(max(at, stop - len(trigger.encode())), stop + 1):
                ends = Text(trigger).ends(self._reading, begin)
                if ends:
                    yield trigger, begin, ends[0]


def _parts(tag: Tag) -> list[Spec[Any]]:
    """Content and end of a tag, as they are read."""
    content = UntilEnd(tag.end) if isinstance(tag.content, AnyTextSpec) else tag.content
    return [content, Text(tag.end)]


def _free_expression(text: Any, limits: Limits) -> ir.Expression:
    if text is True or text is False:
        return ANY_TEXT
    node = part_of(text).grammar(limits).start
    if not isinstance(node, ir.Terminal):
        raise CompileError("the free text of Tags must be a regular expression", hint="Use text=gg.Regex(...).")
    return ir.accepted(node.expression)


def _counts(least: object, most: object, what: str) -> Counts:
    if type(least) is not int or least < 0 or (most is not None and (type(most) is not int or most < least)):
        hint = "Use 0 <= at_least <= at_most."
        raise CompileError(f"{what} cannot come at least {least} and at most {most} times", hint=hint)
    return Counts(least=least, most=most)
