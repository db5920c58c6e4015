"""Any text ends in a constraint or in a typed error: grammars of the library and of the tests, mutated.

The seeds are what strings of the dialects' tests hold; a mutation cuts, repeats, joins with another seed, or puts in a
word that means something to the dialect. What compiles is walked a few tokens and must be completed.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from guidedgen.errors import GuidedGenError
from guidedgen.grammars.compile import compile
from guidedgen.grammars.grammar_specs import Ebnf, Gbnf
from guidedgen.grammars.specs import Lark, Regex
from guidedgen.limits import Limits
from guidedgen.masks import allowed_tokens
from guidedgen.testing import byte_vocabulary

TESTS: Final = Path(__file__).resolve().parents[1] / "grammars"
LIBRARY: Final = TESTS.parents[1] / "guidedgen" / "grammars" / "library"
VOCABULARY: Final = byte_vocabulary([b"ab", b"1.5", b"if ", b"  ", b"\n  "], special=["<think>", "<tool>"])
LIMITS: Final = Limits(
    milliseconds=400, steps=5_000_000, states=50_000, expressions=100_000, symbols=100_000, cache_bytes=32 * 2**20
)
LONGEST: Final = 8_000  # characters of a mutated text
STEPS: Final = 6

# By dialect: the tests to take strings from, what such a string contains, and words to put in.
DIALECTS: Final[Mapping[str, tuple[str, str, str]]] = {
    "lark": (
        "test_lark_*.py",
        "start",
        r"""start: | ~2..5 ~9999999 {2,} %ignore %json␣{"type":"object"} %regex␣{"substring_words":"a␣b"} [max_tokens=3]
        [capture] [stop="x"] [lazy] & ~ (?=a) (?!a) (?<=a) \b "a"i /a*/ <think> <[1-9]> "a".."z" ␤%import␣common.NUMBER␤
        ? * + ( ) [ ] _NL ->x .2 ! NAME ␤ ␤%extend␣ ␤%declare␣X␤ ␤%override␣ /(a*)*$/ "\u0000" é {x,y} t{"a"}""",
    ),
    "gbnf": (
        "test_[gd]*.py",
        "::=",
        r"""root␣::=␣ | {2,5} {0,99999999} * + ? ( ) [^a-z] [\x00-\xff] "\n" . #c␤ ␤ " [ \ -name é <think> <[5]> !""",
    ),
    "ebnf": (
        "test_[ed]*.py",
        "=",
        r"""= ::= | { } [ ] ( ) 2␣* 9999999␣* - (*x*) /*x*/ ?x? ; . " #x41 [a-z] [^#x0-#xFF] ␤ é , + *""",
    ),
    "regex": (
        "test_*regex*.py",
        "",
        r"""( | ) * + ? {2,5} {0,99999} {, (?= (?! (?<= (?<! (?: \b \B $ ^ \d [^ [a-z] ] \p{L} \u00e9 (?i) (?P<a> (?P=a)
        \1 . *? \Z (?s: \x - é""",
    ),
}


def strings_of(path: Path) -> list[str]:
    """The string constants of a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [text for text in found if 0 < len(text) < 1500]


@cache
def seeds(dialect: str) -> tuple[str, ...]:
    files, contained, _ = DIALECTS[dialect]
    texts = [text for path in sorted(TESTS.glob(files)) for text in strings_of(path) if contained in text]
    if dialect == "lark":
        texts += [path.read_text(encoding="utf-8") for path in sorted(LIBRARY.glob("*.lark"))]
    return tuple(text for text in texts if len(text) < LONGEST)


def mutated(dialect: str, rng: random.Random) -> str:
    words = [word.replace("␣", " ").replace("␤", "\n") for word in DIALECTS[dialect][2].split()]
    text = rng.choice(seeds(dialect))
    for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 5))):
        start = rng.randint(0, len(text))
        end = min(len(text), start + rng.choice((1, 1, 2, 5, 20, 60)))
        other = rng.choice(seeds(dialect))
        at = rng.randint(0, len(other))
        odd = chr(rng.choice((0, 9, 34, 39, 47, 58, 92, 0x7F, 0xE9, 0x20AC, 0x1F600, 0xD800)))
        again, more = text[start:end] * rng.choice((2, 3, 20)), other[at : at + rng.choice((3, 10, 50))]
        put = rng.choice(("", again, more, odd, rng.choice(words), rng.choice(words)))
        text = (text[:start] + put + text[rng.choice((start, end)) :])[:LONGEST]
    return text


PARSERS: Final = (
    *({"lexer": lexer} for lexer in ("dynamic", "basic", "dynamic_complete")),
    *({"parser": "lalr", "lexer": lexer} for lexer in ("contextual", "basic")),
)
READERS: Final[Mapping[str, Callable[[str, random.Random], Any]]] = {
    "lark": lambda text, rng: Lark(text, **rng.choice(PARSERS)),  # type: ignore[arg-type]
    "gbnf": lambda text, rng: Gbnf(text),
    "ebnf": lambda text, rng: Ebnf(text, syntax=rng.choice(("auto", "iso", "w3c"))),
    "regex": lambda text, rng: Regex(text, syntax=rng.choice(("python", "ecma"))),
}


def walked(dialect: str, seed: int) -> bool:
    """Whether the text of a seed is a grammar; what it allows can then be taken and completed."""
    rng = random.Random(f"{dialect} {seed}")
    text = mutated(dialect, rng)
    implementation = "reference" if rng.random() < 0.1 else "native"
    try:
        spec = READERS[dialect](text, rng)
        state = compile(spec, VOCABULARY, limits=LIMITS, implementation=implementation, cache=False).start()
        for _ in range(STEPS):
            tokens = allowed_tokens(state.mask()).tolist()
            if not tokens:
                assert state.accepting, f"a dead end in {text!r}"
                break
            following = state.advance(rng.choice(tokens))
            assert following is not None, f"a token of the mask is refused in {text!r}"
            state = following
        state.shortest()
    except GuidedGenError:
        return False
    return True


def walk_all(dialect: str, numbers: range) -> None:
    pytest.importorskip("guidedgen.kernel._native")
    read = 0
    for seed in numbers:
        try:
            read += walked(dialect, seed)
        except Exception as error:
            raise AssertionError(
                f"{dialect}, seed {seed}: {mutated(dialect, random.Random(f'{dialect} {seed}'))!r}"
            ) from error
    assert read >= len(numbers) // 50, "hardly anything was read: the test shows nothing"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_any_text_ends_in_a_constraint_or_a_typed_error(dialect: str) -> None:
    walk_all(dialect, range(60))


@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS)
def test_any_text_ends_in_a_constraint_or_a_typed_error_for_long(dialect: str) -> None:
    walk_all(dialect, range(1_000, 4_000))
