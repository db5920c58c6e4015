"""Packed matrices: weights close to what they stand for, and products of every kernel against plain arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from guidedgen.models import packed
from guidedgen.models.packed import coded, rounded

native: Any = pytest.importorskip("guidedgen.kernel._native")
if packed.native() is None:
    pytest.skip("the native kernel was built before it had row kernels", allow_module_level=True)

KERNELS: list[str] = native.row_kernels()
FORMATS = ["dense", "brief", "int8", "int4"]
SHAPES = [(16, 32), (50, 70), (7, 576), (100, 8)]


def weight(outputs: int = 50, inputs: int = 70) -> torch.Tensor:
    return torch.randn(outputs, inputs, generator=torch.Generator().manual_seed(1)) / 8


def some_rows(count: int, inputs: int) -> torch.Tensor:
    return torch.randn(count, inputs, generator=torch.Generator().manual_seed(2))


def matrix(kind: str, exact: torch.Tensor, bias: torch.Tensor | None = None) -> tuple[Any, torch.Tensor]:
    """A packed matrix and the float32 values that it stands for."""
    if kind == "brief":
        brief = exact.bfloat16()
        return packed.packed("dense", [brief], [bias]), brief.float()
    return packed.packed(kind, [exact], [bias]), rounded(kind, exact)


def multiplied(given: Any, rows: torch.Tensor, outputs: int, kernel: str) -> torch.Tensor:
    out = torch.full((rows.shape[0], outputs), float("nan"))
    given.multiply(rows.numpy(), out.numpy(), kernel)
    return out


def entering(kind: str, rows: torch.Tensor) -> torch.Tensor:
    """What a product of that format sees of its rows."""
    if kind == "dense":
        return rows
    if kind == "brief":
        return rows.bfloat16().float()
    padded = torch.nn.functional.pad(rows, (0, -rows.shape[1] % 32))
    groups = padded.view(rows.shape[0], -1, 32)
    peaks = groups.abs().amax(-1, keepdim=True).clamp_min(1e-30)
    codes = (groups * (127 / peaks)).round()
    return (codes * (peaks / 127)).view(padded.shape)[:, : rows.shape[1]]


@pytest.mark.parametrize(("kind", "most"), [("int8", 0.01), ("int4", 0.1)])
def test_rounded_weights_are_close(kind: str, most: float) -> None:
    exact = weight()
    error = (rounded(kind, exact) - exact).abs().max() / exact.abs().max()
    assert 0 < error < most


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("biased", [False, True])
def test_products_are_those_of_the_rounded_numbers(
    kernel: str, kind: str, shape: tuple[int, int], biased: bool
) -> None:
    exact, rows = weight(*shape), some_rows(11, shape[1])
    bias = torch.arange(float(shape[0])) / 64 if biased else None
    given, values = matrix(kind, exact, bias)
    expected = entering(kind, rows).double() @ values.T.double()
    if bias is not None:
        expected += bias
    torch.testing.assert_close(multiplied(given, rows, shape[0], kernel).double(), expected, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("kind", FORMATS)
def test_a_row_is_the_same_bit_for_bit_in_any_company(kernel: str, kind: str) -> None:
    """Alone, among as many as any block of the kernel has, and beside outliers."""
    rows = some_rows(23, 576)
    given, _ = matrix(kind, weight(50, 576))
    alone = torch.cat([multiplied(given, row[None], 50, kernel) for row in rows])
    for count in (2, 3, 4, 7, 8, 16, 23):
        assert torch.equal(multiplied(given, rows[:count], 50, kernel), alone[:count])
    wild = rows.clone()
    wild[::2] *= 1e6
    assert torch.equal(multiplied(given, wild, 50, kernel)[1::2], alone[1::2])


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("kind", FORMATS)
def test_rows_of_zeros_give_zeros(kernel: str, kind: str) -> None:
    given, _ = matrix(kind, weight())
    assert not multiplied(given, torch.zeros(3, 70), 50, kernel).any()


def test_matrices_over_one_input_lie_side_by_side() -> None:
    rows, parts = some_rows(2, 64), [weight(20, 64), weight(9, 64)]
    biases = [None, torch.ones(9)]
    both = multiplied(packed.packed("int8", parts, biases), rows, 29, "")
    single = [
        multiplied(packed.packed("int8", [p], [b]), rows, p.shape[0], "") for p, b in zip(parts, biases, strict=True)
    ]
    assert torch.equal(both, torch.cat(single, 1))


def test_four_bits_keep_the_values_of_ggufs_q4_1() -> None:
    """An offset and a scale of 16 bits for each 32 weights, and codes that use both ends."""
    generator = torch.Generator().manual_seed(4)
    codes = torch.randint(0, 16, (32, 2, 32), generator=generator)
    codes[..., 0], codes[..., 1] = 0, 15
    scales = (torch.rand(32, 2, 1, generator=generator) / 50 + 0.001).half().float()
    offsets = (torch.randn(32, 2, 1, generator=generator) / 20).half().float()
    exact = (codes * scales + offsets).view(32, 64)
    torch.testing.assert_close(rounded("int4", exact), exact, atol=1e-7, rtol=0)


def test_eight_bits_keep_the_values_of_ggufs_q8_0() -> None:
    generator = torch.Generator().manual_seed(5)
    codes = torch.randint(-127, 128, (32, 2, 32), generator=generator)
    codes[..., 0] = 127
    scales = (torch.rand(32, 2, 1, generator=generator) / 500 + 0.001).half().float()
    exact = (codes * scales).view(32, 64)
    torch.testing.assert_close(rounded("int8", exact), exact, atol=1e-7, rtol=0)


def test_groups_of_one_value_keep_it() -> None:
    exact = torch.full((16, 32), 0.25)
    torch.testing.assert_close(rounded("int4", exact), exact)
    torch.testing.assert_close(rounded("int8", exact), exact, rtol=1e-3, atol=0)
    assert not rounded("int4", torch.zeros(16, 32)).any()


def test_codes_stay_in_their_range() -> None:
    codes, _, offsets = coded("int4", weight(16, 64) * 1000)
    assert (int(codes.min()), int(codes.max())) == (0, 15)
    assert offsets is not None
    codes, _, offsets = coded("int8", weight(16, 64) * 1000)
    assert int(codes.abs().max()) == 127
    assert offsets is None


def test_arrays_that_do_not_fit_are_refused() -> None:
    given, _ = matrix("dense", weight(16, 32))
    with pytest.raises(ValueError, match="do not fit"):
        given.multiply(np.zeros((2, 31), np.float32), np.zeros((2, 16), np.float32))
    with pytest.raises(ValueError, match="that name"):
        given.multiply(np.zeros((2, 32), np.float32), np.zeros((2, 16), np.float32), "abacus")
    with pytest.raises(ValueError, match="scales"):
        native.PackedMatrix.coded(np.zeros((4, 32), np.uint8), np.zeros((4, 2), np.uint16))
