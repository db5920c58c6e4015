"""MaskBench's own tests against the standard: which are wrong, which it leaves open, where the libraries disagree.

`maskbench_wrong_tests.json` holds two lists. "wrong": the standard decides otherwise than the test. "open": the test is
right as the files are read here, but by a choice that the standard leaves to implementations; each with its clause.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from referencing.exceptions import Unresolvable

from tests.conformance.instances import dumps
from tests.conformance.opinions import Opinions
from tests.conformance.standard import Standard
from tests.conformance.test_maskbench import files_of

LISTS = Path(__file__).with_name("maskbench_wrong_tests.json")
SLICE = 25  # every so many files in the default run
DRAFTS = [4, 6, 7, 2019, 2020]


def lists() -> Any:
    return json.loads(LISTS.read_text(encoding="utf-8"))


def disagreements(path: Path) -> tuple[dict[int, bool], dict[int, list[str]]]:
    """Tests that the standard decides otherwise, and tests that libraries decide otherwise without a known reason."""
    case = json.loads(path.read_text(encoding="utf-8"))
    opinions = Opinions(json.dumps(case["schema"]))
    wrong: dict[int, bool] = {}
    unexplained: dict[int, list[str]] = {}
    for index, test in enumerate(case["tests"]):
        text = dumps(test["data"])
        valid = opinions.standard.is_valid(test["data"])
        if valid != test["valid"]:
            wrong[index] = valid
        if libraries := opinions.unexplained(text):
            unexplained[index] = libraries
    return wrong, unexplained


def check(files: list[Path]) -> None:
    known = lists()["wrong"]
    for path in files:
        wrong, unexplained = disagreements(path)
        listed = known.get(path.name)
        assert list(wrong) == ([listed["test"]] if listed else []), path.name
        assert unexplained == {}, path.name


def test_the_tests_of_a_slice_are_right_by_the_standard(shared: Path) -> None:
    check(files_of(shared)[::SLICE])


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_all_tests_are_right_by_the_standard_but_those_listed(shared: Path) -> None:
    check(files_of(shared))


def test_what_is_listed_as_open_is_open(shared: Path) -> None:
    """Another choice of those that the standard leaves decides the listed tests otherwise."""
    for name, entry in lists()["open"].items():
        case = json.loads((shared / "data" / "maskbench" / name).read_text(encoding="utf-8"))
        for index in entry["tests"]:
            other = OTHER_CHOICES[entry["kind"]](case["schema"], case["tests"][index]["data"])
            assert other - {case["tests"][index]["valid"]}, (name, index)


def _without_formats(schema: Any, data: Any) -> set[bool]:
    return {Standard(schema, formats=False).is_valid(data)}


def _in_every_draft(schema: Any, data: Any) -> set[bool | None]:
    found: set[bool | None] = set()
    for draft in DRAFTS:
        try:
            found.add(Standard(schema, draft=draft).is_valid(data))
        except Unresolvable:  # a reference that points to something in some drafts only, since `id` moves its base
            found.add(None)
    return found


def _refused(schema: Any, data: Any) -> set[None]:
    return {None}  # the other choice is to refuse the schema


OTHER_CHOICES: dict[str, Any] = {
    "format of a later draft": _without_formats,
    "no $schema": _in_every_draft,
    "pattern outside the u flag": _refused,
    "schema outside its meta-schema": _refused,
}
