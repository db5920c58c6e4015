"""Triggers on the damage meter: what is measured of a unit, and what backing up, widening and switching do."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence as ListOf
from typing import Any

import pytest
import torch

from guidedgen.constraint import AllOf, MaxTokens
from guidedgen.decoders import Plain, Resample, Speculative, Strategy, Switch, Trigger, Watched, Widen
from guidedgen.decoders.base import Chunk
from guidedgen.decoders.triggers import Unit, units_of
from guidedgen.grammars.compile import compile as compile_constraint
from guidedgen.grammars.specs import JsonSchema, Regex
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import ToyModel
from guidedgen.toy_laws import check_strategy, replay
from tests.decoders.small_world import CONSTRAINTS, EOS, PROMPT, SCHEMA, VOCABULARY

NEVER = Watched(triggers=(Trigger(damage=math.inf, then=Resample()),))
ALWAYS = Trigger(damage=0.0, then=Resample(tries=4))


def toy(seed: int = 3) -> ToyModel:
    return ToyModel(vocabulary=VOCABULARY, seed=seed, order=3, spread=2.0)


def run(
    strategy: Strategy, sampling: Sampling, *, kind: str = "schema", model: ToyModel | None = None, count: int = 1
) -> tuple[list[Chunk], list[Sequence], Sampler]:
    prompts = [Sequence.prompt(PROMPT, CONSTRAINTS[kind]().start())] * count
    sampler = Sampler(model or toy())
    return list(strategy.run(sampler, prompts, sampling)), prompts, sampler


def units(chunks: ListOf[Chunk]) -> list[Unit]:
    return units_of(chunks[-1].sequence, len(PROMPT), VOCABULARY)


def test_units_are_what_was_written_in_one_place() -> None:
    chunks, _, _ = run(Plain(), Sampling(temperature=1.0, seed=5))
    found = units(chunks)
    text = VOCABULARY.decode_bytes(chunks[-1].sequence.generated())
    assert b"".join(VOCABULARY.decode_bytes([node.token for node in unit.nodes]) for unit in found) == text
    value = json.loads(text)
    items = {f"/c/{number}" for number in range(len(value["c"]) + 1)}  # where an item could have begun
    assert {unit.place for unit in found} <= {"", "/ab", "/c", *items}
    whole = [node.record for node in chunks[-1].sequence.nodes()]
    assert sum(unit.damage for unit in found) == pytest.approx(-sum(record.log_mass for record in whole if record))
    assert all(unit.known for unit in found)
    for unit in found:
        assert unit.margin == max(node.record.margin or 0 for node in unit.nodes if node.record)


def test_a_text_that_is_not_json_is_one_unit() -> None:
    chunks, _, _ = run(Plain(), Sampling(), kind="regex")
    (unit,) = units(chunks)
    assert (unit.place, len(unit.nodes)) == ("", len(chunks[-1].sequence.generated()))


@pytest.mark.parametrize("strategy", [Plain(), Speculative(drafter="recycle")], ids=["plain", "speculative"])
def test_without_a_reason_nothing_changes(strategy: Any) -> None:
    check_strategy(Watched(strategy=strategy, triggers=NEVER.triggers), samples=120)
    for kind in CONSTRAINTS:
        for sampling in (Sampling(), Sampling(temperature=1.0, seed=4)):
            watched, prompts, _ = run(Watched(strategy=strategy, triggers=NEVER.triggers), sampling, kind=kind, count=3)
            plain, others, _ = run(Plain(), sampling, kind=kind, count=3)
            assert replay(watched, prompts) == replay(plain, others)


@pytest.mark.parametrize("strategy", [Plain(), Speculative(drafter="recycle")], ids=["plain", "speculative"])
def test_the_laws_beyond_exactness(strategy: Any) -> None:
    check_strategy(Watched(strategy=strategy, triggers=(ALWAYS,)), exact=False)


@pytest.mark.parametrize(
    "strategy", [Plain(), Speculative(drafter="forced+copy+recycle")], ids=["plain", "speculative"]
)
@pytest.mark.parametrize("kind", ["schema", "regex", "lark"])
def test_what_is_drawn_again_is_never_worse_in_its_first_unit(strategy: Any, kind: str) -> None:
    """Up to there both runs are the same, so the first unit that fires can be compared."""
    better = 0
    for seed in range(7):
        sampling = Sampling(temperature=1.0, seed=seed)
        before = units(run(strategy, sampling, kind=kind)[0])
        chunks, prompts, sampler = run(Watched(strategy=strategy, triggers=(ALWAYS,)), sampling, kind=kind)
        replay(chunks, prompts)
        after = units(chunks)
        firing = next((number for number, unit in enumerate(before) if unit.damage > 0 and unit.forced < 1), None)
        if firing is None:
            continue
        old, new = before[firing], after[firing]
        assert old.start == new.start
        assert new.damage <= old.damage + 1e-6
        better += new.damage < old.damage - 1e-6
        assert any("drawn again" in note for note in sampler.trace.snapshot().notes)
    assert better >= 2


def test_streams_take_nothing_back_and_go_unit_by_unit() -> None:
    chunks, prompts, sampler = run(Watched(triggers=(ALWAYS,)), Sampling(temperature=1.0, seed=2), count=2)
    replay(chunks, prompts)
    assert all(chunk.retracted == 0 for chunk in chunks)
    assert len(chunks) > 4
    assert sampler.trace.snapshot().total("retracted") > 0


def test_greedy_runs_draw_again_at_a_temperature() -> None:
    better = 0
    for seed in range(8):
        before = units(run(Plain(), Sampling(), model=toy(seed))[0])
        after = units(run(Watched(triggers=(ALWAYS,)), Sampling(seed=seed), model=toy(seed))[0])
        firing = next(number for number, unit in enumerate(before) if unit.damage > 0 and unit.forced < 1)
        assert after[firing].damage <= before[firing].damage + 1e-6
        better += after[firing].damage < before[firing].damage - 1e-6
    assert better


def test_only_the_places_that_are_meant() -> None:
    for seed in range(6):
        sampling = Sampling(temperature=1.0, seed=seed)
        _, _, sampler = run(Watched(triggers=(Trigger(damage=0.0, where="/c*", then=Resample()),)), sampling)
        notes = sampler.trace.snapshot().notes
        assert all(" in /c" in note for note in notes)


def test_a_trigger_fires_only_so_often() -> None:
    trigger = Trigger(damage=0.0, then=Resample(tries=1), times=1)
    _, _, sampler = run(Watched(triggers=(trigger,)), Sampling(temperature=1.0, seed=1))
    assert len(sampler.trace.snapshot().notes) == 1


class LineLover(ToyModel):
    """Wants white space wherever it can have it."""

    def _layer(self, layer: int, tokens: ListOf[int]) -> torch.Tensor:
        logits = super()._layer(layer, tokens).clone()
        logits[VOCABULARY.encode(" ")[0]] += 12.0
        return logits


@pytest.mark.parametrize("compiled", [False, True])
def test_white_space_is_widened_where_it_hurts(compiled: bool) -> None:
    wide: Any = JsonSchema(SCHEMA, whitespace="flexible")
    action = Widen(to=compile_constraint(wide, VOCABULARY) if compiled else wide)
    narrow = AllOf([compile_constraint(JsonSchema(SCHEMA), VOCABULARY), MaxTokens(60, VOCABULARY, complete=True)])
    model = LineLover(vocabulary=VOCABULARY, seed=3, order=3)
    texts, sums = [], []
    for strategy in (Plain(), Watched(triggers=(Trigger(damage=5.0, where="", then=action),))):
        sampler = Sampler(model)
        *_, last = strategy.run(sampler, [Sequence.prompt(PROMPT, narrow.start())], Sampling())
        texts.append(VOCABULARY.decode_bytes(last.sequence.generated()))
        records = [node.record for node in last.sequence.nodes()]
        sums.append(-sum(record.log_mass or 0.0 for record in records if record) / len(records))
        assert last.sequence.state.accepting
    assert any("wider" in note for note in sampler.trace.snapshot().notes)
    assert b"  " in texts[1]
    assert b"  " not in texts[0]
    assert sums[1] < sums[0] / 2
    assert json.loads(texts[1])


def test_a_constraint_that_is_not_wider_changes_nothing() -> None:
    trigger = Trigger(damage=0.0, where="/*", then=Widen(to=Regex("1{40}")))
    narrow, prompts, _ = run(Watched(triggers=(trigger,)), Sampling())
    plain, _, _ = run(Plain(), Sampling())
    assert replay(narrow, prompts) == replay(plain, prompts)


def test_switching_goes_on_with_the_other_strategy() -> None:
    """Another strategy from the first unit on is that strategy; its MIX method forbids what the model likes best."""

    def reversed_(logits: torch.Tensor, sequences: ListOf[Sequence], bias: torch.Tensor) -> torch.Tensor:
        return -logits

    other = Plain(mix=(reversed_,))
    switched, prompts, sampler = run(Watched(triggers=(Trigger(damage=0.0, then=Switch(to=other)),)), Sampling())
    assert replay(switched, prompts) == replay(run(other, Sampling())[0], prompts)
    assert replay(switched, prompts) != replay(run(Plain(), Sampling())[0], prompts)
    assert any("another strategy" in note for note in sampler.trace.snapshot().notes)
    warm = Sampling(temperature=1.0, seed=3)
    trigger = Trigger(margin=0.0, then=Switch(to=Plain(), sampling=warm))
    heated, prompts, _ = run(Watched(triggers=(trigger,)), Sampling())
    assert EOS not in heated[-1].sequence.generated()
    replay(heated, prompts)


def test_the_share_of_forced_tokens_can_fire() -> None:
    trigger = Trigger(forced=0.5, where="", then=Switch(to=Speculative(drafter="recycle")))
    chunks, prompts, sampler = run(Watched(triggers=(trigger,)), Sampling())
    assert any(note.startswith("forced ") for note in sampler.trace.snapshot().notes)
    assert replay(chunks, prompts) == replay(run(Plain(), Sampling())[0], prompts)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({}, "exactly one"),
        ({"damage": 1.0, "margin": 1.0}, "exactly one"),
        ({"damage": -1.0}, "damage"),
        ({"margin": math.nan}, "margin"),
        ({"forced": 0.5, "times": 0}, "times"),
    ],
)
def test_bad_triggers_are_named(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Trigger(then=Resample(), **wrong)


def test_bad_settings_are_named() -> None:
    with pytest.raises(ValueError, match="tries"):
        Resample(tries=0)
    with pytest.raises(ValueError, match="temperature"):
        Resample(temperature=0.0)
    with pytest.raises(ValueError, match="damage"):
        Watched(damage=-1.0)
