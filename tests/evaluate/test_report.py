"""From files of results to figures, blame, tables and pages: figures of made-up records are known beforehand."""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from guidedgen.evaluate.blame import blame, normalised, reasons
from guidedgen.evaluate.engine import EvaluationError
from guidedgen.evaluate.figures import all_measured, common_measured, sections
from guidedgen.evaluate.plots import slice_of
from guidedgen.evaluate.reading import Reading
from guidedgen.evaluate.records import Aborted, Record
from guidedgen.evaluate.results import ResultsFile, read_results
from guidedgen.evaluate.settings import Bounds, Checks, EngineChoice
from guidedgen.evaluate.tables import printed
from tests.evaluate.samples import evaluate

CHECKS, BOUNDS = Checks(), Bounds(seconds=2.0)
LOADED = {
    "version": "1", "vocabulary": 257, "vocabulary_ns": 3_000_000, "engine_ns": 1_000_000, "warm_up_ns": 0,
    "engine_bytes": 5_000_000, "process_bytes": 70_000_000, "copy_ns": 600, "copy_cpu_ns": 500, "validators": [],
}  # fmt: skip


def reading(fills: list[int], commits: list[int], *, valid: bool = True, accepted: bool = True) -> Reading:
    """CPU times are ten times the wall times, so that the two cannot be mixed up unnoticed."""
    return Reading(
        valid=valid, tokens=len(commits), accepted=accepted, read=len(commits), fills=fills, commits=commits,
        fills_cpu=[10 * time for time in fills], commits_cpu=[10 * time for time in commits],
    )  # fmt: skip


def compiled(name: str, readings: list[Reading], **more: Any) -> Record:
    first = readings[0].fills[0] if readings else 0
    times = {"compile_ns": 1_000_000, "compile_cpu_ns": 2_000_000, "first_ns": [first], "first_cpu_ns": [10 * first]}
    return Record(name=name, tests=len(readings), first=readings, **(times | more))


def written(path: Path, engine: str, records: list[Record], *, complete: bool = True) -> Path:
    file = ResultsFile(path, EngineChoice(engine=engine, tokenizer="bytes"), CHECKS, BOUNDS)
    file.add("worker", LOADED)
    for record in records:
        file.add("schema", asdict(record))
    file.add("end", {"seconds": 1.5, "complete": complete})
    file.close()
    return path


GOOD = compiled("good", [reading([100, 200, 300], [10, 20])], keywords=["type"], second=[reading([1, 2, 3], [1, 1])])
REFUSED = Record(
    name="refused",
    keywords=["oneOf", "type"],
    tests=1,
    compile_ns=5,
    compile_error={"type": "ValueError", "message": "oneOf of 'a' at #/x/3 has 17 branches"},
)
WRONG = compiled(
    "wrong", [reading([900, 600], [7], valid=False), reading([50], [], accepted=False)], keywords=["oneOf"]
)
LATE = Record(
    name="late",
    keywords=["type"],
    tests=1,
    aborted=Aborted(reason="timeout", phase="compile", detail="2 s of CPU time", seconds=6.0),
)
RECORDS = [GOOD, REFUSED, WRONG, LATE]


def figures(path: Path, **options: bool) -> dict[str, dict[str, Any]]:
    found = sections(all_measured([read_results(path)])[0], cpu=options.get("cpu", True))
    return {section.title: {label.strip(): value for label, value in section.rows} for section in found}


def test_records_survive_being_written(tmp_path: Path) -> None:
    results = read_results(written(tmp_path / "a.jsonl", "one", RECORDS))
    assert results.records == RECORDS
    assert (results.label, results.seconds, results.complete, results.bounds) == ("one", 1.5, True, BOUNDS)


