"""Deterministic automata over classes of characters, and the expressions that they are equal to."""

from __future__ import annotations

from dataclasses import dataclass

from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.char_set import CharSet, union_of

_MOST_STATES = 64
_MOST_PARTS = 20_000


@dataclass(frozen=True)
class Automaton:
    """State 0 is the first; a state without a move for a class refuses it.

    Attributes:
        blocks: disjoint sets of characters.
        moves: of each state, the next one by the number of a block.
        accepting: of each state, whether a text may end there.
    """

    blocks: tuple[CharSet, ...]
    moves: list[dict[int, int]]
    accepting: list[bool]


def expression_of_automaton(automaton: Automaton) -> cr.Regex | None:
    """The language as an expression, states being taken out one by one; None where that grows too large."""
    end = len(automaton.moves)
    if end > _MOST_STATES:
        return None
    ways: dict[tuple[int, int], cr.Regex] = {(-1, 0): cr.EPSILON}
    for state, moves in enumerate(automaton.moves):
        for target in set(moves.values()):
            ways[state, target] = union_of([automaton.blocks[block] for block, to in moves.items() if to == target])
        if automaton.accepting[state]:
            ways[state, end] = cr.EPSILON
    sizes = dict.fromkeys(ways, 1)
    for state in sorted(range(end), key=lambda at: sum(at in edge for edge in ways)):
        _take_out(state, ways, sizes)
        if sum(sizes.values()) > _MOST_PARTS:
            return None
    return ways.get((-1, end), cr.NOTHING)


def _take_out(state: int, ways: dict[tuple[int, int], cr.Regex], sizes: dict[tuple[int, int], int]) -> None:
    """Every way through a state becomes one around it."""
    around = cr.repeat(ways.pop((state, state), cr.NOTHING), 0, None)
    turns = sizes.pop((state, state), 0)
    into = [(source, ways.pop((source, to)), sizes.pop((source, to))) for source, to in list(ways) if to == state]
    out = [(to, ways.pop((source, to)), sizes.pop((source, to))) for source, to in list(ways) if source == state]
    for source, before, size_before in into:
        for target, after, size_after in out:
            edge = (source, target)
            through = cr.concat([before, around, after])
            ways[edge] = cr.union([ways[edge], through]) if edge in ways else through
            sizes[edge] = sizes.get(edge, 0) + size_before + size_after + turns
