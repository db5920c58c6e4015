"""Terminals that functions answer for. Oracle: all ways to write a text by the grammar and the answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import guidedgen as gg
from guidedgen.masks import allowed_tokens
from guidedgen.testing import byte_vocabulary, check_constraint

VOCABULARY = byte_vocabulary([b"ab", b".a", b"foo", b"self", b";\n", b"oo"], special=["<|call|>"])
MEMBERS = {"self": ["foo", "foobar"], "self.foo": ["ab"], "self.foobar": []}


def members(text: str) -> list[str]:
    """What may stand behind the dot: of the last statement."""
    return MEMBERS[text.rsplit("\n", 1)[-1].removesuffix(".")]


def compiled(grammar: str, kernel: str, **terminals: Any) -> Any:
    return gg.compile(gg.Lark(grammar, terminals=terminals), VOCABULARY, implementation=kernel)


def written(constraint: Any, text: str) -> bool:
    """Whether a text can be written byte by byte: no token may reach into such a terminal from outside."""
    state = constraint.start().advance_bytes(text.encode())
    return state is not None and state.accepting


CHAIN = '%declare NAME\nstart: (path ";\\n")*\npath: "self" ("." NAME)*'


def test_texts_are_what_the_answers_allow(kernel: str) -> None:
    constraint = compiled(CHAIN, kernel, NAME=members)
    wanted = {
        "": True,
        "self;\n": True,
        "self.foo;\nself.foobar;\n": True,
        "self.foo.ab;\n": True,
        "self.bar;\n": False,
        "self.fo": False,
        "self.foobar.": False,  # nothing may follow it: the dot is refused
        "self.foo.ab": False,
    }
    assert {text: written(constraint, text) for text in wanted} == wanted


@pytest.mark.parametrize(
    ("grammar", "function"),
    [
        ('%declare X\nstart: "a" X? "."', lambda text: {"b", "bc"} if text == "a" else set()),
        ('%declare X\nstart: (X ",")* "."', lambda text: ["ab", "c"] if len(text) < 5 else []),
        ('%declare X\nstart: X+ "."', lambda text: gg.Regex("[ab]{1,2}")),
        ('%declare X\nstart: "x" (X | "y" X "z")', lambda text: ["", "q"] if text == "x" else ["r"]),
        ("%declare X\nstart: <|call|> X <|call|>", lambda text: ["foo"]),
        ('%declare X\nstart: X\n%ignore " "', lambda text: ["ab", "foo"] if text.count(" ") < 2 else []),
    ],
)
def test_laws(grammar: str, function: Callable[[str], Any], kernel: str) -> None:
    check_constraint(compiled(grammar, kernel, X=function), VOCABULARY, walks=2, length=6, bytes_only=False)


def test_a_function_is_asked_once_for_each_text(kernel: str) -> None:
    asked: list[str] = []

    def function(text: str) -> set[str]:
        asked.append(text)
        return {"b"}

    constraint = compiled('%declare X\nstart: "a" X "c"', kernel, X=function)
    for _ in range(2):
        state = constraint.start()
        for byte in b"abc":
            state.mask()
            state = state.advance(byte)
        assert state.accepting
    assert asked == ["a"]


def test_branches_with_empty_answers_are_closed(kernel: str) -> None:
    constraint = compiled(
        '%declare X, Y\nstart: "a" X | "b" Y | "c"'.replace(",", ""), kernel, X=lambda _: [], Y=lambda _: ["d"]
    )
    state = constraint.start()
    assert [VOCABULARY.token_bytes(token) for token in allowed_tokens(state.mask())] == [b"b", b"c"]
    assert state.advance(ord("a")) is None
    explanation = state.explain(ord("a"))
    assert explanation is not None
    assert explanation.expected == {ord("b"), ord("c")}


def test_budgets_and_completions(kernel: str) -> None:
    constraint = compiled('%declare X\nstart: "a" X "!" | "foofoofoofoofoo"', kernel, X=lambda _: ["bcd", "self"])
    state = constraint.start()
    assert [VOCABULARY.token_bytes(token) for token in state.shortest()] == [b"foo"] * 5
    state = state.advance(ord("a"))
    assert [VOCABULARY.token_bytes(token) for token in state.shortest()] == [b"b", b"c", b"d", b"!"]
    assert allowed_tokens(state.mask(1)).tolist() == []
    assert b"self" in [VOCABULARY.token_bytes(token) for token in allowed_tokens(state.mask(2))]
    assert allowed_tokens(state.mask(5)).tolist() == allowed_tokens(state.mask()).tolist()
    assert state.advance(ord("b")).forced() == (ord("c"), ord("d"), ord("!"))


def test_special_bytes_of_markers_are_never_allowed(kernel: str) -> None:
    constraint = compiled("%declare X\nstart: X", kernel, X=lambda _: ["a"])
    state = constraint.start()
    assert allowed_tokens(state.mask()).tolist() == [ord("a")]
    assert state.advance(0xF5) is None
    assert state.allowed_bytes() == (1 << ord("a")).to_bytes(32, "little")


def test_captures_ask_again_with_the_text_before(kernel: str) -> None:
    grammar = CHAIN.replace("NAME)*", "name)*") + "\nname[capture]: NAME"
    constraint = compiled(grammar, kernel, NAME=members)
    assert constraint.captures("self.foo.ab;\nself.foobar;\n") == {"name": ["foo", "ab", "foobar"]}


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda text: 1 / 0, "the function of terminal X failed behind 'a': ZeroDivisionError"),
        (lambda text: [1, object()], "the function of terminal X returned what is no language"),
        (lambda text: "text", "the function of terminal X returned what is no language"),
    ],
)
def test_what_a_function_does_wrong_is_a_typed_error(function: Callable[[str], Any], message: str, kernel: str) -> None:
    state = compiled('%declare X\nstart: "a" X', kernel, X=function).start()
    with pytest.raises(gg.CompileError, match=message) as caught:
        state.advance(ord("a"))
    assert caught.value.keyword == "X"


def test_a_text_that_cannot_begin_is_refused(kernel: str) -> None:
    with pytest.raises(gg.UnsatisfiableSchema, match="no text can begin"):
        compiled("%declare X\nstart: X", kernel, X=lambda _: []).start()


def test_a_grammar_has_a_few_of_them_at_most() -> None:
    names = [f"N{chr(ord('A') + index)}" for index in range(10)]
    grammar = "%declare " + " ".join(names) + "\nstart: " + " ".join(names)
    with pytest.raises(gg.LimitExceeded, match="terminals=9"):
        gg.compile(gg.Lark(grammar, terminals={name: lambda _: ["a"] for name in names}), VOCABULARY)