def test_verdicts(tmp_path: Path) -> None:
    found = figures(written(tmp_path / "a.jsonl", "one", RECORDS))["Schemas"]
    expected = {
        "schemas": 4, "passing (all tests right)": 1, "passing, %": 25.0, "without any defect": 1, "compile error": 1,
        "timeout": 1, "crash": 0, "out of memory": 0, "instances read": 3, "valid instances rejected": 1,
        "invalid instances accepted": 1, "invalid instance accepted": 1, "valid instance rejected": 1,
    }  # fmt: skip
    assert {label: found[label] for label in expected} == expected


@pytest.mark.parametrize(("cpu", "scale"), [(True, 10), (False, 1)])
def test_times_between_masks_are_a_commit_and_the_mask_after_it(tmp_path: Path, cpu: bool, scale: int) -> None:
    found = figures(written(tmp_path / "a.jsonl", "one", RECORDS), cpu=cpu)
    first = found["Time between masks, first use (µs)"]
    # 10 + 200, 20 + 300 and 7 + 600: the first masks of texts are no time between masks
    assert first["tokens"] == 3
    assert first["average"] == pytest.approx(scale * (210 + 320 + 607) / 3 / 1e3)
    assert first["p50"] == pytest.approx(scale * 0.320)
    assert first["max"] == pytest.approx(scale * 0.607)
    second = found["Time between masks, second use (µs)"]
    assert (second["tokens"], second["max"]) == (2, pytest.approx(scale * 0.004))
    copy = 0.5 if cpu else 0.6
    limit = found["Distance to the limit (times the copy of one mask)"]
    assert limit["copy of one mask, µs"] == copy
    assert limit["first use, p50"] == pytest.approx(scale * 0.320 / copy)


