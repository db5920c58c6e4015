"""What number formats cost in quality on real text; the figures of the documentation, with room."""

from __future__ import annotations

import pytest
import torch

from guidedgen.models import embedded
from guidedgen.models.loading import load
from tests.models.quality import logits_of, quality

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def exact() -> tuple[torch.Tensor, torch.Tensor]:
    if not embedded.is_cached():
        pytest.skip("the embedded model has not been fetched: guidedgen models fetch smollm2")
    return logits_of(load("smollm2", device="cpu", dtype="float32"))


@pytest.mark.parametrize(("dtype", "agreement", "divergence"), [("bfloat16", 0.97, 0.002), ("int4", 0.93, 0.012)])
def test_formats_stay_close_to_float32(
    exact: tuple[torch.Tensor, torch.Tensor], dtype: str, agreement: float, divergence: float
) -> None:
    ids, reference = exact
    _, logits = logits_of(load("smollm2", device="cpu", dtype=dtype))
    plain, found = quality(ids, reference, reference), quality(ids, logits, reference)
    assert found.agreement > agreement
    assert found.divergence < divergence
    assert abs(found.perplexity / plain.perplexity - 1) < 0.02
