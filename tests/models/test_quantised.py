"""Quantised weights: close to what they stand for, rows independent of each other, and the same model behind them."""

from __future__ import annotations

import pytest
import torch

from guidedgen.errors import ModelError
from guidedgen.models import tiny
from guidedgen.models.lean_llama import LeanLlama, round_weights
from guidedgen.models.linear import FORMATS, ROUNDED
from guidedgen.models.transformers_adapter import TransformersModel


def weight(rows: int = 64, columns: int = 96) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(1)) / 8


@pytest.mark.parametrize(("kind", "most"), [("int8", 0.01), ("int4", 0.15)])
def test_rounded_weights_are_close(kind: str, most: float) -> None:
    exact = weight()
    error = (ROUNDED[kind](exact) - exact).abs().max() / exact.abs().max()
    assert 0 < error < most


@pytest.mark.parametrize("kind", ["int8", "int4"])
@pytest.mark.parametrize("rows", [1, 3, 8, 20])
@pytest.mark.parametrize("biased", [False, True])
def test_products_are_those_of_the_rounded_weights(kind: str, rows: int, biased: bool) -> None:
    exact = weight()
    bias = torch.arange(64.0) / 64 if biased else None
    inputs = torch.randn(rows, 96, generator=torch.Generator().manual_seed(2)).bfloat16()
    product = FORMATS[kind](exact, bias)(inputs).float()
    expected = inputs.float() @ ROUNDED[kind](exact).T + (0.0 if bias is None else bias)
    assert (product - expected).abs().max() < 0.03


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_a_row_does_not_depend_on_its_neighbours(kind: str) -> None:
    """Beside an outlier, where one scale for all rows would coarsen the others."""
    linear = FORMATS[kind](weight(), None)
    inputs = torch.randn(4, 96, generator=torch.Generator().manual_seed(3)).bfloat16()
    beside = inputs.clone()
    beside[0] *= 1000
    torch.testing.assert_close(linear(beside)[1:], linear(inputs)[1:], atol=0.02, rtol=0.02)


def test_four_bits_keep_values_on_a_grid_of_sixteen() -> None:
    """As GGUF's Q4_1 has them: an offset and sixteen steps for each 32 weights."""
    steps = torch.randint(0, 16, (32, 64), generator=torch.Generator().manual_seed(4))
    steps[:, ::32], steps[:, 1::32] = 0, 15
    exact = steps * 0.0625 - 0.5
    torch.testing.assert_close(ROUNDED["int4"](exact), exact, atol=1e-6, rtol=0)


def test_shapes_that_four_bits_cannot_have_get_eight() -> None:
    exact = weight(24, 40)
    torch.testing.assert_close(ROUNDED["int4"](exact), ROUNDED["int8"](exact))


def test_rounding_a_model_leaves_its_embedding() -> None:
    model = tiny.library_model("llama")
    before = model.get_input_embeddings().weight.clone()
    matrix = model.model.layers[0].mlp.up_proj.weight.clone()
    round_weights(model, "int8")
    torch.testing.assert_close(model.get_input_embeddings().weight, before, atol=0, rtol=0)
    assert not torch.equal(model.model.layers[0].mlp.up_proj.weight, matrix)


def test_families_without_a_lean_forward_are_refused() -> None:
    model = tiny.library_model("gpt2")
    assert not LeanLlama.accepts(model)
    with pytest.raises(ModelError, match="int4 weights need guidedgen's own forward"):
        TransformersModel.wrap(model, None, tiny.load("gpt2").vocabulary, name="tiny", weights="int4")
