"""What may come next, looked up and not computed: each source names tokens, and says on what grounds.

A source never says how sure it is. It names the *grounds* of a guess (how long the copied run was, which rank a token
had), and how often guesses on such grounds are right is learned (`beliefs`). So a source costs no forward, and can be
judged on every token that is written whether or not it drafted anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as ListOf
from typing import Protocol

import numpy as np
import torch

from guidedgen.constraint import State
from guidedgen.decoders.drafters.grammar import ForcedSession
from guidedgen.decoders.drafters.history import History
from guidedgen.masks import Mask
from guidedgen.vocabulary import Vocabulary

Grounds = tuple[str, int, int]  # the source's name, and two small numbers of its own
Guess = tuple[int, Grounds]

LONGEST = 5  # tokens of a run that is looked for
_SUCCESSORS = 3
RECYCLED = 3  # candidates of a token
_WORTH = 1.08  # times as fast a draft must promise to be for its candidates to be looked for
_ASLEEP = 16  # steps
_RANKS = 6  # of allowed tokens
_FEW = 24  # allowed tokens that are looked at one by one
_STEPS = (1, 2, 3, 4, 6, 9, 14, 24)  # lengths of copied runs that are told apart: from so many tokens on


class Place:
    """A place in a draft: the tip, or a drafted token behind it.

    Args:
        way: the drafted tokens up to it, forced ones included.
        tail: the last `LONGEST` tokens, those of the text included.
        state: of the constraint.
    """

    __slots__ = ("copied", "few", "spelled", "state", "tail", "way")

    def __init__(self, way: tuple[int, ...], tail: tuple[int, ...], state: State) -> None:
        self.way = way
        self.tail = tail
        self.state = state
        self.copied: tuple[int, int] | None = None  # where a copy goes on, and how long its run is
        self.spelled: ListOf[int] = ()  # what the constraint dictates from here on
        self.few: ListOf[int] | None = None  # the allowed tokens where they are few, else none; None: nobody looked


class Text(History):
    """A text as it grows, with what followed its runs, and all that followed pairs of its tokens."""

    def __init__(self) -> None:
        super().__init__(1, LONGEST, keep_first=False)

    def _restart(self) -> None:
        super()._restart()
        self._after: dict[tuple[int, ...], dict[int, int]] = {}  # pair -> token -> how often, the latest one last

    def _add(self, token: int) -> None:
        if len(self.tokens) > 1:
            after = self._after.setdefault((self.tokens[-2], self.tokens[-1]), {})
            after[token] = after.pop(token, 0) + 1
        super()._add(token)

    def successors(self, pair: tuple[int, ...]) -> list[int]:
        """What followed a pair of tokens, most often first, of equals the latest."""
        after = self._after.get(pair)
        if not after:
            return []
        if len(after) == 1:
            return list(after)
        latest_first = [*after][::-1]
        return sorted(latest_first, key=lambda token: -after[token])[:_SUCCESSORS]


class Source(Protocol):
    """Names tokens at a place."""

    def guesses(self, place: Place) -> Iterator[Guess]:
        """Tokens that may come next, likely ones first."""


class Copies:
    """What followed the longest run before, and behind that its alternatives: what else followed the last two."""

    def __init__(self, text: Text) -> None:
        self._text = text

    def begin(self, place: Place) -> None:
        """Find where the text was before as it is at the tip."""
        place.copied = self._text.found(place.tail)
        if place.copied is not None and place.copied[1] == LONGEST:
            place.copied = self._measured(place.copied[0])

    def _measured(self, end: int) -> tuple[int, int]:
        """How long the run behind the tip really is, up to the longest that is told apart."""
        tokens, length = self._text.tokens, LONGEST
        while length < _STEPS[-1] and end - length > 0 and tokens[end - length - 1] == tokens[-length - 1]:
            length += 1
        return end, length

    def move(self, place: Place, token: int, after: Place) -> None:
        """The copy goes on, or is looked for anew where another token was drafted."""
        if place.copied is not None and self._at(place, place.copied[0]) == token:
            after.copied = place.copied[0] + 1, place.copied[1] + 1
        else:
            after.copied = self._text.found(after.tail)

    def foresaw(self, place: Place, token: int) -> bool:
        """Whether a token followed the last two or more before."""
        return place.copied is not None and place.copied[1] > 1 and self._at(place, place.copied[0]) == token

    def _at(self, place: Place, index: int) -> int:
        """A token of the text with the draft behind it, so that periods are continued."""
        beyond = index - len(self._text.tokens)
        return self._text.tokens[index] if beyond < 0 else place.way[beyond]

    def guesses(self, place: Place) -> Iterator[Guess]:
        """See `Source.guesses`."""
        if place.copied is not None:
            end, length = place.copied
            yield self._at(place, end), ("copy", _step(length), int(bool(place.few)))
            for rank, token in enumerate(self._text.successors(place.tail[-2:])):
                yield token, ("n-grams", rank, min(length, 3))


def _step(length: int) -> int:
    found = 0
    for number, least in enumerate(_STEPS):
        if length >= least:
            found = number
    return found


class Dictated:
    """The bytes that the constraint forces, in the tokenizer's spelling; only behind the tip."""

    def __init__(self, session: ForcedSession) -> None:
        self._session = session

    def begin(self, place: Place, state: State) -> None:
        """Spell what is forced at the tip."""
        place.spelled = self._session.spelled(state)

    @staticmethod
    def move(place: Place, token: int, after: Place) -> None:
        """What is left of it."""
        if place.spelled and place.spelled[0] == token:
            after.spelled = place.spelled[1:]

    def guesses(self, place: Place) -> Iterator[Guess]:
        """See `Source.guesses`."""
        if place.spelled:
            yield place.spelled[0], ("forced", min(len(place.way), 1), 0)


