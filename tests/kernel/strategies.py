"""Random small grammars over the letters and special tokens of `naive.py`."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from guidedgen.grammars import ir

_SETS = [sum(1 << ord(letter) for letter in letters) for letters in ("", "a", "b", "ab", "bc", "abc")]
ANY_LETTER = ir.ByteSet(_SETS[-1])


def examples(count: int) -> settings:
    """Settings for tests that also take the `kernel` fixture, which is the same value for all examples of a run."""
    unneeded = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much]
    return settings(max_examples=count, suppress_health_check=unneeded)


def _bounds(highest: int, *, endless: bool) -> st.SearchStrategy[tuple[int, int | None]]:
    finite = st.tuples(st.integers(0, highest), st.integers(0, highest)).map(lambda pair: (min(pair), max(pair)))
    return finite | st.tuples(st.integers(0, 2), st.none()) if endless else finite


def expressions(*, boolean: bool, endless: bool, leaves: int = 6) -> st.SearchStrategy[ir.Expression]:
    """Expressions; `boolean` allows AND and NOT (complements stay within short words of letters)."""
    literals = st.text("abc", max_size=3).map(lambda text: ir.Literal(text.encode()))
    simple = st.one_of(literals, st.sampled_from(_SETS).map(ir.ByteSet), st.builds(ir.Epsilon), st.builds(ir.Nothing))
    short = ir.Repeat(ANY_LETTER, 0, None if endless else 3)

    def extend(inner: st.SearchStrategy[ir.Expression]) -> st.SearchStrategy[ir.Expression]:
        several = st.lists(inner, max_size=3).map(tuple)
        repeat = st.tuples(inner, _bounds(2, endless=endless)).map(lambda pair: ir.Repeat(pair[0], *pair[1]))
        kinds = [several.map(ir.Concat), several.map(ir.Union), repeat]
        if boolean:
            both = st.lists(inner, min_size=1, max_size=3).map(tuple)
            kinds += [both.map(ir.Intersection), inner.map(lambda node: ir.Intersection((ir.Complement(node), short)))]
        return st.one_of(kinds)

    return st.recursive(simple, extend, max_leaves=leaves)


_NOT_EMPTY = st.sampled_from(["a", "b", "ab", "ba"]).map(lambda text: ir.Terminal(ir.Literal(text.encode())))
_SEPARATOR = st.sampled_from([ir.Literal(b"c"), ir.Literal(b"a"), ir.Nothing()]).map(ir.Terminal)


def nodes(
    terminals: st.SearchStrategy[ir.Expression], names: list[str], *, endless: bool, leaves: int = 5
) -> st.SearchStrategy[ir.Node]:
    """Structure over terminals, special tokens and references to the named rules."""
    simple: list[st.SearchStrategy[ir.Node]] = [
        terminals.map(ir.Terminal), st.sampled_from(["<s>", "<t>", "<n>"]).map(ir.SpecialToken)
    ]  # fmt: skip
    if names:
        simple.append(st.sampled_from(names).map(ir.Reference))

    def extend(inner: st.SearchStrategy[ir.Node]) -> st.SearchStrategy[ir.Node]:
        several = st.lists(inner, max_size=3).map(tuple)
        repeat = st.tuples(inner, _bounds(2, endless=endless)).map(lambda pair: ir.Repetition(pair[0], *pair[1]))
        item = st.tuples(_NOT_EMPTY, inner).map(lambda pair: ir.Sequence(pair))
        member = st.tuples(item, st.booleans()).map(lambda pair: ir.Member(*pair))
        unordered = st.tuples(
            st.lists(member, max_size=3).map(tuple), st.none() | item, _SEPARATOR, _bounds(3, endless=endless)
        ).map(lambda drawn: ir.Unordered(*drawn[:3], *drawn[3]))
        return st.one_of(several.map(ir.Sequence), several.map(ir.Choice), repeat, unordered)

    return st.recursive(st.one_of(simple), extend, max_leaves=leaves)


@st.composite
def finite_grammars(draw: st.DrawFn) -> ir.Grammar:
    """Grammars without recursion or endless repetition: their languages can be listed."""
    terminals = expressions(boolean=True, endless=False)
    inner = draw(nodes(terminals, [], endless=False, leaves=3))
    start = draw(nodes(terminals, ["inner"], endless=False))
    return ir.Grammar(start=start, rules={"inner": inner})


@st.composite
def recursive_grammars(draw: st.DrawFn, *, leaves: int = 4) -> ir.Grammar:
    """Grammars whose two or three rules may refer to each other in any way; terminals are free of AND and NOT."""
    names = ["r0", "r1", "r2"][: draw(st.integers(1, 3))]
    terminals = expressions(boolean=False, endless=True, leaves=2)
    body = nodes(terminals, names, endless=True, leaves=leaves)
    return ir.Grammar(start=ir.Reference("r0"), rules={name: draw(body) for name in names})
