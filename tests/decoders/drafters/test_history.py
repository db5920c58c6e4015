"""`History` goes on with a sequence whose nodes were made anew, and begins again with another one."""

from __future__ import annotations

from guidedgen.decoders.drafters.history import History, added_since
from guidedgen.sampler.sequence import Sequence
from tests.decoders.small_world import CONSTRAINTS

STATE = CONSTRAINTS["regex"]().start()


def grown(tip: Sequence, *tokens: int) -> Sequence:
    for token in tokens:
        tip = tip.extend(token, STATE)
    return tip


def test_nodes_made_anew_are_the_same_text() -> None:
    prompt = Sequence.prompt((1, 2, 3), STATE)
    shared = grown(prompt, 4, 1)
    before, again = grown(shared, 2, 3), grown(shared, 2, 3)
    assert added_since(before, grown(again, 7, 8)) == [7, 8]
    assert added_since(before, before) == []
    assert added_since(before, grown(shared, 2, 5, 7)) is None  # another text
    assert added_since(before, shared) is None  # taken back
    assert added_since(before, grown(Sequence.prompt((1, 2, 3), STATE), 4, 1, 2, 3)) is None  # another prompt's

    history = History(1, 3, keep_first=False)
    history.follow(before)
    assert (history.tokens, history.continuation(2)) == ([1, 2, 3, 4, 1, 2, 3], [4, 1])
    history.follow(grown(again, 4))
    assert (history.tokens, history.continuation(2)) == ([1, 2, 3, 4, 1, 2, 3, 4], [1, 2])
    history.follow(shared)
    assert (history.tokens, history.continuation(2)) == ([1, 2, 3, 4, 1], [2, 3])


def test_the_longest_run_is_found() -> None:
    history = History(1, 3, keep_first=False)
    history.follow(Sequence.prompt((5, 6, 1, 9, 6, 2, 5, 6), STATE))
    assert history.found((5, 6)) == (2, 2)
    assert history.found((7, 6)) == (5, 1)
    assert history.found((7,)) is None
