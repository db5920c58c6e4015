"""Which device and number format `"auto"` means. Decided by what the machine can do, never by timing.

CPU: bfloat16 where the processor multiplies it natively (AVX512-BF16, AMX, ARM's BF16), because a step is bound by the
bytes of the weights; float32 elsewhere. CUDA: bfloat16 where native, else float16. MPS: float16.
"""

from __future__ import annotations

import torch

from guidedgen.errors import ModelError

_FORMATS = {
    "float32": torch.float32,
    "fp32": torch.float32,
    "bfloat16": torch.bfloat16,
    "bf16": torch.bfloat16,
    "float16": torch.float16,
    "fp16": torch.float16,
}


WEIGHTS = ("int8", "int4")
"""Formats of weights; keys and values are bfloat16 then."""


def choose_device(name: str) -> torch.device:
    """The device for "auto", "cpu", "cuda", "cuda:1", "mps"...

    Raises:
        ModelError: a device that does not exist here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ModelError(f"device {name!r} cannot be used here: {error}. Use device='auto' or 'cpu'.") from error
    return device


def choose_dtype(name: str | torch.dtype, device: torch.device) -> torch.dtype:
    """The number format for "auto", a name such as "bfloat16", or a torch dtype.

    Raises:
        ModelError: an unknown name.
    """
    if isinstance(name, torch.dtype):
        return name
    if name != "auto":
        if name not in _FORMATS:
            raise ModelError(f"dtype {name!r} is not known. Use auto, {', '.join((*_FORMATS, *WEIGHTS))}.")
        return _FORMATS[name]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "mps":
        return torch.float16
    return torch.bfloat16 if _cpu_has_bfloat16() else torch.float32


def _cpu_has_bfloat16() -> bool:
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
