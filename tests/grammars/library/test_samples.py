"""Each grammar of the library reads what its language's own program reads, and nothing else."""

from __future__ import annotations

import math
import random

import pytest

import guidedgen as gg
from guidedgen.grammars.library import LIBRARY, library
from tests.grammars.library import java_texts, python_texts, sql_texts, typescript_texts, verilog_texts
from tests.grammars.library.compilers import java_home, typescript_package
from tests.grammars.library.oracles import oracle
from tests.grammars.library.samples import SAMPLES
from tests.grammars.library.walks import reads, walk

WALKS = {"java": 12, "typescript": 6}  # a step of theirs costs some ten times another's: fewer of them
MUTANTS = {"java": 120, "typescript": 30}

# The start rules that are not the first, with texts that they do and do not derive.
STARTS = {
    ("iso8601", "date"): (["2024-02-29"], ["2024-02-29T10:00", "P1D"]),
    ("iso8601", "time"): (["10:00Z"], ["2024-02-29"]),
    ("iso8601", "datetime"): (["2024-02-29T10:00:00+01:00"], ["10:00", "2024-02-29"]),
    ("iso8601", "duration"): (["P1D", "PT0.5S"], ["P", "2024-02-29"]),
    ("iso8601", "interval"): (["2024-001/P1D"], ["P1D/P1D", "P1D"]),
    ("java", "statements"): (["int a = 1; f(a);", ""], ["class A { int b; } }", "int a", "public int a;"]),
    ("sql", "query"): (
        ["select 1", "with a as (values (1)) select * from a;"],
        ["delete from a", "select 1; select 2"],
    ),
    ("url", "http_url"): (["http://a", "HTTPS://[::1]?q"], ["http://", "ftp://a", "http:///a"]),
}


def mutations(samples: list[str], count: int, chance: random.Random) -> list[str]:
    """The samples, and copies with pieces dropped, doubled, or taken from another sample."""
    found = list(samples)
    for _ in range(count):
        text = chance.choice(samples)
        other = chance.choice(samples)
        place, end = sorted(chance.randrange(len(text) + 1) for _ in range(2))
        start = chance.randrange(len(other) + 1)
        end = min(end, place + 6)
        piece = chance.choice(["", text[place:end] * 2, other[start : start + chance.randrange(5)]])
        found.append(text[:place] + piece + text[end:])
    return found


# Languages of which something is left out: what is accepted belongs to them, but not the other way round.
SUBSETS = ("java", "python", "sql", "typescript", "verilog")
LEFT_OUT = {
    "java": java_texts.LEFT_OUT,
    "python": python_texts.LEFT_OUT,
    "sql": sql_texts.LEFT_OUT,
    "typescript": typescript_texts.LEFT_OUT,
    "verilog": verilog_texts.LEFT_OUT,
}
# Shares of accepted texts that tree-sitter may refuse where no compiler judges: its grammars are narrower than those.
TREE_SITTER = ({"typescript": 0.15} if typescript_package() is None else {}) | (
    {"java": 0.05} if java_home() is None else {}
)
# What the language has and tree-sitter's grammar of it does not know.
BEYOND_TREE_SITTER = frozenset(typescript_texts.BEYOND_TREE_SITTER if typescript_package() is None else ())
WRONG = {"typescript": typescript_texts.WRONG, "verilog": verilog_texts.WRONG}


@pytest.mark.parametrize("name", [name for name in LIBRARY if name not in SUBSETS])
def test_samples_and_their_mutations_are_judged_alike(name: str) -> None:
    judge = oracle(name)
    expected = {text: judge(text) for text in mutations(SAMPLES[name], 150, random.Random(1))}
    assert {text: reads(name, text) for text in expected} == expected
    assert min(sum(expected.values()), len(expected) - sum(expected.values())) >= 4


@pytest.mark.parametrize("name", SUBSETS)
def test_samples_of_subsets(name: str) -> None:
    judge = oracle(name)
    expected = {text: judge(text) or text in BEYOND_TREE_SITTER for text in SAMPLES[name]}
    assert {text: reads(name, text) for text in expected} == expected
    assert [text for text in WRONG.get(name, []) if reads(name, text)] == []
    left_out = LEFT_OUT.get(name, [])
    assert [text for text in left_out if reads(name, text)] == []
    assert [text for text in left_out if not judge(text) and text not in BEYOND_TREE_SITTER] == []


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", SUBSETS)
@pytest.mark.parametrize("times", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_mutations_that_are_accepted_belong_to_the_language(name: str, times: int) -> None:
    judge, count = oracle(name), times * MUTANTS.get(name, 150)
    texts = mutations(SAMPLES[name], count, random.Random(2))[0 if times > 1 else len(SAMPLES[name]) :]
    accepted = [text for text in texts if reads(name, text)]
    refused = [text for text in accepted if not judge(text)]
    assert len(refused) <= math.ceil(TREE_SITTER.get(name, 0) * len(accepted)), refused
    assert len(accepted) > count // 20


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", LIBRARY)
def test_walks_end_in_texts_of_the_language(name: str) -> None:
    judge = oracle(name)
    texts = [walk(name, seed) for seed in range(WALKS.get(name, 60))]
    refused = [text for text in texts if not judge(text)]
    assert len(refused) <= math.ceil(TREE_SITTER.get(name, 0) * len(texts)), refused
    assert len(set(texts)) > len(texts) // 2


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", SUBSETS)
def test_many_walks_end_in_texts_of_the_language(name: str) -> None:
    judge = oracle(name)
    texts = [walk(name, seed, steps=200) for seed in range(1000, 2000)]
    refused = [text for text in texts if not judge(text)]
    assert len(refused) <= math.ceil(TREE_SITTER.get(name, 0) * len(texts)), refused


def test_starts_are_tested() -> None:
    others = {(name, start) for name, grammar in LIBRARY.items() for start in grammar.starts[1:]}
    assert others == set(STARTS)


@pytest.mark.parametrize(("name", "start"), STARTS)
def test_other_start_rules(name: str, start: str) -> None:
    good, bad = STARTS[name, start]
    vocabulary = gg.Vocabulary.from_tokens([bytes([byte]) for byte in range(256)])
    compiled = gg.compile(library(name, start=start), vocabulary)
    states = {text: compiled.start().advance_bytes(text.encode()) for text in good + bad}
    assert [text for text, state in states.items() if state is not None and state.accepting] == good


@pytest.mark.parametrize("name", LIBRARY)
def test_the_file_says_what_it_covers(name: str) -> None:
    grammar = LIBRARY[name]
    assert len(grammar.subset) > 40
    assert grammar.about
    assert grammar.judge
    assert library(name).text == grammar.text


def test_unknown_names() -> None:
    with pytest.raises(gg.CompileError, match="no grammar 'cobol'"):
        gg.library("cobol")
    with pytest.raises(gg.CompileError, match="does not start with 'x'"):
        gg.library("iso8601", start="x")
