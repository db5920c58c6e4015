"""`guidedgen evaluate masks` from end to end: real worker processes over tiny schemas, with engines that are wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from guidedgen.evaluate.records import Record
from guidedgen.evaluate.results import Results, read_results
from tests.evaluate.samples import DATA, HERE, TOYS, case, evaluate, lines

STRING = {"type": "string"}
INTEGER = {"type": "integer", "minimum": 0, "maximum": 20}
DEFECTIVE = {
    "accepts": case({"x-toy": "accepts anything", **INTEGER}, [7], ["7"]),
    "compile_error": case({"x-toy": "does not compile"}, [7]),
    "dead_end": case({"x-toy": "dead ends", **STRING}),
    "dies": case({"x-toy": "dies"}, [7]),
    "hangs": case({"x-toy": "hangs"}, [7]),
    "hides": case({"x-toy": "hides letters", **STRING}, ["123", "4"], [5]),
    "hoards": case({"x-toy": "hoards"}, [7]),
    "raises": case({"x-toy": "raises", **STRING}, ["123"]),
    "refuses": case({"x-toy": "refuses letters", **STRING}, ["123", "4"], [5]),
    "rejects": case({"x-toy": "rejects most", **INTEGER}, [7], ["7"]),
    "right": case(INTEGER, [7, 20], [21, "7"]),
    "unreadable": "[]",
    "unsound": case({"x-toy": "accepts anything", **INTEGER}, [7]),
}


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """One run over all of them."""
    folder = tmp_path_factory.mktemp("toys")
    for name, text in DEFECTIVE.items():
        (folder / f"{name}.json").write_text(text)
    out = folder / "results.jsonl"
    limits = ("--time-limit", 1, "--memory-limit", 250)
    told = evaluate("masks", folder, *TOYS, "--out", out, *limits, "--jobs", 2)
    assert told.exit_code == 0, told.output
    return read_results(out)


def record(results: Results, name: str) -> Record:
    return next(each for each in results.records if each.name == f"{name}.json")


@pytest.mark.parametrize(
    ("name", "defects", "passing"),
    [
        ("accepts", {"accepts invalid", "unsound walk"}, False),
        ("compile_error", {"compile error"}, False),
        ("dead_end", {"dead end"}, True),
        ("dies", {"crash"}, False),
        ("hangs", {"timeout"}, False),
        ("hides", {"mask and commit differ"}, True),
        ("hoards", {"memory"}, False),
        ("raises", {"error"}, False),
        ("refuses", {"mask and commit differ"}, True),
        ("rejects", {"rejects valid", "unsound walk"}, False),
        ("right", set(), True),
        ("unreadable", {"unreadable"}, False),
        ("unsound", {"unsound walk"}, True),
    ],
)
def test_each_defect_is_reported_as_what_it_is(toys: Results, name: str, defects: set[str], passing: bool) -> None:
    found = record(toys, name)
    assert (set(found.defects), found.passing) == (defects, passing)


def test_every_schema_is_recorded_once(toys: Results) -> None:
    assert sorted(each.name for each in toys.records) == sorted(f"{name}.json" for name in DEFECTIVE)
    assert toys.complete


@pytest.mark.parametrize(
    ("name", "reason", "detail"),
    [("dies", "crash", "exit code 3"), ("hangs", "timeout", "1 s of CPU time"), ("hoards", "memory", "250 MB")],
)
def test_an_ended_worker_leaves_its_reason(toys: Results, name: str, reason: str, detail: str) -> None:
    aborted = record(toys, name).aborted
    assert aborted is not None
    assert (aborted.reason, aborted.phase) == (reason, "compile")
    assert aborted.detail.startswith(detail)


def test_ended_workers_are_replaced(toys: Results) -> None:
    assert 4 <= len(toys.workers) <= 5  # two at first, then one for each of the three that ended while work was left


def test_disagreements_have_examples(toys: Results) -> None:
    probes = record(toys, "hides").probes
    assert probes is not None
    assert probes.outside_taken > 0
    assert probes.inside_refused == 0
    assert "is not in the mask and is taken" in probes.examples[0]
    probes = record(toys, "refuses").probes
    assert probes is not None
    assert probes.outside_taken == 0
    assert probes.inside_refused > 0


def test_invalid_walks_have_examples(toys: Results) -> None:
    walks = record(toys, "unsound").walks
    assert walks is not None
    assert walks.invalid > 0
    assert "jsonschema: invalid" in walks.examples[0]


def test_guidedgen_is_right_about_every_schema(tmp_path: Path) -> None:
    out = tmp_path / "own.jsonl"
    told = evaluate("masks", DATA, "--tokenizer", "bytes", "--out", out, "--json")
    assert told.exit_code == 0, told.output
    results = read_results(out)
    assert {each.name: each.defects for each in results.records} == {path.name: {} for path in DATA.glob("*.json")}
    assert all(each.passing for each in results.records)
    walks = [each.walks for each in results.records]
    assert sum(each.closed for each in walks if each is not None) == 40
    figures = json.loads(told.stdout)["guidedgen"]
    assert figures["Schemas"]["passing (all tests right)"] == 10
    times = figures["Time between masks, first use (µs)"]
    tokens = sum(reading.read for each in results.records for reading in each.first)
    assert times["tokens"] == tokens > 300
    assert 0 < times["p50"] <= times["p90"] <= times["p99"] <= times["max"]
    assert figures["Distance to the limit (times the copy of one mask)"]["copy of one mask, µs"] > 0
    assert figures["Loading, once for a vocabulary"]["memory of the process, MB"] > 10


def test_options_reach_the_engine(tmp_path: Path) -> None:
    options = ("-o", "property_order=schema", "--walks", 0, "--probes", 0, "--no-second-use")
    out = tmp_path / "order.jsonl"
    told = evaluate("masks", DATA / "calendar_entry.json", "--tokenizer", "bytes", "--out", out, *options)
    assert told.exit_code == 0, told.output
    results = read_results(out)
    found = results.records[0]
    assert results.label == "guidedgen property_order=schema"
    assert found.defects == {"rejects valid": 1}  # the one whose properties are not in the schema's order
    assert (found.walks, found.probes, found.second) == (None, None, [])


def test_an_interrupted_run_ends_cleanly_and_goes_on(tmp_path: Path) -> None:
    folder, gate, out = tmp_path / "cases", tmp_path / "gate", tmp_path / "out.jsonl"
    folder.mkdir()
    for name in ("a", "b", "d"):
        (folder / f"{name}.json").write_text(case(INTEGER, [7], [21]))
    (folder / "c.json").write_text(case({"x-toy": "gated", **INTEGER}, [7]))
    command: list[object] = ["masks", folder, *TOYS, "--option", f"gate={gate}", "--out", out]
    program = [sys.executable, "-m", "guidedgen", "evaluate", *map(str, command)]
    root = HERE.parents[1]
    process = subprocess.Popen(
        program, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    workers = _wait_until(lambda: out.exists() and len(lines(out, "schema")) == 2 and _children(process.pid))
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "the same command goes on from here" in said
    assert workers
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)
    assert [end["complete"] for end in lines(out, "end")] == [False]

    with out.open("a") as file:
        file.write('{"kind": "schema", "content": {"name": "d.js')  # as if it had been killed while writing
    gate.touch()
    assert evaluate(*command).exit_code == 0
    assert [each["name"] for each in lines(out, "schema")] == ["a.json", "b.json", "c.json", "d.json"]
    assert all(each.passing for each in read_results(out).records)

    before = out.read_bytes()
    assert evaluate(*command).exit_code == 0  # nothing left to do
    assert out.read_bytes() == before

    changed = evaluate(*command, "--walks", 1)
    assert changed.exit_code == 1
    assert "other settings" in changed.stderr


def _wait_until(condition: Any) -> Any:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("nothing happened")


def _children(parent: int) -> list[int]:
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            try:
                fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == parent:
                found.append(int(entry))
    return found


def test_an_engine_that_cannot_be_made_ends_the_run(tmp_path: Path) -> None:
    options = ("--tokenizer", "bytes", "--option", "colour=red")
    result = evaluate("masks", DATA, "--out", tmp_path / "out.jsonl", *options)
    assert result.exit_code == 1
    assert "guidedgen colour=red: the engine does not take the options {'colour': 'red'}" in result.stderr


def test_workers_import_no_torch() -> None:
    program = "import sys, guidedgen.evaluate.worker, guidedgen.evaluate.engines.own\n"
    program += "print({'torch', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
