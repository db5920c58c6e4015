"""Conditional beam search: the best text that satisfies a predicate, by enumeration; predicates by hand."""

from __future__ import annotations

import math

import pytest

from guidedgen.decoders import Beam, ConditionalBeam
from guidedgen.decoders.search import PREDICATES, Containing, Lengthy, Mentioning, Predicate, Unrepeated
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy_laws import check_strategy
from tests.decoders.search.toy_world import CONSTRAINT, MODEL, log_chance, ranked, texts_of


def whole(predicate: Predicate, text: tuple[int, ...]) -> float:
    """What the predicate says of a finished text."""
    state = CONSTRAINT.start()
    tip = Sequence.prompt((0, 1), state)
    for token in text:
        tip = tip.extend(token, state)
    return predicate(tip, True)


WANTED: dict[str, Predicate] = {
    "containing": Containing(tokens=(1, 1)),
    "long": Lengthy(least=4),
    "short": Lengthy(most=2),
    "mentioning": Mentioning(items=("B", "cc"), vocabulary=MODEL.vocabulary),
    "degrees": lambda sequence, ended: -0.9 * sequence.generated().count(3),
}


@pytest.mark.parametrize("name", WANTED)
@pytest.mark.parametrize("power", [0.0, 1.0])
def test_a_wide_beam_gives_the_best_texts_that_satisfy_it(name: str, power: float) -> None:
    predicate = WANTED[name]
    scores = {text: log_chance(text) + whole(predicate, text) for text in CONSTRAINT.members}
    known = {text: score / (len(text) + 1) ** power for text, score in scores.items() if score > -math.inf}
    best = sorted(known, key=lambda text: -known[text])[:5]
    assert name in ("degrees", "mentioning") or len(known) < len(scores)
    wide = ConditionalBeam(width=40, patience=math.inf, predicate=predicate, length_power=power)
    assert texts_of(wide, 5) == [(text, "stop") for text in best]


def test_texts_that_leave_out_fewer_items_come_first() -> None:
    """The order of SEA-GuiDe: by missing items, then by log-probability."""
    items = ("b", "cc")
    spelled = {text: "".join("abcdefg"[token] for token in text) for text in CONSTRAINT.members}
    missing = {text: sum(item not in word for item in items) for text, word in spelled.items()}
    assert len(set(missing.values())) > 1
    best = sorted(CONSTRAINT.members, key=lambda text: (missing[text], -log_chance(text)))
    predicate = Mentioning(items=items, vocabulary=MODEL.vocabulary)
    wide = ConditionalBeam(width=40, patience=math.inf, predicate=predicate, length_power=0.0)
    assert texts_of(wide, 30) == [(text, "stop") for text in best[:30]]
    with pytest.raises(ValueError, match="items"):
        Mentioning(items=(), vocabulary=MODEL.vocabulary)


def test_a_narrow_beam_keeps_to_it_too() -> None:
    (unwanted, _), *_ = texts_of(Beam(width=2), 1)
    narrow = ConditionalBeam(width=2, predicate=Lengthy(least=len(unwanted) + 2))
    ((found, finish),) = texts_of(narrow, 1)
    assert (len(found) >= len(unwanted) + 2, finish) == (True, "stop")


def test_nothing_satisfies_it() -> None:
    assert texts_of(ConditionalBeam(predicate=Lengthy(least=99)), 1) == [((), "dead_end")]


def test_predicates_by_hand() -> None:
    loops = Unrepeated(longest=3, times=3, least=6)
    assert whole(loops, (1, 2, 1, 2, 1, 2)) == -math.inf
    assert whole(loops, (1,) * 6) == -math.inf
    assert whole(loops, (1,) * 5) == 0.0
    assert whole(loops, (1, 2, 1, 2, 1, 3)) == 0.0
    assert whole(PREDICATES["not-empty"], ()) == -math.inf
    assert whole(PREDICATES["not-empty"], (1,)) == 0.0
    assert whole(Containing(tokens=(1, 2)), (0, 1, 2)) == 0.0
    assert whole(Containing(tokens=(1, 2)), (1, 0, 2)) == -math.inf
    assert set(PREDICATES) == {"not-empty", "not-looping"}
    assert len(ranked()) == len(CONSTRAINT.members)


def test_the_laws_of_strategies() -> None:
    check_strategy(ConditionalBeam(width=8), settings=(Sampling(temperature=1.0, seed=1),), exact=False)


def test_bad_settings_are_named() -> None:
    for wrong in ({"predicate": "nice"}, {"candidates": 0}, {"width": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            ConditionalBeam(**wrong)  # type: ignore[arg-type]
