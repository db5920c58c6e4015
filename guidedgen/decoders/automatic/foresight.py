"""What is foreseen of one text: its sources, how often they were right, and the best draft for a cost."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as ListOf
from itertools import takewhile

from guidedgen.constraint import State
from guidedgen.decoders.automatic.beliefs import Beliefs
from guidedgen.decoders.automatic.growing import LEAST, Plan, grown
from guidedgen.decoders.automatic.report import Counts
from guidedgen.decoders.automatic.sources import (
    LONGEST,
    RECYCLED,
    Allowed,
    Copies,
    Dictated,
    Grounds,
    Guess,
    Place,
    Recycled,
    Text,
)
from guidedgen.decoders.drafters.grammar import ForcedSession
from guidedgen.sampler.sequence import Sequence

_LOOKED_AT = 0.5  # how often a place must be reached for its mask to be worked out before it is


class Foresight:
    """One text's sources and beliefs.

    Args:
        session: spells what the constraint dictates.
        allowed: shared by the texts of a run.
        recycled: the same.
    """

    def __init__(self, session: ForcedSession, allowed: Allowed, recycled: Recycled) -> None:
        self.text = Text()
        self.beliefs = Beliefs()
        self._copies = Copies(self.text)
        self._dictated = Dictated(session)
        self._allowed = allowed
        self._recycled = recycled
        self._sources = (self._dictated, self._copies, allowed, recycled)
        self.count = 0  # tokens that the constraint allowed at the last tip
        self._tip: Sequence | None = None
        self._root: Place | None = None

    def plan(self, tip: Sequence, costs: ListOf[float]) -> Plan:
        """The best draft behind a tip; see `grown`."""
        self.text.follow(tip)
        self._tip, self._root = tip, Place((), tuple(self.text.tokens[-LONGEST:]), tip.state)
        self._copies.begin(self._root)
        self._dictated.begin(self._root, tip.state)
        self.count = self._allowed.look(self._root)
        return grown(self._root, self._likely, self._moved, costs)

    def _likely(self, place: Place, value: float) -> Iterator[tuple[float, int, Grounds]]:
        """The guesses at a place that is reached so often, as far as they are worth a look."""
        if value >= _LOOKED_AT and place.few is None and place.state.done is None:
            self._allowed.look(place)
        left, named = value, set[int]()
        for source in self._sources:
            for token, grounds in source.guesses(place):
                if token in named:
                    continue
                named.add(token)
                chance = left * self.beliefs.chance(grounds)
                left -= chance
                if chance >= LEAST:
                    yield chance, token, grounds
                if left < LEAST:
                    return

    def _guesses(self, place: Place) -> list[Guess]:
        """All guesses at a place that was reached."""
        if place.few is None:
            self._allowed.look(place)
        found: dict[int, Guess] = {}
        for source in self._sources:
            for guess in source.guesses(place):
                found.setdefault(guess[0], guess)
        return list(found.values())

    def _moved(self, place: Place, token: int) -> Place | None:
        """The place behind a token, and behind what the constraint forces after it."""
        state = _advanced(place.state, token)
        if state is None:
            return None
        place = self._after(place, token, state)
        while place.state.done is None and (forced := place.state.forced()):
            for only in forced:
                after = _advanced(place.state, only)
                if after is None:
                    return place
                place = self._after(place, only, after)
        return place

    def _after(self, place: Place, token: int, state: State) -> Place:
        after = Place((*place.way, token), (*place.tail[1 - LONGEST :], token), state)
        self._copies.move(place, token, after)
        self._dictated.move(place, token, after)
        return after

    def recycling(self) -> list[float]:
        """The chances of recycled candidates, by rank."""
        return [self.beliefs.chance(("recycle", rank, 0)) for rank in range(RECYCLED)]

    def learn(self, tip: Sequence, counts: Counts) -> None:
        """What came since the last plan. Forced tokens are no guesses; those that the constraint refuses are none."""
        place, start = self._root, self._tip
        if place is None or start is None:
            return
        for node in [*_since(tip, start.length)][::-1]:
            if node.record is None or not node.record.forced:
                named = self._guesses(place)
                state = place.state
                allowed = [guess for guess in named if guess[0] == node.token or state.advance(guess[0]) is not None]
                self.beliefs.learn(allowed, node.token)
                counts.chosen += 1
                counts.repeated += self._copies.foresaw(place, node.token)
            place = self._after(place, node.token, node.state)


def _since(tip: Sequence, length: int) -> Iterator[Sequence]:
    """The nodes beyond a length, newest first."""
    return takewhile(lambda node: node.length > length, tip.nodes())


def _advanced(state: State, token: int) -> State | None:
    """The state after a token; None where it is not allowed, or a stop rule has fired."""
    return None if state.done is not None else state.advance(token)
