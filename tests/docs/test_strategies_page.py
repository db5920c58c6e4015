"""The page of strategies is written from records by its script: known records give known figures, the text stays."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from types import ModuleType

import pytest

from guidedgen.evaluate.decoding.records import DecodingFile
from tests.docs.scripts import ROOT, script_named
from tests.evaluate.test_decoding import COPY, COSTS, LIBRARY, PLAIN, SETTINGS


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = script_named("strategies_table")
    page = tmp_path / "strategies.md"
    places = (module.BEGIN, "old", module.END, "between", module.OTHERS, "old, too", module.END_OF_OTHERS)
    page.write_text("\n".join(("before", *places, "after\n")), encoding="utf-8")
    monkeypatch.setattr(module, "PAGE", page)
    return module


def test_figures_stand_in_the_page(script: ModuleType, tmp_path: Path) -> None:
    file = DecodingFile(tmp_path / "run" / "records.jsonl", SETTINGS)
    file.add("costs", {"dtype": "float32", "rows": COSTS.rows, "medians": COSTS.medians})
    for record in (PLAIN, COPY, LIBRARY):
        file.add("record", asdict(record))
    file.close()
    assert script.main([str(tmp_path / "run"), "--wall"]) == 0
    text = script.PAGE.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old\n" not in text
    assert "old, too" in text
    assert "toy, 1 thread, 1 prompt, one run of each way, in turn, wall time; the run was cut." in text
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    assert ["float32", "`speculative:copy`", "10.0 (2.00×)"] in rows
    assert ["float32", "100.0", "100.0", "200.0"] in rows
    assert script.main([str(tmp_path / "run")]) == 0
    assert "20.0 (4.00×)" not in text
    assert "(4.00×)" in script.PAGE.read_text(encoding="utf-8")


def test_other_drafters_have_a_table_of_their_own(script: ModuleType, tmp_path: Path) -> None:
    file = DecodingFile(tmp_path / "run" / "records.jsonl", SETTINGS)
    for record in (PLAIN, COPY):
        file.add("record", asdict(record))
    file.close()
    assert script.main([str(tmp_path / "run"), "--others", "--wall"]) == 0
    text = script.PAGE.read_text(encoding="utf-8")
    assert f"{script.BEGIN}\nold\n{script.END}\nbetween" in text
    assert "old, too" not in text
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    assert [row[:3] for row in rows[2:]] == [["float32", "`plain`", "1.00"], ["float32", "`speculative:copy`", "2.00"]]


def test_a_folder_has_to_be_named(script: ModuleType) -> None:
    assert script.main([]) == 2


def test_the_page_has_its_place_for_figures(script: ModuleType) -> None:
    text = (ROOT / "docs" / "reference" / "strategies.md").read_text(encoding="utf-8")
    assert text.count(script.BEGIN) == text.count(script.END) == 1
    assert text.count(script.OTHERS) == text.count(script.END_OF_OTHERS) == 1
