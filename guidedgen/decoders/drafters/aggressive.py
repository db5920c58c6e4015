"""Input copy: the text is written off an input until it departs from it, and again from where it comes back to it.

Source: Sun et al. 2021, "Instantaneous grammatical error correction with shallow aggressive decoding"; Ge et al. 2022,
"Lossless acceleration for seq2seq generation with aggressive decoding" (input-guided). Made for outputs that are nearly
their input: corrections, edits, repairs.
"""

from __future__ import annotations

from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field

from guidedgen.decoders.drafters.base import Outcome, Request, Setting
from guidedgen.decoders.tree import DraftTree, chain
from guidedgen.vocabulary import Vocabulary


@dataclass(frozen=True, kw_only=True)
class InputCopy:
    """Propose the rest of the input; after a departure wait until the last tokens occur there once, then go on behind.

    Args:
        text: the input; the whole prompt if not given. With a text the first draft is its beginning.
        longest: tokens of the longest end of the output that is looked for in the input; the shortest that occurs there
            once counts.
        most: tokens copied at a time.
    """

    text: str | None = None
    longest: int = 8
    most: int = 32

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.longest < 1 or self.most < 1:
            raise ValueError(f"longest={self.longest!r} and most={self.most!r} must be at least 1")

    def open(self, setting: Setting) -> InputCopySession:
        """See `Drafter.open`."""
        return InputCopySession(self, setting.vocabulary)


@dataclass
class _Place:
    source: tuple[int, ...]
    at: int | None  # where in the source the next token is expected
    length: int  # of the sequence, up to which `at` is right
    after: dict[int, list[int]] = field(default_factory=dict)  # token -> the places behind it


class InputCopySession:
    """Where the lanes of one run are in their inputs."""

    def __init__(self, settings: InputCopy, vocabulary: Vocabulary) -> None:
        self._settings = settings
        self._text = None if settings.text is None else tuple(vocabulary.encode(settings.text))
        self._places: dict[int, _Place] = {}

    def propose(self, requests: ListOf[Request]) -> list[DraftTree]:
        """See `DraftSession.propose`."""
        return [chain(self._rest(request)) for request in requests]

    def _rest(self, request: Request) -> tuple[int, ...]:
        tip = request.tip
        place = self._places.get(request.lane) or self._begin(request)
        fresh = tip.tokens()[place.length :] if tip.length > place.length else ()
        if tip.length < place.length:  # backed out of a dead end
            place.at = None
        elif place.at is not None and fresh:
            follows = place.source[place.at : place.at + len(fresh)] == fresh
            place.at = place.at + len(fresh) if follows else None
        place.length = tip.length
        if place.at is None and tip.length > tip.prompt_length:
            place.at = self._found(place, tip.generated())
        if place.at is None:
            return ()
        return place.source[place.at : place.at + request.length(self._settings.most)]

    def _begin(self, request: Request) -> _Place:
        source = request.tip.prompt_node.tokens() if self._text is None else self._text
        place = _Place(source, None if self._text is None else 0, request.tip.length)
        for index, token in enumerate(source):
            place.after.setdefault(token, []).append(index + 1)
        self._places[request.lane] = place
        return place

    def _found(self, place: _Place, output: tuple[int, ...]) -> int | None:
        """Where the input goes on behind the last tokens of the output, if a run of them occurs there just once."""
        ends = place.after.get(output[-1], [])
        for length in range(1, min(self._settings.longest, len(output)) + 1):
            run = output[len(output) - length :]
            ends = [end for end in ends if end >= length and place.source[end - length : end] == run]
            if len(ends) <= 1:
                break
        return ends[0] if len(ends) == 1 else None

    def observe(self, outcome: Outcome) -> None:
        """See `DraftSession.observe`. What was accepted shows in the next request."""
