"""Everything with everything: strategies x MIX methods and penalties x kinds of constraints, on the toy model.

In each cell the constraint holds and the finish is right, and texts that must be equal are: drafts change nothing, a
beam of one is greedy, one sample does not depend on the others, and who only watches changes nothing. Plain decoding
itself is compared with enumeration in the tests of each method.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from guidedgen.decoders import (
    Auto,
    Beam,
    BestFirst,
    ConditionalBeam,
    Conditioned,
    Plain,
    Resample,
    Speculative,
    StochasticBeam,
    Strategy,
    Switch,
    Trigger,
    Watched,
)
from guidedgen.decoders.mix import (
    Contrast,
    ContrastiveSearch,
    Integrative,
    LayerContrast,
    MixMethod,
    WithNGrams,
)
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy import ToyModel
from guidedgen.toy_laws import Outcome, replay
from tests.decoders.small_world import CONSTRAINTS, EOS, PROMPT, VOCABULARY

MIXES: dict[str, tuple[MixMethod, ...]] = {
    "none": (),
    "contrast": (Contrast(amateur=ToyModel(vocabulary=VOCABULARY, seed=9)),),
    "layer contrast": (LayerContrast(layers=(0, 1)),),
    "integrative": (Integrative(prompts=lambda prompt: ((*PROMPT, 1), (2, *PROMPT), (3, 3))),),
    "contrastive search": (ContrastiveSearch(alpha=0.5, top_k=3),),
    "n-grams": (WithNGrams(texts=("(ab)", "ba0"), weight=0.6),),
    "penalties": (),
}
PENALTIES = Sampling(repetition_penalty=1.3, presence_penalty=0.4, repetition_window=12, no_repeat_ngram=5)


def texts(strategy: Strategy, kind: str, sampling: Sampling, count: int = 1) -> list[Outcome]:
    """What comes out; every token is checked to be allowed, and every finish to be right.

    Searches and particles do not back up: they may all run into the dead ends of a combination, or into a cut of a MIX
    method that knows no mask.
    """
    searched = isinstance(strategy, Beam | BestFirst | Conditioned | StochasticBeam)
    model = ToyModel(vocabulary=VOCABULARY, seed=3, order=3, spread=2.0, layers=4)
    constraint = CONSTRAINTS[kind]()
    prompts = [Sequence.prompt(PROMPT, constraint.start())] * count
    chunks = list(strategy.run(Sampler(model), prompts, sampling))
    for chunk in chunks:
        state = chunk.sequence.state
        if chunk.finish == "stop":
            assert state.accepting or state.done == "stop"
        elif chunk.finish == "length":
            assert state.done not in (None, "stop")
        elif chunk.finish is not None:
            assert (chunk.finish, searched) == ("dead_end", True)
        assert EOS not in chunk.sequence.generated()
    return replay(chunks, prompts)


@pytest.mark.parametrize("kind", CONSTRAINTS)
@pytest.mark.parametrize("name", MIXES)
def test_a_column_of_the_matrix(name: str, kind: str) -> None:
    mix = MIXES[name]
    greedy = PENALTIES if name == "penalties" else Sampling()
    warm = replace(greedy, temperature=1.0, seed=8)
    drafted = Speculative(drafter="forced+copy+recycle", mix=mix)
    plain = texts(Plain(mix=mix), kind, greedy)
    assert texts(drafted, kind, greedy) == plain
    if kind != "dead ends":
        assert texts(Beam(width=1, mix=mix), kind, greedy) == plain
    assert len(texts(Beam(width=3, mix=mix), kind, greedy, 2)) == 2
    assert len(texts(ConditionalBeam(width=2, mix=mix), kind, greedy, 2)) == 2
    assert len(texts(BestFirst(expansions=8, width=2, merge=2, mix=mix), kind, greedy, 2)) == 2
    drawn = [text for text in texts(StochasticBeam(width=3, mix=mix), kind, warm, 3) if text[1] != "dead_end"]
    assert len(set(drawn)) == len(drawn)
    samples = texts(Plain(mix=mix), kind, warm, 3)
    assert texts(drafted, kind, warm, 3) == samples
    assert texts(Plain(mix=mix), kind, warm, 1) == samples[:1]
    for align in ("smc", "asap"):
        texts(Conditioned(align=align, particles=3, rounds=2, mix=mix), kind, warm)
    assert texts(Auto(mix=mix), kind, warm, 3) == samples


@pytest.mark.parametrize("kind", CONSTRAINTS)
@pytest.mark.parametrize("name", MIXES)
def test_a_watched_column_of_the_matrix(name: str, kind: str) -> None:
    """Triggers that never fire change nothing, whoever writes; those that fire keep the constraint."""
    mix = MIXES[name]
    greedy = PENALTIES if name == "penalties" else Sampling()
    warm = replace(greedy, temperature=1.0, seed=8)
    writers = Plain(mix=mix), Speculative(drafter="forced+copy+recycle", mix=mix)
    never = (Trigger(damage=math.inf, then=Resample()),)
    again = (Trigger(damage=0.0, then=Resample(tries=2)),)
    for sampling in (greedy, warm):
        plain = texts(writers[0], kind, sampling, 2)
        for writer in writers:
            assert texts(Watched(strategy=writer, triggers=never), kind, sampling, 2) == plain
    for writer in writers:
        assert len(texts(Watched(strategy=writer, triggers=again), kind, warm, 2)) == 2
    switched = Watched(strategy=Plain(), triggers=(Trigger(damage=0.0, then=Switch(to=writers[1])),))
    if kind != "dead ends":  # the first unit is damaged and is written anew from its beginning, by the other one
        assert texts(switched, kind, greedy) == texts(writers[1], kind, greedy)


def test_the_matrix_is_not_all_the_same() -> None:
    """A method that did nothing would pass every cell."""
    for name, mix in MIXES.items():
        sampling = PENALTIES if name == "penalties" else Sampling()
        changed = [texts(Plain(mix=mix), kind, sampling) != texts(Plain(), kind, Sampling()) for kind in CONSTRAINTS]
        assert any(changed) == (name != "none")
