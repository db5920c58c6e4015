"""The official JSON Schema test suite, five drafts. The ratchet file holds what is not right yet; more is a failure.

`python -m tests.conformance.test_suite --update` (from the repository root) rewrites it from a complete run.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.suite import DRAFTS, PARTS, Group, groups, judge

RATCHET = Path(__file__).with_name("suite.json")
SLICE = 3  # every so many groups in the default run

# Best first: a case may move to the left only.
RANKS = [
    "right",
    "one spelling",
    "unsupported",
    "too much work",
    "malformed",
    "crash",
    "rejects valid",
    "accepts invalid",
]

# Cases that are wrong by the standard, or that the standard leaves open: case -> clause and reason. What is listed here
# is not counted as wrong; a case that is right all the same must not be listed.
EXCEPTIONS: dict[str, dict[str, str]] = {draft: {} for draft in DRAFTS}


def run(found: list[Group], shared: Path) -> dict[str, str]:
    """Cases and groups that are not right, with what is wrong."""
    wrong: dict[str, str] = {}
    for group in found:
        wrong.update(judge(group, shared))
    return wrong


def kept(draft: str) -> dict[str, str]:
    """What was not right when the ratchet was written."""
    parts = json.loads(RATCHET.read_text(encoding="utf-8"))[draft]
    return {case: kind for part in parts.values() for kind, cases in part["wrong"].items() for case in cases}


def worse(found: dict[str, str], before: dict[str, str], exceptions: dict[str, str]) -> dict[str, str]:
    """What is further from right than it was; a case of a group that did not compile may only become right."""
    return {
        case: kind
        for case, kind in found.items()
        if case not in exceptions and RANKS.index(kind) > RANKS.index(before.get(case, "right"))
    }


def count(found: list[Group], wrong: dict[str, str]) -> dict[str, int]:
    """Cases by outcome; a group that does not compile counts with all its cases."""
    counts: Counter[str] = Counter()
    for group in found:
        whole = wrong.get(group.name)
        for test in group.tests:
            counts[whole or wrong.get(f"{group.name}: {test['description']}", "right")] += 1
    return {kind: counts[kind] for kind in RANKS if counts[kind]}


@pytest.mark.parametrize("draft", DRAFTS)
def test_no_case_of_a_slice_gets_worse(shared: Path, draft: str) -> None:
    found = groups(shared, draft)[::SLICE]
    assert len(found) > 40
    assert worse(run(found, shared), kept(draft), EXCEPTIONS[draft]) == {}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("draft", DRAFTS)
def test_no_case_gets_worse(shared: Path, draft: str) -> None:
    found = groups(shared, draft)
    wrong = run(found, shared)
    assert worse(wrong, kept(draft), EXCEPTIONS[draft]) == {}
    assert set(EXCEPTIONS[draft]) <= set(wrong)


def test_every_case_has_a_name_of_its_own(shared: Path) -> None:
    for draft in DRAFTS:
        names = [
            f"{group.part} {group.name}: {test['description']}"
            for group in groups(shared, draft)
            for test in group.tests
        ]
        repeated = [name for name, times in Counter(names).items() if times > 1]
        assert repeated == []


def summary(draft: str, shared: Path) -> dict[str, Any]:
    """Counts and named cases of one draft, by part."""
    parts: dict[str, Any] = {}
    for part in PARTS:
        found = [group for group in groups(shared, draft) if group.part == part]
        wrong = {case: kind for case, kind in run(found, shared).items() if case not in EXCEPTIONS[draft]}
        named = {kind: sorted(case for case in wrong if wrong[case] == kind) for kind in RANKS}
        parts[part] = {"counts": count(found, wrong), "wrong": {kind: cases for kind, cases in named.items() if cases}}
    return parts


def update(shared: Path) -> None:
    """Rewrite the ratchet file."""
    found = {draft: summary(draft, shared) for draft in DRAFTS}
    RATCHET.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__" and "--update" in sys.argv:
    root = Path(__file__).resolve().parents[2]
    update(Path(os.environ.get("GUIDEDGEN_SHARED", root.parent / "shared")))
