"""The self-test must catch what it is for: backends that are subtly wrong, and models that cannot take flat rows."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from guidedgen.errors import ModelError
from guidedgen.models import tiny
from guidedgen.models.base import Rows, Segment
from guidedgen.models.lean_llama import LeanLlama
from guidedgen.models.library_rows import LibraryRows
from guidedgen.models.self_test import Abilities, SelfTest
from guidedgen.models.transformers_adapter import TransformersModel


@pytest.fixture(scope="module")
def library() -> Any:
    return tiny.library_model("llama")


@pytest.fixture(scope="module")
def check(library: Any) -> SelfTest:
    with torch.inference_mode():
        return SelfTest(
            lambda tokens: library(input_ids=tokens, use_cache=False).logits,
            logits_size=tiny.VOCABULARY_SIZE,
            device=torch.device("cpu"),
        )


class Spoiled(LeanLlama):
    """A right backend whose input is changed first."""

    def __init__(self, model: Any, spoil: Any) -> None:
        super().__init__(model)
        self.spoil = spoil

    def forward(self, rows: Rows, store: Any) -> torch.Tensor:
        return super().forward(self.spoil(rows), store)


def changed(rows: Rows, segments: list[Segment], positions: torch.Tensor | None = None) -> Rows:
    return Rows(
        tokens=rows.tokens,
        positions=rows.positions if positions is None else positions,
        slots=rows.slots,
        segments=tuple(segments),
        wanted=rows.wanted,
    )


def with_segments(rows: Rows, **settings: Any) -> Rows:
    segments = [
        Segment(**{"start": s.start, "stop": s.stop, "context": s.context, "ancestors": s.ancestors, **settings})
        for s in rows.segments
    ]
    return changed(rows, segments)


def test_the_right_backend_may_do_everything(library: Any, check: SelfTest) -> None:
    everything = Abilities(plain=True, batch=True, tree=True)
    assert check.run(LeanLlama(library), torch.float32) == everything
    assert check.run(LibraryRows(tiny.library_model("llama")), torch.float32) == everything


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_branches_that_see_each_other_lose_trees_only(dtype: torch.dtype, library: Any, check: SelfTest) -> None:
    backend = Spoiled(tiny.library_model("llama", dtype=dtype), lambda rows: with_segments(rows, ancestors=None))
    abilities = check.run(backend, dtype)
    assert (abilities.plain, abilities.batch, abilities.tree) == (True, True, False)
    assert "trees" in str(abilities.reason)


def test_segments_that_see_each_other_lose_batches(library: Any, check: SelfTest) -> None:
    def merge(rows: Rows) -> Rows:
        if len(rows.segments) == 1:
            return rows
        merged = Segment(start=0, stop=rows.segments[-1].stop, context=rows.segments[0].context)
        return changed(rows, [merged])

    abilities = check.run(Spoiled(library, merge), torch.float32)
    assert (abilities.plain, abilities.batch, abilities.tree) == (True, False, True)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda rows: changed(rows, list(rows.segments), rows.positions + (rows.positions > 5).long()),
        lambda rows: with_segments(rows, context=rows.segments[0].context[1:]),
        lambda rows: with_segments(rows, ancestors=torch.ones(len(rows.tokens), len(rows.tokens)).bool()),
    ],
    ids=["positions", "context", "future"],
)
def test_a_wrong_chain_is_refused(spoil: Any, library: Any, check: SelfTest) -> None:
    assert not check.run(Spoiled(library, spoil), torch.float32).plain


def test_a_backend_that_raises_or_gives_no_numbers_is_refused(library: Any, check: SelfTest) -> None:
    def fail(rows: Rows) -> Rows:
        raise RuntimeError("not today")

    assert not check.run(Spoiled(library, fail), torch.float32).plain
    broken = tiny.library_model("llama")
    broken.model.norm.weight.data.fill_(float("nan"))
    assert not check.run(LeanLlama(broken), torch.float32).plain


@pytest.mark.parametrize("family", ["mamba", "bloom"])
def test_models_that_cannot_take_flat_rows_are_served_plain_and_say_so(family: str) -> None:
    model = tiny.load(family)
    assert model.backend == "plain"
    assert (model.info.batch, model.info.tree) == (False, False)
    assert "one sequence at a time" in str(model.info.reason)


def test_a_model_that_is_never_right_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    bloom = tiny.library_model("bloom")
    original = bloom.forward

    def unsteady(*args: Any, **kwargs: Any) -> Any:
        output = original(*args, **kwargs)
        output.logits = output.logits + torch.randn_like(output.logits)
        return output

    monkeypatch.setattr(bloom, "forward", unsteady)
    vocabulary = tiny.load("llama").vocabulary
    with pytest.raises(ModelError, match="does not agree with its own forward"):
        TransformersModel.wrap(bloom, None, vocabulary, name="unsteady")


def test_a_window_that_the_layers_do_not_pass_on_is_refused() -> None:
    model = tiny.library_model("llama")
    model.config.sliding_window = 4  # the configuration promises what the code does not do
    with pytest.raises(ValueError, match="should attend within 4 tokens"):
        LibraryRows(model)


def test_a_rotary_type_that_changes_with_the_length_shortens_the_context() -> None:
    import transformers

    rotary = {
        "rope_type": "longrope",
        "rope_theta": 10000.0,
        "short_factor": [1.0] * 4,
        "long_factor": [2.0] * 4,
        "original_max_position_embeddings": 64,
    }
    reference = tiny.library_model("llama").config
    config = transformers.LlamaConfig(**{**reference.to_dict(), "rope_parameters": rotary})
    model = TransformersModel.wrap(
        transformers.LlamaForCausalLM(config), None, tiny.load("llama").vocabulary, name="longrope"
    )
    assert model.backend == "rows"
    assert model.info.context_length == 64
    assert "context cut from 256 to 64" in str(model.info.reason)
