"""mask == "some completion exists", by brute force over small grammars and a small vocabulary."""

from __future__ import annotations

import itertools
from collections import deque

import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st

from guidedgen.errors import UnsatisfiableSchema
from guidedgen.grammars import ir
from guidedgen.kernel import Compiled, InspectableState
from tests.kernel.helpers import allowed, compile_grammar
from tests.kernel.naive import (
    MARGIN,
    TOKENS,
    VOCABULARY,
    PrefixOracle,
    TooLarge,
    expression_language,
    finite_language,
    python_pattern,
    readings,
    words,
)
from tests.kernel.strategies import examples, expressions, finite_grammars, recursive_grammars

LONGEST = 30  # nothing that the strategies for finite grammars make and that passes the size limit is longer


def compile_or_none(grammar: ir.Grammar, kernel: str) -> Compiled | None:
    try:
        return compile_grammar(grammar, kernel, VOCABULARY)
    except UnsatisfiableSchema:
        return None


def extended(texts: frozenset[str], token: int) -> frozenset[str]:
    """What may have been written once `token` follows; a token with bytes and a name may have been either."""
    return frozenset(written + more for written in texts for more in readings(token))


@given(grammar=finite_grammars())
@examples(200)
def test_finite_languages(kernel: str, grammar: ir.Grammar) -> None:
    """The whole language is listed, so that the answers are final: masks, acceptance, forced tokens, shortest ends."""
    try:
        language = finite_language(grammar, LONGEST)
    except TooLarge:
        reject()
    assume(len(language) <= 400)
    assume(all(len(word) < LONGEST for word in language))
    compiled = compile_or_none(grammar, kernel)
    assert (compiled is None) == (not language)
    if compiled is None:
        return
    queue: deque[tuple[InspectableState, frozenset[str]]] = deque([(compiled.start(), frozenset({""}))])
    for _ in range(60):
        if not queue:
            return
        state, texts = queue.popleft()
        ends = [word for word in language if any(word.startswith(written) for written in texts)]
        expected = {
            token
            for token in range(len(TOKENS))
            if any(word.startswith(more) for more in extended(texts, token) for word in ends)
        }
        assert allowed(state, VOCABULARY) == expected
        assert state.accepting == any(written in language for written in texts)
        assert state.forced()[:1] == (tuple(expected) if len(expected) == 1 and not state.accepting else ())
        check_shortest(state, texts, language)
        for token in range(len(TOKENS)):
            following = state.advance(token)
            assert (following is not None) == (token in expected)
            if following is not None:
                queue.append((following, extended(texts, token)))


def check_shortest(state: InspectableState, texts: frozenset[str], language: frozenset[str]) -> None:
    """`shortest` is a completion with the fewest letters, a special token being one, in as few tokens as spell it."""
    ends = {word[len(written) :] for word in language for written in texts if word.startswith(written)}
    tokens = state.shortest()
    end: InspectableState | None = state
    for token in tokens:
        assert end is not None
        end = end.advance(token)
    assert end is not None
    assert end.accepting
    spelled = {"".join(parts) for parts in _spellings(tokens)} & ends
    least = min(map(len, ends))
    assert least in map(len, spelled)
    assert len(tokens) == min(fewest_tokens(end) for end in spelled if len(end) == least)


def _spellings(tokens: tuple[int, ...]) -> list[list[str]]:
    result: list[list[str]] = [[]]
    for token in tokens:
        result = [[*spelling, reading] for spelling in result for reading in readings(token)]
    return result


def fewest_tokens(word: str) -> int:
    best = [0] + [len(word)] * len(word)
    for end in range(1, len(word) + 1):
        pieces = [piece for token in range(len(TOKENS)) for piece in readings(token)]
        best[end] = min(best[end - len(piece)] + 1 for piece in pieces if word[:end].endswith(piece))
    return best[-1]


@given(grammar=recursive_grammars(), data=st.data())
@examples(200)
def test_recursive_languages(kernel: str, grammar: ir.Grammar, data: st.DataObject) -> None:
    """Masks and acceptance along random walks, against a fixed point over positions of the text (`PrefixOracle`)."""
    assume(all(_letters(node) <= MARGIN for node in _terminals(grammar)))
    compiled = compile_or_none(grammar, kernel)
    assert (compiled is not None) == PrefixOracle(grammar, "", then_anything=True).holds()
    state = None if compiled is None else compiled.start()
    texts = frozenset({""})
    for _ in range(4):
        if state is None:
            return
        expected = {token for token in range(len(TOKENS)) if viable(grammar, extended(texts, token))}
        assert allowed(state, VOCABULARY) == expected
        assert state.accepting == any(PrefixOracle(grammar, text, then_anything=False).holds() for text in texts)
        if not expected:
            assert state.accepting
            return
        token = data.draw(st.sampled_from(sorted(expected)))
        state, texts = state.advance(token), extended(texts, token)


