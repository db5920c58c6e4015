"""GBNF and both kinds of EBNF: what a grammar derives, by brute force, is what the constraint accepts."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lark import Lark, LarkError

from guidedgen.errors import UnsatisfiableSchema
from guidedgen.grammars import ebnf_text, gbnf_text, ir
from tests.grammars import derivations as dv
from tests.grammars.derivations import ALPHABET, Alt, Minus, OneOf, Ref, Rep, Rules, Seq, Text
from tests.kernel.helpers import accepts, compile_grammar

LONGEST = 3
TEXTS = ["".join(chars) for length in range(LONGEST + 1) for chars in product(ALPHABET, repeat=length)]

LEAVES = st.one_of(
    st.sampled_from([Text("a"), Text("b"), Text("ab"), Text(""), OneOf("ab"), OneOf("c", negated=True)]),
    st.sampled_from([Ref("root"), Ref("r"), Ref("s"), Ref("t")]),
)
COUNTS = st.sampled_from([(0, None), (1, None), (0, 1), (2, 2), (1, 3), (2, None), (0, 0)])


def bodies(leaves: st.SearchStrategy[dv.Body]) -> st.SearchStrategy[dv.Body]:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: Seq(tuple(parts))),
            st.lists(inner, min_size=1, max_size=3).map(lambda options: Alt(tuple(options))),
            st.tuples(inner, COUNTS).map(lambda pair: Rep(pair[0], *pair[1])),
        ),
        max_leaves=4,
    )


RULES = st.fixed_dictionaries({name: bodies(LEAVES) for name in ["root", "r", "s", "t"]})
REGULAR = bodies(st.sampled_from([Text("a"), Text("b"), Text("ba"), Text(""), OneOf("abc"), OneOf("d", negated=True)]))


def accepted(grammar: ir.Grammar, kernel: str = "reference") -> set[str]:
    try:
        compiled = compile_grammar(grammar, kernel)
    except UnsatisfiableSchema:
        return set()
    return {text for text in TEXTS if accepts(compiled, text.encode())}


@given(RULES)
@settings(max_examples=40)
def test_gbnf_means_what_its_rules_derive(rules: Rules) -> None:
    grammar = gbnf_text.parse(dv.gbnf(rules))
    expected = dv.derived(rules, "root", LONGEST)
    assert accepted(grammar) == expected
    assert accepted(grammar, "native") == expected


@given(RULES, REGULAR, REGULAR)
@settings(max_examples=40)
def test_ebnf_means_what_its_rules_derive(rules: Rules, whole: dv.Body, removed: dv.Body) -> None:
    with_exception = {**rules, "t": Minus(whole, removed)}
    expected = dv.derived(with_exception, "root", LONGEST)
    assert accepted(ebnf_text.parse(dv.w3c(with_exception), start="root")) == expected
    assert accepted(ebnf_text.parse(dv.iso(with_exception), start="root", syntax="iso"), "native") == expected


@given(RULES)
@settings(max_examples=30)
def test_lark_agrees(rules: Rules) -> None:
    try:
        parser = Lark(dv.lark(rules), start="root", parser="earley", lexer="dynamic_complete", ambiguity="resolve")
    except LarkError:  # alternatives that lark finds to be the same rule
        return
    mine = accepted(gbnf_text.parse(dv.gbnf(rules)), "native")
    for text in TEXTS[: 1 + 4 + 16]:
        try:
            parser.parse(text)
        except LarkError:
            assert text not in mine
        else:
            assert text in mine


def test_the_oracle_itself() -> None:
    rules = {"root": Alt((Seq((Ref("root"), Text("a"))), Text("b")))}
    assert dv.derived(rules, "root", 3) == {"b", "ba", "baa"}
    even = {"root": Rep(Seq((OneOf("ab"), OneOf("ab", negated=True))), 1, 2)}
    assert len(dv.derived(even, "root", 4)) == 4 + 16
    assert dv.derived({"root": Minus(Rep(Text("a"), 0, None), Text("a"))}, "root", 3) == {"", "aa", "aaa"}


@pytest.mark.parametrize("write", [dv.gbnf, dv.w3c, dv.iso])
def test_nesting_costs_no_stack(write: object) -> None:
    body: dv.Body = Text("a")
    for _ in range(400):
        body = Seq((body, Ref("root"))) if write is dv.gbnf else Seq((body,))
    text = write({"root": body})  # type: ignore[operator]
    read = gbnf_text.parse if write is dv.gbnf else ebnf_text.parse
    assert isinstance(read(text), ir.Grammar)
