"""Jacobi drafts: guesses that are corrected by every forward."""

from __future__ import annotations

import pytest

from guidedgen.decoders.drafters import Jacobi
from guidedgen.toy import ToyModel
from tests.decoders.drafters.toys import Driven, forwards, prompt, setting, way


def greedy(model: ToyModel, tokens: tuple[int, ...], count: int) -> tuple[int, ...]:
    for _ in range(count):
        tokens = (*tokens, int(model.logits_after(tokens)[:7].argmax()))
    return tokens


def test_guesses_are_the_iteration_of_the_paper() -> None:
    """Each guess is the best token after the guesses before it in the step before, from where the text has come to."""
    model = ToyModel(order=2, seed=3)
    run = Driven(Jacobi(block=6).open(setting()), model, prompt(0, 1, 2))
    guesses: list[int] | None = None
    for _ in range(12):
        base = run.tip.tokens()
        tree, accepted = run.step()
        drafted = list(way(tree))
        assert len(drafted) == 6
        if guesses is not None:
            assert drafted[: len(guesses)] == guesses
        expected = [int(model.logits_after([*base, *drafted[:count]])[:7].argmax()) for count in range(7)]
        guesses = expected[accepted + 1 :]
    assert run.tip.tokens() == greedy(model, (0, 1, 2), run.tip.length - 3)


def test_a_block_is_finished_before_the_next_begins() -> None:
    run = Driven(Jacobi(block=5, sliding=False).open(setting()), ToyModel(order=2, seed=1), prompt(0, 1))
    end = 2 + 5
    for _ in range(10):
        if run.tip.length >= end:
            end = run.tip.length + 5
        left = end - run.tip.length
        tree, _ = run.step()
        assert len(tree) == left


def test_only_the_first_tokens_are_guessed() -> None:
    run = Driven(Jacobi(block=4, first=6).open(setting()), ToyModel(order=2, seed=1), prompt(0, 1))
    while run.tip.length < 2 + 12:
        guessed = 6 - (run.tip.length - 2)
        assert len(run.step()[0]) == max(0, min(4, guessed))


def test_guesses_follow_the_constraint() -> None:
    """What the constraint refuses is replaced, so that the block stays whole."""
    run = Driven(Jacobi(block=4).open(setting()), ToyModel(order=2), prompt(6, 6, 6, pattern="(ab|cd){30}"))
    (tree, _) = run.step()
    assert way(tree) == (0, 1, 0, 1)


@pytest.mark.parametrize("sliding", [True, False])
def test_a_text_that_repeats_itself_takes_fewer_forwards(sliding: bool) -> None:
    ours, plain = forwards(Jacobi(sliding=sliding), ToyModel(order=1, seed=2), prompt(0, 1))
    assert ours < plain / 2


def test_settings_are_checked() -> None:
    for wrong in ({"block": 0}, {"first": 0}):
        with pytest.raises(ValueError, match="at least 1"):
            Jacobi(**wrong)  # type: ignore[arg-type]
