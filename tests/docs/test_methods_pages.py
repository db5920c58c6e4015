"""Every method's page names its source, its parameters with their defaults and ranges, and when not to use it.

Nothing is exported that these pages do not know; every default is the one in the code; and a range that is given in
numbers is the one that is checked.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import guidedgen as gg
from guidedgen import decoders
from guidedgen.decoders import inspection, mix, search
from guidedgen.toy import ToyModel

CONCEPTS = Path(__file__).resolve().parents[2] / "docs" / "concepts"
PAGES = {
    **dict.fromkeys(mix.__all__, "mixing.md"),
    **dict.fromkeys(search.__all__, "search.md"),
    **dict.fromkeys(("Watched", "Trigger", "Resample", "Widen", "Switch"), "damage.md"),
    "RequiredContent": "inspection.md",
    "Thresholds": "inspection.md",
    "Conditioned": "conditioning.md",
}
OTHER_PAGES = {"Auto", "Overlapped", "Plain", "RewardGuided", "Speculative"}  # speculation.md has rows of its own
DATA = {"Chunk", "Lattice", "LatticeEdge", "LatticeEnd", "LatticePath"}  # what comes out, no methods
PREDICATES = {"Containing", "Lengthy", "Mentioning", "Unrepeated"}  # parts of ConditionalBeam
EVERYWHERE = {"mix"}  # a parameter of all strategies
NEEDED: Mapping[str, Any] = {
    "prompts": lambda prompt: ((1,),),
    "amateur": ToyModel(),
    "items": ("a",),
    "then": gg.Resample(),
    "to": gg.Plain(),
    "tokens": (1,),
    "vocabulary": ToyModel().vocabulary,
}
RANGE = re.compile(r"(from|above|between) (\d+)(?: (to|to below|and) (\d+))?(, or None)?")


def methods() -> dict[str, Any]:
    """All exported classes that have settings."""
    modules = (mix, search, decoders)
    found = {name: getattr(module, name) for module in modules for name in module.__all__}
    found["Thresholds"] = inspection.Thresholds
    classes = {name: value for name, value in found.items() if dataclasses.is_dataclass(value)}
    return {name: value for name, value in classes.items() if name not in DATA | OTHER_PAGES}


METHODS = methods()


@cache
def tables(page: str) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """Every table of a page, as rows of cells; the first is the head."""
    found: list[list[tuple[str, ...]]] = []
    inside = False
    for line in (CONCEPTS / page).read_text(encoding="utf-8").splitlines():
        if line.startswith("|"):
            cells = tuple(cell.strip() for cell in line.strip("|").split(" | "))
            if not inside:
                found.append([])
            found[-1].append(cells)
        inside = line.startswith("|")
    return tuple(tuple(table) for table in found)


def rows(page: str, *columns: str) -> Iterator[dict[str, str]]:
    """Rows of the tables that have these columns."""
    for head, _, *body in tables(page):
        names = [name.strip() for name in head]
        if set(columns) <= set(names):
            yield from (dict(zip(names, cells, strict=True)) for cells in body)


def made(method: Any, **given: Any) -> bool:
    """Whether a method can be made with such settings."""
    required = {
        field.name: NEEDED[field.name]
        for field in dataclasses.fields(method)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    if method is gg.Trigger and not {"damage", "margin", "forced"} & given.keys():
        required["damage"] = 1.0
    try:
        method(**{**required, **given})
    except ValueError:
        return False
    return True


def test_all_exported_methods_are_known_here() -> None:
    assert len(METHODS) >= 28
    assert METHODS.keys() <= PAGES.keys()
    assert {name for name in mix.__all__ if hasattr(getattr(mix, name), "open")} <= METHODS.keys() | {"MixMethod"}


@pytest.mark.parametrize("name", [name for name in METHODS if name not in PREDICATES])
def test_source_and_when_not(name: str) -> None:
    if name == "Conditioned":
        found = list(rows(PAGES[name], "source", "when not"))
        assert [row["`align`"].strip('`"') for row in found[1:]] == ["resample", "smc", "asap", "reject"]
        found = found[1:]
    else:
        own = re.compile(rf"`(gg\.)?{name}(\(.*)?`")
        found = [row for row in rows(PAGES[name], "source", "when not") if own.match(next(iter(row.values())))]
    assert found, f"no row of {PAGES[name]} has a source for {name}, and when not to use it"
    for row in found:
        assert row["source"]
        assert len(row["when not"]) > 8, row
        assert row["when not"] != "as above"


@pytest.mark.parametrize("name", METHODS)
def test_parameters_with_defaults_and_ranges(name: str) -> None:
    method = METHODS[name]
    told = {
        row["parameter"].strip("`"): row
        for row in rows(PAGES[name], "parameter", "range")
        if row["method"] == f"`{name}`"
    }
    fields = {field.name: field for field in dataclasses.fields(method) if field.name not in EVERYWHERE}
    if name == "ConditionalBeam":  # has those of Beam too
        fields = {key: field for key, field in fields.items() if key in ("predicate", "candidates")}
    assert told.keys() == fields.keys()
    for key, field in fields.items():
        assert told[key]["default"] == _shown(field), key
        _check_range(method, field, told[key]["range"])


def _shown(field: dataclasses.Field[Any]) -> str:
    factory: Any = field.default_factory
    if field.default is dataclasses.MISSING and factory is dataclasses.MISSING:
        return "-"
    value = factory() if field.default is dataclasses.MISSING else field.default
    if isinstance(value, str):
        return f"`{value}`"
    if value in ((), frozenset()):
        return "none"
    return "`Plain()`" if value == gg.Plain() else repr(value)


def _check_range(method: Any, field: dataclasses.Field[Any], told: str) -> None:
    """Bounds in numbers are those that are checked; names are those that are taken."""
    assert told
    names = re.findall(r"`([a-z-]+)`", told)
    if isinstance(field.default, str) and names and "or its name" not in told:
        assert all(made(method, **{field.name: wanted}) for wanted in names)
        assert not made(method, **{field.name: "nothing"}) or field.name == "predicate"
    found = RANGE.fullmatch(told)
    if found is None:
        assert not told.startswith(("from ", "above ", "between ")), told
        return
    kind, low, how, high = found[1], int(found[2]), found[3], found[4]
    whole = isinstance(field.default, int)
    step = 1 if whole else 0.01
    assert not made(method, **{field.name: low - step})
    assert made(method, **{field.name: low}) == (kind == "from"), field.name
    assert whole or not made(method, **{field.name: float("nan")})
    if high is not None:
        assert not made(method, **{field.name: int(high) + step})
        assert made(method, **{field.name: int(high)}) == (how == "to"), field.name


def test_options_of_sampling_are_described() -> None:
    text = (CONCEPTS / "penalties.md").read_text(encoding="utf-8")
    for field in dataclasses.fields(gg.Sampling):
        if field.name not in ("temperature", "seed"):
            assert f"`{field.name}`" in text or f"({field.name}=" in text, field.name
    for row in rows("penalties.md", "option", "range", "source", "when not"):
        assert all(row[column] for column in ("range", "source", "when not"))
        assert row["when not"] != "as above"
        assert row["option"].strip("`") in {field.name for field in dataclasses.fields(gg.Sampling)}
