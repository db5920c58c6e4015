"""The whole path: free text and typed values through `gg.Model`, beside the library's `generate`, in one process.

Everything is interleaved and reported as medians and ratios of one run. Free and typed runs read the same prompt and
write the same number of tokens. With `--tokenizer FILE` it also takes the time to the first mask and per mask of the
demo's outputs on that vocabulary. Not collected by pytest. Run it on a quiet machine:
    python tests/benchmarks/bench_generation.py --threads 2 --tokenizer path/to/tokenizer.json
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

import numpy as np
import torch

import guidedgen as gg
from guidedgen.demo import RECEIPT, SQL, Bill, City
from guidedgen.describe import describe_schema
from guidedgen.models import KNOWN

PROMPT = f"Extract the bill from this text.\n\n{RECEIPT}"
STORY = "Tell a long story about a lighthouse keeper."
CODE = "[A-Z]{3}-[0-9]{4}"
OUTPUTS: dict[str, tuple[Any, str]] = {
    "pydantic": (
        Bill,
        '{"shop": "Green Garden", "items": [{"name": "Rose Bush", "count": 2, "price": 12.5}], "total": 43.0, '
        '"currency": "EUR"}',
    ),
    "regex": (gg.Regex(r"\d{4}-\d{2}-\d{2}"), "1969-07-20"),
    "choice": (gg.Choice(["positive", "negative"]), "negative"),
    "lark": (gg.Lark(SQL), "SELECT name, age FROM users WHERE age > 30;"),
    "list": (list[City], '[{"city": "New York", "country": "USA"}, {"city": "London", "country": "UK"}]'),
}


def decoding(runs: int, tokens: int) -> dict[str, float]:
    """Tokens per second of each way, and the ratios."""
    from transformers import AutoModelForCausalLM

    model = gg.load("smollm2")
    dtype = getattr(torch, model.info.dtype)
    library = AutoModelForCausalLM.from_pretrained(KNOWN["smollm2"].folder(lambda *_: None), dtype=dtype)
    chat = [{"role": "user", "content": STORY}]
    ids = torch.tensor(
        [model.language_model.tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)]
    )
    same_prompt = f"{PROMPT}\n\n{describe_schema(Bill.model_json_schema())}"
    count = len(model.generate(same_prompt, max_tokens=tokens).tokens)  # where the model ends its free answer
    ways: dict[str, Callable[[], int]] = {
        "library generate": lambda: (
            library.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False).shape[1]
            - ids.shape[1]
        ),
        "free text": lambda: len(model.generate(STORY, max_tokens=tokens).tokens),
        "free text, typed prompt": lambda: len(model.generate(same_prompt, max_tokens=count).tokens),
        "typed, cut there": lambda: len(model.generate(PROMPT, Bill, max_tokens=count).tokens),
        "typed": lambda: len(model.generate(PROMPT, Bill).tokens),
        "typed, much forced": lambda: len(
            model.generate("Part number?", gg.Regex(f"The part number is <<<<{CODE}>>>>, ok.")).tokens
        ),
    }
    for way in ways.values():
        way()
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            # Each way reads its prompt anew: a later branch of a cached one is not contiguous, and a sixth slower.
            model._engine.sampler.clear()
            began = time.perf_counter()
            count = way()
            rates[name].append(count / (time.perf_counter() - began))
    speed = {name: statistics.median(values) for name, values in rates.items()}
    speed["free text / library"] = speed["free text"] / speed["library generate"]
    speed["typed / free, same prompt and length"] = speed["typed, cut there"] / speed["free text, typed prompt"]
    return {name: round(value, 2) for name, value in speed.items()}


def masks(tokenizer: str, runs: int) -> dict[str, dict[str, float]]:
    """Milliseconds to the first mask (compiling included) and microseconds per mask and token, medians over runs."""
    vocabulary = gg.Vocabulary.from_file(tokenizer)
    buffer = np.zeros((vocabulary.size + 31) // 32, dtype=np.int32)
    gg.compile(bool, vocabulary).start().fill(buffer)  # the token trie is built once
    figures: dict[str, dict[str, float]] = {}
    for name, (output, text) in OUTPUTS.items():
        first, cold, warm = [], [], []
        for _ in range(runs):
            began = time.perf_counter()
            constraint = gg.compile(output, vocabulary, cache=False)
            constraint.start().fill(buffer)
            first.append(time.perf_counter() - began)
            cold.append(_walk(constraint, vocabulary.encode(text), buffer))
            warm.append(_walk(constraint, vocabulary.encode(text), buffer))
        figures[name] = {
            "first mask of all, ms": round(first[0] * 1e3, 2),
            "first mask, ms": round(statistics.median(first) * 1e3, 2),
            "mean mask, us": round(statistics.median(cold) * 1e6, 2),
            "mean mask again, us": round(statistics.median(warm) * 1e6, 2),
        }
    return figures


def _walk(constraint: gg.Constraint, tokens: list[int], buffer: Any) -> float:
    """Mean seconds of fill and advance along a text."""
    state: gg.State | None = constraint.start()
    began = time.perf_counter()
    for token in tokens:
        assert state is not None
        state.fill(buffer)
        state = state.advance(token)
    seconds = time.perf_counter() - began
    assert state is not None
    assert state.accepting
    return seconds / len(tokens)


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=100)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--tokenizer")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    result: dict[str, Any] = {
        "threads": arguments.threads,
        "tokens per second": decoding(arguments.runs, arguments.tokens),
    }
    if arguments.tokenizer:
        result["masks"] = masks(arguments.tokenizer, arguments.runs)
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
