"""`guidedgen evaluate decoding`: figures of known records, files that are continued, a run on the embedded model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from guidedgen.cli import app
from guidedgen.evaluate.decoding import report
from guidedgen.evaluate.decoding.figures import ALL, Figures, acceptance, figures_of
from guidedgen.evaluate.decoding.own import parting
from guidedgen.evaluate.decoding.records import DecodingFile, DecodingResults, Difference, Record, read_decoding
from guidedgen.evaluate.decoding.runner import Plan, peer_dtype
from guidedgen.evaluate.engine import EvaluationError
from guidedgen.sampler.costs import CostTable

FAST = "speculative:copy"
SETTINGS = {"model": "toy", "peers": ["transformers:generate"], "threads": 1}


def record(way: str, **given: Any) -> Record:
    """Eleven tokens, one of them in the first step."""
    values: dict[str, Any] = {
        "task": "editing",
        "prompt": "one",
        "constraint": "schema",
        "dtype": "float32",
        "way": way,
        "round": 0,
        "tokens": tuple(range(11)),
        "seconds": 3.0,
        "first_seconds": 1.0,
        "cpu_seconds": 1.5,
        "first_cpu_seconds": 0.5,
        "decoded": 10,
    }
    return Record(**{**values, **given})


PLAIN = record("plain", rows=(1,) * 8 + (3,), forced=2, forward_seconds=1.8, mask_seconds=0.09)
COPY = record(
    FAST,
    seconds=2.0,
    cpu_seconds=0.75,
    rows=(4, 4, 2),
    forced=2,
    drafts=((3, 3, 3), (3, 3, 1), (1, 1, 0)),
    forward_seconds=0.6,
    draft_seconds=0.3,
)
LIBRARY = record("transformers:generate", constraint="none", seconds=6.0)
COSTS = CostTable(rows=(1, 2, 4), medians=(0.1, 0.1, 0.2))


def results(*records: Record, differences: tuple[Difference, ...] = ()) -> DecodingResults:
    return DecodingResults(
        settings={**SETTINGS, "machine": "m", "cores": 2},
        costs={"float32": COSTS},
        records=records,
        differences=differences,
        complete=True,
    )


def by_way(found: list[Figures], task: str = "editing") -> dict[str, Figures]:
    return {figures.way: figures for figures in found if figures.task == task}


def test_auto_is_held_to_its_promise() -> None:
    """At least 0.95 times plain, on the task where it does worst."""
    assert report.promises(figures_of(results(PLAIN, COPY))) == []
    for seconds, said in ((3.05, "kept (editing: 0.98)"), (3.3, "BROKEN (editing: 0.87)")):
        found = figures_of(results(PLAIN, record("auto", seconds=seconds)))
        (line,) = report.promises(found)
        assert line.endswith(said)
        assert line in report.markdown(found)


def test_rates_are_of_decoding_and_beside_plain() -> None:
    found = by_way(figures_of(results(PLAIN, COPY, LIBRARY)))
    assert found["plain"].rate == 5.0
    assert found[FAST].rate == 10.0
    assert found[FAST].whole_rate == 11 / 2.0
    assert found[FAST].speedup == 2.0
    assert found[FAST].over_generate == 5.0
    assert (found[FAST].per_forward, found[FAST].chosen_per_forward) == (10 / 3, 8 / 3)
    assert (found[FAST].forced, found[FAST].drafted) == (0.2, 7 / 3)
    assert found[FAST].modelled == pytest.approx((10 / 0.5) / (10 / 0.95))
    assert found["plain"].forward_ms == pytest.approx(200)
    assert found["plain"].rest_ms == pytest.approx(1000 * 0.11 / 9)
    assert by_way(figures_of(results(PLAIN, COPY), cpu=True))[FAST].speedup == 4.0


def test_over_all_tasks_own_constraints_count_as_one() -> None:
    other = [record(each.way, task="code", constraint="lines", decoded=30) for each in (PLAIN, COPY)]
    found = [figures for figures in figures_of(results(PLAIN, COPY, *other, LIBRARY)) if figures.task == ALL]
    assert [(figures.constraint, figures.way, figures.prompts) for figures in found] == [
        ("own", "plain", 2),
        ("own", FAST, 2),
        ("none", "transformers:generate", 1),
    ]
    assert found[0].rate == 40 / 4.0


def test_medians_of_rounds() -> None:
    rounds = [record("plain", round=number, seconds=seconds) for number, seconds in enumerate((3.0, 2.0, 9.0))]
    assert by_way(figures_of(results(*rounds)))["plain"].rate == 5.0


def test_acceptance_by_depth_counts_trees_that_are_so_deep() -> None:
    assert acceptance([(3, 3, 3), (3, 3, 1), (1, 1, 0), (5, 2, 2)]) == (3 / 4, 2 / 3, 1 / 2)
    assert acceptance([]) == ()


def test_texts_part_at_near_ties_or_do_not() -> None:
    assert parting((1, 2, 3), (1, 2, 3)) is None
    assert parting((1, 2, 3), (1, 4, 3)) == 1
    assert parting((1, 2), (1, 2, 3)) == 2

    def difference(gap: float) -> tuple[Difference, ...]:
        names = {"task": "editing", "prompt": "one", "constraint": "schema", "dtype": "float32", "way": FAST}
        return (Difference(**names, place=3, gap=gap),)

    for gap, counts in ((0.0005, (0, 1, 0)), (0.002, (0, 0, 1))):
        found = by_way(figures_of(results(PLAIN, COPY, differences=difference(gap))))[FAST]
        assert (found.same, found.near, found.different) == counts
    found = by_way(figures_of(results(PLAIN, COPY)))[FAST]
    assert (found.same, found.near, found.different) == (1, 0, 0)


def test_files_are_continued_and_belong_to_one_run(tmp_path: Path) -> None:
    path = tmp_path / "new" / "records.jsonl"
    file = DecodingFile(path, SETTINGS)
    file.add("costs", {"dtype": "float32", "rows": COSTS.rows, "medians": COSTS.medians})
    for each in (PLAIN, COPY):
        file.add("record", {**each.__dict__})
    file.add("end", {"seconds": 1.0, "complete": True})
    file.close()
    with path.open("ab") as cut:
        cut.write(b'{"kind":"rec')
    again = DecodingFile(path, SETTINGS)
    again.close()
    assert set(again.finished) == {PLAIN.key, COPY.key}
    assert again.costed == {"float32"}
    read = read_decoding(path)
    assert (read.records, read.costs, read.complete) == ((PLAIN, COPY), {"float32": COSTS}, True)
    with pytest.raises(EvaluationError, match="other settings"):
        DecodingFile(path, {**SETTINGS, "threads": 2})
    other = tmp_path / "other.jsonl"
    other.write_text('{"kind": "run"}\n')
    with pytest.raises(EvaluationError, match="no file of results"):
        read_decoding(other)


def test_figures_are_told_in_every_form() -> None:
    known = results(PLAIN, COPY, LIBRARY)
    found = figures_of(known)
    rows = [report.row(figures) for figures in found]
    assert all(len(cells) == len(report.COLUMNS) for cells in rows)
    assert "67 50 %" in rows[1]
    assert report.markdown(found).count("\n") == 2 + len(found)
    told = json.loads(report.as_json(known, found))
    assert told["figures"][1]["speedup"] == 2.0
    assert told["costs"]["float32"]["rows"] == [1, 2, 4]


def test_the_page_has_its_plots() -> None:
    pytest.importorskip("matplotlib")
    known = results(PLAIN, COPY, LIBRARY)
    page = report.page(known, figures_of(known))
    assert page.count("<svg") == 2
    assert "Tokens per second over plain decoding" in page


def test_names_are_checked_before_anything_is_loaded() -> None:
    for wrong, match in (
        ({"tasks": ("cooking",)}, "no task"),
        ({"constraints": ("sql",)}, "no constraint"),
        ({"strategies": ("hasty",)}, "no strategy"),
        ({"peers": ("vllm",)}, "no peer"),
    ):
        with pytest.raises(ValueError, match=match):
            Plan(**{"model": "none", "dtypes": ("float32",), "tasks": ("code",), **wrong})  # type: ignore[arg-type]


def test_a_plan_knows_its_size() -> None:
    plan = Plan(
        model="none",
        dtypes=("bf16", "int4"),
        tasks=("code", "editing"),
        constraints=("own", "none"),
        strategies=("plain", FAST),
        peers=("transformers:generate",),
        prompts=3,
        rounds=2,
    )
    assert plan.ways == (("bf16", "plain"), ("bf16", FAST), ("int4", "plain"), ("int4", FAST))
    assert [(task.name, prompt.name) for task, prompt in plan.cells][:3] == [
        ("code", "temperature"),
        ("editing", "workshop"),
        ("code", "account"),
    ]
    assert plan.total == 2 * 6 * (2 * 4 + 1)
    assert peer_dtype(("int4", "float32")) == "float32"
    assert peer_dtype(("int4",)) == "bf16"


@pytest.mark.model
@pytest.mark.timeout(600)
def test_a_run_on_the_embedded_model_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Interrupted after the first run, as by Ctrl-C: what is there is kept, and the same command finishes it."""
    from guidedgen.evaluate.decoding import runner
    from guidedgen.models.known import KNOWN

    if not KNOWN["smollm2"].is_cached():
        pytest.skip("the embedded model is not cached")
    command = [
        "evaluate",
        "decoding",
        "--tasks",
        "editing",
        "--prompts",
        "1",
        "--strategies",
        "speculative:forced+copy",
    ]
    command += ["--peers", "", "--out", str(tmp_path), "--json"]
    real, runs = runner.run_own, []

    def once(*args: Any, **named: Any) -> Record:
        if runs:
            raise KeyboardInterrupt
        runs.append(real(*args, **named))
        return runs[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "run_own", once)
        assert CliRunner().invoke(app, command).exit_code == 130
    assert [found.key for found in read_decoding(tmp_path / "records.jsonl").records] == [runs[0].key]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    plain, fast = read_decoding(tmp_path / "records.jsonl").records
    assert plain == runs[0]
    assert fast.way == "speculative:forced+copy"
    assert len(fast.rows) < len(plain.rows) / 2
    assert sum(accepted for _, _, accepted in fast.drafts) > 20
    assert (tmp_path / "figures.md").read_text().count("speculative:forced+copy") == 2  # the task, and all tasks
