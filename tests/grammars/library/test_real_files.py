"""Real files are accepted, token by token: each token is in the mask, and in the end the text may end.

A file that is refused uses something that the grammar's head lists as left out. The ratchet file has the figures of all
files; `python -m tests.grammars.library.test_real_files --update SHARED [LANGUAGE...]` (from the repository root;
SHARED is the folder with the tokenizers) rewrites it.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from guidedgen.vocabulary import Vocabulary
from tests.grammars.library.outside import OUTSIDE
from tests.grammars.library.real_files import (
    csv_texts,
    graphql_texts,
    java_texts,
    json_texts,
    python_texts,
    sql_texts,
    typescript_texts,
    verilog_texts,
)
from tests.grammars.library.walks import first_refused, reads, with_tokens

RATCHET = Path(__file__).with_name("real_files.json")
TEXTS: dict[str, Callable[[int], Iterator[tuple[str, str]]]] = {
    "graphql": graphql_texts,
    "java": java_texts,
    "python": python_texts,
    "sql": sql_texts,
    "typescript": typescript_texts,
    "verilog": verilog_texts,
}
EVERY = {"graphql": 200, "java": 3000, "python": 300, "sql": 8, "typescript": 200, "verilog": 10}
INSTALLED = ("python", "sql")  # what is there on every machine


@dataclass
class Figures:
    """What came of some texts; `unexplained` are those that are refused though they use nothing that is left out."""

    judged: int = 0
    accepted: int = 0
    outside: Counter[str] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)

    def note(self, name: str, refused: bool, reason: str | None) -> None:
        self.judged += 1
        if not refused:
            self.accepted += 1
        elif reason is not None:
            self.outside[reason] += 1
        else:
            self.unexplained.append(name)

    def written(self) -> dict[str, Any]:
        return {
            "its parser accepts": self.judged,
            "accepted": self.accepted,
            "outside": dict(sorted(self.outside.items())),
        }


VERILOG = {
    "`timescale 1ns/1ps\nmodule m; `ifdef A (* b *) wire a; `else reg b; `endif endmodule": None,
    "`define a\nmodule m; endmodule": "macros",
    "module m; `ifdef A initial begin `else initial begin `endif end endmodule": "branches that are no whole items",
    "module m; assign a = `ifdef A 1; `else 2; `endif endmodule": "branches that are no whole items",
    "module m; generate begin end : a endgenerate endmodule": "what Icarus Verilog adds",
    "module m; `ifdef A assert b; `endif endmodule": "branches that Icarus Verilog does not parse",
}


@cache
def tokenizer(shared: Path) -> Vocabulary:
    return Vocabulary.from_file(shared / "data" / "tokenizers" / "llama3_1")


def figures(language: str, every: int, shared: Path) -> Figures:
    """Read every so many of the texts of a language."""
    found, read = Figures(), tokenizer(shared)
    compiled = with_tokens(language, read)
    for name, text in TEXTS[language](every):
        refused = first_refused(compiled, read.encode(text)) is not None
        found.note(name, refused, OUTSIDE[language](text) if refused else None)
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("language", TEXTS)
def test_some_real_files(language: str, shared: Path) -> None:
    found = figures(language, EVERY[language], shared)
    assert found.unexplained == []
    if found.judged == 0 and language not in INSTALLED:
        pytest.skip(f"no {language} files are installed")
    assert found.accepted >= found.judged // 4


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("language", TEXTS)
def test_all_real_files(language: str, shared: Path) -> None:
    """No file is unexplained, and no fewer than before are accepted: of the same files, or in proportion.

    A part that is less than half of the files says nothing about the others: where Yosys is not installed, Icarus
    Verilog's own examples are left, which use what it adds to the language more often.
    """
    found, kept = figures(language, 1, shared), json.loads(RATCHET.read_text(encoding="utf-8"))[language]
    assert found.unexplained == []
    if found.judged == 0 and language not in INSTALLED:
        pytest.skip(f"no {language} files are installed")
    if found.judged * 2 < kept["its parser accepts"]:
        pytest.skip(f"{found.judged} of {kept['its parser accepts']} {language} files are installed")
    tolerated = 0 if found.judged == kept["its parser accepts"] else found.judged // 50
    assert (found.accepted + tolerated) * kept["its parser accepts"] >= kept["accepted"] * found.judged


@pytest.mark.parametrize(("name", "texts", "least"), [("json", json_texts, 5), ("csv", csv_texts, 1)])
def test_real_files_are_read_byte_by_byte(name: str, texts: Callable[[], list[tuple[str, str]]], least: int) -> None:
    judged = {path: reads(name, text) for path, text in list(texts())[:12]}
    assert [path for path, accepted in judged.items() if not accepted] == []
    assert len(judged) >= least


def test_files_that_are_left_out_are_explained() -> None:
    """The explanations are no empty words: what they are of is refused, and they do not explain everything."""
    assert OUTSIDE["python"]("match (x):\n  case 1: pass\n") == "subjects of match"
    assert OUTSIDE["python"]('"\\N{HEAVY CHECK MARK}"\n') == "named characters"
    assert OUTSIDE["python"]('match x:\n  case "\\N{DIGIT ONE}": pass\n') is None
    assert OUTSIDE["sql"]("select a = not b") == "NOT inside an operand"
    assert OUTSIDE["sql"]("select not a") is None
    for text, reason in VERILOG.items():
        assert OUTSIDE["verilog"](text) == reason


def update(shared: Path, languages: list[str]) -> None:
    """Rewrite the ratchet file, or what it has of some languages."""
    kept = json.loads(RATCHET.read_text(encoding="utf-8")) if RATCHET.exists() else {}
    for language in languages or TEXTS:
        found = figures(language, 1, shared)
        if found.judged:
            kept[language] = found.written()
        for name in found.unexplained:
            print(f"{language}: {name!r} is refused, and nothing explains it")
        RATCHET.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] != ["--update"] or len(sys.argv) < 3:
        sys.exit(__doc__)
    update(Path(sys.argv[2]), sys.argv[3:])
