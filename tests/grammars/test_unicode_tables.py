"""Tables of characters are what the running Python says of each one."""

from __future__ import annotations

import unicodedata
from itertools import groupby

from guidedgen.grammars.char_set import CharSet
from guidedgen.grammars.unicode_tables import general_category


def test_general_categories_are_those_of_every_character() -> None:
    ranges: dict[str, list[tuple[int, int]]] = {}
    for name, run in groupby(range(0x110000), lambda code: unicodedata.category(chr(code))):
        codes = list(run)
        ranges.setdefault(name, []).append((codes[0], codes[-1]))
    expected = {name: CharSet.of(*pairs) for name, pairs in ranges.items() if name != "Cs"}
    assert {name: general_category(name) for name in expected} == expected
