"""Input copy: where drafts begin, end and begin again."""

from __future__ import annotations

import pytest

from guidedgen.decoders.drafters import InputCopy, Request
from tests.decoders.drafters.toys import VOCABULARY, extended, prompt, setting, way


def tokens(text: str) -> tuple[int, ...]:
    return tuple(VOCABULARY.encode(text))


def test_from_the_beginning_of_a_text_until_the_first_departure() -> None:
    session = InputCopy(text="abcdefg", most=4).open(setting())

    def drafts(written: str) -> tuple[int, ...]:
        tip = extended(start, tokens(written))
        (tree,) = session.propose([Request(lane=0, tip=tip, most=9)])
        return way(tree)

    start = prompt(0)
    assert drafts("") == tokens("abcd")
    assert drafts("abc") == tokens("defg")
    assert drafts("abca") == tokens("bcde")  # departed; "a" occurs once
    assert drafts("abcag") == ()  # at the end of the input
    assert drafts("abcagd") == tokens("efg")


def test_only_what_occurs_once_says_where_to_go_on() -> None:
    start = prompt(*tokens("abcabdg"))
    session = InputCopy().open(setting())

    def drafts(written: str) -> tuple[int, ...]:
        (tree,) = session.propose([Request(lane=0, tip=extended(start, tokens(written)), most=9)])
        return way(tree)

    assert drafts("") == ()  # nothing says what of the prompt is the input
    assert drafts("b") == ()
    assert drafts("bab") == ()  # twice, whatever comes before
    assert drafts("babd") == tokens("g")


def test_it_copies_on_after_a_retraction() -> None:
    session = InputCopy(text="abcdefg").open(setting())
    start = prompt(0)
    session.propose([Request(lane=0, tip=extended(start, tokens("abcd")), most=9)])
    (tree,) = session.propose([Request(lane=0, tip=extended(start, tokens("ab")), most=9)])
    assert way(tree) == tokens("cdefg")


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        InputCopy(longest=0)
