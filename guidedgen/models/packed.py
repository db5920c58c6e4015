"""Weight matrices for the native forward: in which formats, how weights are rounded, and packing them for the kernel.

Eight and four bits share a float16 scale (four bits also an offset) among 32 inputs of one output: the grids of GGUF's
Q8_0 and Q4_1, so weights that come from such files keep their values. Activations get eight bits there, with a scale
for each row and 32 inputs: a row never depends on its neighbours.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch

GROUP = 32  # inputs that share a scale; the kernel's own number
_LEVELS = 15
_SMALLEST = 6.2e-5  # about float16's smallest normal number: smaller scales would lose precision


def native() -> ModuleType | None:
    """The native kernel, or None where it is not built."""
    try:
        module = importlib.import_module("guidedgen.kernel._native")
    except ImportError:
        return None
    return module if hasattr(module, "take_best") else None  # not one that was built before it chose tokens


def packed(format_name: str, weights: list[torch.Tensor], biases: list[torch.Tensor | None]) -> Any:
    """Several matrices [out, in] over the same input as one `PackedMatrix`; their outputs lie side by side.

    Args:
        format_name: "dense" keeps float32 or bfloat16; "int8", "int4".
        weights: the matrices.
        biases: of each matrix, or None.
    """
    weight = torch.cat(weights) if len(weights) > 1 else weights[0].contiguous()
    bias: Any = None
    if any(part is not None for part in biases):
        parts = [
            torch.zeros(matrix.shape[0]) if part is None else part.float()
            for matrix, part in zip(weights, biases, strict=True)
        ]
        bias = torch.cat(parts).numpy()
    return _PACKERS[format_name](weight, bias)


class PackedLinear:
    """A `Linear` whose product the native kernel computes, on torch's number of threads.

    Args:
        matrix: a `PackedMatrix`.
        outputs: its rows.
        kernels: name of the row kernels, "" for the best that run here.
    """

    def __init__(self, matrix: Any, outputs: int, kernels: str = "") -> None:
        self.matrix = matrix
        self.outputs = outputs
        self.kernels = kernels

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """[R, in] -> [R, out] in the format of `rows`."""
        out = torch.empty(rows.shape[0], self.outputs)
        given = rows.float().contiguous().numpy()
        self.matrix.multiply(given, out.numpy(), self.kernels, torch.get_num_threads())
        return out.to(rows.dtype)


def packed_linear(format_name: str, weight: torch.Tensor, bias: torch.Tensor | None) -> PackedLinear:
    """A matrix [out, in] with its bias [out] in a format of `packed`."""
    return PackedLinear(packed(format_name, [weight], [bias]), weight.shape[0])


def rounded(format_name: str, weight: torch.Tensor) -> torch.Tensor:
    """The weights [out, in] that a format in fact uses, float32."""
    if format_name == "dense":
        return weight.float()
    codes, scales, offsets = coded(format_name, weight)
    values = codes.view(*scales.shape, -1).float() * scales.float()[..., None]
    if offsets is not None:
        values = values + offsets.float()[..., None]
    return values.view(codes.shape)[:, : weight.shape[1]]


def coded(format_name: str, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Codes [out, in rounded up to 32], scales and offsets [out, in / 32] float16: weight = code * scale (+ offset)."""
    padding = -weight.shape[1] % GROUP
    values = torch.nn.functional.pad(weight.detach().float(), (0, padding))
    groups = values.view(values.shape[0], -1, GROUP)
    if format_name == "int8":
        scales = (groups.abs().amax(-1) / 127).clamp_min(_SMALLEST).half()
        codes = (groups / scales.float()[..., None]).round().clamp(-127, 127)
        return codes.to(torch.int8).view(values.shape), scales, None
    low, high = groups.amin(-1), groups.amax(-1)
    scales, offsets = ((high - low) / _LEVELS).clamp_min(_SMALLEST).half(), low.half()
    codes = ((groups - offsets.float()[..., None]) / scales.float()[..., None]).round().clamp(0, _LEVELS)
    return codes.to(torch.uint8).view(values.shape), scales, offsets


def as_bits(tensor: torch.Tensor) -> Any:
    """A 16-bit tensor as a numpy array of its bits, without a copy: numpy knows no bfloat16."""
    return tensor.view(torch.uint16).numpy()


def _dense(weight: torch.Tensor, bias: Any) -> Any:
    matrix = _kernel().PackedMatrix
    if weight.dtype == torch.bfloat16:
        return matrix.brief(as_bits(weight), bias)
    return matrix.exact(weight.float().numpy(), bias)


def _eight_bits(weight: torch.Tensor, bias: Any) -> Any:
    codes, scales, _ = coded("int8", weight)
    raised = (codes[:, : weight.shape[1]].to(torch.int16) + 128).to(torch.uint8).contiguous()
    return _kernel().PackedMatrix.coded(raised.numpy(), as_bits(scales), None, bias)


def _four_bits(weight: torch.Tensor, bias: Any) -> Any:
    codes, scales, offsets = coded("int4", weight)
    assert offsets is not None
    own = codes[:, : weight.shape[1]].contiguous()
    return _kernel().PackedMatrix.coded(own.numpy(), as_bits(scales), as_bits(offsets), bias)


def _kernel() -> ModuleType:
    module = native()
    if module is None:
        raise ImportError("the native kernel is not built")
    return module


_PACKERS: dict[str, Callable[[torch.Tensor, Any], Any]] = {"dense": _dense, "int8": _eight_bits, "int4": _four_bits}
