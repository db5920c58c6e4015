"""Plain decoding against the library's `generate`: tokens per second on the embedded model, interleaved in one process.

Not collected by pytest. Run it on a quiet machine:
    python tests/benchmarks/bench_plain.py --dtype bfloat16 --threads 2
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "0")  # two spinning threads beside a busy process collapse

import torch

from guidedgen.models import KNOWN, load
from guidedgen.models.base import Rows, Segment
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence

PROMPT = "Explain in a few paragraphs how a rainbow comes about."


def library_generate(model: Any, ids: list[int], count: int) -> Callable[[], list[int]]:
    """The library's greedy decoding with its defaults."""
    tokens = torch.tensor([ids])

    def run() -> list[int]:
        output = model.generate(
            tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=count, min_new_tokens=count, do_sample=False
        )
        return list(output[0, len(ids) :].tolist())

    return run


def sampler_greedy(model: Any, ids: list[int], count: int) -> Callable[[], list[int]]:
    """Greedy decoding through the sampler, nothing kept from run to run; end tokens are ignored like there."""
    ends = torch.tensor(sorted(model.vocabulary.eos))

    def run() -> list[int]:
        sampler = Sampler(model)
        sequence = Sequence.prompt(ids, None)  # type: ignore[arg-type]
        for _ in range(count):
            logits = sampler.logits([sequence])[0]
            logits[ends] = float("-inf")
            sequence = sequence.extend(int(logits.argmax()), None)  # type: ignore[arg-type]
        return list(sequence.generated())

    return run


def forward_costs(model: Any, context: int, counts: tuple[int, ...]) -> dict[int, float]:
    """Median milliseconds of one forward of T chained rows after `context` tokens."""
    store = model.new_store(context + max(counts))
    costs = {}
    for count in counts:
        own = torch.arange(context, context + count)
        segment = Segment(start=0, stop=count, context=torch.arange(context))
        tokens, wanted = torch.arange(100, 100 + count), torch.arange(count)
        rows = Rows(tokens=tokens, positions=own, slots=own, segments=(segment,), wanted=wanted)
        costs[count] = 1e3 * statistics.median(timed(lambda rows=rows: model.forward(rows, store)) for _ in range(15))
    return costs


def agreement(first: list[int], second: list[int]) -> int:
    """Number of leading tokens that two texts share."""
    pairs = zip(first, second, strict=True)
    return next((index for index, (left, right) in enumerate(pairs) if left != right), len(first))


def timed(action: Callable[[], Any]) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=100)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    from transformers import AutoModelForCausalLM

    lean = load("smollm2", dtype=arguments.dtype)
    rows = load("smollm2", dtype=arguments.dtype, lean=False)
    folder = KNOWN["smollm2"].folder(lambda *_: None)
    library = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, lean.info.dtype))
    chat = [{"role": "user", "content": PROMPT}]
    ids = lean.tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)
    contenders = {
        "generate": library_generate(library, ids, arguments.tokens),
        "lean": sampler_greedy(lean, ids, arguments.tokens),
        "rows": sampler_greedy(rows, ids, arguments.tokens),
    }
    texts = {name: run() for name, run in contenders.items()}
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(arguments.runs):
        for name, run in contenders.items():
            seconds[name].append(timed(run))
    speed = {name: arguments.tokens / statistics.median(values) for name, values in seconds.items()}
    result = {
        "dtype": lean.info.dtype,
        "threads": torch.get_num_threads(),
        "tokens_per_second": {name: round(value, 1) for name, value in speed.items()},
        "ratio_to_generate": {name: round(value / speed["generate"], 2) for name, value in speed.items()},
        "same_first_tokens": {name: agreement(text, texts["generate"]) for name, text in texts.items()},
        "forward_ms_by_rows": {k: round(v, 1) for k, v in forward_costs(lean, 300, (1, 2, 4, 8, 16, 32, 64)).items()},
    }
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
