"""`auto` is at most 5 % slower than plain decoding, where drafts pay and where they do not."""

from __future__ import annotations

import statistics
import time

import pytest
import torch

import guidedgen as gg
from guidedgen.evaluate.decoding.report import LEAST_OF_AUTO
from guidedgen.evaluate.tasks import FREE, NAMES, OWN, task_named
from guidedgen.sampler.costs import cost_table

TURNS = 5
TOKENS = 96


@pytest.fixture(scope="module")
def model() -> gg.Model:
    torch.set_num_threads(1)
    loaded = gg.load("smollm2")
    cost_table(loaded.language_model)  # measured once, as users are told to
    return loaded


def seconds(model: gg.Model, strategy: str, task: str, constraint: str) -> float:
    """Processor time of the tokens after the first step, which reads the prompt."""
    found = task_named(task)
    result = model.generate(
        found.prompts[0].message,
        found.output(constraint),
        max_tokens=TOKENS,
        describe=found.describe,
        on_budget="truncate",
        strategy=strategy,
    )
    assert result.trace is not None
    _, *steps = result.trace.steps
    return sum(step.cpu_seconds for step in steps)


@pytest.mark.benchmark
@pytest.mark.model
@pytest.mark.timeout(600)
@pytest.mark.parametrize("constraint", [OWN, FREE])
@pytest.mark.parametrize("task", NAMES)
def test_auto_is_hardly_slower_than_plain_anywhere(model: gg.Model, task: str, constraint: str) -> None:
    seconds(model, "plain", task, constraint)  # constraints are compiled, prompts are cached
    ratios = []
    for _ in range(TURNS):
        plain, auto = (seconds(model, strategy, task, constraint) for strategy in ("plain", "auto"))
        ratios.append(plain / auto)
    assert statistics.median(ratios) >= LEAST_OF_AUTO, ratios


@pytest.mark.benchmark
@pytest.mark.model
@pytest.mark.timeout(600)
def test_auto_is_hardly_slower_on_prose(model: gg.Model) -> None:
    prompt = "Write a short story about a lighthouse keeper and his old dog."
    ratios = []
    for _ in range(TURNS):
        times = []
        for strategy in ("plain", "auto"):
            began = time.process_time()
            model.generate(prompt, max_tokens=TOKENS, strategy=strategy)
            times.append(time.process_time() - began)
        ratios.append(times[0] / times[1])
    assert statistics.median(ratios) >= LEAST_OF_AUTO, ratios
