"""Free text and the rules that end it: AnyText, MaxTokens, StopOn, Deadline. They know tokens' bytes and no grammar.

Each allows every token that has bytes and is always accepting. A rule that fires sets `done` and nothing else. In
`AllOf` their states only watch (`observe`): they leave masks alone and accept special tokens that a grammar names.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

import numpy as np

from guidedgen.byte_search import ByteSearch
from guidedgen.masks import Mask, check_mask, mask_of
from guidedgen.vocabulary import Vocabulary


class _Text:
    """The tokens of free text: a mask of all that have bytes. Shared by the states of one constraint."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.words = mask_of(np.diff(vocabulary.offsets) > 0)
        self.words.setflags(write=False)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class TextState:
    """A position in free text, without memory."""

    text: _Text = field(repr=False)

    def fill(self, out: Mask) -> None:
        """Write every token that has bytes. Raises ValueError on a wrong shape or dtype."""
        check_mask(out, self.text.vocabulary.size)
        out[:] = self.text.words

    def mask(self) -> Mask:
        """Every token that has bytes, in a new array."""
        return self.text.words.copy()

    def advance(self, token: int) -> TextState | None:
        """The position after `token`, or None where the token has no bytes or does not exist."""
        vocabulary = self.text.vocabulary
        known = 0 <= token < vocabulary.size and vocabulary.offsets[token] < vocabulary.offsets[token + 1]
        return self.observe(token) if known else None

    def observe(self, token: int) -> TextState:
        """The position after any token."""
        return self

    def forced(self) -> tuple[int, ...]:
        """Nothing: a text can end anywhere."""
        return ()

    @property
    def fingerprint(self) -> Hashable:
        """What equal positions share."""
        return ()

    @property
    def accepting(self) -> bool:
        """Always."""
        return True

    @property
    def done(self) -> str | None:
        """Never set by free text itself; the rules override it."""
        return None


class AnyText:
    """Every text, without end: all tokens that have bytes."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        """Take the tokens from a vocabulary."""
        self.vocab_size = vocabulary.size
        self._text = _Text(vocabulary)

    def start(self) -> TextState:
        """The one position that there is."""
        return TextState(self._text)


@dataclass(frozen=True, slots=True, eq=False)
class CountState(TextState):
    """A position of MaxTokens."""

    left: int
    complete: bool = False

    def observe(self, token: int) -> CountState:
        """One token fewer left, down to none."""
        return CountState(self.text, max(0, self.left - 1), self.complete)

    @property
    def fingerprint(self) -> Hashable:
        """What equal positions share: the number of tokens that are left."""
        return self.left

    @property
    def done(self) -> str | None:
        """`"length"` once the tokens are used up."""
        return None if self.left else "length"


class MaxTokens(AnyText):
    """Ends with `"length"` after a number of tokens; special tokens count."""

    def __init__(self, limit: int, vocabulary: Vocabulary, *, complete: bool = False) -> None:
        """Count to `limit`. Raises ValueError where it is not a whole number from 1 up.

        With `complete` the sampler takes what is left as the budget of the other parts (`AllOfState.budget`), so that
        their text is complete before it is cut; masks that are asked for without a budget stay the same.
        """
        given: object = limit
        if not isinstance(given, int | np.integer) or given < 1:
            raise ValueError(f"MaxTokens({limit!r}): give a whole number, at least 1.")
        super().__init__(vocabulary)
        self.limit = limit
        self._complete = complete

    def start(self) -> CountState:
        """No token yet."""
        return CountState(self._text, self.limit, self._complete)


@dataclass(frozen=True, slots=True, eq=False)
class DeadlineState(TextState):
    """A position of Deadline; whether it is late was decided when it was made, so it never changes."""

    expires: float  # time.monotonic()
    late: bool = False

    def observe(self, token: int) -> DeadlineState:
        """The position after any token, late where the clock says so now."""
        if self.late or time.monotonic() < self.expires:
            return self
        return DeadlineState(self.text, self.expires, True)

    @property
    def fingerprint(self) -> Hashable:
        """What equal positions share."""
        return self.late

    @property
    def done(self) -> str | None:
        """`"deadline"` in positions that were reached too late."""
        return "deadline" if self.late else None


class Deadline(AnyText):
    """Ends with `"deadline"` at the first token after a number of seconds, counted from `start()`."""

    def __init__(self, seconds: float, vocabulary: Vocabulary) -> None:
        """Allow `seconds`. Raises ValueError where they are negative or not a number."""
        if not seconds >= 0:
            raise ValueError(f"Deadline({seconds}): give a number of seconds from 0 up.")
        super().__init__(vocabulary)
        self.seconds = seconds

    def start(self) -> DeadlineState:
        """Start the clock."""
        return DeadlineState(self._text, time.monotonic() + self.seconds)


@dataclass(frozen=True, slots=True)
class StopMatch:
    """Where a stop string stands, in bytes from the start of the generated text: cut at `start` to drop it."""

    text: bytes
    start: int
    stop: int


@dataclass(frozen=True, slots=True, eq=False)
class StopState(TextState):
    """A position of StopOn: where the search stands, how many bytes were read, and what it found."""

    search: ByteSearch = field(repr=False)
    node: int = 0
    length: int = 0
    match: StopMatch | None = None

    def observe(self, token: int) -> StopState:
        """Search the token's bytes. A token without bytes interrupts the text: no stop string spans it."""
        vocabulary = self.text.vocabulary
        chunk = vocabulary.data[vocabulary.offsets[token] : vocabulary.offsets[token + 1]]
        length = self.length + len(chunk)
        if self.match is not None:
            return StopState(self.text, self.search, self.node, length, self.match)
        if not chunk:
            return StopState(self.text, self.search, 0, length)
        node, pattern, offset = self.search.feed(self.node, chunk)
        if not pattern:
            return StopState(self.text, self.search, node, length)
        end = self.length + offset
        return StopState(self.text, self.search, node, length, StopMatch(pattern, end - len(pattern), end))

    @property
    def fingerprint(self) -> Hashable:
        """What equal positions share: how far a stop string has been read, or which one was found."""
        return self.node if self.match is None else self.match.text

    @property
    def done(self) -> str | None:
        """`"stop"` once a stop string has appeared."""
        return None if self.match is None else "stop"


class StopOn(AnyText):
    """Ends with `"stop"` at the token in which one of some strings is complete; they may span tokens."""

    def __init__(self, strings: str | bytes | Iterable[str | bytes], vocabulary: Vocabulary) -> None:
        """Look for `strings`, text as UTF-8. Raises ValueError where one is empty or there is none."""
        listed = [strings] if isinstance(strings, str | bytes) else list(strings)
        patterns = [text.encode() if isinstance(text, str) else bytes(memoryview(text)) for text in listed]
        if not patterns or not all(patterns):
            raise ValueError(f"StopOn({listed!r}): give at least one string, and no empty one: it would stop at once.")
        super().__init__(vocabulary)
        self._search = ByteSearch(patterns)

    def start(self) -> StopState:
        """Nothing read yet."""
        return StopState(self._text, self._search)
