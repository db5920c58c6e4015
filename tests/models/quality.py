"""How far a number format is from float32 on real text: perplexity, and how often the favourite token is the same.

python -m tests.models.quality                 # every format of the embedded model, as a table
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from guidedgen.models.base import Rows, Segment
from guidedgen.models.loading import load
from guidedgen.models.transformers_adapter import TransformersModel

FORMATS = ("float32", "bfloat16", "int8", "int4")

# Abraham Lincoln, 1863; Jane Austen, "Pride and Prejudice", 1813; the Declaration of Independence, 1776: public domain.
_FILE = Path(__file__).with_suffix(".txt")
TEXT = "\n\n".join(" ".join(part.split()) for part in _FILE.read_text(encoding="utf-8").split("\n\n"))


@dataclass(frozen=True, kw_only=True)
class Quality:
    """A format beside float32, over the tokens of one text.

    Args:
        perplexity: of the text.
        agreement: share of tokens at which the most likely next token is float32's.
        divergence: mean Kullback-Leibler divergence of the next token's distribution from float32's, in nats.
    """

    perplexity: float
    agreement: float
    divergence: float


def logits_of(model: TransformersModel, text: str = TEXT) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids [n] of a text and the logits after each of them, float32 [n, V]."""
    ids = torch.tensor(model.tokenizer.encode(text))
    count = ids.shape[0]
    segment = Segment(start=0, stop=count, context=torch.empty(0, dtype=torch.int64))
    every = torch.arange(count)
    rows = Rows(tokens=ids, positions=every, slots=every, segments=(segment,), wanted=every)
    return ids, model.forward(rows, model.new_store(count))


def quality(ids: torch.Tensor, logits: torch.Tensor, reference: torch.Tensor) -> Quality:
    """Of `logits` [n, V] beside those of float32."""
    own, exact = logits[:-1].double().log_softmax(-1), reference[:-1].double().log_softmax(-1)
    return Quality(
        perplexity=math.exp(-float(own.gather(-1, ids[1:, None]).mean())),
        agreement=float((own.argmax(-1) == exact.argmax(-1)).double().mean()),
        divergence=float((exact.exp() * (exact - own)).sum(-1).mean()),
    )


def main() -> None:
    """Print a table."""
    ids, reference = logits_of(load("smollm2", device="cpu", dtype="float32"))
    sys.stdout.write(
        f"{len(ids)} tokens\n| weights | perplexity | same favourite | divergence, nats |\n|---|--:|--:|--:|\n"
    )
    for name in FORMATS:
        _, logits = logits_of(load("smollm2", device="cpu", dtype=name))
        found = quality(ids, logits, reference)
        line = f"| {name} | {found.perplexity:.3f} | {100 * found.agreement:.1f} % | {found.divergence:.5f} |\n"
        sys.stdout.write(line)


if __name__ == "__main__":
    main()
