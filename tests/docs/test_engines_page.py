"""The page of engines is written from results by its script: known records give known figures, the text stays."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from guidedgen.evaluate.records import Record
from tests.docs.scripts import ROOT, script_named
from tests.evaluate.test_report import compiled, reading, written

FAST = compiled("one", [reading([100, 200], [10])], second=[reading([1, 1], [1])])
SLOW = compiled("one", [reading([100, 600], [30])], second=[reading([1, 1], [1])])
REFUSED = Record(name="one", tests=1, compile_ns=1, compile_cpu_ns=1, compile_error={"type": "E", "message": "no"})


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = script_named("engines_table")
    page = tmp_path / "engines.md"
    page.write_text(f"before\n{module.BEGIN}\nold\n{module.END}\nafter\n", encoding="utf-8")
    monkeypatch.setattr(module, "PAGE", page)
    return module


def rows(script: ModuleType) -> list[list[str]]:
    text = script.PAGE.read_text(encoding="utf-8")
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def test_times_stand_beside_the_first_engine_s(script: ModuleType, tmp_path: Path) -> None:
    files = [written(tmp_path / "a", "a", [FAST]), written(tmp_path / "b", "b", [SLOW])]
    assert script.main([str(file) for file in files]) == 0
    assert ["average", "2.1", "6.3 (3.0×)"] in rows(script)  # µs of CPU time: a commit and the mask after it
    assert ["passing, %", "100", "100"] in rows(script)


def test_engines_behind_two_dashes_are_not_compared_on_common_files(script: ModuleType, tmp_path: Path) -> None:
    files = [written(tmp_path / "a", "a", [FAST]), written(tmp_path / "b", "b", [REFUSED])]
    assert script.main([str(files[0]), "--", str(files[1])]) == 0
    assert ["compile error", "0", "1"] in rows(script)
    assert [row[1:] for row in rows(script) if row[0] == ""] == [["a", "b"], ["a"], ["a", "b"], ["a", "b"]]


def test_the_text_around_the_figures_stays(script: ModuleType, tmp_path: Path) -> None:
    script.main([str(written(tmp_path / "a", "a", [FAST]))])
    once = script.PAGE.read_text(encoding="utf-8")
    assert once.startswith("before\n")
    assert once.endswith("\nafter\n")
    assert "old" not in once
    script.main([str(tmp_path / "a")])
    assert script.PAGE.read_text(encoding="utf-8") == once


def test_the_page_has_its_marks(script: ModuleType) -> None:
    text = (ROOT / "docs" / "reference" / "engines.md").read_text(encoding="utf-8")
    assert text.count(script.BEGIN) == text.count(script.END) == 1


def test_without_results_nothing_is_written(script: ModuleType) -> None:
    before = script.PAGE.read_text(encoding="utf-8")
    assert script.main([]) == 2
    assert script.PAGE.read_text(encoding="utf-8") == before
