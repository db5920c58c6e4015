"""Members in any order: against every arrangement of small cases, and that many members cost no more than they must."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guidedgen.errors import UnsatisfiableSchema
from guidedgen.grammars import ir
from guidedgen.kernel import Compiled
from tests.kernel.helpers import accepts, after, byte_set, compile_grammar, text
from tests.kernel.naive import VOCABULARY, finite_language
from tests.kernel.strategies import examples

COMMA = text(b"c")
LONGEST = 9


def unordered(required: str, optional: str, rest: str = "", low: int = 0, high: int | None = None) -> ir.Unordered:
    """Items of one letter each, a c between two of them; `rest` are the letters that may come any number of times."""
    members = [ir.Member(text(letter.encode()), True) for letter in required]
    members += [ir.Member(text(letter.encode()), False) for letter in optional]
    others = ir.Terminal(byte_set(rest.encode())) if rest else None
    return ir.Unordered(tuple(members), others, COMMA, low, high)


def listed(*orders: str) -> set[str]:
    return {"c".join(order) for order in orders}


@pytest.mark.parametrize(
    ("node", "language"),
    [
        (unordered("", ""), {""}),
        (unordered("a", ""), {"a"}),
        (unordered("", "a"), {"", "a"}),
        (unordered("ab", ""), listed("ab", "ba")),
        (unordered("a", "b"), listed("a", "ab", "ba")),
        (unordered("", "ab"), listed("", "a", "b", "ab", "ba")),
        (unordered("", "ab", low=1), listed("a", "b", "ab", "ba")),
        (unordered("", "ab", low=2), listed("ab", "ba")),
        (unordered("", "abd", low=1, high=1), listed("a", "b", "d")),
        (unordered("a", "bd", high=2), listed("a", "ab", "ba", "ad", "da")),
        (unordered("ab", "d", high=2), listed("ab", "ba")),
        (unordered("a", "b", high=1), listed("a")),
        (unordered("", "ab", high=0), {""}),
        (unordered("", "", "a", high=2), listed("", "a", "aa")),
        (unordered("", "", "ab", low=2, high=2), listed("aa", "ab", "ba", "bb")),
        (unordered("a", "", "b", high=3), listed("a", "ab", "ba", "abb", "bab", "bba")),
        (unordered("a", "", "b", low=2, high=2), listed("ab", "ba")),
        (unordered("", "a", "a", low=2, high=2), listed("aa")),
        (unordered("a", "", "a", high=2), listed("a", "aa")),
    ],
)
def test_small_languages(kernel: str, node: ir.Unordered, language: set[str]) -> None:
    compiled = compile_grammar(node, kernel)
    check_language(compiled, language, letters="abcd")


def check_language(compiled: Compiled, language: set[str], *, letters: str) -> None:
    """Exactly the prefixes are states, exactly the words accept, and `shortest` ends with the fewest letters."""
    prefixes = {word[:end] for word in language for end in range(len(word) + 1)}
    for prefix in prefixes:
        state = after(compiled, prefix.encode())
        assert state is not None
        assert state.accepting == (prefix in language)
        ends = [word for word in language if word.startswith(prefix)]
        assert len(state.shortest()) == min(len(word) - len(prefix) for word in ends)
        following = {letter for letter in letters if state.advance_bytes(letter.encode()) is not None}
        assert following == {letter for letter in letters if prefix + letter in prefixes}


@pytest.mark.parametrize(
    "node",
    [
        unordered("", "ab", low=3),
        unordered("ab", "", high=1),
        unordered("", "", low=1),
        ir.Unordered((ir.Member(ir.Choice(()), True),), text(b"a"), COMMA),
        ir.Unordered((ir.Member(ir.Choice(()), False),), None, COMMA, 1),
        ir.Unordered((), ir.Choice(()), COMMA, 1),
        ir.Unordered((ir.Member(text(b"a"), True), ir.Member(text(b"b"), True)), None, ir.Choice(())),
        ir.Unordered((), text(b"a"), ir.Choice(()), 2),
    ],
)
def test_what_cannot_be_is_refused(kernel: str, node: ir.Unordered) -> None:
    with pytest.raises(UnsatisfiableSchema):
        compile_grammar(node, kernel)


@pytest.mark.parametrize(
    ("node", "language"),
    [
        (ir.Unordered((ir.Member(ir.Choice(()), False),), text(b"a"), COMMA, 0, 2), listed("", "a", "aa")),
        (ir.Unordered((ir.Member(text(b"a"), False),), ir.Choice(()), COMMA), listed("", "a")),
        (ir.Unordered((ir.Member(text(b"a"), False),), text(b"b"), ir.Choice(())), listed("", "a", "b")),
        (ir.Unordered((ir.Member(text(b"a"), True),), text(b"b"), ir.Choice(())), listed("a")),
    ],
)
def test_what_produces_nothing_is_left_out(kernel: str, node: ir.Unordered, language: set[str]) -> None:
    check_language(compile_grammar(node, kernel), language, letters="abcd")


_WORDS = st.sampled_from(["a", "b", "ab", "ba", "aa", "aca"])


@st.composite
def overlapping(draw: st.DrawFn) -> ir.Unordered:
    """Members that are prefixes of each other, of the rest, or contain the separator."""
    members = [ir.Member(text(draw(_WORDS).encode()), draw(st.booleans())) for _ in range(draw(st.integers(0, 3)))]
    rest = ir.Terminal(ir.Union(tuple(ir.Literal(draw(_WORDS).encode()) for _ in range(2))))
    separator = text(draw(st.sampled_from([b"c", b"a"])))
    low = draw(st.integers(0, 3))
    return ir.Unordered(
        tuple(members), rest if draw(st.booleans()) else None, separator, low, draw(st.integers(low, 4))
    )


@given(node=overlapping(), nested=st.booleans())
@examples(250)
def test_overlapping_items(kernel: str, node: ir.Unordered, nested: bool) -> None:
    whole: ir.Node = ir.Sequence((text(b"b"), node, text(b"b"))) if nested else node
    language = set(finite_language(ir.Grammar(start=whole), 40))
    if not language:
        with pytest.raises(UnsatisfiableSchema):
            compile_grammar(whole, kernel, VOCABULARY)
        return
    short = {word for word in language if len(word) <= LONGEST}
    prefixes = {word[:end] for word in language for end in range(min(len(word), 4) + 1)}
    compiled = compile_grammar(whole, kernel)
    for word in itertools.chain.from_iterable(map("".join, itertools.product("abc", repeat=n)) for n in range(5)):
        state = after(compiled, word.encode())
        assert (state is not None) == (word in prefixes)
        assert (state is not None and state.accepting) == (word in language)
    for word in short:
        assert accepts(compiled, word.encode())


def test_recursion_through_members(kernel: str) -> None:
    """Trees whose nodes have a name and children in any order."""
    name = ir.Member(ir.Sequence((text(b"n"), ir.Terminal(byte_set(b"ab")))), True)
    child = ir.Member(ir.Sequence((text(b"("), ir.Reference("tree"), text(b")"))), False)
    tree = ir.Unordered((name, child), None, text(b","))
    compiled = compile_grammar(ir.Grammar(start=ir.Reference("tree"), rules={"tree": tree}), kernel)
    for word in (b"na", b"nb,(na)", b"(na),nb", b"((nb),na),na", b"(na,((na),nb)),nb"):
        assert accepts(compiled, word)
    for word in (b"(na)", b"na,nb", b"(na),(na),na", b"na,", b"(na,na),nb"):
        assert not accepts(compiled, word)
    state = after(compiled, b"((")
    assert state is not None
    assert len(state.shortest()) == len(b"na),na),na")


def fields(count: int, *, required: bool) -> ir.Unordered:
    members = [ir.Member(text(b"<%02d>" % number), required) for number in range(count)]
    return ir.Unordered(tuple(members), None, text(b","))


@pytest.mark.parametrize("required", [False, True])
def test_many_members_are_met_on_the_way(kernel: str, required: bool) -> None:
    """Forty members have 2^40 sets; a text meets one of them for each item."""
    compiled = compile_grammar(fields(40, required=required), kernel)
    compiled.start().mask()
    assert compiled.stats()["rows"] <= 3
    order = [number * 7 % 40 for number in range(40)]
    state = compiled.start()
    for place, number in enumerate(order):
        assert state.accepting == (not required)
        following = state.advance_bytes(b"," * bool(place) + b"<%02d>" % number)
        assert following is not None
        state = following
        assert after(compiled, b"<%02d>,<%02d>" % (order[0], order[0])) is None
    assert state.accepting
    assert state.forced() == ()
    assert state.advance_bytes(b",") is None
    assert compiled.stats()["rows"] < 500


def test_the_same_set_in_another_order_is_the_same_position(kernel: str) -> None:
    compiled = compile_grammar(fields(6, required=True), kernel)
    texts = [b"".join(b"<%02d>," % number for number in order) for order in ((0, 1, 2), (2, 0, 1))]
    states = [after(compiled, written) for written in texts]
    assert len({state.fingerprint for state in states if state is not None}) == 1
