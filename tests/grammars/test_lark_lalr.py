"""LALR grammars against lark itself: accepted if and only if lark parses, and whatever is allowed can be completed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import lark
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from lark.exceptions import GrammarError, LarkError, LexError
from lark.indenter import Indenter

import guidedgen as gg
from guidedgen.errors import GrammarSyntaxError, LimitExceeded, UnsatisfiableSchema
from guidedgen.grammars import lark_lalr
from guidedgen.grammars.lark_lalr import Indentation
from guidedgen.kernel import Compiled, InspectableState
from guidedgen.limits import Limits
from guidedgen.testing import byte_vocabulary, check_constraint
from tests.kernel.helpers import BYTES, accepts, after, allowed, compile_grammar
from tests.kernel.strategies import examples

LEXERS = ["contextual", "basic"]


def parses(parser: lark.Lark, text: str) -> bool:
    """Whether lark takes a text; its indenter raises what it likes."""
    try:
        parser.parse(text)
    except (LarkError, AssertionError, IndexError):
        return False
    return True


def compiled_lark(text: str, kernel: str, **options: Any) -> Compiled:
    return compile_grammar(lark_lalr.parse(text, **options), kernel)


def words(letters: str, longest: int) -> Iterator[str]:
    for length in range(longest + 1):
        yield from map("".join, itertools.product(letters, repeat=length))


def check_words(compiled: Compiled, parser: lark.Lark, letters: str, longest: int) -> None:
    """Every word: accepted as lark does; and each prefix that is allowed is completed to a text that lark parses."""
    layer: dict[str, InspectableState] = {"": compiled.start()}
    for length in range(longest + 1):
        found = {word: state.accepting for word, state in layer.items()}
        for word in map("".join, itertools.product(letters, repeat=length)):
            assert found.get(word, False) == parses(parser, word), word
        for word, state in layer.items():
            assert parses(parser, word + bytes(state.shortest()).decode()), word
        following = {}
        for word, state in layer.items():
            for letter in letters:
                target = state.advance(ord(letter))
                if target is not None:
                    following[word + letter] = target
        layer = following


FACTS = {
    "keywords win over names where both are accepted": ('start: ("if" NAME | NAME)+\nNAME: /[if]+/', "if", 5),
    "a keyword is a name where it is not accepted": ('start: NAME "f" NAME?\nNAME: /[if]+/\n%ignore "."', "if.", 5),
    "the longer text is tried first": ('start: ("a" "b" | "ab" "c")+', "abc", 5),
    "the first terminal that matches wins, although it leads nowhere": ('start: A "b" | B\nA: /a+/\nB: /aab/', "ab", 5),
    "priorities come first": ('start: A | B "b"\nA.1: /a/\nB: /aa/', "ab", 4),
    "longest match": ("start: A B\nA: /a+/\nB: /a?b/", "ab", 5),
    "what is ignored is longest, too": ('start: "a" "b"\n%ignore /c+a/\n%ignore /c/', "abc", 5),
    "ignored terminals compete": ('start: "a" /ab/\n%ignore /a+/', "ab", 5),
    "merged states accept more": ('start: "a" r "b" | "b" r "c" C\nr: "c"\nC: /cc?/', "abc", 6),
    "the other case of a keyword": ('start: ("a"i | NAME "c")+\nNAME: /[abA]+/', "abAc", 4),
    "empty texts": ("start: A*\nA: /ab*/", "ab", 5),
    "two names for one text": ('start: A "b" | "c" B\nA: "a"\nB: /a/', "abc", 4),
    "what a test refuses may be all that could follow": ('start: "c" | A B\nA: /a(?!b)/\nB: /b/', "abc", 4),
    "dangling else": ('start: r\nr: "a" r ["b" r] | "c"', "abc", 6),
}


@pytest.mark.parametrize("lexer", LEXERS)
@pytest.mark.parametrize("name", FACTS)
def test_facts(kernel: str, lexer: Any, name: str) -> None:
    text, letters, longest = FACTS[name]
    parser = lark.Lark(text, parser="lalr", lexer=lexer)
    try:
        compiled = compiled_lark(text, kernel, lexer=lexer)
    except UnsatisfiableSchema:
        assert not any(parses(parser, word) for word in words(letters, longest + 1))
        return
    check_words(compiled, parser, letters, longest)


SMALL = Limits(steps=100_000, cache_bytes=1_000_000, states=1_000)
PATTERNS = ["/a+/", '"a"', '"ab"', "/ab?/", "/[ab]+/", '"b"', "/b+c?/", '"c"', "/c/i", '"bc"', "/ca*/", '"abc"']


@st.composite
def grammars(draw: st.DrawFn) -> str:
    """A few terminals that overlap, and rules over them."""
    patterns = draw(st.lists(st.sampled_from(PATTERNS), min_size=2, max_size=4, unique=True))
    terminals = [f"T{number}" for number in range(len(patterns))]
    names = ["start", "r"]
    option = st.lists(st.sampled_from([*terminals, "r"]), max_size=3).map(" ".join)
    lines = [f"{name}: " + " | ".join(draw(st.lists(option, min_size=1, max_size=3, unique=True))) for name in names]
    for name, pattern in zip(terminals, patterns, strict=True):
        lines.append(f"{name}{draw(st.sampled_from(['', '', '.1']))}: {pattern}")
    if draw(st.booleans()):
        lines.append(f"%ignore {draw(st.sampled_from(['T0', '/[ ]+/', '/c+/']))}")
    return "\n".join(lines)


@given(text=grammars(), lexer=st.sampled_from(LEXERS))
@examples(25)
def test_random_grammars(kernel: str, text: str, lexer: Any) -> None:
    try:
        parser = lark.Lark(text, parser="lalr", lexer=lexer)
    except (GrammarError, LexError):
        with pytest.raises(GrammarSyntaxError):
            lark_lalr.parse(text, lexer=lexer)
        return
    try:
        compiled = compile_grammar(lark_lalr.parse(text, lexer=lexer), kernel, limits=SMALL)
        check_words(compiled, parser, "abc ", 3)
    except UnsatisfiableSchema:
        assert not any(parses(parser, word) for word in words("abc ", 4))
    except LimitExceeded:  # a resolved conflict leaves nothing but a text without end
        reject()


def test_reduce_reduce_conflicts_name_the_rules() -> None:
    with pytest.raises(GrammarSyntaxError, match=r"before the end of the text .*r : A; s : A|s : A; r : A") as caught:
        lark_lalr.parse('start: r | s\nr: A\ns: A\nA: "a"')
    assert caught.value.line in (2, 3)


def test_priorities_of_rules_decide_conflicts(kernel: str) -> None:
    text = 'start: r "b" | s\nr.2: A\ns: A\nA: "a"'
    check_words(compiled_lark(text, kernel), lark.Lark(text, parser="lalr"), "ab", 3)


def test_terminals_of_the_empty_text_are_refused() -> None:
    with pytest.raises(GrammarSyntaxError, match="terminal A matches the empty text"):
        lark_lalr.parse("start: A\nA: /a*/")


BLOCKS = """
start: (_NL | statement)*
statement: NAME _NL | "if" NAME ":" _NL _INDENT statement+ _DEDENT | "(" NAME* ")" _NL
NAME: /[a-z]+/
_NL: /(\\r?\\n[\\t ]*|#[^\\n]*)+/
%ignore /[\\t ]+/
%declare _INDENT _DEDENT
"""


class Blocks(Indenter):
    """lark's reading of BLOCKS."""

    NL_type = "_NL"
    OPEN_PAREN_types = ("LPAR",)  # type: ignore[assignment]
    CLOSE_PAREN_types = ("RPAR",)  # type: ignore[assignment]
    INDENT_type = "_INDENT"
    DEDENT_type = "_DEDENT"
    tab_len = 4


INDENT = Indentation(newline="_NL", tab=4, deepest=6)
TEXTS = [
    "a\n",
    "a",
    "\n\na\n\n",
    "if a:\n b\n",
    "if a:\n b\n c\nd\n",
    "if a:\n b\n  c\n",
    "if a:\nb\n",
    "if a:\n  b\n c\n",
    "if a:\n if b:\n   c\n d\n",
    "if a:\n if b:\n   c\nd\n",
    "if a:\n if b:\n   c\n  d\n",
    "if a:\n    if b:\n\tc\n",
    "if a:\n\tb\n    c\n",
    "if a:\n # what\n b\n",
    "if a:\n b\n# what\n c\n",
    "if a:\n b\n\n\n c\n   \n",
    "if a: # what\n b\n",
    "(\n a\n b)\n",
    "if a:\n (\nb\n  c)\n d\n",
    "(a\n",
    "a)\n",
    "if a:\n b\n  ",
    "if a:\n b\n \n",
    "  a\n",
    "if if:\n a\n",
    "iff\n",
    "\r\nif a:\r\n b\r\n",
]


def test_blocks_by_indentation(kernel: str) -> None:
    parser = lark.Lark(BLOCKS, parser="lalr", postlex=Blocks())
    compiled = compiled_lark(BLOCKS, kernel, indent=INDENT)
    for text in TEXTS:
        assert accepts(compiled, text.encode()) == parses(parser, text), text
        for end in range(len(text) + 1):
            state = after(compiled, text[:end].encode())
            if state is not None:
                assert parses(parser, text[:end] + bytes(state.shortest()).decode()), text[:end]


def test_laws_of_blocks(kernel: str) -> None:
    vocabulary = byte_vocabulary([b"\n ", b"\n  ", b":\n", b"  ", b"a\n", b"if a:\n  "])
    grammar = lark_lalr.parse(BLOCKS, indent=Indentation(newline="_NL", deepest=3))
    check_constraint(compile_grammar(grammar, kernel, vocabulary), vocabulary)


def test_columns_that_no_block_has_are_refused_at_once(kernel: str) -> None:
    compiled = compiled_lark(BLOCKS, kernel, indent=INDENT)
    state = after(compiled, b"if a:\n   b\n ")
    assert state is not None
    assert allowed(state, BYTES) >= set(b" \n#")
    assert not allowed(state, BYTES) & set(b"abi(")


@pytest.mark.parametrize("wrong", [{"newline": "NL"}, {"newline": "_NL", "indent": "_IN"}])
def test_indentation_names_terminals_of_the_grammar(wrong: dict[str, str]) -> None:
    with pytest.raises(GrammarSyntaxError, match="no rule mentions"):
        lark_lalr.parse(BLOCKS, indent=Indentation(**wrong))  # type: ignore[arg-type]


TABS = {
    "if a:\n\tb\n": True,
    "if a:\n\tif b:\n\t\tc\n\td\n": True,
    "if a:\n\tif b:\n\t  c\n\td\n": True,
    "if a:\n  if b:\n    c\n  d\n": True,
    "(\n \t a)\n": True,
    "if a:\n \tb\n": False,
    "if a:\n    if b:\n\tc\n": False,
    "if a:\n\tb\n    c\n": False,
    "if a:\n    b\n\tc\n": False,
    "if a:\n  if b:\n   \tc\n": False,
}


def test_tabs_of_no_width(kernel: str) -> None:
    """Python's rule, for lines that begin with tabs and then blanks: no width of a tab may decide."""
    compiled = compiled_lark(BLOCKS, kernel, indent=Indentation(newline="_NL", tab=None, deepest=4))
    assert {text: accepts(compiled, text.encode()) for text in TABS} == TABS
    vocabulary = byte_vocabulary([b":\n\t", b"\n\t", b"\t\t", b"\t  ", b"if a:\n"])
    grammar = lark_lalr.parse(BLOCKS, indent=Indentation(newline="_NL", tab=None, deepest=2))
    check_constraint(compile_grammar(grammar, kernel, vocabulary), vocabulary)


UNENDED = r"""
start: (_NL | statement)* [last]
statement: NAME _NL | "if" NAME ":" _block | "try" ":" _block "end" ":" _block
last: NAME | "if" NAME ":" _last_block | "try" ":" _block "end" ":" _last_block
_block: _NL _INDENT statement+ _DEDENT | NAME _NL
_last_block: _NL _INDENT statement* last _DEDENT | NAME
NAME: /[a-z]+/
_NL: /(\r?\n[\t ]*|#[^\n]*)+/
%ignore /[\t ]+/
%declare _INDENT _DEDENT
"""


def test_blocks_that_the_end_of_the_text_ends(kernel: str) -> None:
    parser = lark.Lark(UNENDED, parser="lalr", postlex=Blocks())
    compiled = compiled_lark(UNENDED, kernel, indent=INDENT)
    texts = [
        *TEXTS,
        *(text.rstrip("\n") for text in TEXTS),
        "try:\n a\nend: b",
        "try:\n if a:\n  b\nend:\n c",
        "try: a",
    ]
    judged = {text: parses(parser, text) for text in texts if "#" not in text}
    assert {text: accepts(compiled, text.encode()) for text in judged} == judged
    for text in judged:
        for end in range(len(text) + 1):
            state = after(compiled, text[:end].encode())
            if state is not None:
                assert parses(parser, text[:end] + bytes(state.shortest()).decode()), text[:end]
    assert {text for text in judged if judged[text]} >= {"if a:\n b", "if a:\n if b:\n   c\nd", "try:\n a\nend: b"}


COMMENTED = r"""
start: statement+
statement: NAME "=" sum _NEWLINE | "if" NAME ":" _NEWLINE _INDENT statement+ _DEDENT
sum: ATOM ("+" ATOM)*
ATOM: /[0-9]+/
NAME: /[a-z]+/
_NEWLINE: /(\n *)+/
COMMENT: /#[^\n]*/
%ignore / +/
%ignore COMMENT
%declare _INDENT _DEDENT
"""


def test_a_comment_is_refused_where_the_line_cannot_end(kernel: str) -> None:
    """Behind an operator a comment would eat the operand: only where a line may end it leads anywhere."""
    indent = gg.Indentation(newline="_NEWLINE", indent="_INDENT", dedent="_DEDENT", deepest=4)
    constraint = gg.compile(gg.Lark(COMMENTED, parser="lalr", indent=indent), byte_vocabulary(), implementation=kernel)
    start = constraint.start()
    for text, taken in [("x = 1", True), ("x = 1 +", False), ("x =", False), ("x = 1 + 2 ", True), ("x", False)]:
        state = start.advance_bytes(text.encode())
        assert state is not None
        assert (state.advance_bytes(b"#") is not None) == taken, text
