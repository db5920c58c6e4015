"""What views of the cache cost in quality, on the embedded model and a long text: the table of docs/concepts/cache.md.

For each view the mean Kullback-Leibler divergence of the next token's distribution from that with the full cache, and
how often the most probable token is the same: once *drafting* (64 tokens after prefixes that the full cache holds),
once *generating* (everything under the view from the first token on, at the same places). Not collected by pytest:
    python tests/benchmarks/bench_cache_views.py --tokens 1536
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import torch

from guidedgen import models
from guidedgen.sampler.quantised import Gear, Quantised
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.selections import Channels, Pages
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.views import Regions, SinkWindow, TopTokens

ROOT = Path(__file__).resolve().parents[2]
TEXTS = ("docs/concepts/constraint.md", "docs/concepts/json-schema.md", "docs/concepts/masks.md")
AHEAD = 64


def text_tokens(model: Any, count: int) -> list[int]:
    text = "\n\n".join((ROOT / name).read_text("utf-8") for name in TEXTS)
    tokens = model.vocabulary.encode(text)
    if len(tokens) < count:
        raise SystemExit(f"the texts have only {len(tokens)} tokens")
    return list(tokens[:count])


def chain(tokens: list[int], start: int) -> list[Sequence]:
    """The prefix of `start` tokens and the `AHEAD` - 1 that go on from it."""
    nodes = [Sequence.prompt(tokens[:start], None)]  # type: ignore[arg-type]
    for token in tokens[start : start + AHEAD - 1]:
        nodes.append(nodes[-1].extend(token, None))  # type: ignore[arg-type]
    return nodes


def quality(logits: torch.Tensor, full: torch.Tensor) -> tuple[float, float]:
    """Mean divergence in nats, and the share of rows with the same best token."""
    p, q = full.log_softmax(-1), logits.log_softmax(-1)
    divergence = (p.exp() * (p - q)).sum(-1)
    return float(divergence.mean()), float((p.argmax(-1) == q.argmax(-1)).float().mean())


def views(model: Any, tokens: list[int]) -> dict[str, Any]:
    calibration = tokens[:512]
    return {
        **{f"SinkWindow(4, {size - 4})": SinkWindow(4, size - 4) for size in (128, 256, 512)},
        **{f"TopTokens({size})": TopTokens(size) for size in (128, 256, 512)},
        "Regions(512, 128, 64)": Regions(512, 128, 64),
        **{f"Channels, an eighth, {size}": Channels.calibrated(model, calibration, budget=size) for size in (128, 256)},
        **{f"Pages({size})": Pages(size) for size in (128, 256)},
        "Pages(256), a third of the heads streaming": Pages.calibrated(model, calibration, share=0.34),
        **{f"Quantised({bits})": Quantised(bits) for bits in (8, 4, 2)},
        **{f"Gear({bits})": Gear(bits) for bits in (4, 2)},
    }


def step_seconds(sampler: Sampler, sequence: Sequence) -> float:
    """Median of nine steps of one row."""
    times = []
    for token in range(100, 110):
        sequence = sequence.extend(token, None)  # type: ignore[arg-type]
        began = time.perf_counter()
        sampler.logits([sequence])
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=1536)
    parser.add_argument("--dtype", default="auto")
    arguments = parser.parse_args()
    model = models.load("smollm2", dtype=arguments.dtype)
    tokens = text_tokens(model, arguments.tokens)
    chains = [chain(tokens, start) for start in (2 * arguments.tokens // 3, arguments.tokens - AHEAD)]
    seen = views(model, tokens)
    sampler = Sampler(model)
    full: list[torch.Tensor] = []
    drafted: dict[str, list[torch.Tensor]] = {name: [] for name in seen}
    seconds: dict[str, float] = {}
    for nodes in chains:  # shorter prefixes first: views read what the full cache has by then
        sampler.logits(nodes[:1])
        for name, view in seen.items():
            drafter = sampler.view(attention=view)
            drafted[name].append(drafter.logits(nodes))
            seconds[name] = step_seconds(drafter, nodes[0])
        full.append(sampler.logits(nodes))
    own = step_seconds(sampler, chains[-1][0])
    again = torch.cat([Sampler(model, chunk=100).logits(nodes) for nodes in chains])
    print(f"one row after {chains[-1][0].length} tokens with the full cache: {1e3 * own:.1f} ms")
    print("| view | drafting: divergence | same token | generating: divergence | same token | ms a row |")
    print("|---|--:|--:|--:|--:|--:|")
    print(line("full, in other chunks", again, torch.cat(full), again, own))
    for name, view in seen.items():
        generated = None
        if getattr(view, "threshold", 1):
            forgetful = Sampler(model, cache=view)
            generated = torch.cat([forgetful.logits(nodes) for nodes in chains])
        print(line(name, torch.cat(drafted[name]), torch.cat(full), generated, seconds[name]), flush=True)


def line(name: str, drafted: torch.Tensor, full: torch.Tensor, generated: torch.Tensor | None, seconds: float) -> str:
    cells = [f"{value:.3f}" for value in quality(drafted, full)]
    cells += ["", ""] if generated is None else [f"{value:.3f}" for value in quality(generated, full)]
    return f"| {name} | {' | '.join(cells)} | {1e3 * seconds:.1f} |"


if __name__ == "__main__":
    main()
