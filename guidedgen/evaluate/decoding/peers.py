"""Ways of others on the same prompts: the transformers library's generation, without a constraint.

The library decodes greedily, with its own cache, and may end the text where it likes; drafts come from the
prompt (`prompt_lookup_num_tokens`) or from the model's first layers (`assistant_early_exit`), for want of a smaller
model with the same vocabulary. It times itself through its streamer, which hears of tokens after each of its steps.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from collections.abc import Sequence as ListOf
from typing import Any

import torch

from guidedgen.evaluate.decoding.records import Record
from guidedgen.evaluate.tasks import FREE, Prompt, Task

_PREFIX = "transformers:"
GENERATE = f"{_PREFIX}generate"
_EXIT = 3  # layers of the assistant, of 30: fewer are drafted badly, more are slower still

PEERS: Mapping[str, Mapping[str, Any]] = {
    GENERATE: {},
    f"{_PREFIX}prompt-lookup": {"prompt_lookup_num_tokens": 10},
    f"{_PREFIX}assisted": {"assistant_early_exit": _EXIT},
}
"""By name: what `generate` is told besides."""


class _Clock:
    """A streamer that notes when tokens come."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.cpu_times: list[float] = []
        self.counts: list[int] = []

    def put(self, tokens: torch.Tensor) -> None:
        """Tokens came; first those of the prompt."""
        self.times.append(time.perf_counter())
        self.cpu_times.append(time.process_time())
        self.counts.append(tokens.numel())

    def end(self) -> None:
        """No more will come."""


class Library:
    """A transformers model for the ways in `PEERS`.

    Args:
        source: its folder or hub id.
        dtype: number format.
    """

    def __init__(self, source: str, dtype: torch.dtype) -> None:
        from transformers import AutoModelForCausalLM

        model: Any = AutoModelForCausalLM.from_pretrained(source, dtype=dtype)
        self._model = model.train(False)
        self._ends = self._model.generation_config.eos_token_id

    def run(
        self, task: Task, prompt: Prompt, read: ListOf[int], *, way: str, dtype: str, number: int, most: int
    ) -> Record:
        """One run.

        Args:
            task: which one.
            prompt: one of its prompts.
            read: its tokens.
            way: a name in `PEERS`.
            dtype: name of the number format.
            number: of the round.
            most: tokens of the output.
        """
        clock = _Clock()
        ids = torch.tensor([list(read)])
        began, cpu_began = time.perf_counter(), time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = self._model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                do_sample=False,
                max_new_tokens=most,
                streamer=clock,
                **PEERS[way],
            )
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
        tokens = found[0, ids.shape[1] :].tolist()
        ends = {self._ends} if isinstance(self._ends, int) else set(self._ends or ())
        return Record(
            task=task.name,
            prompt=prompt.name,
            constraint=FREE,
            dtype=dtype,
            way=way,
            round=number,
            tokens=tuple(token for token in tokens if token not in ends),
            seconds=seconds,
            first_seconds=clock.times[1] - began,
            cpu_seconds=cpu_seconds,
            first_cpu_seconds=clock.cpu_times[1] - cpu_began,
            decoded=len(tokens) - clock.counts[1],
            rows=(1,) * (len(clock.counts) - 2),
        )
