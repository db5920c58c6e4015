"""Parse trees: their leaves are the text, and every node is a text of its rule."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings

import guidedgen as gg
from guidedgen.grammars.parse_tree import Tree, parse_tree
from guidedgen.limits import Limits
from tests.grammars import derivations as dv
from tests.grammars.derivations import Minus, Rules
from tests.grammars.test_dialects import REGULAR, RULES, TEXTS
from tests.grammars.test_gbnf_text import JSON

LIMITS = Limits()


EXTENDED = gg.Lark(
    r"""
    start: pair+
    pair[capture]: KEY "=" value ";"
    value: %json {"type": "array", "items": {"type": "integer"}} | word
    word[max_tokens=5]: WORD
    WORD: /[a-z]+/ & ~"if"
    KEY: /[A-Z]+/ & ~"X"
    %ignore " "
    """
)
BLOCKS = gg.Lark(
    r"""
    start: (_NL | s)*
    s: NAME _NL | "if" NAME ":" _NL _INDENT s+ _DEDENT
    NAME: /[a-z]+/
    _NL: /(\r?\n[\t ]*)+/
    %ignore " "
    %declare _INDENT _DEDENT
    """,
    parser="lalr",
    indent=gg.Indentation(newline="_NL"),
)


def text_of(tree: Tree | str) -> str:
    return tree if isinstance(tree, str) else "".join(map(text_of, tree.children))


def nodes(tree: Tree) -> Iterator[Tree]:
    yield tree
    for child in tree.children:
        if isinstance(child, Tree):
            yield from nodes(child)


def sketch(tree: Tree | str) -> str:
    return tree if isinstance(tree, str) else f"{tree.label}({' '.join(map(sketch, tree.children))})"


@given(RULES, REGULAR, REGULAR)
@settings(max_examples=25)
def test_trees_of_random_grammars(rules: Rules, whole: dv.Body, removed: dv.Body) -> None:
    grammar = {**rules, "t": Minus(whole, removed)}
    spec = gg.Ebnf(dv.w3c(grammar), start="root")
    for text in TEXTS[:21]:
        if not dv.derives(grammar, "root", text):
            with pytest.raises(gg.CompileError, match="no text of this grammar"):
                parse_tree(spec, text, LIMITS)
            continue
        tree = parse_tree(spec, text, LIMITS)
        assert text_of(tree) == text
        for node in nodes(tree):
            assert dv.derives(grammar, node.label, text_of(node))


@pytest.mark.parametrize(
    ("spec", "text", "expected"),
    [
        (
            gg.Gbnf('root ::= sum\nsum ::= sum "+" one | one\none ::= "(" sum ")" | [0-9]'),
            "1+(2)",
            "root(sum(sum(one(1)) + one(( sum(one(2)) ))))",
        ),
        (gg.Gbnf('root ::= "a" root | "b"'), "aab", "root(a root(a root(b)))"),
        (gg.Gbnf("root ::= [a-c]+"), "abc", "root(abc)"),
        (gg.Gbnf('root ::= root root | "a" | ""'), "a", "root(a)"),
        (gg.Gbnf('root ::= "x" ws root?\nws ::= " "*'), "x x", "root(x ws( ) root(x))"),
        (gg.Ebnf("a = 2 * b | 'y'; b = '(', a, ')' | 'x';"), "x(y)", "a(b(x) b(( a(y) )))"),
        (
            gg.Lark('start: "a" b*\nb: NAME | "(" b ")"\nNAME: /x+/\n%ignore " "'),
            "a (xx) x",
            "start(a b(( b(xx) )) b(x))",
        ),
        (EXTENDED, "AB = [1, 2]; C = de;", "start(pair(AB =  value([1, 2]) ; ) pair(C =  value(word(de)) ;))"),
        (BLOCKS, "if a:\n  b\n", "start(s(if a : \n      s(b \n)))"),
    ],
)
def test_trees(spec: gg.Gbnf | gg.Ebnf | gg.Lark, text: str, expected: str) -> None:
    assert sketch(parse_tree(spec, text, LIMITS)) == expected


def test_a_text_of_ordinary_size() -> None:
    text = '{"a": [' + ", ".join(str(number) for number in range(300)) + '], "b": {"c": null}}'
    assert text_of(parse_tree(gg.Gbnf(JSON), text, LIMITS)) == text


def test_what_is_too_large_or_no_grammar_is_refused() -> None:
    with pytest.raises(gg.LimitExceeded, match="Draw a shorter text"):
        parse_tree(gg.Gbnf('root ::= "a" root | "b"'), "a" * 5000 + "b", LIMITS)
    with pytest.raises(gg.LimitExceeded, match="Draw a shorter text"):
        parse_tree(EXTENDED, "A=b;" * 2000, LIMITS)
    with pytest.raises(gg.CompileError, match="no text of this grammar"):
        parse_tree(EXTENDED, "A=if;", LIMITS)
    with pytest.raises(gg.UnsupportedFeature, match="Regex has no parse trees"):
        parse_tree(gg.Regex("a"), "a", LIMITS)
    with pytest.raises(gg.CompileError, match="lark cannot parse"):
        parse_tree(gg.Lark('start: "a"'), "b", LIMITS)
