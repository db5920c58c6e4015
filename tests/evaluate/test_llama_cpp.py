"""llama.cpp as a peer: what the package is asked, what is made of its answer, and what is said where it is missing."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from guidedgen.evaluate.decoding.llama_cpp import FORMAT, LlamaCpp
from guidedgen.evaluate.decoding.runner import Plan
from guidedgen.evaluate.engine import EvaluationError
from guidedgen.evaluate.tasks import task_named

ASKED: list[dict[str, Any]] = []


class Server:
    """The package's server, as far as the peer uses it."""

    def __init__(self, parameters: Any) -> None:
        self.parameters = parameters

    def handle_completions(self, request: dict[str, Any]) -> str:
        ASKED.append(request)
        if request["n_predict"] < 2:
            return json.dumps({"error": "too few"})
        timings = {"prompt_ms": 30.0, "predicted_ms": 10.0, "predicted_n": 4}
        return json.dumps({"tokens": [7, 8, 9, 2], "timings": timings})


def parameters() -> SimpleNamespace:
    return SimpleNamespace(model=SimpleNamespace(), cpuparams=SimpleNamespace(), cpuparams_batch=SimpleNamespace())


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    module = SimpleNamespace(CommonParams=parameters, Server=Server)
    monkeypatch.setitem(sys.modules, "xllamacpp", module)


@pytest.mark.usefixtures("package")
def test_a_record_of_one_run(tmp_path: Path) -> None:
    file, task = tmp_path / "model.gguf", task_named("code")
    file.touch()
    peer = LlamaCpp(str(file), threads=2)
    record = peer.run(task, task.prompts[0], [5, 6], way=f"llama.cpp:{file}", number=1, most=64)
    assert ASKED[-1] == {
        "prompt": [5, 6],
        "n_predict": 64,
        "temperature": 0,
        "cache_prompt": False,
        "return_tokens": True,
    }
    assert (record.tokens, record.decoded, record.rows, record.dtype) == ((7, 8, 9, 2), 3, (1, 1, 1), FORMAT)
    assert record.first_seconds == pytest.approx(0.75 * record.seconds)
    with pytest.raises(EvaluationError, match="refused"):
        peer.run(task, task.prompts[0], [5], way="llama.cpp:", number=0, most=1)


@pytest.mark.usefixtures("package")
def test_a_file_that_is_not_there() -> None:
    with pytest.raises(EvaluationError, match="names no file"):
        LlamaCpp("nowhere.gguf", threads=1)


@pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is not None, reason="the package is installed")
def test_without_the_package_the_error_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"guidedgen\[llama-cpp\]"):
        LlamaCpp(str(tmp_path), threads=1)


def test_it_is_named_by_its_file() -> None:
    plan = Plan(model="none", dtypes=("int4",), tasks=("code",), peers=("llama.cpp:x.gguf",), prompts=1)
    assert plan.total == 2
