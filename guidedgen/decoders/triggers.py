"""Triggers: what is measured of a piece of text while it is written, and what is done where the constraint hurt it.

A *unit* is what was written in one place of the output: the text of one JSON field, or the punctuation and names of an
object or array between its fields. Of a text that is not JSON the whole is one unit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from guidedgen.constraint import AllOfState, Constraint, State
from guidedgen.instance_path import open_steps, pointer_to
from guidedgen.kernel.explain import places_of
from guidedgen.sampler.sequence import Sequence

if TYPE_CHECKING:
    from guidedgen.decoders.base import LogitsSource
    from guidedgen.decoders.lane import Lane
    from guidedgen.sampler.settings import Sampling
    from guidedgen.vocabulary import Vocabulary


class Steps(Protocol):
    """The steps of one run of a strategy that decodes lanes."""

    def step(self, lanes: list[Lane]) -> None:
        """Move the lanes on."""


class LaneStrategy(Protocol):
    """A strategy that decodes lanes: `Plain` and `Speculative`."""

    def opened(self, sampler: LogitsSource, sampling: Sampling) -> Steps:
        """The steps of one run."""


@dataclass(frozen=True, kw_only=True)
class Resample:
    """Back up to the beginning of the unit and draw it again; the least damaged of all attempts stays.

    An attempt is given up as soon as it is worse than the best one so far. The text is no longer an exact sample of the
    model under its masks: that is the purpose.

    Args:
        tries: attempts after the first one, at most.
        temperature: of these attempts; None is that of the run, or 1 where that is 0.

    Raises:
        ValueError: a number is out of its range.
    """

    tries: int = 3
    temperature: float | None = None

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.tries < 1:
            raise ValueError(f"tries={self.tries!r} must be at least 1")
        if self.temperature is not None and not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(f"temperature={self.temperature!r} must be a finite number above 0, or None")


@dataclass(frozen=True, kw_only=True)
class Widen:
    """Back up to the beginning of the unit and go on under a wider constraint, to the end of the text.

    Meant for white space: with `to=gg.JsonSchema(schema, whitespace="flexible")` a model that wants line ends has them.
    Nothing happens where the wider constraint does not take what is written so far, or where it was widened before.

    Args:
        to: a compiled constraint, or what `gg.compile` takes. It stands in the place of the first part that restricts
            tokens; stop rules and budgets stay.
    """

    to: Any


@dataclass(frozen=True, kw_only=True)
class Switch:
    """Back up to the beginning of the unit and go on with another strategy, to the end of the text.

    Args:
        to: `Plain` or `Speculative`, for example with MIX methods.
        sampling: other settings to draw with; None keeps those of the run.
    """

    to: LaneStrategy
    sampling: Sampling | None = None


Action: TypeAlias = Resample | Widen | Switch


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """When something is to be done about a unit, and what. Exactly one of the first three says when.

    Args:
        damage: fires above so many nats of removed probability (`FieldReport.damage`).
        margin: fires where at one token the model's favourite was so many nats above the best allowed token.
        forced: fires above this share of forced tokens.
        then: what to do.
        where: JSON pointers that it is about, with `*` and `?` as in file names; None is every unit.
        times: how often in one text, at most; the attempts of `Resample` count as one.

    Raises:
        ValueError: none or several conditions, or a number out of its range.
    """

    then: Action
    damage: float | None = None
    margin: float | None = None
    forced: float | None = None
    where: str | None = None
    times: int = 16

    def __post_init__(self) -> None:
        """Check the numbers."""
        given = [name for name in ("damage", "margin", "forced") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"a trigger needs exactly one of damage, margin and forced, not {given or 'none'}")
        if not self.threshold >= 0:
            raise ValueError(f"{given[0]}={self.threshold!r} must be at least 0")
        if self.times < 1:
            raise ValueError(f"times={self.times!r} must be at least 1")

    @property
    def measure(self) -> str:
        """What it looks at."""
        return next(name for name in ("damage", "margin", "forced") if getattr(self, name) is not None)

    @property
    def threshold(self) -> float:
        """Above what it fires."""
        return float(getattr(self, self.measure))

    def about(self, place: str) -> bool:
        """Whether it looks at a place."""
        return self.where is None or fnmatchcase(place, self.where)

    def value(self, unit: Unit) -> float:
        """What it measures of a unit."""
        return float(getattr(unit, self.measure))


@dataclass(frozen=True, kw_only=True)
class Unit:
    """Tokens that were written in one place.

    Args:
        place: JSON pointer of the field, object or array; empty at the root.
        nodes: in order.
    """

    place: str
    nodes: tuple[Sequence, ...]

    @property
    def start(self) -> int:
        """Length of the sequence before it."""
        return self.nodes[0].length - 1

    @property
    def stop(self) -> int:
        """Length of the sequence with it."""
        return self.nodes[-1].length

    @property
    def known(self) -> bool:
        """Whether the model was asked about every token."""
        return all(node.record is None or node.record.log_mass is not None for node in self.nodes)

    @property
    def damage(self) -> float:
        """Removed probability in nats."""
        return 0.0 - sum(node.record.log_mass or 0.0 for node in self.nodes if node.record is not None)

    @property
    def margin(self) -> float:
        """The largest margin of a token."""
        return max((node.record.margin or 0.0 for node in self.nodes if node.record is not None), default=0.0)

    @property
    def forced(self) -> float:
        """Share of forced tokens."""
        return sum(node.record is not None and node.record.forced for node in self.nodes) / len(self.nodes)


def units_of(tip: Sequence, start: int, vocabulary: Vocabulary) -> list[Unit]:
    """The units of a sequence behind its first `start` tokens."""
    nodes = []
    for node in tip.nodes():
        if node.length <= start:
            break
        nodes.append(node)
    if not nodes:
        return []
    placed = list(_placed(nodes[::-1], vocabulary))
    return [
        Unit(place=place, nodes=tuple(node for node, _ in run)) for place, run in groupby(placed, lambda pair: pair[1])
    ]


def _placed(nodes: ListOf[Sequence], vocabulary: Vocabulary) -> Iterator[tuple[Sequence, str]]:
    """Each node with the place in which its token begins."""
    first = nodes[0].parent
    assert first is not None
    text = bytearray(vocabulary.decode_bytes(first.generated()))
    for node in nodes:
        assert node.parent is not None
        yield node, place_of(node.parent.state, bytes(text))
        text += vocabulary.token_bytes(node.token)


def place_of(state: State, text: bytes) -> str:
    """Where a state stands, as a JSON pointer; empty where it is not of a JSON Schema.

    Args:
        state: the position.
        text: everything that was generated before it.
    """
    for part in state.parts if isinstance(state, AllOfState) else (state,):
        places = places_of(part)  # type: ignore[arg-type]
        if places:
            steps = open_steps(text.decode("utf-8", errors="replace"))
            return pointer_to(steps[: len(places[0].path)])
    return ""


def widened(tip: Sequence, constraint: Constraint) -> Sequence | None:
    """The same sequence under another constraint; None where that does not take its tokens."""
    state: State | None = constraint.start()
    for token in tip.generated():
        state = None if state is None else state.advance(token)
    if state is None:
        return None
    whole = tip.state
    if isinstance(whole, AllOfState):
        replaced = whole.plan.masking[0]
        parts = (state if number == replaced else part for number, part in enumerate(whole.parts))
        state = AllOfState(tuple(parts), whole.plan)
    if tip.parent is None:
        return Sequence.prompt(tip.tokens(), state)
    return tip.parent.extend(tip.token, state, tip.record)