class Allowed:
    """All that the constraint allows where that is little: the longest spellings of what may be written.

    A token whose bytes another one begins with is left out: who writes the beginning alone is rare.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._bytes = vocabulary.token_bytes
        self._known: dict[tuple[bytes, bytes], tuple[int, ...]] = {}

    def look(self, place: Place) -> int:
        """Find what is allowed at a place; how many tokens."""
        mask = place.state.mask()
        count = int(np.bitwise_count(mask.view(np.uint32)).sum())
        place.few = self._longest(mask) if count <= _FEW else ()
        return count

    def _longest(self, mask: Mask) -> tuple[int, ...]:
        words = np.flatnonzero(mask)
        bits = np.ascontiguousarray(mask[words])
        key = words.tobytes(), bits.tobytes()
        found = self._known.get(key)
        if found is None:
            places = np.flatnonzero(np.unpackbits(bits.view(np.uint8), bitorder="little"))
            texts = {token: self._bytes(token) for token in (32 * words[places // 32] + places % 32).tolist()}
            kept = [
                token
                for token, text in texts.items()
                if not any(other != text and other.startswith(text) for other in texts.values())
            ]
            found = self._known[key] = tuple(sorted(kept, key=lambda token: -len(texts[token])))
        return found

    @staticmethod
    def guesses(place: Place) -> Iterator[Guess]:
        """See `Source.guesses`."""
        few = place.few or ()
        for rank, token in enumerate(few[:_RANKS]):
            yield token, ("allowed", rank, min(len(few), _RANKS))


class Recycled:
    """For every token what the model ranked first after it when it was last written where a draft ended."""

    def __init__(self) -> None:
        self._after: dict[int, list[int]] = {}
        self._steps = 0

    def wanted(self, chances: ListOf[float], prices: ListOf[float]) -> bool:
        """Whether candidates are worth finding: where drafts of them may pay, and else now and then.

        Args:
            chances: of the candidates, by rank, where those before were wrong.
            prices: of a step with so many drafted tokens, in plain steps.
        """
        self._steps += 1
        left, gain = 1.0, 0.0
        for chance, price in zip(chances, prices[1:], strict=False):
            gain += left * chance
            left -= left * chance
            if (1 + gain) / price > _WORTH:
                return True
        return self._steps % _ASLEEP == 0

    def learn(self, token: int, logits: torch.Tensor) -> None:
        """Remember the best candidates after a token, from the logits behind it [V]."""
        self._after[token] = logits.topk(min(RECYCLED, len(logits))).indices.tolist()

    def guesses(self, place: Place) -> Iterator[Guess]:
        """See `Source.guesses`."""
        for rank, token in enumerate(self._after.get(place.tail[-1], ())):
            yield token, ("recycle", rank, 0)
