"""Attention on items of the prompt: the weights against the library's own, the rules against hand-made weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from guidedgen.decoders.inspection import Thresholds, spans_of, track
from guidedgen.decoders.inspection.spans import Looks, judge, looks_of, written_at
from guidedgen.errors import ModelError
from guidedgen.models import tiny
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.views import SinkWindow
from guidedgen.toy import OneOf, ToyModel

STATE = OneOf([(0,)], tiny.VOCABULARY_SIZE).start()
TEXT = (5, 9, 12, 7, 7, 30, 5, 21, 3, 40, 8, 11)


def sequence(prompt: tuple[int, ...], text: tuple[int, ...] = ()) -> Sequence:
    node = Sequence.prompt(prompt, STATE)
    for token in text:
        node = node.extend(token, STATE)
    return node


def eager(family: str) -> tuple[torch.Tensor, ...]:
    library: Any = tiny.library_model(family)
    library.set_attn_implementation("eager")
    with torch.inference_mode():
        found: tuple[torch.Tensor, ...] = library(
            input_ids=torch.tensor([TEXT]), output_attentions=True, use_cache=False
        ).attentions
    return found


@pytest.mark.parametrize("family", ["llama", "qwen3", "gemma2", "mistral", "gpt2", "gpt_oss"])
def test_weights_are_those_of_the_library(family: str) -> None:
    """Of several rows at once, cached and not, in models with windows, soft caps and sinks."""
    expected = eager(family)
    sampler = Sampler(tiny.load(family))
    whole = sequence(TEXT[:4], TEXT[4:])
    nodes = [*whole.nodes(), whole.prompt_node][::-1]
    sampler.logits([nodes[3]])
    wanted = [nodes[2], whole, nodes[0]]
    for node, weights in zip(wanted, sampler.attended(wanted), strict=True):
        assert weights.shape == (2, expected[0].shape[1], node.length)
        for layer, own in enumerate(weights):
            assert torch.allclose(own, expected[layer][0, :, node.length - 1, : node.length], atol=1e-4)
    before = Sampler(tiny.load(family)).logits([whole])
    assert torch.allclose(sampler.logits([whole]), before, atol=1e-4)  # looking changes nothing


def test_the_native_forward_leaves_heads_to_its_twin() -> None:
    for dtype in (torch.float32, torch.bfloat16):
        native, lean = (
            Sampler(tiny.load("llama", dtype=dtype, native=native)).attended([sequence(TEXT)])[0]
            for native in (True, False)
        )
        assert torch.allclose(native, lean, atol=5e-2 if dtype == torch.bfloat16 else 1e-4)


def test_views_and_models_that_show_nothing_are_refused() -> None:
    node = sequence(TEXT)
    for sampler in (
        Sampler(ToyModel(layers=2)),
        Sampler(tiny.load("llama"), cache=SinkWindow(2, 4)),
        Sampler(tiny.load("llama")).view(attention=SinkWindow(2, 4)),
    ):
        with pytest.raises(ModelError, match="attends to"):
            sampler.attended([node])
    assert Sampler(tiny.load("llama")).attended([]) == []


def hand_made() -> torch.Tensor:
    """Two heads, four layers, eight tokens; items are tokens 2 to 3 and token 5, the prompt's last is token 5."""
    weights = torch.zeros(4, 2, 8)
    weights[:, :, 0] = 0.5  # the sink
    weights[0, 0, 2:4] = torch.tensor([0.2, 0.25])
    weights[0, 0, 5] = 0.05
    weights[0, 1, 5] = 0.4
    weights[0, 1, 4] = 0.1
    weights[1, :, 5] = 0.25
    weights[1, :, 4] = 0.25
    weights[2:, :, 2] = 0.5
    return weights


def test_shares_by_hand() -> None:
    looks = looks_of(hand_made(), [((2, 4),), ((5, 6),)], 6)
    assert looks.confident.tolist() == pytest.approx([0.9, 0.8])
    assert looks.tentative.tolist() == pytest.approx([(0.9 + 0 + 0 + 0) / 4, (0.1 + 0.8 + 0.5 + 0.5) / 4])
    assert looks.overall.tolist() == pytest.approx([(0.9 + 4 * 1) / 8, (0.1 + 0.8 + 0.5 + 0.5) / 8])


def look(confident: float, tentative: float, overall: float = 0.0) -> Looks:
    return Looks(
        confident=torch.tensor([confident]), tentative=torch.tensor([tentative]), overall=torch.tensor([overall])
    )


@pytest.mark.parametrize(
    ("looks", "end", "expected"),
    [
        ([look(0.1, 0.1)], 0.0, (None, None)),
        ([look(0.1, 0.1), look(0.95, 0.1)], 0.5, (1, "confident")),
        ([look(0.1, 0.4), look(0.95, 0.1)], 0.0, (0, "tentative")),
        ([look(0.1, 0.4), look(0.95, 0.1)], 0.2, (1, "confident")),
        ([look(0.1, 0.4)], 0.2, (None, None)),
        ([look(0.1, 0.4)], 0.05, (0, "tentative")),
        ([look(0.9, 0.4)], None, (0, "confident")),
    ],
)
def test_rules_by_hand(looks: list[Looks], end: float | None, expected: tuple[int | None, str | None]) -> None:
    last = None if end is None else look(0.0, 0.0, end)
    assert judge(looks, 1, Thresholds(), end=last) == [expected]


def test_items_are_found_wherever_they_stand() -> None:
    vocabulary = tiny.load("llama").vocabulary
    prompt = sequence(tuple(vocabulary.encode("@ABCABD")))
    assert spans_of(prompt, {"x": "AB", "y": "D", "z": "@AB"}, vocabulary) == {
        "x": ((1, 3), (4, 6)),
        "y": ((6, 7),),
        "z": ((0, 3),),
    }
    for wrong in ("E", ""):
        with pytest.raises(ValueError, match="does not hold"):
            spans_of(prompt, {"x": wrong}, vocabulary)


def test_words_in_any_case_of_letters() -> None:
    assert written_at([b"the ", b"AC", b"ME shop"], "Acme") == 2
    assert written_at([b"Gr\xc3", b"\xbc", b"n"], "grün") == 2
    assert written_at([b"a"], "b") is None


def test_a_track_tells_all_of_it() -> None:
    model = tiny.load("llama")
    encode = model.vocabulary.encode
    node = sequence(tuple(encode("@ABCDEF")), tuple(encode("KLDEM")))
    loose = track(Sampler(model), node, {"first": "AB", "second": "DE"}, thresholds=Thresholds(confident=0.0))
    assert loose.missing == ()
    first, second = loose.items
    assert (first.mentioned, first.how) == (0, "confident")
    assert (second.mentioned, second.how) == (3, "text")
    assert loose.tokens == ("K", "L", "D", "E", "M")
    strict = track(
        Sampler(model), node, {"first": "AB", "second": "DE"}, thresholds=Thresholds(confident=1, tentative=1)
    )
    assert strict.missing == ("first",)
    assert strict.items[0].shares == first.shares
    assert all(0 <= share <= 1 for share in first.shares)
    assert "missing" in strict.table()
    assert "text at 'E'" in strict.table()
    with pytest.raises(ValueError, match="confident"):
        Thresholds(confident=1.5)
