"""LALR automata without a lexer: where no conflict was resolved they accept what their rules derive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guidedgen.errors import UnsatisfiableSchema
from guidedgen.grammars import ir, lark_lalr
from guidedgen.kernel import Compiled, InspectableState
from guidedgen.limits import Limits
from guidedgen.testing import byte_vocabulary, check_constraint
from tests.kernel.helpers import BYTES, accepts, after, allowed, compile_grammar, text
from tests.kernel.lalr_grammars import Rules, lalr_rules, plain
from tests.kernel.naive import VOCABULARY
from tests.kernel.strategies import examples

ARITHMETIC = """
start: sum
sum: sum "+" product | product
product: product "*" atom | atom
atom: NAME | "(" sum ")" | "-" atom
NAME: /[ab]+/
%ignore " "
"""


def compiled_or_none(grammar: ir.Grammar | ir.Node, kernel: str) -> Compiled | None:
    try:
        return compile_grammar(grammar, kernel, VOCABULARY)
    except UnsatisfiableSchema:
        return None


def compare_walk(one: Compiled | None, other: Compiled | None, data: st.DataObject) -> None:
    """Masks, acceptance and the length of shortest completions along a random walk."""
    assert (one is None) == (other is None)
    if one is None or other is None:
        return
    left: InspectableState | None = one.start()
    right: InspectableState | None = other.start()
    for _ in range(6):
        assert left is not None
        assert right is not None
        mask = allowed(left, VOCABULARY)
        assert mask == allowed(right, VOCABULARY)
        assert left.accepting == right.accepting
        lengths = [sum(len(VOCABULARY.token_bytes(token)) for token in state.shortest()) for state in (left, right)]
        assert lengths[0] == lengths[1]
        budget = data.draw(st.integers(0, 4))
        assert (left.mask(budget) == right.mask(budget)).all()
        if not mask:
            return
        token = data.draw(st.sampled_from(sorted(mask)))
        left, right = left.advance(token), right.advance(token)


@given(drawn=lalr_rules(), data=st.data())
@examples(80)
def test_automata_accept_what_their_rules_derive(
    kernel: str, drawn: tuple[Rules, ir.Lalr], data: st.DataObject
) -> None:
    rules, automaton = drawn
    compare_walk(compiled_or_none(automaton, kernel), compiled_or_none(plain(rules), kernel), data)


@given(drawn=lalr_rules(), more=lalr_rules(), data=st.data())
@examples(30)
def test_automata_inside_of_grammars(
    kernel: str, drawn: tuple[Rules, ir.Lalr], more: tuple[Rules, ir.Lalr], data: st.DataObject
) -> None:
    """They go on where they were left, and stand beside each other."""
    (first, one), (second, two) = drawn, more

    def around(left: ir.Node, right: ir.Node) -> ir.Node:
        part = ir.Choice((ir.Sequence((left, text(b"c"))), right, text(b"ba")))
        return ir.Sequence((ir.Repetition(part, 0, 3), left))

    rules = dict(plain(first).rules) | {f"other {name}": _renamed(body) for name, body in plain(second).rules.items()}
    written = ir.Grammar(start=around(ir.Reference("start"), ir.Reference("other start")), rules=rules)
    compare_walk(compiled_or_none(around(one, two), kernel), compiled_or_none(written, kernel), data)


def _renamed(node: ir.Node) -> ir.Node:
    match node:
        case ir.Reference(name):
            return ir.Reference(f"other {name}")
        case ir.Sequence(parts):
            return ir.Sequence(tuple(map(_renamed, parts)))
        case ir.Choice(options):
            return ir.Choice(tuple(map(_renamed, options)))
        case _:
            return node


def test_laws(kernel: str) -> None:
    vocabulary = byte_vocabulary([b"ab", b"a+", b"((", b") *", b"a)+("])
    check_constraint(compile_grammar(lark_lalr.parse(ARITHMETIC, lexer=None), kernel, vocabulary), vocabulary)


@pytest.mark.parametrize(
    ("sentence", "good"),
    [("a", True), (" (a + b)*a ", True), ("-(a)", True), ("", False), ("(a", False), ("a+", False)],
)
def test_sentences(kernel: str, sentence: str, good: bool) -> None:
    compiled = compile_grammar(lark_lalr.parse(ARITHMETIC, lexer=None), kernel)
    assert accepts(compiled, sentence.encode()) == good


@pytest.mark.parametrize("sentence", ["a++", "a)", ")", "(a))"])
def test_what_cannot_go_on_is_refused_at_once(kernel: str, sentence: str) -> None:
    compiled = compile_grammar(lark_lalr.parse(ARITHMETIC, lexer=None), kernel)
    assert after(compiled, sentence.encode()) is None


def test_labels_name_terminals(kernel: str) -> None:
    compiled = compile_grammar(lark_lalr.parse(ARITHMETIC, lexer=None), kernel)
    state = after(compiled, b"(a ")
    assert state is not None
    assert {compiled.labels[symbol] for symbol in state.labels()} == {'"+"', '"*"', '")"', '" "'}


def test_stacks_are_shared_and_survive_full_caches(kernel: str) -> None:
    """Lists of any length take no more rows, and a position goes on in a new arena."""
    listed = lark_lalr.parse('start: "[" item* "]"\nitem: "a" | "(" item ")"', lexer=None)
    compiled = compile_grammar(listed, kernel, BYTES, Limits(cache_bytes=2_000_000))
    deep = 4000 if kernel == "native" else 100
    state: InspectableState | None = after(compiled, b"[a(a)((a))a(a)((a))")
    before = compiled.stats()["rows"]
    assert state is not None
    state = state.advance_bytes(b"a(a)((a))" * 200)
    assert state is not None
    assert compiled.stats()["rows"] == before
    state = state.advance_bytes(b"(" * deep + b"a")
    assert state is not None
    assert bytes(state.shortest()) == b")" * deep + b"]"
    for _ in range(deep):
        assert allowed(state, BYTES) == {ord(")")}
        state = state.advance(ord(")"))
        assert state is not None
    assert allowed(state, BYTES) == set(b"]a(")
