"""Random small grammars that are LALR(1), as rules, as Lark text and as automata."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import assume
from hypothesis import strategies as st

from guidedgen.errors import GrammarSyntaxError
from guidedgen.grammars import ir, lark_lalr

Rules = Mapping[str, list[list[str]]]

TERMINALS = {"A": "a", "B": "b", "C": "c", "AB": "ab"}
NAMES = ["start", "r", "s"]


def lark_text(rules: Rules) -> str:
    """The rules in Lark's notation."""
    lines = [f"{name}: " + " | ".join(" ".join(option) for option in options) for name, options in rules.items()]
    return "\n".join([*lines, *(f'{name}: "{text}"' for name, text in TERMINALS.items())])


def plain(rules: Rules) -> ir.Grammar:
    """The rules as they stand: any text that they derive."""
    nodes = {name: ir.Terminal(ir.Literal(text.encode()), name) for name, text in TERMINALS.items()}

    def node(symbol: str) -> ir.Node:
        return nodes[symbol] if symbol in nodes else ir.Reference(symbol)

    bodies = {
        name: ir.Choice(tuple(ir.Sequence(tuple(map(node, option))) for option in options))
        for name, options in rules.items()
    }
    return ir.Grammar(start=ir.Reference("start"), rules=bodies)


def automaton(rules: Rules) -> ir.Lalr | None:
    """The automaton, without a lexer; None where it does not accept all that the rules derive."""
    try:
        node = lark_lalr.parse(lark_text(rules), lexer=None).start
    except GrammarSyntaxError:
        return None
    assert isinstance(node, ir.Lalr)
    return None if node.resolved else node


@st.composite
def rules(draw: st.DrawFn) -> Rules:
    """Two or three rules with a few alternatives of up to three symbols."""
    names = NAMES[: draw(st.integers(2, 3))]
    option = st.lists(st.sampled_from([*TERMINALS, *names]), max_size=3)
    return {name: draw(st.lists(option, min_size=1, max_size=3, unique_by=tuple)) for name in names}


@st.composite
def lalr_rules(draw: st.DrawFn) -> tuple[Rules, ir.Lalr]:
    """Rules whose automaton has no conflicts."""
    drawn = draw(rules())
    made = automaton(drawn)
    assume(made is not None)
    assert made is not None
    return drawn, made
