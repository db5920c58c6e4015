"""Every name that `--strategy` may say, from the library and from the command line."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from guidedgen.cli import app
from guidedgen.decoders import STRATEGIES, Overlapped, RewardGuided, Speculative, strategy_named
from guidedgen.decoders.catalogue import catalogue
from guidedgen.decoders.drafters import DRAFTERS, NEED_LAYERS, NEED_NOTHING, NEED_THIN_CACHE, NEED_WEIGHTS
from guidedgen.decoders.policies import POLICIES
from guidedgen.decoders.verifiers import VERIFIERS


def test_every_name_makes_a_strategy() -> None:
    found = catalogue()
    assert [name.partition(":")[0] for name in found["strategies"]] == sorted(STRATEGIES)
    assert found["drafters"].keys() == DRAFTERS.keys()
    assert found["verifiers"].keys() == VERIFIERS.keys()
    assert found["policies"].keys() == POLICIES.keys()
    assert all(what for names in found.values() for what in names.values())
    for drafter in DRAFTERS:
        assert strategy_named(f"speculative:{drafter}") == Speculative(drafter=drafter)
    for policy in POLICIES:
        assert strategy_named(f"overlapped:copy:recursive:{policy}") == Overlapped(
            drafter="copy", verifier="recursive", policy=policy
        )
    assert strategy_named("reward-guided:likelihood:0.5") == RewardGuided(threshold=0.5)
    with pytest.raises(ValueError, match="must be a number"):
        strategy_named("reward-guided:likelihood:high")


def test_needs_are_told_apart() -> None:
    kinds = (NEED_LAYERS, NEED_NOTHING, NEED_THIN_CACHE, NEED_WEIGHTS)
    assert sorted(name for kind in kinds for name in kind) == sorted(DRAFTERS)


def test_the_command_lists_them() -> None:
    runner = CliRunner()
    assert json.loads(runner.invoke(app, ["strategies", "--json"]).stdout) == catalogue()
    lines = runner.invoke(app, ["strategies"]).stdout.splitlines()
    assert any(line.split()[:1] == ["lookahead"] for line in lines)
