"""llama.cpp on the same prompts, by the package xllamacpp: greedy, without a constraint, on a GGUF file that is named.

It times itself: what it says about reading the prompt is the time of the first token.
"""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Sequence as ListOf
from pathlib import Path
from typing import Any

from guidedgen.evaluate.decoding.records import Record
from guidedgen.evaluate.engine import EvaluationError
from guidedgen.evaluate.tasks import FREE, Prompt, Task

PREFIX = "llama.cpp:"
FORMAT = "gguf"  # stands where others have their number format: the file's own
_CONTEXT = 8192


class LlamaCpp:
    """A model in llama.cpp.

    Args:
        file: a GGUF file of the model that is evaluated: the prompts are its tokens.
        threads: of the processor.

    Raises:
        EvaluationError: the package or the file is not there.
    """

    def __init__(self, file: str, threads: int) -> None:
        try:
            package: Any = importlib.import_module("xllamacpp")
        except ImportError as error:
            raise EvaluationError(
                f"{PREFIX}{file} needs the package xllamacpp. Install guidedgen[llama-cpp]."
            ) from error
        if not Path(file).is_file():
            raise EvaluationError(f"{PREFIX}{file} names no file. Give the path of a GGUF file behind {PREFIX!r}.")
        parameters = package.CommonParams()
        parameters.model.path = file
        parameters.n_ctx, parameters.n_gpu_layers, parameters.n_parallel = _CONTEXT, 0, 1
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
        self._server = package.Server(parameters)

    def run(self, task: Task, prompt: Prompt, read: ListOf[int], *, way: str, number: int, most: int) -> Record:
        """One run.

        Args:
            task: which one.
            prompt: one of its prompts.
            read: its tokens.
            way: the peer's name.
            number: of the round.
            most: tokens of the output.

        Raises:
            EvaluationError: llama.cpp refused the request.
        """
        request = {
            "prompt": list(read),
            "n_predict": most,
            "temperature": 0,
            "cache_prompt": False,
            "return_tokens": True,
        }
        began, cpu_began = time.perf_counter(), time.process_time()
        answer: Any = self._server.handle_completions(request)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
        answer = json.loads(answer) if isinstance(answer, str) else answer
        if "timings" not in answer:
            raise EvaluationError(f"llama.cpp refused {task.name}, {prompt.name}: {answer}")
        timings = answer["timings"]
        reading = timings["prompt_ms"] / (timings["prompt_ms"] + timings["predicted_ms"])  # share of the time
        return Record(
            task=task.name,
            prompt=prompt.name,
            constraint=FREE,
            dtype=FORMAT,
            way=way,
            round=number,
            tokens=tuple(answer.get("tokens", ())),
            seconds=seconds,
            first_seconds=reading * seconds,
            cpu_seconds=cpu_seconds,
            first_cpu_seconds=reading * cpu_seconds,
            decoded=timings["predicted_n"] - 1,
            rows=(1,) * (timings["predicted_n"] - 1),
        )
