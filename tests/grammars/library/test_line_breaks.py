"""TypeScript with line breaks between any words, and in place of semicolons: what is accepted, its compiler parses."""

from __future__ import annotations

import random
import re

import pytest

from tests.grammars.library.compilers import typescript_package
from tests.grammars.library.oracles import is_typescript
from tests.grammars.library.typescript_texts import TEXTS
from tests.grammars.library.walks import reads

WORDS = re.compile(r"\s+|\w+|`[^`]*`|'[^']*'|\"[^\"]*\"|/[^/ ]+/\w*|=>|\.\.\.|\+\+|--|[^\w\s]")
BREAKS = ("\n", "\n  ", " // c\n", "\n/* d */ ")


def broken(text: str, chance: random.Random) -> str:
    """The text with a few line breaks, some of them instead of a semicolon."""
    words = WORDS.findall(text)
    for _ in range(chance.choice([1, 1, 2, 3])):
        ends = [place for place, word in enumerate(words) if word == ";"]
        if ends and chance.random() < 0.5:
            words[chance.choice(ends)] = chance.choice(BREAKS)
        else:
            words.insert(chance.randrange(len(words) + 1), chance.choice(BREAKS))
    return "".join(words)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("turns", [12, pytest.param(3000, marks=pytest.mark.slow)])
def test_line_breaks(turns: int) -> None:
    if typescript_package() is None:
        pytest.skip("the TypeScript compiler is not installed")
    chance = random.Random(turns)
    texts = [broken(" ".join(chance.choices(TEXTS, k=chance.choice([1, 2]))), chance) for _ in range(turns)]
    accepted = [text for text in texts if reads("typescript", text)]
    assert [text for text in accepted if not is_typescript(text)] == []
    assert len(accepted) > turns // 2
