"""Layer plans, taps, embeddings and the head of every family, against a plain forward of the library's own model.

The oracle for hidden states is `output_hidden_states`, whose last entry has the final norm on it; for skipped layers a
copy of the library's model from which their modules were taken out.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch

from guidedgen.errors import ModelError
from guidedgen.models import tiny
from guidedgen.models.base import LayerPlan, Rows, Segment
from guidedgen.models.layer_walk import LayerWalk
from guidedgen.models.library_rows import _decoder_layers
from guidedgen.models.transformers_adapter import TransformersModel
from guidedgen.sampler.sampler import Sampler

TOLERANCE = 1e-4
LAYERS = 4
COUNT = 3 * tiny.WINDOW
NONE = torch.empty(0, dtype=torch.int64)


@pytest.fixture(scope="module", params=tiny.FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def model(family: str) -> TransformersModel:
    return tiny.load(family, layers=LAYERS)


@pytest.fixture(scope="module")
def library(family: str) -> Any:
    return tiny.library_model(family, layers=LAYERS)  # another instance: the first one's attention is replaced


def chain(tokens: torch.Tensor, *, first: int = 0, context: torch.Tensor = NONE) -> Rows:
    """Rows of one sequence, in slots as their positions; all logits wanted."""
    places = torch.arange(first, first + len(tokens))
    whole = Segment(start=0, stop=len(tokens), context=context)
    return Rows(tokens=tokens, positions=places, slots=places, segments=(whole,), wanted=torch.arange(len(tokens)))


def some_tokens(seed: int, count: int = COUNT) -> torch.Tensor:
    return torch.randint(3, tiny.VOCABULARY_SIZE, (count,), generator=torch.Generator().manual_seed(seed))


def close(actual: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(actual, expected, atol=TOLERANCE, rtol=0)


@torch.inference_mode()
def without_layers(library: Any, skipped: set[int], tokens: torch.Tensor) -> torch.Tensor:
    """Logits of a copy of the library's model that has only the other layers, which keep what they are."""
    shorter = copy.deepcopy(library)
    layers = _decoder_layers(shorter, LAYERS)
    for number in sorted(skipped):
        layers[number].forward = lambda hidden, *_, **__: hidden
    logits: torch.Tensor = shorter(input_ids=tokens[None], use_cache=False).logits[0]
    return logits


@pytest.mark.parametrize("kept", [(0, 3), (1, 2), (3,), (0, 1, 3)], ids=str)
def test_skipped_layers_are_as_if_they_were_not_there(model: Any, library: Any, kept: tuple[int, ...]) -> None:
    tokens, store, plan = some_tokens(1), model.new_store(64), LayerPlan(layers=kept)
    expected = without_layers(library, set(range(LAYERS)) - set(kept), tokens)
    first = model.forward(replace(chain(tokens[:-4]), plan=plan), store)
    context = torch.arange(COUNT - 4)
    rest = model.forward(replace(chain(tokens[-4:], first=COUNT - 4, context=context), plan=plan), store)
    close(torch.cat((first, rest)), expected)
    whole = model.forward(chain(tokens), model.new_store(64))
    assert float((whole - expected).abs().max()) > 100 * TOLERANCE


@torch.inference_mode()
def without_parts(library: Any, plan: LayerPlan, tokens: torch.Tensor) -> torch.Tensor:
    """Logits of a copy of the library's model in which the parts that a plan leaves out give zeros."""
    shorter = copy.deepcopy(library)
    for number, layer in enumerate(_decoder_layers(shorter, LAYERS)):
        if number in plan.without_attention:
            layer.self_attn.forward = lambda hidden_states, **_: (torch.zeros_like(hidden_states), None)
        if number in plan.without_mlp:
            layer.mlp.forward = torch.zeros_like
        if number not in plan.running(LAYERS):
            layer.forward = lambda hidden, *_, **__: hidden
    logits: torch.Tensor = shorter(input_ids=tokens[None], use_cache=False).logits[0]
    return logits


