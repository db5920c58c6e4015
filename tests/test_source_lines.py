"""JSON pointers to places in the text, and lines with a mark: against what `json` reads at those places."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from guidedgen.source_lines import Place, excerpt, excerpts, line_and_column, nearest, places

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
TEXT = '{\n  "type": "object",\n  "properties": {\n    "a/b": {"maxLength": "3"},\n    "c": [1, {"d": 2}]\n  }\n}\n'


def walk(value: Any, pointer: str = "") -> dict[str, tuple[Any, Any]]:
    """Every value and the last step to it, by pointer."""
    found: dict[str, tuple[Any, Any]] = {pointer: (None, value)} if not pointer else {}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in items:
        below = pointer + "/" + str(step).replace("~", "~0").replace("/", "~1")
        found |= {below: (step, inner), **{k: v for k, v in walk(inner, below).items() if k != ""}}
    return found


@given(value=VALUES, indent=st.sampled_from([None, 2]), ascii_only=st.booleans())
def test_every_pointer_leads_to_its_member_or_item(value: Any, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    known = places(text)
    expected = walk(value)
    assert set(known) == set(expected)
    for pointer, (step, inner) in expected.items():
        here = text[known[pointer].start : known[pointer].stop]
        if isinstance(step, str):
            assert json.loads(here) == step
        else:
            assert json.JSONDecoder().raw_decode(text, known[pointer].start)[0] == inner
            assert text.startswith(here, known[pointer].start)


def test_the_line_is_shown_with_a_mark_below_it() -> None:
    place = places(TEXT)["/properties/a~1b/maxLength"]
    assert line_and_column(TEXT, place.start) == (4, 13)
    assert excerpt(TEXT, place) == '    4 |     "a/b": {"maxLength": "3"},\n      |             ^^^^^^^^^^^'
    assert excerpt(TEXT, places(TEXT)["/properties/c/1/d"]).splitlines()[0].startswith("    5 |")


def test_what_is_not_there_leads_to_what_is_above_it() -> None:
    known = places(TEXT)
    assert nearest(known, "/properties/c/0/nothing/at/all") == known["/properties/c/0"]
    assert nearest(known, "<urn:x>/a") == known[""]
    assert nearest({}, "/a") is None


def test_several_places_in_the_order_of_the_text() -> None:
    shown = excerpts(TEXT, ["/properties/c", "/type", "/properties/c", "/type/deeper"])
    assert [line[:5].strip() for line in shown.splitlines()] == ["2", "", "5", ""]


def test_of_a_long_line_what_is_around_the_place() -> None:
    text = json.dumps({f"name{number}": number for number in range(500)})
    line, mark = excerpt(text, places(text)["/name250"]).splitlines()
    assert len(line) < 120
    assert line[mark.index("^") : mark.rindex("^") + 1] == '"name250"'
    assert line.startswith("    1 | ...")
    assert line.endswith("...")


def test_wide_characters_and_tabs_keep_the_mark_in_place() -> None:
    text = '\t{"日本": 1, "é": 2}'
    _, mark = excerpt(text, places(text)["/é"]).splitlines()
    assert mark == "      | \t " + " " * len('"') + " " * 4 + " " * len('": 1, ') + "^^^"


def test_the_last_of_equal_names_counts_and_broken_texts_end_quietly() -> None:
    text = '{"a": 1, "a": 2}'
    assert places(text)["/a"] == Place(9, 12)
    assert set(places('{"a": [1, {"b"')) == {"", "/a", "/a/0", "/a/1"}
    assert places("") == {}
    assert set(places("{]")) <= {""}
