"""lark's lexers: a text is accepted if and only if lark parses it, and what is begun can be finished."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import lark
import pytest
from lark import Lark

import guidedgen as gg
from guidedgen.errors import CompileError, LimitExceeded, UnsatisfiableSchema, UnsupportedFeature
from guidedgen.grammars import lark_text
from guidedgen.kernel import Compiled
from guidedgen.limits import Limits
from guidedgen.testing import check_constraint
from tests.grammars.test_lark_text import parses
from tests.kernel.helpers import BYTES, accepts, compile_grammar

LEXERS: list[lark_text.EarleyLexer] = ["dynamic", "dynamic_complete", "basic"]
FEW = {"native": Limits(states=20_000), "reference": Limits(states=1_500)}  # the latter has no bound on its time
_PATTERNS = [
    "a",
    "ab",
    "a+",
    "b+",
    "[ab]+",
    "a|ab",
    "ab|a",
    "a*b",
    "ba?",
    "(?:ab)+",
    "a+?b",
    "c",
    "ca?",
    "[bc]",
    "bb?c",
]
_PATTERNS += ["a(?!b)", r"a\b", "a+b|a"]
_AHEAD = ["a(?=b)", "a+(?=b)", "[ab]+?(?=c)", "(?=ab)[ab]", "b(?=a|$)", "a(?=-|c)", "[ab]+(?= )", "c(?=b)(?!bb)"]
_STRINGS = ['"a"', '"ab"', '"b"', '"c"', '"aa"', '"aab"', '"A"i']
_IGNORED = ['" "', "/ +/", "/-a*/", "/[- ]/", "/-+/"]


_BEFORE = [r"\ba", r"\bab\b", "(?<=a)b", "(?<!a)b", "(?<![ab])c", r"\Bb", r"\b[ab]+", "(?<= )a|(?<= )b"]


def grammar_of(rng: random.Random, patterns: Sequence[str] = _PATTERNS) -> str:
    names = "ABCD"[: rng.randint(1, 4)]

    def body(depth: int) -> str:
        kind = rng.random()
        if depth == 0 or kind < 0.35:
            return rng.choice([*names, "r", "s", '"a"', '"b"', '"c"'])
        if kind < 0.65:
            return " ".join(body(depth - 1) for _ in range(rng.randint(1, 3)))
        return f"({body(depth - 1)} | {body(depth - 1)})" if kind < 0.85 else f"({body(depth - 1)}){rng.choice('?*+')}"

    lines = [f"start: {body(2)}", f"r: {body(2)}", f's: {body(1)} | "c"']
    for name in names:
        text = f"/{rng.choice(patterns)}/" if rng.random() < 0.7 else rng.choice(_STRINGS)
        lines.append(f"{name}{rng.choice(['', '', '.1', '.2'])}: {text}")
    lines += [f"%ignore {rng.choice(_IGNORED)}"] if rng.random() < 0.5 else []
    lines += ["%ignore /-b?/"] if rng.random() < 0.15 else []
    return "\n".join(lines) + "\n"


def candidates(rng: random.Random, grammar: str, count: int) -> list[str]:
    letters = "abc -" if "%ignore" in grammar else "abc"
    return ["", *("".join(rng.choices(letters, k=rng.randint(1, 6))) for _ in range(count))]


def check_grammar(grammar: str, lexer: lark_text.EarleyLexer, kernel: str, rng: random.Random) -> int:
    """Returns how many texts were accepted; -1 where the grammar was not compared."""
    try:
        parser = Lark(grammar, parser="earley", lexer=lexer)
    except lark.exceptions.LarkError:
        return -1
    texts = candidates(rng, grammar, 80)
    try:
        expected = {text: parses(parser, text) for text in texts}
    except RuntimeError:  # a fault of lark's: two items for the start rule
        return -1
    try:
        compiled = compile_grammar(lark_text.parse(grammar, lexer=lexer), kernel, limits=FEW[kernel])
    except UnsatisfiableSchema:
        assert not any(expected.values())
        return 0
    except (UnsupportedFeature, LimitExceeded):
        return -1
    try:
        accepted = {text: accepts(compiled, text.encode()) for text in texts}
        written = walked(compiled, rng)
    except LimitExceeded:  # a search for completions that there may not be
        return -1
    assert accepted == expected
    assert [text for text in written if not parses(parser, text)] == []
    return sum(expected.values())


def walked(compiled: Compiled, rng: random.Random) -> list[str]:
    """The shortest texts that begin as a random walk does."""
    state, written, found = compiled.start(), b"", list[str]()
    for _ in range(6):
        following = [byte for byte in range(128) if state.advance(byte) is not None]
        if not following:
            break
        byte = rng.choice(following)
        after = state.advance(byte)
        assert after is not None
        state, written = after, written + bytes([byte])
        found.append((written + bytes(state.shortest())).decode())
    return found


@pytest.mark.parametrize("lexer", LEXERS)
def test_random_grammars(kernel: str, lexer: lark_text.EarleyLexer) -> None:
    rng = random.Random(3)
    counts = [check_grammar(grammar_of(rng), lexer, kernel, rng) for _ in range(40)]
    assert sum(count > 0 for count in counts) > 15


@pytest.mark.parametrize("lexer", ["dynamic", "basic"])
def test_terminals_that_something_must_follow(kernel: str, lexer: lark_text.EarleyLexer) -> None:
    rng = random.Random(8)
    counts = [check_grammar(grammar_of(rng, [*_PATTERNS, *2 * _AHEAD]), lexer, kernel, rng) for _ in range(40)]
    assert sum(count > 0 for count in counts) > (10 if lexer == "dynamic" else 3)


def test_terminals_that_test_the_text_before_them(kernel: str) -> None:
    rng = random.Random(4)
    counts = [check_grammar(grammar_of(rng, [*_PATTERNS, *2 * _BEFORE]), "dynamic", kernel, rng) for _ in range(50)]
    assert sum(count > 0 for count in counts) > 15


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_many_terminals_that_test_the_text_before_them(kernel: str) -> None:
    rng = random.Random(29)
    patterns = [*_PATTERNS, *2 * _BEFORE, *_AHEAD]
    counts = [check_grammar(grammar_of(rng, patterns), "dynamic", kernel, rng) for _ in range(600)]
    assert sum(count > 0 for count in counts) > 150


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("lexer", ["dynamic", "basic"])
def test_many_terminals_that_something_must_follow(kernel: str, lexer: lark_text.EarleyLexer) -> None:
    rng = random.Random(23)
    counts = [check_grammar(grammar_of(rng, [*_PATTERNS, *2 * _AHEAD]), lexer, kernel, rng) for _ in range(600)]
    assert sum(count > 0 for count in counts) > 50


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("lexer", LEXERS)
def test_many_random_grammars(kernel: str, lexer: lark_text.EarleyLexer) -> None:
    rng = random.Random(17)
    counts = [check_grammar(grammar_of(rng), lexer, kernel, rng) for _ in range(600)]
    assert sum(count > 0 for count in counts) > 250


AMBIGUOUS = 'start: s A "b" A\ns: s "b" "b" | "c"\nA: /b+/\n%ignore /-a*/\n'


def test_what_is_predicted_under_an_obligation_waits_for_itself_alone(kernel: str) -> None:
    compiled = compile_grammar(lark_text.parse(AMBIGUOUS), kernel)
    parser = Lark(AMBIGUOUS)
    for text in ("cbbbb", "c-bbbb", "c-bb-b-b", "cbb-b-b", "cbbb-b"):
        assert accepts(compiled, text.encode()) == parses(parser, text)


CALLS = """
start: statement+
statement: NAME "=" sum ";" | "if" sum "{" statement* "}"
?sum: product | sum ("+" | "-") product
?product: atom | product ("*" | "**") atom
?atom: NUMBER | NAME | STRING | "(" sum ")" | NAME "(" [sum ("," sum)*] ")"
NAME: /[a-z_]\\w*/
NUMBER: /\\d+(\\.\\d+)?/
STRING: /'([^']|'')*'/
COMMENT: /#[^\\n]*/
%ignore /[ \\t\\n]+/
%ignore COMMENT
"""
TEXTS = [
    "a=1;",
    "a = f(1, b2) ** 3;# note\nif a{b=a*a;}",
    "ifa=1;",
    "if a{}",
    "if(a){x='it''s';}",
    "a=1.5;",
    "a=1.;",
    "a=1 .5;",
    "a = 'x' 'y';",
    "a=b c;",
    "a=1b;",
    "a=**b;",
    "if=1;",
    "a=1;#",
    "#\na=1;",
    "a=1;#x a=2;",
]


@pytest.mark.parametrize("lexer", LEXERS)
def test_a_small_language(kernel: str, lexer: lark_text.EarleyLexer) -> None:
    parser = Lark(CALLS, parser="earley", lexer=lexer)
    compiled = compile_grammar(lark_text.parse(CALLS, lexer=lexer), kernel)
    expected = {text: parses(parser, text) for text in TEXTS}
    assert {text: accepts(compiled, text.encode()) for text in TEXTS} == expected
    assert set(expected.values()) == {True, False}


@pytest.mark.parametrize("lexer", LEXERS)
def test_laws(kernel: str, lexer: lark_text.EarleyLexer) -> None:
    pieces = [b"ab", b"if", b"if ", b" a", b"= ", b"**", b"1.", b"''", b"a1", b"# x", b"\na", b"));", b"'a'"]
    vocabulary = gg.Vocabulary.from_tokens([bytes([byte]) for byte in range(256)] + pieces)
    constraint = gg.compile(gg.Lark(CALLS, lexer=lexer), vocabulary, implementation=kernel)
    check_constraint(constraint, vocabulary, walks=2, length=8)


@pytest.mark.parametrize("lexer", LEXERS)
def test_budgets_count_what_obligations_ask_for(lexer: lark_text.EarleyLexer) -> None:
    """Both kernels let the same tokens pass under the same budget, around what is needed and far above it."""
    pytest.importorskip("guidedgen.kernel._native", reason="the native kernel is not built: run `make native`")
    vocabulary = gg.Vocabulary.from_tokens(
        [bytes([byte]) for byte in range(256)] + [b"if ", b"ab", b"= ", b"''", b";a"]
    )
    kernels = ("native", "reference")
    states = [gg.compile(gg.Lark(CALLS, lexer=lexer), vocabulary, implementation=name).start() for name in kernels]
    rng = random.Random(2)
    for _ in range(8):
        native, reference = states
        need = len(reference.shortest())
        assert len(native.shortest()) == need
        for budget in (0, 1, need, need + 1, need + 3, need + 9, 200):
            assert (native.mask(budget=budget) == reference.mask(budget=budget)).all()
        allowed = [token for token in range(vocabulary.size) if native.advance(token) is not None]
        following = [state.advance(token) for token in [rng.choice(allowed)] for state in states]
        states = [state for state in following if state is not None]


OWN = Path(lark.__file__).parent / "grammars"


@pytest.mark.parametrize("lexer", ["dynamic", "basic"])
def test_larks_own_grammar_of_grammars(lexer: lark_text.EarleyLexer) -> None:
    """Its files are texts of it, and a few characters more or less make others that lark judges alike."""
    pytest.importorskip("guidedgen.kernel._native", reason="the native kernel is not built: run `make native`")
    grammar = (OWN / "lark.lark").read_text()
    parser = Lark(grammar, parser="earley", lexer=lexer)
    compiled = compile_grammar(lark_text.parse(grammar, lexer=lexer), "native", BYTES)
    rng = random.Random(1)
    texts = [(OWN / name).read_text()[:400] for name in ("common.lark", "unicode.lark")]
    for text in list(texts):
        for _ in range(6):
            place = rng.randrange(len(text))
            texts.append(text[:place] + rng.choice(["", "|", '"', ":", " x", "\n"]) + text[place + rng.randrange(3) :])
    expected = {text: parses(parser, text) for text in texts}
    assert {text: accepts(compiled, text.encode()) for text in texts} == expected


def test_pythons_strings(kernel: str) -> None:
    """lark's own pattern, which looks at what follows the empty string."""
    grammar = 'start: STRING (STRING)*\n%import python.STRING\n%ignore " "\n'
    compiled = compile_grammar(lark_text.parse(grammar), kernel)
    parser = Lark(grammar)
    for text in ('""', '""""', '"" ""', '"a"', 'f"a\\""', '"a', "''''", "'a''b'", 'rb"x"', '"\\\\"', '"\\\\\\""'):
        assert accepts(compiled, text.encode()) == parses(parser, text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"parser": "cyk"}, "the parser 'cyk' is not known"),
        ({"lexer": "contextual"}, "the lexer 'contextual' does not go with Earley"),
        ({"lexer": "greedy"}, "the lexer 'greedy'"),
    ],
)
def test_unknown_parsers_and_lexers_are_refused(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(CompileError, match=message):
        gg.Lark('start: "a"', **arguments).grammar(Limits())  # type: ignore[arg-type]


def test_json_begins_under_obligations() -> None:
    """A name takes all digits, so the number behind it has to be negative."""
    pytest.importorskip("guidedgen.kernel._native", reason="the native kernel is not built: run `make native`")
    grammar = 'start: NAME number\nNAME: /[a-z][a-z0-9]*/\nnumber: %json {"type": "integer"}\n'
    start = gg.compile(gg.Lark(grammar), gg.Vocabulary.from_tokens([bytes([byte]) for byte in range(256)])).start()
    for text, expected in ((b"a-5", True), (b"a5-12", True), (b"a5", False)):
        state = start
        for byte in text:
            after = state.advance(byte)
            assert after is not None
            state = after
        assert state.accepting == expected


KEYWORDS = r"""
start: item+
item: NUMBER | NAME | OF
OF: /\bof\b/
NAME: /[a-z]+/
NUMBER: /[0-9]+/
%ignore " "
"""


def test_a_keyword_that_no_word_stands_before(kernel: str) -> None:
    """Behind a number, "of" is a name where it stands close; here both are read, so only the parser knows which."""
    only = KEYWORDS.replace("NAME | OF", "OF")
    compiled, parser = compile_grammar(lark_text.parse(only), kernel), Lark(only)
    for text in ("1 of 2", "1of 2", "1 of2", "of", "of of", "1 2"):
        assert accepts(compiled, text.encode()) == parses(parser, text)
    check_constraint(gg.compile(gg.Lark(KEYWORDS), BYTES, implementation=kernel), BYTES)
