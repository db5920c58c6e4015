"""Lookahead: the window's tree, the n-grams that it makes, and what they save."""

from __future__ import annotations

import itertools

import pytest

from guidedgen.decoders.drafters import Lookahead
from guidedgen.decoders.drafters.lookahead import LookaheadSession
from guidedgen.decoders.tree import ROOT
from guidedgen.toy import ToyModel
from tests.decoders.drafters.toys import Driven, forwards, prompt, setting, ways


def test_the_window_is_a_comb() -> None:
    """Row 0 is a chain; below each of its tokens hangs a column, whose tokens see row 0 up to it and each other."""
    session = Lookahead(size=4, window=3, prompt=False).open(setting())
    run = Driven(session, ToyModel(order=2, seed=5), prompt(0, 1, 2, 3, 4))
    for _ in range(3):
        tree, _ = run.step(most=64)
    columns = session._lanes[0]  # the window that is drafted next
    across = [row[0] for row in columns.rows]
    assert len(columns.rows) == 3
    assert all(len(row) == 3 for row in columns.rows)
    tree, _ = run.step(most=64)
    found = set(ways(tree))
    window = columns.columns
    assert [len(column) for column in window] == [3, 4, 5]  # c + 1 tokens of row 0, two below
    assert all(tuple(column[: count + 1]) in found for column in window for count in range(len(column)))
    assert window[0] == across
    assert tree.parents[0] == ROOT


def test_n_grams_are_what_the_model_says() -> None:
    """A model that sees one token: each token of an n-gram is the best one after the token before it."""
    model = ToyModel(order=1, seed=4)
    session = Lookahead(size=4, window=3, grams=4, prompt=False).open(setting())
    assert isinstance(session, LookaheadSession)
    run = Driven(session, model, prompt(0, 1, 2, 3, 4, 5, 6))
    for _ in range(9):
        run.step(most=64)
    pool = session._lanes[0].pool
    made = [(key, *gram) for key, grams in pool.items() for gram in grams]
    assert made
    for gram in made:
        assert len(gram) == 4
        for before, after in itertools.pairwise(gram):
            assert after == int(model.logits_after((before,))[:7].argmax())
    assert all(len(grams) <= 4 for grams in pool.values())


def test_n_grams_of_the_prompt_are_known() -> None:
    session = Lookahead(size=3, window=1).open(setting())
    run = Driven(session, ToyModel(order=2), prompt(0, 1, 2, 5, 0, 1, 3, 0))
    tree, _ = run.step()
    assert {(1, 2), (1, 3)} <= set(ways(tree))
    assert ways(tree).index((1, 3)) < ways(tree).index((1, 2)) or tree.tokens[:2] == (1, 3)  # the latest comes first


def test_it_fits_the_budget_and_the_constraint() -> None:
    run = Driven(Lookahead().open(setting()), ToyModel(order=2), prompt(6, 5, 4, pattern="(ab|cd){30}"))
    for _ in range(4):
        (tree, _) = run.step(most=5)
        assert len(tree) <= 5


def test_a_text_that_repeats_itself_takes_fewer_forwards() -> None:
    ours, plain = forwards(Lookahead(), ToyModel(order=1, seed=2), prompt(0, 1), most=32)
    assert ours < plain / 1.5


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        Lookahead(size=1)