@pytest.mark.parametrize("lean", [True, False])
@pytest.mark.parametrize("name", ["llama_bias", "qwen3_window", "mistral"])
def test_parts_of_layers_can_be_left_out(name: str, lean: bool) -> None:
    """By the native forward and by its twin, as if the parts gave nothing; chains, then a step behind them."""
    own = tiny.load(name, layers=LAYERS, native=not lean)
    assert own.info.sublayers
    library = tiny.library_model(name, layers=LAYERS)
    tokens, store = some_tokens(1), own.new_store(64)
    plan = LayerPlan(layers=(0, 1, 3), without_attention=(1,), without_mlp=(0, 3))
    expected = without_parts(library, plan, tokens)
    first = own.forward(replace(chain(tokens[:-4]), plan=plan), store)
    rest = own.forward(replace(chain(tokens[-4:], first=COUNT - 4, context=torch.arange(COUNT - 4)), plan=plan), store)
    close(torch.cat((first, rest)), expected)
    assert [bool(keys.abs().max() > 0) for keys in store.keys] == [True, False, False, True]


def test_parts_that_cannot_be_told_apart_are_refused(model: Any) -> None:
    parted = LayerPlan(without_mlp=(1,))
    if model.info.sublayers:
        assert model.info.forward in ("native", "lean")
        return
    with pytest.raises(ModelError, match="parts of layers"):
        model.forward(replace(chain(some_tokens(1)), plan=parted), model.new_store(64))
    with pytest.raises(ModelError, match="parts of layers"):
        Sampler(model).view(plan=parted)


def test_layers_that_do_not_run_write_nothing(model: Any) -> None:
    store = model.new_store(64)
    model.forward(replace(chain(some_tokens(2)), plan=LayerPlan(layers=(0, 2))), store)
    assert [bool(keys.abs().max() > 0) for keys in store.keys] == [True, False, True, False]


def test_taps_are_the_librarys_hidden_states(model: Any, library: Any) -> None:
    tokens = some_tokens(3)
    with torch.inference_mode():
        output = library(input_ids=tokens[None], use_cache=False, output_hidden_states=True)
    rows = replace(chain(tokens), taps=tuple(range(LAYERS)), wanted=torch.tensor([COUNT - 1, 2]))
    reading = model.read(rows, model.new_store(64))
    close(reading.logits, output.logits[0, [COUNT - 1, 2]])
    for layer in range(LAYERS - 1):
        close(reading.hidden[layer], output.hidden_states[layer + 1][0, [COUNT - 1, 2]])
    close(model.embed(tokens, torch.arange(COUNT)), output.hidden_states[0][0])
    close(model.head(reading.hidden[LAYERS - 1]), reading.logits)


def test_exit_is_the_head_on_a_tap(model: Any, library: Any) -> None:
    tokens = some_tokens(4)
    early = model.forward(replace(chain(tokens), plan=LayerPlan(exit=1)), model.new_store(64))
    reading = model.read(replace(chain(tokens), taps=(1,)), model.new_store(64))
    close(early, model.head(reading.hidden[1]))
    close(early, without_layers(library, {2, 3}, tokens))


@pytest.mark.parametrize("layer", range(LAYERS - 1))
def test_a_forward_can_go_on_from_the_hidden_states_of_a_layer(model: Any, layer: int) -> None:
    """A drafter runs the lower layers, row by row; the upper ones take up all its rows at once, in the same slots."""
    tokens, store = some_tokens(5), model.new_store(64)
    lower, upper = LayerPlan(exit=layer), LayerPlan(layers=tuple(range(layer + 1, LAYERS)))
    states = []
    for index in range(COUNT):
        rows = chain(tokens[index : index + 1], first=index, context=torch.arange(index))
        states.append(model.read(replace(rows, plan=lower, taps=(layer,)), store).hidden[layer])
    nothing = torch.zeros_like(tokens)
    logits = model.forward(replace(chain(nothing), embeddings=torch.cat(states), plan=upper), store)
    close(logits, model.forward(chain(tokens), model.new_store(64)))