def test_a_timeout_counts_as_time_to_first_mask(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", "one", RECORDS)
    cpu, wall = (figures(path, cpu=cpu)["Time to first mask (ms)"] for cpu in (True, False))
    assert (cpu["schemas"], cpu["max"]) == (3, 2000.0)  # no more than the limit of CPU time
    assert (wall["schemas"], wall["max"], wall["p50"]) == (3, 6000.0, pytest.approx(1.0009))


def test_common_keeps_what_every_engine_finished_and_read_equally_far(tmp_path: Path) -> None:
    shorter = compiled("wrong", [reading([5], [], valid=False, accepted=False), reading([50], [], accepted=False)])
    other = written(tmp_path / "b.jsonl", "two", [compiled("late", []), shorter, GOOD])
    one, two = common_measured([read_results(written(tmp_path / "a.jsonl", "one", RECORDS)), read_results(other)])
    assert [record.name for record in one.records] == [record.name for record in two.records] == ["good", "wrong"]
    assert [len(record.first) for record in one.timed] == [1, 1]
    tokens = [dict(sections(each, cpu=True)[3].rows)["tokens"] for each in (one, two)]
    assert tokens == [2, 2]
    assert [dict(sections(each, cpu=True)[0].rows)["passing (all tests right)"] for each in (one, two)] == [1, 1]


def test_blame_goes_to_keywords_that_fail_more_often_than_the_rest() -> None:
    blamed = blame(RECORDS)
    assert [entry.keyword for entry in blamed] == ["oneOf", "type"]
    assert (blamed[0].schemas, blamed[0].failing, blamed[0].lift) == (2, 2, pytest.approx(4 / 3))
    assert blamed[0].defects == {"compile error": 1, "accepts invalid": 1, "rejects valid": 1}
    assert (blamed[1].schemas, blamed[1].failing) == (3, 2)
    assert blamed[1].lift == pytest.approx((2 / 3) / (3 / 4))
    assert blame([GOOD]) == []


def test_reasons_are_grouped_without_names_and_numbers() -> None:
    again = Record(name="again", compile_error={"type": "ValueError", "message": "oneOf of 'b' at #/y has 3 branches"})
    found = reasons([*RECORDS, again])
    assert [(reason.text, reason.schemas, reason.example) for reason in found] == [
        ("ValueError: oneOf of '…' at #/… has N branches", 2, "refused"),
        ("timeout in compile: N s of CPU time", 1, "late"),
    ]


def test_keywords_stay_in_reasons() -> None:
    message = """Unimplemented keys: ["not", "x-own"] of 'dependencies' and 'a name'"""
    assert normalised(message) == """Unimplemented keys: ["not", "…"] of 'dependencies' and '…'"""


def test_long_messages_are_cut() -> None:
    assert len(normalised("word " * 100)) == 140


def test_a_second_use_that_differs_is_a_defect() -> None:
    tired = compiled("tired", [reading([1], [])], second=[reading([1], [], accepted=False)])
    assert (tired.defects, tired.passing) == ({"uses differ": 1}, True)


def test_a_validator_that_hangs_is_no_defect_of_the_engine() -> None:
    hung = Aborted(reason="timeout", phase="validation", detail="", seconds=9.0)
    judged = compiled("judged", [reading([1], [])], aborted=hung)
    assert (judged.defects, judged.passing, judged.finished) == ({}, True, True)


@pytest.mark.parametrize(
    ("record", "expected"),
    [(GOOD, "passing"), (REFUSED, "compile error"), (WRONG, "accepts invalid"), (LATE, "timeout")],
)
def test_bars_show_the_worst_defect(record: Record, expected: str) -> None:
    assert slice_of(record) == expected


def test_figures_are_printed_for_people() -> None:
    assert [printed(value) for value in (None, 1234, 1234.5, 12.34, 0.01234)] == [
        "-",
        "1,234",
        "1,234",
        "12.3",
        "0.0123",
    ]


def test_report_shows_engines_side_by_side(tmp_path: Path) -> None:
    paths = [written(tmp_path / f"{name}.jsonl", f"engine-{name}", RECORDS) for name in "abcdefgh"]
    told = evaluate("report", *paths)
    assert told.exit_code == 0, told.output
    lines = told.stdout.splitlines()
    assert [word for word in lines[0].split() if word.startswith("engine-")] == [
        f"engine-{name}" for name in "abcdefgh"
    ]
    row = next(line for line in lines if line.strip().startswith("passing, %"))
    assert row.split()[2:] == ["25.0"] * 8
    assert "ValueError: oneOf of '…' at #/… has N branches" in told.stdout


def test_report_as_json(tmp_path: Path) -> None:
    same = [written(tmp_path / name, "one", RECORDS) for name in ("a.jsonl", "b.jsonl")]
    other = written(tmp_path / "c.jsonl", "two", RECORDS)
    told = json.loads(evaluate("report", *same, other, "--json", "--common").stdout)
    assert list(told) == ["one (a.jsonl)", "one (b.jsonl)", "two"]
    assert [figures["Schemas"]["schemas"] for figures in told.values()] == [2, 2, 2]


@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="matplotlib is in the extra `evaluate`")
def test_the_page_is_one_file_with_plots(tmp_path: Path) -> None:
    paths = [written(tmp_path / f"{name}.jsonl", f"<{name}>", RECORDS) for name in "ab"]
    told = evaluate("report", *paths, "--html", tmp_path / "report.html")
    assert told.exit_code == 0, told.output
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert len(re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)) == 4
    assert all(target.startswith("#") for target in re.findall(r'(?:src|href)="([^"]*)"', text))  # nothing is fetched
    assert "<script" not in text
    assert "&lt;a&gt;" in text
    assert "<a>" not in text
    for title in ("Coverage", "Time to first mask", "Time between masks, first use", "valid instance rejected"):
        assert title in text


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    told = evaluate("report", written(tmp_path / "a.jsonl", "one", RECORDS), "--html", tmp_path / "report.html")
    assert told.exit_code == 1
    assert "pip install 'guidedgen[evaluate]'" in told.stderr


@pytest.mark.parametrize("text", ["", "{}\n", '{"kind": "schema"}\n', "no json\n"])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text(text)
    with pytest.raises(EvaluationError, match=r"other\.jsonl"):
        read_results(path)
