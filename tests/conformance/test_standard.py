"""The validator that decides in other tests agrees with the official test suite, completely."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.exact import is_multiple, read
from tests.conformance.standard import Standard
from tests.conformance.suite import DRAFTS, Group, groups, registry


def wrong(group: Group, shared: Path) -> list[str]:
    standard = Standard(
        group.schema,
        draft=int(DRAFTS[group.draft][0]),
        registry=registry(shared),
        formats=group.part == "format",
        content=group.part == "optional",
    )
    return [test["description"] for test in group.tests if standard.is_valid(test["data"]) != test["valid"]]


@pytest.mark.parametrize("draft", DRAFTS)
def test_every_case_of_the_official_suite_is_right(shared: Path, draft: str) -> None:
    found = {f"{draft} {group.name}": wrong(group, shared) for group in groups(shared, draft)}
    assert {name: cases for name, cases in found.items() if cases} == {}


def test_numbers_are_what_is_written() -> None:
    assert is_multiple(read("19.99"), read("0.01"))
    assert is_multiple(read("1e400"), read("0.5"))
    assert not is_multiple(read("1e-400"), read("1e-399"))
    assert not Standard(read('{"maximum": 0.1}')).is_valid(read("0.1000000000000000000001"))
    assert Standard({"type": "integer"}).is_valid(read("1e999999999999999999999"))
    assert not Standard({"const": 9007199254740993}).is_valid(read("9007199254740992"))
