"""Terminals whose language a function of the program says when a text gets there: states that ask it.

In the grammar such a terminal is a text that no token spells (`ir.MARKERS`): where the kernel's state allows it, the
terminal may come. A `DynamicState` follows that state, asks the function there with the text so far, and follows what
it answers in a state of its own. The terminal begins and ends between tokens; there, a token is allowed only if
something can follow it. What functions answer farther ahead is not asked: a text all of whose ways lead to empty
answers ends in a dead end.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from guidedgen.errors import CompileError, DeadEnd, GuidedGenError
from guidedgen.grammars import ir
from guidedgen.grammars.lower import lower
from guidedgen.kernel import compile_table
from guidedgen.kernel.explain import explain
from guidedgen.limits import Limits
from guidedgen.masks import Mask, allowed_tokens, check_mask, mask_of, mask_words

if TYPE_CHECKING:
    from guidedgen.explanation import Explanation
    from guidedgen.kernel import InspectableState
    from guidedgen.vocabulary import Vocabulary

FIRST_MARKER: Final = ir.MARKERS[0][0]
LENGTH: Final = len(ir.MARKERS[0])
_WITHOUT: Final = 512  # tokens of a completion that certainly has no marker in it
_KEPT: Final = 4096  # answers
_ORDINARY: Final = sum(1 << byte for byte in range(FIRST_MARKER))


@dataclass(eq=False)
class Dynamics:
    """The terminals of one constraint, and what was answered for them.

    Attributes:
        terminals: in the order of their numbers.
        vocabulary: the tokens.
        kernel: which one reads the answers.
        limits: what reading an answer may cost.
    """

    terminals: Sequence[ir.Dynamic]
    vocabulary: Vocabulary
    kernel: str
    limits: Limits
    _answers: OrderedDict[tuple[ir.Dynamic, str], ir.Node | None] = field(default_factory=OrderedDict)
    _starts: OrderedDict[ir.Node, InspectableState] = field(default_factory=OrderedDict)

    @cached_property
    def marks(self) -> bytes:
        """The bytes that markers are made of."""
        return bytes(FIRST_MARKER + terminal.number for terminal in self.terminals)

    @cached_property
    def unspeakable(self) -> Mask:
        """The tokens that have a byte of a marker."""
        tokens = np.zeros(self.vocabulary.size, dtype=np.bool_)
        data = np.frombuffer(self.vocabulary.data, dtype=np.uint8)
        places = np.flatnonzero(np.isin(data, np.frombuffer(self.marks, dtype=np.uint8)))
        tokens[np.searchsorted(self.vocabulary.offsets, places, side="right") - 1] = True
        return mask_of(tokens)

    def answer(self, terminal: ir.Dynamic, text: str) -> ir.Node | None:
        """What may stand behind a text; None where nothing may. Asked once for each text.

        Raises:
            CompileError: the function fails, or what it returns is no language.
        """
        key = (terminal, text)
        if key not in self._answers:
            self._answers[key] = _asked(terminal, text, self.limits)
            while len(self._answers) > _KEPT:
                self._answers.popitem(last=False)
        return self._answers[key]

    def start(self, node: ir.Node) -> InspectableState:
        """The state before a text of an answer."""
        if node not in self._starts:
            table = lower(
                ir.Grammar(start=node),
                special=self.vocabulary.special,
                limits=self.limits,
                native=self.kernel == "native",
                vocabulary=self.vocabulary,
            )
            compiled = compile_table(table, self.vocabulary, limits=self.limits, implementation=self.kernel)
            self._starts[node] = compiled.start()
            while len(self._starts) > _KEPT:
                self._starts.popitem(last=False)
        return self._starts[node]


def _asked(terminal: ir.Dynamic, text: str, limits: Limits) -> ir.Node | None:
    from guidedgen.grammars.embedding import node_of  # late: what is answered may be any spec

    try:
        answer = terminal.function(text)
    except GuidedGenError:
        raise
    except Exception as error:
        message = f"the function of terminal {terminal.name} failed behind {text[-60:]!r}: {error!r}"
        raise CompileError(
            message, keyword=terminal.name, hint="Return an empty list where nothing can follow."
        ) from error
    if isinstance(answer, set | frozenset | list | tuple):
        if not answer:
            return None
        if all(isinstance(option, str) for option in answer):
            answer = sorted(set(answer))
    try:
        return node_of(answer, limits)
    except CompileError as error:
        message = f"the function of terminal {terminal.name} returned what is no language: {error.reason}"
        raise CompileError(message, keyword=terminal.name, hint=error.hint or "Return a set of texts.") from error


@dataclass(frozen=True, eq=False)
class Thread:
    """One way to read a text: where the grammar is, or where an answer is and where the grammar will be behind it."""

    grammar: InspectableState
    word: InspectableState | None = None

    @property
    def reading(self) -> InspectableState:
        """What reads the next token."""
        return self.grammar if self.word is None else self.word

    @property
    def identity(self) -> tuple[int, int | None]:
        """What equal threads share."""
        return self.grammar.fingerprint, None if self.word is None else self.word.fingerprint

    def alive(self, unspeakable: Mask) -> bool:
        """Whether it is complete or something but a marker may come."""
        if self.word is not None or self.grammar.accepting or _live(self.grammar) & _ORDINARY:
            return True
        return bool((self.grammar.mask() & ~unspeakable).any())  # special tokens


@dataclass(frozen=True, eq=False)
class DynamicState:
    """A position of a grammar with such terminals; implements `guidedgen.kernel.InspectableState`."""

    threads: tuple[Thread, ...]
    dynamics: Dynamics = field(repr=False)
    text: bytes = b""

    @classmethod
    def at(cls, threads: Sequence[Thread], dynamics: Dynamics, text: bytes) -> DynamicState | None:
        """The position behind some text, functions being asked; None where no way leads on."""
        found: dict[tuple[int, int | None], Thread] = {}
        work = list(threads)
        while work:
            thread = work.pop()
            if thread.identity in found:
                continue
            found[thread.identity] = thread
            if thread.word is None:
                work += _begun(thread.grammar, dynamics, text)
            elif thread.word.accepting:
                work.append(Thread(thread.grammar))
        live = tuple(thread for thread in found.values() if thread.alive(dynamics.unspeakable))
        return cls(live, dynamics, text) if live else None

    @property
    def accepting(self) -> bool:
        """Whether the text so far is complete."""
        return any(thread.word is None and thread.grammar.accepting for thread in self.threads)

    @property
    def done(self) -> str | None:
        """No stop rule ever fires here."""
        return None

    @cached_property
    def fingerprint(self) -> int:
        """A number that equal positions share: functions are asked with the text."""
        return hash((frozenset(thread.identity for thread in self.threads), self.text))

    def advance(self, token: int) -> DynamicState | None:
        """The position after `token`, or None where it is not allowed."""
        if not 0 <= token < self.dynamics.vocabulary.size:
            return None
        data = self.dynamics.vocabulary.token_bytes(token)
        return self._after([thread.reading.advance(token) for thread in self.threads], data)

    def advance_bytes(self, data: bytes) -> DynamicState | None:
        """The position after these bytes; each is taken for a token."""
        state: DynamicState | None = self
        for byte in data:
            if state is not None:
                one = bytes([byte])
                state = state._after([thread.reading.advance_bytes(one) for thread in state.threads], one)
        return state

    def _after(self, reached: Sequence[InspectableState | None], data: bytes) -> DynamicState | None:
        if any(byte in self.dynamics.marks for byte in data):
            return None
        threads = [
            Thread(after) if thread.word is None else Thread(thread.grammar, after)
            for thread, after in zip(self.threads, reached, strict=True)
            if after is not None
        ]
        return DynamicState.at(threads, self.dynamics, self.text + data)

    @cached_property
    def _words(self) -> Mask:
        certain, doubtful = self._certain(_WITHOUT)
        return certain | self._of_doubtful(doubtful, lambda after: True)

    def _certain(self, budget: int) -> tuple[Mask, Mask]:
        """The tokens that can be completed within a budget without asking anything, and others that may be allowed."""
        words = mask_words(self.dynamics.vocabulary.size)
        certain, possible = np.zeros(words, dtype=np.int32), np.zeros(words, dtype=np.int32)
        for thread in self.threads:
            possible |= thread.reading.mask()
            if thread.word is None:
                certain |= thread.grammar.mask(min(budget, _WITHOUT))
        possible &= ~self.dynamics.unspeakable
        certain &= possible
        return certain, possible & ~certain

    def _of_doubtful(self, doubtful: Mask, allows: Callable[[DynamicState], bool]) -> Mask:
        allowed = np.zeros(self.dynamics.vocabulary.size, dtype=np.bool_)
        for token in allowed_tokens(doubtful).tolist():
            after = self.advance(token)
            allowed[token] = after is not None and allows(after)
        return mask_of(allowed)

    def mask(self, budget: int | None = None) -> Mask:
        """The allowed tokens in a new array."""
        if budget is None:
            return self._words.copy()
        if budget < 0:
            raise ValueError(f"budget={budget}: give a number of tokens from 0 up, or None.")
        certain, doubtful = self._certain(budget)
        return certain | self._of_doubtful(doubtful, partial(_fits, budget=budget))

    def fill(self, out: Mask, budget: int | None = None) -> None:
        """Write the allowed tokens into `out`; see `guidedgen.constraint.Completable.fill`."""
        check_mask(out, self.dynamics.vocabulary.size)
        out[:] = self.mask(budget)

    def forced(self) -> tuple[int, ...]:
        """Tokens as long as each is the only one."""
        tokens: list[int] = []
        state: DynamicState | None = self
        while state is not None and not state.accepting and len(tokens) < _WITHOUT:
            allowed = allowed_tokens(state.mask())
            if len(allowed) != 1:
                break
            tokens.append(int(allowed[0]))
            state = state.advance(tokens[-1])
        return tuple(tokens)

    def shortest(self) -> tuple[int, ...]:
        """Tokens that complete the text: at each place the way that needs the fewest as far as it is known.

        Raises:
            DeadEnd: the answers on that way are empty.
        """
        tokens: list[int] = []
        state = self
        while not state.accepting or len(tokens) == 0:
            step = state._nearest()
            if not step:
                break
            for token in step:
                after = state.advance(token)
                if after is None:
                    raise DeadEnd("nothing can follow here: the functions of its terminals answer with nothing.")
                state = after
            tokens += step
            if len(tokens) > _WITHOUT * LENGTH:
                raise DeadEnd("no completion was found.")
        return tuple(tokens)

    def _nearest(self) -> tuple[int, ...]:
        """Tokens up to the next place where a terminal of this kind begins or ends, or to the end; none: it is here."""
        if self.accepting:
            return ()
        ways: list[tuple[int, tuple[int, ...]]] = []
        for thread in self.threads:
            spelled = thread.reading.shortest()
            if thread.word is not None and spelled:
                ways.append((len(spelled) + self._without_markers(thread.grammar.shortest())[1], spelled))
            elif thread.word is None:
                before, cost = self._without_markers(spelled)
                if before:
                    ways.append((cost, before))
        return min(ways, key=lambda way: way[0])[1] if ways else ()

    def _without_markers(self, tokens: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
        """The tokens before the first marker, and how many there are if each marker counts as one."""
        text_of = self.dynamics.vocabulary.token_bytes
        marks = [any(byte >= FIRST_MARKER for byte in text_of(token)) for token in tokens]
        first = marks.index(True) if True in marks else len(tokens)
        return tokens[:first], len(tokens) - sum(marks) + -(-sum(marks) // LENGTH)

    def allowed_bytes(self) -> bytes:
        """The bytes that may come next: 32 bytes, bit b % 8 of byte b // 8, LSB first."""
        live = 0
        for byte in range(FIRST_MARKER):
            live |= (self.advance_bytes(bytes([byte])) is not None) << byte
        return live.to_bytes(32, "little")

    def labels(self) -> tuple[int, ...]:
        """The symbols of the grammar that are being read or may come next."""
        return tuple(sorted({label for thread in self.threads for label in thread.grammar.labels()}))

    def explain(self, token: int) -> Explanation | None:
        """Why `token` is not allowed, or None where it is."""
        return explain(self, token, vocabulary=self.dynamics.vocabulary, labels={})


def _fits(after: DynamicState, budget: int) -> bool:
    try:
        return len(after.shortest()) < budget
    except DeadEnd:
        return False


def _begun(state: InspectableState, dynamics: Dynamics, text: bytes) -> Iterator[Thread]:
    """The terminals that may begin here, with what is answered for them."""
    live = _live(state)
    for terminal in dynamics.terminals:
        if not live >> (FIRST_MARKER + terminal.number) & 1:
            continue
        node = dynamics.answer(terminal, text.decode("utf-8", errors="replace"))
        behind = None if node is None else state.advance_bytes(ir.MARKERS[terminal.number])
        if node is not None and behind is not None:
            yield Thread(behind, dynamics.start(node))


def _live(state: Any) -> int:
    return int.from_bytes(state.allowed_bytes(), "little")
