"""The types that users see: mypy and pyright agree with `tests/typing`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from mypy import api

ROOT = Path(__file__).parents[2]
INFERENCE, MISTAKES = ROOT / "tests/typing/inference.py", ROOT / "tests/typing/mistakes.py"


def mypy(*paths: Path) -> str:
    arguments = ["--config-file", str(ROOT / "pyproject.toml")]  # as `make types`, whose cache serves both
    found, faults, _ = api.run([*arguments, "--cache-dir", str(ROOT / ".mypy_cache"), *map(str, paths)])
    return found + faults


@pytest.mark.timeout(600)  # the first time mypy reads torch
def test_mypy_infers_the_types_and_finds_the_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert mypy(INFERENCE, MISTAKES).startswith("Success")


@pytest.mark.timeout(600)
def test_mypy_would_notice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    wrong = tmp_path / "wrong.py"
    wrong.write_text(INFERENCE.read_text().replace('model("?", Ticket), Ticket)', 'model("?", Ticket), Point)'))
    assert 'Expression is of type "Ticket", not "Point"' in mypy(wrong)


@pytest.mark.timeout(600)
def test_pyright_infers_the_types() -> None:
    pyright = [sys.executable, "-m", "pyright"]
    if subprocess.run([*pyright, "--version"], capture_output=True, check=False).returncode:
        pytest.skip("pyright is not installed, or cannot fetch what it needs")
    command = [*pyright, "--pythonpath", sys.executable, str(INFERENCE)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert "0 errors" in run.stdout, run.stdout
