"""Fixtures that every test may use: shared data, both kernels, fixed seeds."""

from __future__ import annotations

import importlib.util
import os
import random
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
SEED = 20250101

# Found examples must not depend on the machine or on earlier runs.
settings.register_profile(
    "guidedgen", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("guidedgen")


@pytest.fixture(autouse=True)
def _seeds() -> None:
    """Seed the global generators, so that a test that forgot to pass its own is still repeatable."""
    random.seed(SEED)
    np.random.seed(SEED)
    torch = sys.modules.get("torch")  # never imported from here: tests of the lower layers must not pay for it
    if torch is not None:
        torch.manual_seed(SEED)
        torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _nothing_compiled() -> None:
    """Each test compiles what it uses: nothing is left in memory, and tables on disk are not looked at."""
    os.environ.setdefault("GUIDEDGEN_TABLE_CACHE", "0")
    module = sys.modules.get("guidedgen.grammars.compile_cache")
    if module is not None:
        module.compile_cache.clear()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with tokenizers and schema collections: $GUIDEDGEN_SHARED, else `shared` beside the repository."""
    folder = Path(os.environ.get("GUIDEDGEN_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no shared data at {folder}: set GUIDEDGEN_SHARED")
    return folder


@pytest.fixture(params=["native", "reference"])
def kernel(request: pytest.FixtureRequest) -> str:
    """Name of a kernel implementation: the test runs once on each.

    Without the extension the native half is skipped, unless GUIDEDGEN_REQUIRE_NATIVE is set: then it fails.
    """
    name: str = request.param
    missing = importlib.util.find_spec("guidedgen.kernel._native") is None
    if name == "native" and missing and not os.environ.get("GUIDEDGEN_REQUIRE_NATIVE"):
        pytest.skip("the native kernel is not built: run `make native`")
    return name
