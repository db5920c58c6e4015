"""UTF-8 forms of character sets against Python's encoder."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guidedgen.grammars import ir
from guidedgen.grammars.char_set import ANY, MAX_CODE, CharSet
from guidedgen.grammars.utf8 import encode_set

EDGES = [
    0,
    0x7F,
    0x80,
    0x7FF,
    0x800,
    0xFFF,
    0x1000,
    0xCFFF,
    0xD7FF,
    0xE000,
    0xFFFF,
    0x10000,
    0x3FFFF,
    0x40000,
    MAX_CODE,
]
CODES = st.sampled_from(EDGES) | st.integers(0, MAX_CODE)
RANGES = st.tuples(CODES, st.integers(0, 200)).map(lambda pair: (pair[0], min(pair[0] + pair[1], MAX_CODE)))


def spellings(expression: ir.Expression) -> list[bytes]:
    if isinstance(expression, ir.Literal):
        return [expression.text]
    if isinstance(expression, ir.ByteSet):
        return [bytes([byte]) for byte in range(256) if expression.mask >> byte & 1]
    if isinstance(expression, ir.Union):
        return [text for option in expression.options for text in spellings(option)]
    if isinstance(expression, ir.Concat):
        return [b"".join(parts) for parts in product(*map(spellings, expression.parts))]
    assert isinstance(expression, ir.Nothing)
    return []


def nodes(expression: ir.Expression) -> int:
    """Distinct nodes."""
    seen: dict[int, ir.Expression] = {}
    todo = [expression]
    while todo:
        node = todo.pop()
        if id(node) not in seen:
            seen[id(node)] = node
            todo.extend(getattr(node, "options", getattr(node, "parts", ())))
    return len(seen)


@given(st.lists(RANGES, max_size=4))
def test_every_character_has_exactly_its_encoding(ranges: list[tuple[int, int]]) -> None:
    chars = CharSet.of(*ranges)
    assert sorted(spellings(encode_set(chars))) == sorted(chr(code).encode() for code in chars)


def test_all_characters() -> None:
    texts = spellings(encode_set(ANY))
    assert len(texts) == len(set(texts)) == ANY.size
    assert {text.decode() for text in texts} == set(map(chr, ANY))


@pytest.mark.parametrize(
    ("chars", "bound"), [(ANY, 30), (CharSet.of((0x80, MAX_CODE)), 30), (CharSet.of((0, 0x7F)), 1)]
)
def test_forms_are_small(chars: CharSet, bound: int) -> None:
    assert nodes(encode_set(chars)) <= bound


def test_equal_tails_are_shared_between_sets() -> None:
    left, right = (encode_set(CharSet.of((low, low + 0x3F))) for low in (0x400, 0x440))
    assert isinstance(left, ir.Concat)
    assert isinstance(right, ir.Concat)
    assert left.parts[1] is right.parts[1]
