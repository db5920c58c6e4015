"""Sets of characters against Python's own sets."""

from hypothesis import given
from hypothesis import strategies as st

from guidedgen.grammars.char_set import ANY, MAX_CODE, CharSet, partition, union_of

# Small code points make sets meet; the others lie around the gap of the surrogates and at the end.
CODES = st.integers(0, 12) | st.integers(0xD7FC, 0xE003) | st.integers(MAX_CODE - 3, MAX_CODE)
RANGES = st.lists(
    st.tuples(CODES, st.integers(0, 3)).map(lambda pair: (pair[0], min(pair[0] + pair[1], MAX_CODE))), max_size=5
)
SETS = RANGES.map(lambda ranges: CharSet.of(*ranges))


def members(chars: CharSet) -> set[int]:
    return set(chars)


@given(RANGES)
def test_a_set_holds_its_ranges_without_surrogates(ranges: list[tuple[int, int]]) -> None:
    expected = {code for low, high in ranges for code in range(low, high + 1)} - set(range(0xD800, 0xE000))
    chars = CharSet.of(*ranges)
    assert members(chars) == expected
    assert chars.size == len(expected)
    assert bool(chars) == bool(expected)
    assert all((code in chars) == (code in expected) for low, high in ranges for code in range(low - 1, high + 2))


@given(SETS, SETS)
def test_the_operators_are_those_of_sets(left: CharSet, right: CharSet) -> None:
    assert members(left | right) == members(left) | members(right)
    assert members(left & right) == members(left) & members(right)
    assert members(left - right) == members(left) - members(right)
    assert union_of([left, right]) == left | right


@given(SETS)
def test_a_complement_has_every_other_character(chars: CharSet) -> None:
    assert ~chars & chars == CharSet(())
    assert ~chars | chars == ANY
    assert ~~chars == chars
    assert (~chars).size + chars.size == 0x110000 - 0x800


@given(SETS)
def test_equal_sets_have_one_form(chars: CharSet) -> None:
    one_by_one = CharSet.of(*((code, code) for code in chars))
    assert one_by_one == chars
    assert hash(one_by_one) == hash(chars)


@given(st.lists(SETS, max_size=4))
def test_a_partition_divides_all_characters(sets: list[CharSet]) -> None:
    blocks = partition(sets)
    assert sum(block.size for block in blocks) == ANY.size
    assert union_of(blocks) == ANY
    assert all(not block & chars or not block - chars for block in blocks for chars in sets)
