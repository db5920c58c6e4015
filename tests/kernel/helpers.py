"""Short ways to compile a grammar and to look at a state."""

from __future__ import annotations

from guidedgen.constraint import State
from guidedgen.grammars import ir
from guidedgen.grammars.lower import lower
from guidedgen.kernel import Compiled, InspectableState, compile_table
from guidedgen.limits import Limits
from guidedgen.vocabulary import Vocabulary

BYTES = Vocabulary.from_tokens([bytes([byte]) for byte in range(256)])
LIMITS = Limits()


def compile_grammar(
    grammar: ir.Grammar | ir.Node, kernel: str, vocabulary: Vocabulary = BYTES, limits: Limits = LIMITS
) -> Compiled:
    """Lower and compile a grammar, or a node without rules."""
    whole = grammar if isinstance(grammar, ir.Grammar) else ir.Grammar(start=grammar)
    table = lower(whole, special=vocabulary.special, limits=limits)
    return compile_table(table, vocabulary, limits=limits, implementation=kernel)


def allowed(state: State, vocabulary: Vocabulary) -> set[int]:
    """The tokens in the mask, whose last word must not have bits behind the vocabulary."""
    mask = state.mask()
    tokens = {token for token in range(32 * len(mask)) if mask[token >> 5] >> (token & 31) & 1}
    assert all(token < vocabulary.size for token in tokens)
    return tokens


def after(compiled: Compiled, text: bytes) -> InspectableState | None:
    """The state after some bytes."""
    return compiled.start().advance_bytes(text)


def accepts(compiled: Compiled, text: bytes) -> bool:
    """Whether a text is complete."""
    state = after(compiled, text)
    return state is not None and state.accepting


def text(word: bytes, label: str | None = None) -> ir.Terminal:
    """A terminal that is exactly these bytes."""
    return ir.Terminal(ir.Literal(word), label)


def byte_set(members: bytes) -> ir.ByteSet:
    """One byte out of a set."""
    return ir.ByteSet(sum(1 << byte for byte in set(members)))


def tokens_agreed(state: State, vocabulary: Vocabulary) -> set[int]:
    """The tokens that can be read, which must be those in the mask."""
    read = {token for token in range(vocabulary.size) if state.advance(token) is not None}
    assert allowed(state, vocabulary) == read
    return read
