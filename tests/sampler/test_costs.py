"""Cost tables: what is measured, what is kept, what is measured again."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from guidedgen.models import tiny
from guidedgen.models.base import Rows
from guidedgen.sampler import costs
from guidedgen.sampler.costs import CostTable, cost_table, known_costs, measured

TABLE = CostTable(rows=(1, 2, 4), medians=(1.0, 1.5, 3.5))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GUIDEDGEN_CACHE", str(tmp_path))
    monkeypatch.setattr(costs, "SIZES", (1, 2, 5))
    return tmp_path


class Counted:
    """A model that counts its forwards."""

    def __init__(self) -> None:
        self._model = tiny.load("llama")
        self.info, self.vocabulary = self._model.info, self._model.vocabulary
        self.new_store = self._model.new_store
        self.sizes: list[int] = []

    def forward(self, rows: Rows, store: object) -> torch.Tensor:
        self.sizes.append(rows.tokens.shape[0])
        return self._model.forward(rows, store)


@pytest.mark.parametrize(("rows", "seconds"), [(1, 1.0), (2, 1.5), (3, 2.5), (4, 3.5), (6, 5.5)])
def test_costs_lie_on_lines_between_measured_ones(rows: int, seconds: float) -> None:
    assert TABLE.seconds(rows) == pytest.approx(seconds)
    assert TABLE(rows) == TABLE.seconds(rows)


def test_one_measured_size_stands_for_all() -> None:
    assert CostTable(rows=(1,), medians=(2.0,)).seconds(3) == 6.0


def test_no_rows_cost_nothing_to_ask_for() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        TABLE.seconds(0)


def test_every_size_is_measured_and_costs_never_fall() -> None:
    model = Counted()
    table = measured(model)
    assert table.rows == (1, 2, 5)
    assert set(model.sizes) == {1, 2, 5}
    assert table.medians[0] > 0
    assert list(table.medians) == sorted(table.medians)


@pytest.mark.parametrize("threads", [1, 2])
def test_waiting_for_others_costs_one_thread_nothing(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With more threads only the clock says what a forward takes."""
    model = Counted()
    forward = model.forward
    pause = 0.05

    def slow(rows: Rows, store: object) -> torch.Tensor:
        time.sleep(pause)
        return forward(rows, store)

    monkeypatch.setattr(model, "forward", slow)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert (measured(model).medians[0] < pause) == (threads == 1)


def test_a_model_without_trees_gets_chains() -> None:
    model = Counted()
    model.info = replace(model.info, tree=False)
    assert measured(model).rows == (1, 2, 5)


def test_a_table_is_measured_once_and_again_when_asked_for() -> None:
    model = Counted()
    first = cost_table(model)
    forwards = len(model.sizes)
    assert cost_table(model) == first
    assert len(model.sizes) == forwards
    cost_table(model, cached=False)
    assert len(model.sizes) > forwards


def test_another_number_format_has_its_own_table() -> None:
    model = Counted()
    cost_table(model)
    forwards = len(model.sizes)
    model.info = replace(model.info, dtype="int4")
    cost_table(model)
    assert len(model.sizes) == 2 * forwards


@pytest.mark.parametrize("text", ["", "{}", '{"rows": [2, 1], "medians": [1, 1]}', '{"rows": [1], "medians": [0]}'])
def test_a_damaged_file_is_measured_again(folder: Path, text: str) -> None:
    model = Counted()
    cost_table(model)
    (file,) = folder.glob("costs/*.json")
    file.write_text(text)
    forwards = len(model.sizes)
    cost_table(model)
    assert len(model.sizes) > forwards


def test_a_folder_that_cannot_be_written_keeps_nothing(folder: Path) -> None:
    (folder / "costs").write_text("a file where the folder should be")
    assert cost_table(Counted()).rows == (1, 2, 5)


def test_known_costs_are_those_that_were_kept() -> None:
    model = Counted()
    assert known_costs(model) is None
    assert model.sizes == []
    assert cost_table(model) == known_costs(model)