def viable(grammar: ir.Grammar, texts: frozenset[str]) -> bool:
    return any(PrefixOracle(grammar, text, then_anything=True).holds() for text in texts)


def _terminals(grammar: ir.Grammar) -> list[ir.Expression]:
    stack: list[ir.Node] = [grammar.start, *grammar.rules.values()]
    found = []
    while stack:
        match stack.pop():
            case ir.Terminal(expression):
                found.append(expression)
            case ir.Sequence(parts) | ir.Choice(parts):
                stack.extend(parts)
            case ir.Repetition(inner, _, _):
                stack.append(inner)
            case ir.Unordered(members, rest, separator, _, _):
                stack += [separator, *(member.node for member in members), *([] if rest is None else [rest])]
    return found


def _letters(node: ir.Expression) -> int:
    """Letters of an expression with its repetitions unrolled (an endless one once more than its minimum)."""
    match node:
        case ir.ByteSet():
            return 1
        case ir.Literal(text):
            return len(text)
        case ir.Concat(parts) | ir.Union(parts):
            return sum(map(_letters, parts))
        case ir.Repeat(inner, low, high):
            return _letters(inner) * (low + 1 if high is None else high)
        case _:
            return 0


@given(expression=expressions(boolean=False, endless=True, leaves=8))
@examples(200)
def test_expressions_against_re(kernel: str, expression: ir.Expression) -> None:
    """Membership of every word up to five letters, as Python's `re` sees it."""
    pattern = python_pattern(expression)
    expected = {word for word in words(5) if pattern.fullmatch(word)}
    assert members(expression, kernel, 5) == expected


@given(expression=expressions(boolean=True, endless=True, leaves=8))
@examples(200)
def test_boolean_expressions_against_set_algebra(kernel: str, expression: ir.Expression) -> None:
    """Membership of every word up to four letters, as the sets of such words combine."""
    assert members(expression, kernel, 4) == expression_language(expression, 4)


def members(expression: ir.Expression, kernel: str, longest: int) -> set[str]:
    try:
        start = compile_grammar(ir.Terminal(expression), kernel).start()
    except UnsatisfiableSchema:
        return set()
    found = {""} if start.accepting else set()
    layer = {"": start}
    for _ in range(longest):
        following = {}
        for word, state in layer.items():
            for letter in "abc":
                target = state.advance_bytes(letter.encode())
                if target is not None:
                    following[word + letter] = target
        layer = following
        found |= {word for word, state in layer.items() if state.accepting}
    return found


WORDS = st.sets(st.text("ab", min_size=1, max_size=6), min_size=1, max_size=6)


@given(wanted=WORDS, also=WORDS, unwanted=WORDS, common=st.text("ab", min_size=1, max_size=6))
@examples(150)
def test_dead_ends_of_intersections(
    kernel: str, wanted: set[str], also: set[str], unwanted: set[str], common: str
) -> None:
    """Words that start alike keep an intersection looking alive long after it is dead."""
    parts = (any_of(wanted | {common}), any_of(also | {common}), ir.Complement(any_of(unwanted)))
    language = (wanted | {common}) & (also | {common}) - unwanted
    check_prefixes(ir.Intersection(parts), kernel, language, longest=6)


def any_of(listed: set[str]) -> ir.Expression:
    return ir.Union(tuple(ir.Literal(word.encode()) for word in sorted(listed)))


def test_dead_ends_of_periodic_intersections(kernel: str) -> None:
    """(aa)*b and (aaa)*b up to seven letters, but not b itself: the only word is aaaaaab."""
    tail = ir.Literal(b"b")
    parts = [ir.Concat((ir.Repeat(ir.Literal(b"a" * count), 0, None), tail)) for count in (2, 3)]
    short = ir.Repeat(ir.ByteSet(1 << ord("a") | 1 << ord("b")), 0, 7)
    check_prefixes(ir.Intersection((*parts, short, ir.Complement(tail))), kernel, {"aaaaaab"}, longest=8)


def check_prefixes(expression: ir.Expression, kernel: str, language: set[str], *, longest: int) -> None:
    """Exactly the prefixes of the words are states."""
    if not language:
        with pytest.raises(UnsatisfiableSchema):
            compile_grammar(ir.Terminal(expression), kernel)
        return
    start = compile_grammar(ir.Terminal(expression), kernel).start()
    prefixes = {word[:end] for word in language for end in range(len(word) + 1)}
    for length in range(longest + 1):
        for word in map("".join, itertools.product("ab", repeat=length)):
            state = start.advance_bytes(word.encode())
            assert (state is not None) == (word in prefixes)
            assert (state is not None and state.accepting) == (word in language)


@pytest.mark.parametrize("token", [-1, len(TOKENS), 2**31, 10])
def test_ids_without_a_token_are_never_allowed(kernel: str, token: int) -> None:
    compiled = compile_grammar(ir.Terminal(ir.Repeat(ir.Literal(b"a"), 0, None)), kernel, VOCABULARY)
    assert compiled.start().advance(token) is None
