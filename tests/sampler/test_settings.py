"""Settings are validated when they are made, and messages name the argument."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from guidedgen.sampler.settings import CUTS, Penalties, Sampling


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -0.1),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("top_k", 0),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("min_p", -0.1),
        ("min_p", 1.5),
        ("min_tokens", -1),
        ("repetition_penalty", 0.0),
        ("repetition_penalty", float("inf")),
        ("presence_penalty", float("nan")),
        ("frequency_penalty", float("inf")),
    ],
)
def test_values_out_of_range_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        Sampling(**{name: value})


def test_default_is_greedy_and_changes_nothing() -> None:
    assert (Sampling().greedy, Sampling().warped, Sampling().penalised) == (True, False, False)


@pytest.mark.parametrize("name", CUTS)
def test_each_cut_counts_as_a_warp(name: str) -> None:
    assert Sampling(**{name: 0.5 if "cutoff" in name else 1}).warped


PENALTIES = {field.name for field in fields(Penalties)} - {"repetition_window", "exempt"}  # those say of which


@pytest.mark.parametrize("name", sorted(PENALTIES))
def test_each_penalty_counts(name: str) -> None:
    assert Sampling(**{name: 2}).penalised


def test_equal_settings_are_equal() -> None:
    assert Sampling(temperature=0.5, top_k=3) == Sampling(temperature=0.5, top_k=3)
