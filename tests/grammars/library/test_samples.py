"""Each grammar of the library reads what its language's own program reads, and nothing else."""

from __future__ import annotations

import random

import pytest

import guidedgen as gg
from guidedgen.grammars.library import LIBRARY, library
from tests.grammars.library.oracles import oracle
from tests.grammars.library.samples import SAMPLES
from tests.grammars.library.walks import reads, walk

WALKS = 60
MUTANTS = 150

# The start rules that are not the first, with texts that they do and do not derive.
STARTS = {
    ("iso8601", "date"): (["2024-02-29"], ["2024-02-29T10:00", "P1D"]),
    ("iso8601", "time"): (["10:00Z"], ["2024-02-29"]),
    ("iso8601", "datetime"): (["2024-02-29T10:00:00+01:00"], ["10:00", "2024-02-29"]),
    ("iso8601", "duration"): (["P1D", "PT0.5S"], ["P", "2024-02-29"]),
    ("iso8601", "interval"): (["2024-001/P1D"], ["P1D/P1D", "P1D"]),
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


# Programming languages: what is left out of them is tested elsewhere, and their walks take long.
LARGE = {"python", "sql", "verilog"}
NAMES = [pytest.param(name, marks=[pytest.mark.slow] if name in LARGE else []) for name in LIBRARY]


@pytest.mark.parametrize("name", NAMES)
def test_samples_and_their_mutations_are_judged_alike(name: str) -> None:
    judge = oracle(name)
    expected = {text: judge(text) for text in mutations(SAMPLES[name], MUTANTS, random.Random(1))}
    found = {text: reads(name, text) for text in expected}
    if name in LARGE:  # part of the language
        expected = {text: right and found[text] for text, right in expected.items()}
    assert found == expected
    assert min(sum(expected.values()), len(expected) - sum(expected.values())) >= 4


@pytest.mark.parametrize("name", NAMES)
def test_walks_end_in_texts_of_the_language(name: str) -> None:
    judge = oracle(name)
    texts = [walk(name, seed) for seed in range(WALKS)]
    assert [text for text in texts if not judge(text)] == []
    assert len(set(texts)) > WALKS // 2


def test_starts_are_tested() -> None:
    others = {(name, start) for name, grammar in LIBRARY.items() for start in grammar.starts[1:]}
    assert others == {(name, start) for name, start in STARTS if name in LIBRARY}


@pytest.mark.parametrize(
    ("name", "start"),
    [
        pytest.param(*pair, marks=[pytest.mark.slow] if pair[0] in LARGE else [])
        for pair in STARTS
        if pair[0] in LIBRARY
    ],
)
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