def test_embeddings_stand_for_tokens_and_mix(model: Any, library: Any) -> None:
    tokens, others = some_tokens(6), some_tokens(7)
    places = torch.arange(COUNT)
    left, right = model.embed(tokens, places), model.embed(others, places)
    close(model.forward(replace(chain(others), embeddings=left), model.new_store(64)), library_logits(library, tokens))
    mixed = model.forward(replace(chain(tokens), embeddings=0.7 * left + 0.3 * right), model.new_store(64))
    with torch.inference_mode():
        table = library.get_input_embeddings()
        mixture = 0.7 * table(tokens) + 0.3 * table(others)
        expected = library(inputs_embeds=mixture[None], use_cache=False).logits[0]
    close(mixed, expected)


@torch.inference_mode()
def library_logits(library: Any, tokens: torch.Tensor) -> torch.Tensor:
    logits: torch.Tensor = library(input_ids=tokens[None], use_cache=False).logits[0]
    return logits


def test_taps_are_read_only(model: Any) -> None:
    """Changing what was tapped changes neither the store nor a later forward."""
    tokens, store = some_tokens(8), model.new_store(64)
    rows = replace(chain(tokens), taps=(0, LAYERS - 1))
    first = model.read(rows, store)
    kept = [keys.clone() for keys in (*store.keys, *store.values)]
    for states in first.hidden.values():
        states.zero_()
    assert all(torch.equal(before, now) for before, now in zip(kept, (*store.keys, *store.values), strict=True))
    again = model.read(rows, store)
    close(again.logits, first.logits)
    assert float(again.hidden[0].abs().max()) > 0


def test_several_sequences_and_trees_keep_their_own_taps(model: Any) -> None:
    tokens, other = some_tokens(9, 6), some_tokens(10, 4)
    ancestors = torch.eye(6, dtype=torch.bool)
    ancestors[1:, 0] = True  # five branches of one token below the first
    rows = Rows(
        tokens=torch.cat((tokens, other)),
        positions=torch.tensor([0, 1, 1, 1, 1, 1, 0, 1, 2, 3]),
        slots=torch.arange(10),
        segments=(
            Segment(start=0, stop=6, context=NONE, ancestors=ancestors),
            Segment(start=6, stop=10, context=NONE),
        ),
        wanted=torch.tensor([5, 9]),
        taps=(2,),
    )
    together = model.read(rows, model.new_store(16)).hidden[2]
    for row, alone in zip(together, (tokens[[0, 5]], other), strict=True):
        own = model.read(replace(chain(alone), taps=(2,)), model.new_store(16)).hidden[2]
        close(row, own[-1])


def test_a_layer_that_the_model_does_not_have_is_refused(model: Any) -> None:
    rows, store = chain(some_tokens(11)), model.new_store(64)
    for wrong in (
        replace(rows, plan=LayerPlan(layers=(0, LAYERS))),
        replace(rows, plan=LayerPlan(exit=LAYERS)),
        replace(rows, taps=(LAYERS,)),
        replace(rows, plan=LayerPlan(exit=1), taps=(2,)),
        replace(rows, embeddings=torch.zeros(2, 32)),
    ):
        with pytest.raises(ModelError, match=r"layer|embeddings"):
            model.read(wrong, store)


@pytest.mark.parametrize("family", sorted(tiny.OTHERS))
def test_families_without_flat_rows_refuse_layers(family: str) -> None:
    other = tiny.load(family)
    assert other.info.layers == 0
    rows = replace(chain(some_tokens(12)), plan=LayerPlan(layers=(0,)))
    for action in (other.forward, other.read):
        with pytest.raises(ModelError, match="cannot be told apart"):
            action(rows, other.new_store(64))
    with pytest.raises(ModelError, match="cannot be told apart"):
        other.head(torch.zeros(1, 32))


@pytest.mark.parametrize("layers", [(1, 0), (0, 0), (-1,)])
def test_a_plan_names_layers_ascending(layers: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="ascending"):
        LayerPlan(layers=layers)
    with pytest.raises(ValueError, match="from 0"):
        LayerPlan(exit=-1)


def test_every_family_tells_its_layers(model: Any) -> None:
    assert model.info.layers == LAYERS


def test_walks_know_what_runs() -> None:
    rows = replace(chain(some_tokens(13)), plan=LayerPlan(layers=(0, 2, 3), exit=2))
    walk = LayerWalk(rows, LAYERS)
    assert (walk.layers, walk.runs(2), walk.runs(3)) == ((0, 2), True, False)
