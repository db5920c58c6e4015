"""Training a drafter: on a tiny model, from its own texts to a drafter that is found by name and agrees more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from guidedgen.decoders import Plain, Speculative
from guidedgen.decoders.drafters import Trained
from guidedgen.decoders.training import TrainingPlan, train_drafter
from guidedgen.decoders.training.texts import own_texts
from guidedgen.decoders.training.train import Lessons, cut, few_layers, judge, learn, taught
from guidedgen.errors import ModelError
from guidedgen.grammars.compile import compile as compile_constraint
from guidedgen.grammars.specs import Regex
from guidedgen.models import load as load_model
from guidedgen.models import tiny
from guidedgen.models.small_drafters import drafter_folder, load_drafter
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.toy_laws import replay
from tests.models.test_loading import write_tokenizer


class NoTemplate:
    """A tokenizer without a chat template."""

    bos_token_id = 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama with a byte tokenizer, as a user would have it."""
    place = tmp_path_factory.mktemp("tiny") / "tiny-llama"
    tiny.library_model("llama", layers=4).save_pretrained(place)
    write_tokenizer(place, 40)
    settings = json.loads((place / "tokenizer_config.json").read_text())
    (place / "tokenizer_config.json").write_text(json.dumps({**settings, "bos_token": "<s>"}))
    return place


def test_from_a_folder_to_the_same_text_in_fewer_forwards(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUIDEDGEN_CACHE", str(tmp_path))
    seen: list[str] = []
    plan = TrainingPlan(tokens=1500, epochs=6, length=24, batch=16, rate=3e-3)
    report = train_drafter(str(folder), plan, told=lambda stage, done, total: seen.append(stage))
    assert list(dict.fromkeys(seen)) == ["write", "ask", "train"]
    assert report.after > report.before
    assert 0 < report.overlap <= 1
    assert report.parameters[0] < report.parameters[1]

    model = load_model(str(folder), device="cpu", dtype="float32")
    assert report.folder == drafter_folder(model)
    assert load_drafter(model) is load_drafter(model)
    start = Sequence.prompt((5, 6, 7), compile_constraint(Regex("[!-.]{40}"), model.vocabulary).start())
    for sampling in (Sampling(), Sampling(temperature=0.7, seed=2)):
        plain, fast = Sampler(model), Sampler(model)
        expected = replay(list(Plain().run(plain, [start], sampling)), [start])
        assert replay(list(Speculative(drafter="trained").run(fast, [start], sampling)), [start]) == expected
        assert fast.trace.snapshot().total("forwards") < plain.trace.snapshot().total("forwards")


def test_what_is_missing_is_said(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUIDEDGEN_CACHE", str(tmp_path))
    model = tiny.load("llama")
    start = Sequence.prompt((5,), compile_constraint(Regex("[A-Z]{4}"), model.vocabulary).start())
    with pytest.raises(ModelError, match="guidedgen models train-drafter"):
        list(Speculative(drafter="trained").run(Sampler(model), [start], Sampling()))
    with pytest.raises(ModelError, match="Llama-shaped model with more of them"):
        train_drafter(str(folder), TrainingPlan(layers=4))


def test_a_drafter_shares_what_does_not_learn() -> None:
    module = tiny.library_model("llama", layers=4)
    drafter = few_layers(module, 2)
    assert drafter.lm_head.weight is module.lm_head.weight
    assert drafter.model.embed_tokens.weight is module.model.embed_tokens.weight
    learned = {name for name, parameter in drafter.named_parameters() if parameter.requires_grad}
    assert learned
    assert all(name.startswith(("model.layers.", "model.norm.")) for name in learned)
    for own, source in ((0, 0), (1, 3)):
        ours, theirs = drafter.model.layers[own], module.model.layers[source]
        assert torch.equal(ours.mlp.up_proj.weight, theirs.mlp.up_proj.weight)
        assert ours.mlp.up_proj.weight is not theirs.mlp.up_proj.weight


def test_a_model_judges_itself_to_be_right() -> None:
    module = tiny.library_model("llama", layers=3)
    chunks = torch.randint(3, tiny.VOCABULARY_SIZE, (5, 12), generator=torch.Generator().manual_seed(1))
    lessons = taught(module, chunks, lambda done: None)
    assert lessons.likeliest.shape == (5, 12, 32)
    agreement, overlap = judge(module, lessons, range(5))
    assert agreement > 0.9  # the judged model computes in 16 bits
    assert overlap > 0.9
    drafter = few_layers(module, 1)
    before, after, _ = learn(
        drafter, Lessons(chunks, lessons.likeliest, lessons.shares), TrainingPlan(epochs=2), lambda done, total: None
    )
    assert 0 <= before <= 1
    assert 0 <= after <= 1


def test_texts_are_the_models_own() -> None:
    model = tiny.load("llama")
    told: list[int] = []
    texts = own_texts(model, NoTemplate(), tokens=60, length=10, batch=4, seed=0, told=told.append)
    again = own_texts(model, NoTemplate(), tokens=60, length=10, batch=4, seed=0, told=told.append)
    assert texts == again
    assert all(text[0] == 1 and 1 < len(text) <= 11 for text in texts)
    assert told[-1] == 60
    assert len({tuple(text) for text in texts}) > 1


def test_pieces_are_of_one_length_with_ends_between_texts() -> None:
    assert cut([[5, 6], [7, 8, 9]], 3, end=2).tolist() == [[5, 6, 2], [7, 8, 9]]
    with pytest.raises(ModelError, match="too few"):
        cut([[5, 6]], 3, end=2)


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        TrainingPlan(layers=0)
    with pytest.raises(ValueError, match="at least 1"):
        Trained(widths=())
