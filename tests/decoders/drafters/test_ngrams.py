"""Adaptive n-grams: what the table holds, and what the search makes of it."""

from __future__ import annotations

import pytest

from guidedgen.decoders.drafters import AdaptiveNGrams, Request
from guidedgen.decoders.drafters.ngrams import Table
from guidedgen.decoders.policies import Widths, flat_cost
from tests.decoders.drafters.toys import extended, prompt, setting, ways


def test_the_prompt_is_counted_and_what_is_written_weighs_more_and_more() -> None:
    table = Table(AdaptiveNGrams(fresh=0.5, cap=1.0))
    start = prompt(0, 1, 2, 0, 1, 2, 0, 1, 3)
    table.follow(start)
    assert table.after((0, 1)) == [(2, pytest.approx(2 / 3)), (3, pytest.approx(1 / 3))]
    assert table.after((5, 5)) == []
    tip = extended(start, (0, 1, 3))
    table.follow(tip)
    assert table.after((0, 1)) == [(3, pytest.approx(5 / 9)), (2, pytest.approx(4 / 9))]  # 1/3 + 1/2 against 2/3
    tip = extended(tip, (0, 1, 3, 0, 1, 3))
    table.follow(tip)
    assert table.after((0, 1)) == [(3, pytest.approx(0.6)), (2, pytest.approx(0.4))]  # capped at 1


def test_drafts_are_ways_of_the_table_likely_ones_first() -> None:
    start = prompt(*[0, 1, 2, 3] * 4, *[0, 1, 4, 5], 0, 1)
    session = AdaptiveNGrams(depth=3, nodes=6).open(setting())
    (tree,) = session.propose([Request(lane=0, tip=start, most=16)])
    found = ways(tree)
    assert {(2,), (2, 3), (2, 3, 0), (4,)} <= set(found)
    assert set(found) <= {(2,), (2, 3), (2, 3, 0), (4,), (4, 5), (4, 5, 0)}
    assert found.index((2,)) < found.index((4,))
    assert len(session.propose([Request(lane=0, tip=start, most=2)])[0]) == 2


def test_a_policy_grows_the_tree_over_the_same_table() -> None:
    start = prompt(*[0, 1, 2, 3] * 4, *[0, 1, 4, 5], 0, 1)
    session = AdaptiveNGrams().open(setting())
    policy = Widths(widths=(2, 1)).open(flat_cost)
    (tree,) = session.propose([Request(lane=0, tip=start, most=16, policy=policy)])
    assert set(ways(tree)) == {(2,), (2, 3), (4,), (4, 5)}


def test_nothing_is_drafted_where_nothing_is_known() -> None:
    session = AdaptiveNGrams().open(setting())
    (tree,) = session.propose([Request(lane=0, tip=prompt(0), most=16)])
    assert len(tree) == 0


def test_settings_are_checked() -> None:
    for wrong in ({"depth": 0}, {"fresh": 0.0}):
        with pytest.raises(ValueError, match=r"at least 1|above 0"):
            AdaptiveNGrams(**wrong)  # type: ignore[arg-type]
