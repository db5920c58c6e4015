"""What a condition on the rest of a text says as the rest is written: kept for good, broken for good, or neither yet.

Conditions are languages of whole rests, as `(?=L)` is "L and anything". A rest is *kept* once whatever may still come
meets the condition, *broken* once nothing does; in between it is *open*, and may not be all that comes unless it meets
the condition as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.automaton_text import Automaton, expression_of_automaton
from guidedgen.grammars.char_emptiness import Terms
from guidedgen.grammars.char_set import CharSet, partition

_MOST_STATES = 400
_MOST_BLOCKS = 64


@dataclass(frozen=True)
class Promise:
    """A condition on the rest.

    Attributes:
        condition: the rests that meet it.
        kept: the shortest texts after which every rest does.
        broken: the shortest texts after which none does.
        unmet: texts that are open, and do not meet it.
    """

    condition: cr.Regex
    kept: cr.Regex
    broken: cr.Regex
    unmet: cr.Regex


def promise(condition: cr.Regex) -> Promise | None:
    """What a condition says; None where it takes too long to find out."""
    terms = _terms_of(condition)
    if terms is None:
        return None
    first = terms.read(condition)
    states = [first]
    moves: list[dict[int, int]] = []
    numbers = {first: 0}
    for state in states:
        moves.append({})
        if state in (terms.nothing, terms.any_text):
            continue
        for block in range(len(terms.blocks)):
            after = terms.derive(state, block)
            if after not in numbers:
                numbers[after] = len(states)
                states.append(after)
            moves[-1][block] = numbers[after]
        if len(states) > _MOST_STATES:
            return None
    met = [terms.nullable[state] for state in states]
    live = _backwards(moves, met)
    certain = [not hope for hope in _backwards(moves, [not here for here in met])]  # no way to a rest that does not
    certain = [sure and state != terms.nothing for sure, state in zip(certain, states, strict=True)]
    for number, settled in enumerate(zip(live, certain, strict=True)):
        if settled[1] or not settled[0]:
            moves[number] = {}

    def language(accepting: list[bool]) -> cr.Regex | None:
        return expression_of_automaton(Automaton(terms.blocks, moves, accepting))

    kept, broken = language(certain), language([not hope for hope in live])
    unmet = language([hope and not here for hope, here in zip(live, met, strict=True)])
    if kept is None or broken is None or unmet is None:
        return None
    return Promise(condition, kept, broken, unmet)


def _backwards(moves: list[dict[int, int]], ends: list[bool]) -> list[bool]:
    """From which states one of `ends` can be reached."""
    before: list[list[int]] = [[] for _ in moves]
    for source, ways in enumerate(moves):
        for target in set(ways.values()):
            before[target].append(source)
    found = list(ends)
    work = [state for state, end in enumerate(ends) if end]
    while work:
        for source in before[work.pop()]:
            if not found[source]:
                found[source] = True
                work.append(source)
    return found


def has_one_place(texts: cr.Regex, given: Promise) -> bool:
    """Tell whether it is proved that of the texts that another one begins with, at most one is followed as promised."""
    terms = _terms_of(texts, given.condition)
    if terms is None:
        return False
    condition, first = terms.read(given.condition), terms.read(texts)
    places = _reached(terms, first, lambda now: now == terms.nothing)

    def twice(rest: int) -> int:
        """What follows a text as promised, and goes on with a longer one of them; `rest` is what would make it that."""
        longer = terms.sequence(terms.join("and", [rest, terms.some_text]), condition)
        return terms.join("and", [longer, condition])

    return places is not None and all(_is_empty(terms, twice(now)) for now in places if terms.nullable[now])


def _reached(terms: Terms, start: int, over: Callable[[int], bool]) -> list[int] | None:
    """All that a term becomes; None where that is too much."""
    found = {start}
    work = [start]
    for now in work:
        following = [] if over(now) else [terms.derive(now, block) for block in range(len(terms.blocks))]
        fresh = [after for after in dict.fromkeys(following) if after not in found]
        found.update(fresh)
        work += fresh
        if len(work) > _MOST_STATES:
            return None
    return work


def _is_empty(terms: Terms, term: int) -> bool:
    """Whether it is proved that a term has no text."""
    reached = _reached(terms, term, lambda now: terms.nullable[now])
    return reached is not None and not any(terms.nullable[one] for one in reached)


def _terms_of(*roots: cr.Regex) -> Terms | None:
    sets: set[CharSet] = set()
    for root in roots:
        cr.fold(root, lambda node, _: sets.add(node) if isinstance(node, CharSet) else None)
    blocks = partition(sorted(sets, key=lambda chars: chars.ranges))
    return Terms(blocks) if len(blocks) <= _MOST_BLOCKS else None
