"""Best-first search and its lattices: against all texts, against a plain search, and every way a valid text."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from itertools import pairwise

import pytest

from guidedgen.constraint import AllOf, MaxTokens, State, StopOn
from guidedgen.decoders import BestFirst
from guidedgen.decoders.mix import Contrast
from guidedgen.decoders.search.lattice import Lattice, LatticeEdge, LatticeEnd
from guidedgen.decoders.search.merging import form_of
from guidedgen.decoders.search.zipping import zipped
from guidedgen.grammars.compile import compile as compile_constraint
from guidedgen.grammars.specs import Regex
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import ToyModel, toy_vocabulary
from guidedgen.toy_laws import check_strategy
from tests.decoders.search.toy_world import (
    CONSTRAINT,
    EOS,
    MODEL,
    PROMPT,
    all_texts,
    log_chance,
    ranked,
    start,
    texts_of,
)
from tests.decoders.small_world import CONSTRAINTS
from tests.decoders.small_world import PROMPT as SMALL_PROMPT
from tests.decoders.small_world import VOCABULARY as SMALL

EVERYTHING = {"branching": 8, "expansions": 10_000, "length_power": 0.0}


def lattice_of(constraint: object = CONSTRAINT, **settings: float) -> Lattice:
    return BestFirst(**settings).lattice(Sampler(MODEL), start(constraint))  # type: ignore[arg-type]


@pytest.mark.parametrize("merge", [0, 1, 2, 4])
@pytest.mark.parametrize("greedy", [True, False])
def test_an_endless_search_meets_every_text(merge: int, greedy: bool) -> None:
    known = all_texts()
    found = lattice_of(merge=merge, greedy=greedy, **EVERYTHING)
    paths = found.best(100)
    assert {path.tokens for path in paths} == set(known)
    assert found.count() == len(known)
    assert (found.merges > 0) == (merge in (1, 2))
    exact = [path for path in paths if not path.merged or merge >= MODEL.order]  # type: ignore[operator]
    assert len(exact) > 10
    for path in exact:  # the toy model reads two tokens: what follows the same two is the same
        assert path.logprob == pytest.approx(known[path.tokens], abs=1e-5)
    assert [path.logprob for path in paths] == sorted((path.logprob for path in paths), reverse=True)


@pytest.mark.parametrize("merge", [0, 1, 2])
def test_texts_come_weighed_anew_and_in_order(merge: int) -> None:
    strategy = BestFirst(merge=merge, **EVERYTHING)  # type: ignore[arg-type]
    assert texts_of(strategy, 12) == [(text, "stop") for text in ranked()[:12]]
    (chunk,) = strategy.run(Sampler(MODEL), [start()], Sampling())
    assert chunk.ending is not None
    records = [*chunk.sequence.records(), chunk.ending]
    total = sum(record.logprob or 0.0 for record in records if record is not None)
    assert total == pytest.approx(log_chance(ranked()[0]), abs=1e-5)


def plain_search(expansions: int, branching: int, power: float) -> set[tuple[int, ...]]:
    """Textbook best-first search over the letters 0 to 2: the texts that it has met."""
    queue: list[tuple[float, int, tuple[int, ...], float]] = [(0.0, 0, (), 0.0)]
    met: set[tuple[int, ...]] = set()
    number = 0
    for _ in range(expansions):
        if not queue:
            break
        _, _, text, score = heapq.heappop(queue)
        row = MODEL.logits_after((*PROMPT, *text)).log_softmax(-1).tolist()
        tokens = sorted((0, 1, 2, EOS) if len(text) < 6 else (EOS,), key=lambda token: -row[token])[:branching]
        for token in tokens:
            after = score + row[token]
            if token == EOS:
                met.add(text)
            else:
                number += 1
                rank = after / (len(text) + 1) ** power
                heapq.heappush(queue, (-rank, number, (*text, token), after))
    return met


@pytest.mark.parametrize(("expansions", "power"), [(20, 0.75), (60, 0.0), (90, 1.0)])
def test_the_textbook_search(expansions: int, power: float) -> None:
    letters = compile_constraint(Regex("[a-c]{0,6}"), MODEL.vocabulary)
    found = lattice_of(letters, expansions=expansions, width=1, branching=3, length_power=power, merge=0, greedy=False)
    assert {path.tokens for path in found.best(1000)} == plain_search(expansions, 3, power)


def test_greedy_completion_finishes_texts_in_little_time() -> None:
    letters = AllOf([compile_constraint(Regex("[a-c]{8,12}"), MODEL.vocabulary), MaxTokens(30, MODEL.vocabulary)])
    few = {"expansions": 12, "width": 2, "merge": 0}
    assert lattice_of(letters, greedy=True, **few).count() > 0
    assert lattice_of(letters, greedy=False, **few).count() == 0


def assert_acyclic(lattice: Lattice) -> None:
    waiting, state = [0], dict.fromkeys(range(lattice.nodes), 0)  # 1: on the way, 2: left
    while waiting:
        node = waiting[-1]
        following = [edge.target for edge in lattice.edges[node] if state[edge.target] != 2]
        assert all(state[target] == 0 or target not in waiting for target in following)
        state[node] = 1
        if following:
            waiting.append(following[0])
        else:
            state[waiting.pop()] = 2


@pytest.mark.parametrize("backwards", [False, True], ids=["merged", "zipped"])
@pytest.mark.parametrize("kind", CONSTRAINTS)
def test_every_way_is_a_valid_text(kind: str, backwards: bool) -> None:
    model = ToyModel(vocabulary=SMALL, seed=3, order=3, spread=2.0)
    constraint = CONSTRAINTS[kind]()
    strategy = BestFirst(expansions=60, merge=1, length_difference=6, zip=backwards)
    tip = start(constraint)
    tip = type(tip).prompt(SMALL_PROMPT, constraint.start())
    lattice = strategy.lattice(Sampler(model), tip)
    assert_acyclic(lattice)
    paths = [*lattice.best(300), *lattice.sample(100, by="count"), *lattice.sample(50)]
    assert any(path.merged for path in paths) or kind == "dead ends"
    for path in paths:
        state: State | None = constraint.start()
        for token in path.tokens:
            assert state is not None
            state = state.advance(token)
        assert state is not None
        assert state.accepting or path.finish == "length" or state.done == "stop"
        assert path.finish == "stop" or state.done not in (None, "stop")
    assert len({path.text for path in paths[:300]}) == len(lattice.best(300))


def test_merging_meets_more_texts() -> None:
    """With merging the same expansions meet more texts."""
    letters = AllOf([compile_constraint(Regex("[a-c]{2,9}"), MODEL.vocabulary), MaxTokens(12, MODEL.vocabulary)])
    counts = [lattice_of(letters, expansions=80, merge=merge).count() for merge in (0, 2)]
    assert counts[1] > 5 * counts[0]


def test_zipping_holds_more_texts_in_fewer_nodes() -> None:
    """All texts that were met, and those of histories that are alike."""
    letters = AllOf([compile_constraint(Regex("[a-c]{2,9}"), MODEL.vocabulary), MaxTokens(12, MODEL.vocabulary)])
    met, folded = (lattice_of(letters, expansions=60, merge=2, zip=backwards) for backwards in (False, True))
    assert folded.nodes < met.nodes
    assert folded.count() >= met.count()
    assert_acyclic(folded)
    for edges in folded.edges:
        first = [edge.tokens[0] for edge in edges]
        assert len(set(first)) == len(first)
    texts = {path.tokens for path in folded.best(5000)}
    assert {path.tokens for path in met.best(5000)} <= texts
    (chunk,) = BestFirst(expansions=60, merge=2, zip=True).run(Sampler(MODEL), [start(letters)], Sampling())
    assert chunk.finish == "stop"
    assert chunk.sequence.generated() in texts


def test_zipping_by_hand() -> None:
    """Two ways to node 5; 2 and 4 are alike, and so are 1 and 3. Pairs that would make a cycle stay two."""
    edges = [
        [LatticeEdge(target=1, tokens=(0,), logprob=-1.0), LatticeEdge(target=3, tokens=(1,), logprob=-2.0)],
        [LatticeEdge(target=2, tokens=(2,), logprob=-0.1)],
        [LatticeEdge(target=5, tokens=(3,), logprob=-0.2)],
        [LatticeEdge(target=4, tokens=(2,), logprob=-0.3), LatticeEdge(target=6, tokens=(4,), logprob=-0.4)],
        [LatticeEdge(target=5, tokens=(3,), logprob=-0.5, merged=True)],
        [],
        [],
    ]
    end = LatticeEnd(finish="stop")
    ends = [None, None, None, None, None, end, end]
    folded, after = zipped(edges, ends, [(2, 4), (1, 3), (0, 5)])
    assert [[(edge.target, edge.tokens) for edge in leaving] for leaving in folded] == [
        [(1, (0,)), (1, (1,))],
        [(2, (2,)), (3, (4,))],
        [(4, (3,))],
        [],
        [],
    ]
    assert [edge.merged for edge in folded[0]] == [False, True]
    assert [edge.logprob for edge in folded[1]] == [-0.1, -0.4]  # of the better way, and what it did not have
    assert after == [None, None, None, end, end]


def test_a_good_way_is_never_merged_into_a_bad_one() -> None:
    for merge in (1, 2):
        found = lattice_of(merge=merge, expansions=200, branching=8, width=8)
        assert found.best()[0].tokens == ranked()[0]
        assert not found.best()[0].merged


def test_budgets_bound_ways_that_merging_makes_longer() -> None:
    letters = AllOf([compile_constraint(Regex("[a-c]*"), MODEL.vocabulary), MaxTokens(7, MODEL.vocabulary)])
    lattice = lattice_of(letters, expansions=200, merge=1, length_difference=7)
    assert lattice.most == 7
    assert lattice.merges
    assert {path.finish for path in lattice.sample(200, by="count")} == {"stop", "length"}
    for path in [*lattice.best(500), *lattice.sample(200, by="count")]:
        assert (len(path.tokens) <= 7, path.finish) in ((True, "stop"), (len(path.tokens) == 7, "length"))


def by_hand(most: int | None = None) -> Lattice:
    """Two letters to one node, from which c c or d: acc ad bcc bd, and b alone."""
    vocabulary = toy_vocabulary(8)
    half = math.log(0.5)
    return Lattice(
        vocabulary=vocabulary,
        edges=(
            (
                LatticeEdge(target=1, tokens=(0,), logprob=half),
                LatticeEdge(target=1, tokens=(1,), logprob=math.log(0.25), merged=True),
                LatticeEdge(target=2, tokens=(4,), logprob=math.log(0.25)),
            ),
            (
                LatticeEdge(target=2, tokens=(2, 2), logprob=math.log(0.75)),
                LatticeEdge(target=2, tokens=(3,), logprob=math.log(0.25)),
            ),
            (),
        ),
        ends=(None, None, LatticeEnd(finish="stop")),
        most=most,
    )


def test_counting_ranking_and_drawing_by_hand() -> None:
    lattice = by_hand()
    assert (lattice.count(), lattice.nodes, lattice.merges) == (5, 3, 1)
    chances = {"acc": 0.375, "e": 0.25, "bcc": 0.1875, "ad": 0.125, "bd": 0.0625}
    best = lattice.best(9)
    assert [path.text for path in best] == list(chances)
    assert [math.exp(path.logprob) for path in best] == pytest.approx(list(chances.values()))
    assert [path.merged for path in best] == [False, False, True, False, True]
    assert lattice.best(2) == best[:2]
    drawn = Counter(path.text for path in lattice.sample(4000, seed=1))
    evenly = Counter(path.text for path in lattice.sample(4000, seed=1, by="count"))
    for text, chance in chances.items():
        assert drawn[text] / 4000 == pytest.approx(chance, abs=0.03)
        assert evenly[text] / 4000 == pytest.approx(0.2, abs=0.03)
    short = by_hand(most=2)
    assert {path.text for path in short.best(9)} == {"ad", "bd", "e"}
    assert short.count() == 3
    assert {path.text for path in short.sample(50)} == {"ad", "bd", "e"}


def test_long_lattices_neither_underflow_nor_recurse() -> None:
    edges = tuple(
        (
            LatticeEdge(target=node + 1, tokens=(0,), logprob=-9.0),
            LatticeEdge(target=node + 1, tokens=(1,), logprob=-8.0),
        )
        for node in range(3000)
    )
    ends = (*(None for _ in range(3000)), LatticeEnd(finish="stop"))
    lattice = Lattice(vocabulary=toy_vocabulary(8), edges=(*edges, ()), ends=ends)
    assert lattice.count() == 2**3000
    assert lattice.best(1)[0].tokens == (1,) * 3000
    (path,) = lattice.sample(1, seed=4)
    assert path.tokens.count(1) / 3000 == pytest.approx(math.e / (1 + math.e), abs=0.05)


def test_dot_shows_it() -> None:
    shown = by_hand().dot()
    assert '0 -> 1 [label="b 0.25", style=dashed];' in shown
    assert "2 [shape=doublecircle];" in shown
    assert shown.count("->") == 5
    assert by_hand().dot(most=2).count("->") == 2
    quoted = LatticeEdge(target=1, tokens=(0,), logprob=0.0)
    vocabulary = type(toy_vocabulary(2)).from_tokens([b'"\\\n', b""], eos=[1], special={"<eos>": 1})
    odd = Lattice(vocabulary=vocabulary, edges=((quoted,), ()), ends=(None, LatticeEnd(finish="stop")))
    assert r'label="\"\\\\n 1.00"' in odd.dot()


def test_states_without_fingerprints_never_merge() -> None:
    class Nameless:
        def __init__(self, state: object) -> None:
            self._state = state

        def __getattr__(self, name: str) -> object:
            if name == "fingerprint":
                raise AttributeError(name)
            return getattr(self._state, name)

        def advance(self, token: int) -> object:
            after = self._state.advance(token)  # type: ignore[attr-defined]
            return None if after is None else Nameless(after)

    state = Nameless(CONSTRAINT.start())
    assert form_of(state) is None  # type: ignore[arg-type]
    tip = type(start()).prompt(PROMPT, state)  # type: ignore[arg-type]
    lattice = BestFirst(merge=1, **EVERYTHING).lattice(Sampler(MODEL), tip)  # type: ignore[arg-type]
    assert (lattice.merges, lattice.count()) == (0, len(ranked()))


def test_fingerprints_of_stop_rules() -> None:
    """Budgets are left out of what merging compares; a stop text that has begun is not."""
    vocabulary = MODEL.vocabulary
    rules = AllOf(
        [compile_constraint(Regex("[a-c]*"), vocabulary), StopOn(["ab"], vocabulary), MaxTokens(9, vocabulary)]
    )
    states = [rules.start()]
    for token in (2, 2, 0, 1):
        after = states[-1].advance(token)
        assert after is not None
        states.append(after)
    forms = [form_of(state) for state in states]
    assert forms[1] == forms[2]
    assert len({forms[2], forms[3], forms[4]}) == 3
    assert all(one.fingerprint != other.fingerprint for one, other in pairwise(states))


def test_the_laws_of_strategies() -> None:
    check_strategy(BestFirst(), settings=(Sampling(temperature=1.0, seed=1),), exact=False)


def test_mixing_composes_and_bad_settings_are_named() -> None:
    mixed = BestFirst(mix=(Contrast(amateur=ToyModel(seed=5)),))
    assert texts_of(mixed, 1)[0][0] in CONSTRAINT.members
    for wrong in ({"expansions": 0}, {"width": 0}, {"branching": 0}, {"length_power": -1.0}, {"merge": -1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            BestFirst(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="by="):
        by_hand().sample(1, by="luck")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no finished text"):
        Lattice(vocabulary=toy_vocabulary(8), edges=((),), ends=(None,)).sample(1)
