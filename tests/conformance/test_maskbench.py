"""MaskBench: real schemas with valid and invalid instances. The ratchet file holds what was reached; less is a failure.

`python -m tests.conformance.test_maskbench --update` (from the repository root) rewrites it from a complete run.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from guidedgen.errors import CompileError, LimitExceeded, UnsatisfiableSchema, UnsupportedFeature
from guidedgen.grammars.compile import compile
from guidedgen.grammars.specs import JsonSchema
from guidedgen.testing import byte_vocabulary
from guidedgen.vocabulary import Vocabulary
from tests.conformance.instances import dumps, takes, takes_in_some_order

RATCHET = Path(__file__).with_name("maskbench.json")
WRONG = Path(__file__).with_name("maskbench_wrong_tests.json")  # tests that the standard decides otherwise
SLICE = 20  # every so many files in the default run
ORDERS = ["schema", "any"]  # of properties

# Best first. "order": some valid instance is taken only with its properties in another order than it has.
CATEGORIES = [
    "right",
    "order",
    "rejects valid",
    "malformed",
    "unsupported",
    "too much work",
    "unsatisfiable",
    "accepts invalid",
]


def judge(path: Path, vocabulary: Vocabulary, order: str) -> tuple[str, str]:
    """The category of a file, and the keyword that was refused."""
    case = json.loads(path.read_text(encoding="utf-8"))
    try:
        constraint = compile(JsonSchema(case["schema"], whitespace="flexible", property_order=order), vocabulary)
    except UnsatisfiableSchema:
        return ("unsatisfiable" if any(test["valid"] for test in case["tests"]) else "right"), ""
    except LimitExceeded as error:
        return "too much work", error.limit
    except UnsupportedFeature as error:
        return "unsupported", error.keyword or ""
    except CompileError:
        return "malformed", ""
    found = {"right"}
    wrong = json.loads(WRONG.read_text(encoding="utf-8"))["wrong"].get(path.name, {}).get("test")
    for index, test in enumerate(case["tests"]):
        decided = {**test, "valid": not test["valid"]} if index == wrong else test
        try:
            found.add(verdict(constraint, case["schema"], decided, order))
        except LimitExceeded as error:
            return "too much work", error.limit
    return max(found, key=CATEGORIES.index), ""


def verdict(constraint: Any, schema: Any, test: dict[str, Any], order: str) -> str:
    """The category of one instance."""
    if takes(constraint, dumps(test["data"])):
        return "right" if test["valid"] else "accepts invalid"
    if not test["valid"]:
        return "right"
    return "order" if order == "schema" and takes_in_some_order(constraint, schema, test["data"]) else "rejects valid"


def run(files: list[Path], order: str) -> dict[str, Any]:
    """Counts, and the names of the files that are neither right nor plainly refused ("order": what order refuses)."""
    vocabulary = byte_vocabulary()
    counts: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    named: dict[str, list[str]] = {}
    for path in files:
        category, keyword = judge(path, vocabulary, order)
        counts[category] += 1
        if keyword:
            refused[keyword] += 1
        if category not in ("right", "unsupported", "too much work"):
            named.setdefault(category, []).append(path.name)
    return {"counts": dict(sorted(counts.items())), "refused": dict(refused.most_common()), "named": named}


def files_of(shared: Path) -> list[Path]:
    return sorted((shared / "data" / "maskbench").glob("*.json"))


def compare(found: dict[str, Any], kept: dict[str, Any]) -> None:
    assert found["named"].get("accepts invalid", []) == []
    for category in ("rejects valid", "unsatisfiable", "malformed"):
        assert set(found["named"].get(category, [])) <= set(kept["named"].get(category, []))


@pytest.mark.parametrize("order", ORDERS)
def test_no_invalid_instance_is_taken_in_a_slice(shared: Path, order: str) -> None:
    found = run(files_of(shared)[::SLICE], order)
    kept = json.loads(RATCHET.read_text())[order]
    compare(found, kept)
    assert found["counts"]["right"] + found["counts"].get("order", 0) >= kept["slice"]["at least right or order"]


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("order", ORDERS)
def test_the_complete_benchmark_does_not_get_worse(shared: Path, order: str) -> None:
    found = run(files_of(shared), order)
    kept = json.loads(RATCHET.read_text())[order]
    compare(found, kept)
    assert found["counts"]["right"] >= kept["counts"]["right"]
    assert found["counts"]["unsupported"] <= kept["counts"]["unsupported"]


def update(shared: Path) -> None:
    """Rewrite the ratchet file."""
    files = files_of(shared)
    kept: dict[str, Any] = {}
    for order in ORDERS:
        part = run(files[::SLICE], order)["counts"]
        kept[order] = {"slice": {"at least right or order": part["right"] + part.get("order", 0)}, **run(files, order)}
    RATCHET.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__" and "--update" in sys.argv:
    root = Path(__file__).resolve().parents[2]
    update(Path(os.environ.get("GUIDEDGEN_SHARED", root.parent / "shared")))
