"""Real files are accepted. The ratchet file has the figures of all of them, and names those outside a grammar's subset.

`python -m tests.grammars.library.test_real_files --update` (from the repository root) rewrites it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from guidedgen.evaluate.engine import Tokenizer
from guidedgen.grammars.compile import compile
from guidedgen.grammars.library import library
from tests.grammars.library.outside import OUTSIDE
from tests.grammars.library.parsers import parses
from tests.grammars.library.real_files import (
    csv_texts,
    java_texts,
    json_texts,
    python_texts,
    sql_texts,
    typescript_texts,
)
from tests.grammars.library.walks import read_tokens, reads

RATCHET = Path(__file__).with_name("real_files.json")


def kept(name: str) -> set[str]:
    """The texts that are known to be outside the subset."""
    return set(json.loads(RATCHET.read_text(encoding="utf-8"))[name]["outside"])


def outside_python(every: int) -> tuple[int, list[str]]:
    judged = {name: parses("python", text) for name, text in python_texts(every)}
    return len(judged), [name for name, accepted in judged.items() if not accepted]


def outside_sql(every: int) -> tuple[int, list[str]]:
    texts = sql_texts(every)
    return len(texts), [text for text in texts if not parses("sql", text)]


SEARCHES: dict[str, Callable[[int], tuple[int, list[str]]]] = {"python": outside_python, "sql": outside_sql}


@pytest.mark.parametrize(("name", "every", "least"), [("python", 160, 8), ("sql", 8, 20)])
def test_a_slice_of_real_files(name: str, every: int, least: int) -> None:
    count, outside = SEARCHES[name](every)
    assert count >= least
    assert set(outside) - kept(name) == set()


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", SEARCHES)
def test_all_real_files(name: str) -> None:
    count, outside = SEARCHES[name](1)
    assert set(outside) - kept(name) == set()
    assert len(outside) < count / 50


@pytest.mark.parametrize(("name", "texts", "least"), [("json", json_texts, 5), ("csv", csv_texts, 1)])
def test_real_files_are_read_byte_by_byte(name: str, texts: Callable[[], list[tuple[str, str]]], least: int) -> None:
    judged = {path: reads(name, text) for path, text in list(texts())[:12]}
    assert [path for path, accepted in judged.items() if not accepted] == []
    assert len(judged) >= least


TEXTS = {"java": java_texts, "typescript": typescript_texts}
EVERY = {"java": 1500, "typescript": 60}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("name", "every"), [*EVERY.items(), *(pytest.param(name, 1, marks=pytest.mark.slow) for name in EVERY)]
)
def test_real_files_are_read_token_by_token(name: str, every: int, shared: Path) -> None:
    """Each file is accepted, or tree-sitter's tree of it has what the grammar leaves out."""
    tokenizer = Tokenizer.read(str(shared / "data" / "tokenizers" / "llama3_1")).vocabulary
    compiled = compile(library(name), tokenizer)
    found = list(TEXTS[name](every))
    if not found:
        pytest.skip(f"no {name} files are installed")
    refused = [
        path for path, text in found if not read_tokens(compiled, tokenizer.encode(text)) and not OUTSIDE[name](text)
    ]
    assert refused == []


def update() -> None:
    """Rewrite the ratchet file."""
    figures = {}
    for name, search in SEARCHES.items():
        count, outside = search(1)
        figures[name] = {"its parser accepts": count, "accepted": count - len(outside), "outside": sorted(outside)}
    RATCHET.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] != ["--update"]:
        sys.exit(__doc__)
    update()
