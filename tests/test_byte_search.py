"""Searching for several byte strings over chunks, against `bytes.find`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guidedgen.byte_search import ByteSearch

LETTERS = st.binary(min_size=1, max_size=4).map(lambda text: bytes(b"ab"[byte & 1] for byte in text))


def first_match(patterns: list[bytes], text: bytes) -> tuple[bytes, int] | None:
    """The pattern that ends first, the longest of those, and where it ends."""
    ends = [(text.find(pattern) + len(pattern), -len(pattern), pattern) for pattern in patterns if pattern in text]
    return (min(ends)[2], min(ends)[0]) if ends else None


def search(patterns: list[bytes], chunks: list[bytes]) -> tuple[bytes, int] | None:
    automaton, node, read = ByteSearch(patterns), 0, 0
    for chunk in chunks:
        node, pattern, count = automaton.feed(node, chunk)
        if pattern:
            return pattern, read + count
        read += len(chunk)
    return None


@given(patterns=st.lists(LETTERS, min_size=1, max_size=5), chunks=st.lists(LETTERS, max_size=6))
def test_the_first_match_is_that_of_find(patterns: list[bytes], chunks: list[bytes]) -> None:
    assert search(patterns, chunks) == first_match(patterns, b"".join(chunks))


def test_a_match_that_begins_inside_another_attempt() -> None:
    assert search([b"aab"], [b"aa", b"a", b"ab", b"x"]) == (b"aab", 5)
    assert search([b"abab", b"bb"], [b"aba", b"bb"]) == (b"abab", 4)
    assert search([b"abcd", b"bc"], [b"xabc"]) == (b"bc", 4)


def test_chunks_without_a_first_byte_are_skipped() -> None:
    automaton = ByteSearch([b"\n\n"])
    assert automaton.feed(0, b"abc") == (0, b"", 0)
    node, _, _ = automaton.feed(0, b"a\n")
    assert automaton.feed(node, b"\nb") == (2, b"\n\n", 1)
