"""Stop texts: nothing of them gets out, however the bytes are cut."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from guidedgen.stop_text import StopTrimmer, cut_at

texts = st.text(alphabet="abc", max_size=20)
stop_lists = st.lists(st.text(alphabet="abc", min_size=1, max_size=4), max_size=3)


@given(texts, stop_lists, st.lists(st.integers(0, 20), max_size=8))
def test_pieces_join_to_the_text_before_the_first_stop(text: str, stops: list[str], cuts: list[int]) -> None:
    _, first = min(
        [(text.find(stop) + len(stop), text.find(stop)) for stop in stops if stop in text], default=(0, len(text))
    )
    marks = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    trimmer = StopTrimmer(stops)
    pieces = [trimmer.feed(text[a:b].encode()) for a, b in pairwise(marks)]
    assert b"".join([*pieces, trimmer.finish()]).decode() == text[:first]


def test_only_what_may_begin_a_stop_is_held_back() -> None:
    trimmer = StopTrimmer(["END"])
    assert [trimmer.feed(piece) for piece in (b"a E", b"N", b"d E", b"ND", b" more")] == [b"a ", b"", b"ENd ", b"", b""]
    assert trimmer.finish() == b""


def test_without_stops_everything_passes() -> None:
    assert cut_at(b"abc", ()) == b"abc"
