"""Layer read-out against the layers computed by themselves, in plain numbers."""

from __future__ import annotations

import math

import pytest
import torch

from guidedgen.decoders.inspection import read_out
from guidedgen.errors import ModelError
from guidedgen.models import tiny
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.toy import FreshSampler, OneOf, ToyModel

MODEL = ToyModel(order=3, padding=2, layers=4)
STATE = OneOf([(0,)], 8).start()


def sequence(prompt: tuple[int, ...], text: tuple[int, ...]) -> Sequence:
    node = Sequence.prompt(prompt, STATE)
    for token in text:
        node = node.extend(token, STATE)
    return node


def test_every_layer_is_read_through_the_same_head() -> None:
    prompt, text = (0, 1), (3, 2, 2, 5)
    readout = read_out(Sampler(MODEL), sequence(prompt, text), top=2)
    assert readout.layers == (0, 1, 2, 3)
    for at, token in enumerate(readout.tokens):
        assert (token.token, token.text) == (text[at], MODEL.vocabulary.decode_bytes([text[at]]).decode())
        before = (*prompt, *text[:at])
        logits = [0.0] * 8
        for entry in token.layers:
            logits = [sum(pair) for pair in zip(logits, MODEL._layer(entry.layer, before)[:8].tolist(), strict=True)]
            total = sum(math.exp(value) for value in logits)
            assert entry.probability == pytest.approx(math.exp(logits[text[at]]) / total, abs=1e-5)
            assert entry.rank == 1 + sum(value > logits[text[at]] for value in logits)
            ranked = sorted(range(8), key=lambda other: -logits[other])
            assert [share for _, share in entry.best] == pytest.approx(
                [math.exp(logits[other]) / total for other in ranked[:2]], abs=1e-5
            )
            assert [text for text, _ in entry.best] == [
                MODEL.vocabulary.decode_bytes([other]).decode() for other in ranked[:2]
            ]


@pytest.mark.parametrize("family", ["llama", "gemma2", "gpt2", "mixtral"])
def test_the_last_layer_says_what_the_model_says(family: str) -> None:
    model = tiny.load(family)
    sampler = Sampler(model)
    node = sequence((5, 6, 7), (8, 9))
    readout = read_out(sampler, node, top=1)
    assert node.parent is not None
    reading = sampler.read([node.parent], taps=(readout.layers[-1],))
    assert torch.equal(model.head(reading.hidden[readout.layers[-1]]), reading.logits)
    share = float(reading.logits[0].softmax(-1)[9])
    assert readout.tokens[-1].layers[-1].probability == pytest.approx(share, abs=1e-5)


def test_where_a_token_is_settled() -> None:
    readout = read_out(Sampler(MODEL), sequence((0, 1), (3, 2, 2, 5, 1, 0, 6)), layers=(3, 1, 1))
    assert readout.layers == (1, 3)
    for token in readout.tokens:
        low, high = (entry.rank == 1 for entry in token.layers)
        assert token.settled == (None if not high else 1 if low else 3)
    assert {token.settled for token in readout.tokens} > {None}


def test_long_texts_are_read_in_groups() -> None:
    text = tuple(number % 7 for number in range(150))
    whole = read_out(Sampler(MODEL), sequence((0,), text), layers=(3,), top=1)
    assert len(whole.tokens) == 150
    part = read_out(Sampler(MODEL), sequence((0, *text[:100]), text[100:]), layers=(3,), top=1)
    assert whole.tokens[100:] == part.tokens


def test_tables_for_people() -> None:
    readout = read_out(Sampler(MODEL), sequence((0, 1), (3, 2)), top=2)
    lines = readout.table(width=10).splitlines()
    assert [line.split()[0] for line in lines] == ["layer", "3", "2", "1", "0"]
    assert lines[0].split()[1:] == ["'d'", "'c'"]
    html = readout.html()
    assert html.count("<tr>") == 5
    assert "&#x27;d&#x27;" in html


def test_what_cannot_be_is_named() -> None:
    with pytest.raises(ModelError, match="which has 4"):
        read_out(Sampler(MODEL), sequence((0,), (1,)), layers=(4,))
    with pytest.raises(ModelError, match="layers"):
        read_out(FreshSampler(MODEL), sequence((0,), (1,)))
    with pytest.raises(ValueError, match="top"):
        read_out(Sampler(MODEL), sequence((0,), (1,)), top=0)
    with pytest.raises(ValueError, match="empty"):
        read_out(Sampler(MODEL), sequence((0,), ()))
