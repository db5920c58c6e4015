"""The lean forward against its slow twin, the library's modules with our attention, on the same rows."""

from __future__ import annotations

import pytest
import torch

from guidedgen.models import tiny
from guidedgen.models.base import Rows, Segment
from guidedgen.models.lean_llama import LeanLlama
from guidedgen.models.library_rows import LibraryRows

OWN = ["llama", "llama_bias", "llama3_rope", "qwen2", "qwen3", "qwen3_window", "mistral"]


@pytest.mark.parametrize("family", OWN)
def test_lean_and_library_rows_agree_far_into_the_text(family: str) -> None:
    """Positions beyond the first fill of the rotary table, scattered slots, two segments."""
    lean = LeanLlama(tiny.library_model(family))
    slow = LibraryRows(tiny.library_model(family))
    generator = torch.Generator().manual_seed(1)
    slots = torch.randperm(64, generator=generator)
    rows = Rows(
        tokens=torch.randint(3, 48, (20,), generator=generator),
        positions=torch.cat((torch.arange(3000, 3012), torch.arange(8))),
        slots=slots[:20],
        segments=(
            Segment(start=0, stop=12, context=torch.empty(0, dtype=torch.int64)),
            Segment(start=12, stop=20, context=torch.empty(0, dtype=torch.int64)),
        ),
        wanted=torch.tensor([3, 11, 19]),
    )
    stores = lean.new_store(64), slow.new_store(64)
    torch.testing.assert_close(lean.forward(rows, stores[0]), slow.forward(rows, stores[1]), atol=1e-4, rtol=0)
    for left, right in zip(stores[0].keys, stores[1].keys, strict=True):
        torch.testing.assert_close(left, right, atol=1e-4, rtol=0)


def test_what_it_accepts() -> None:
    accepted = {name for name in tiny.FAMILIES if LeanLlama.accepts(tiny.library_model(name))}
    assert accepted == set(OWN)
    gelu = tiny.library_model("llama")
    gelu.config.hidden_act = "gelu"
    assert not LeanLlama.accepts(gelu)


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    """Outliers beside a row leave its logits alone (what per-tensor scaling of activations would break)."""
    model = tiny.load("llama")
    calm = torch.tensor([5, 6, 7, 8])
    empty = torch.empty(0, dtype=torch.int64)
    alone = Rows(
        tokens=calm,
        positions=torch.arange(4),
        slots=torch.arange(4),
        segments=(Segment(start=0, stop=4, context=empty),),
        wanted=torch.arange(4),
    )
    beside = Rows(
        tokens=torch.cat((calm, torch.tensor([9] * 30))),
        positions=torch.cat((torch.arange(4), torch.arange(30))),
        slots=torch.arange(34),
        segments=(Segment(start=0, stop=4, context=empty), Segment(start=4, stop=34, context=empty)),
        wanted=torch.arange(4),
    )
    logits = [model.forward(rows, model.new_store(34)) for rows in (alone, beside)]
    torch.testing.assert_close(logits[0], logits[1], atol=1e-5, rtol=0)
