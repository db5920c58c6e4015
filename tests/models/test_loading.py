"""Loading from folders, hub ids and files: what is missing or damaged is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

import guidedgen as gg
from guidedgen.errors import ModelError
from guidedgen.models import KNOWN, tiny
from guidedgen.models.loading import load
from guidedgen.models.precision import choose_device, choose_dtype
from guidedgen.sampler.sampler import Sampler


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete transformers folder with a tiny model and a byte-level tokenizer."""
    target = tmp_path_factory.mktemp("model")
    tiny.library_model("llama").save_pretrained(target)
    write_tokenizer(target, 40)
    return target


def write_tokenizer(target: Path, size: int) -> None:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())[: size - 3]
    vocabulary = {token: number for number, token in enumerate(["<s>", "<x>", "</s>", *letters])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<s>", "<x>", "</s>"])
    tokenizer.save(str(target / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "</s>"}
    (target / "tokenizer_config.json").write_text(json.dumps(settings))


@pytest.fixture
def broken(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "broken"))


def test_a_folder_loads_with_progress(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    events: list[tuple[str, int, int | None]] = []
    model = load(str(folder), device="cpu", dtype="float32", progress=lambda *event: events.append(event))
    assert events == [("load", done, 3) for done in range(4)]
    assert (model.info.logits_size, model.info.dtype, model.info.device) == (tiny.VOCABULARY_SIZE, "float32", "cpu")
    assert model.vocabulary.size == tiny.VOCABULARY_SIZE  # padded: the tokenizer has 40
    assert model.vocabulary.eos == {2}
    assert model.backend in ("native", "lean")
    assert load(str(folder), device="cpu", dtype="float32", lean=False).backend == "rows"
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_views_that_select_are_loaded_with_a_forward_that_honours_them(folder: Path) -> None:
    pages = gg.Pages(8, page=4, block=4)
    model = gg.load(folder, device="cpu", dtype="float32", cache=pages)
    result = model.generate("!!!", gg.Regex("[!#]{40}"), max_tokens=60, describe="none")
    assert (len(result.value), result.trace.approximate) == (40, str(pages))
    for native in (True, False):  # the compiled forward hands such rows to its twin
        Sampler(load(str(folder), device="cpu", dtype="float32", native=native)).view(attention=pages)


def test_loading_leaves_global_settings_alone(folder: Path) -> None:
    from transformers.utils import logging as library

    def state() -> tuple[Any, ...]:
        return (
            torch.get_num_threads(),
            torch.get_default_dtype(),
            library.get_verbosity(),
            library.is_progress_bar_enabled(),
        )

    before = state()
    load(str(folder))
    assert state() == before


def test_a_tokenizer_wider_than_the_logits_does_not_belong(broken: Path) -> None:
    write_tokenizer(broken, 60)
    with pytest.raises(ModelError, match=r"60 tokens and the model only 48 logits"):
        load(str(broken))


@pytest.mark.parametrize(
    ("missing", "part"),
    [("tokenizer.json", "tokenizer"), ("model.safetensors", "model"), ("config.json", "config.json")],
)
def test_an_incomplete_folder_says_what_is_missing(broken: Path, missing: str, part: str) -> None:
    (broken / missing).unlink()
    with pytest.raises(ModelError, match=part):
        load(str(broken))


def test_damaged_weights_are_a_model_error(broken: Path) -> None:
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ModelError, match="cannot load the model"):
        load(str(broken))


@pytest.mark.parametrize("name", ["no-such-name", "./nowhere", "/nowhere/at/all", "a/b/c"])
def test_a_name_that_is_nothing_lists_the_known_ones(name: str) -> None:
    with pytest.raises(ModelError, match=r"Known names: smollm2"):
        load(name)


def test_a_hub_id_without_a_network_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=r"cannot load the tokenizer of owner/model.*pass its folder"):
        load("owner/model")


def test_a_file_that_is_not_gguf_is_refused(broken: Path) -> None:
    with pytest.raises(ModelError, match="only GGUF files"):
        load(str(broken / "model.safetensors"))


def test_unknown_devices_and_formats_are_refused() -> None:
    with pytest.raises(ModelError, match="device='auto'"):
        choose_device("abacus")
    with pytest.raises(ModelError, match="bfloat16"):
        choose_dtype("int3", torch.device("cpu"))


def test_automatic_format_on_a_cpu_follows_its_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True, "amx_bf16": False})
    assert choose_dtype("auto", cpu) is torch.bfloat16
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False, "avx2": True})
    assert choose_dtype("auto", cpu) is torch.float32
    assert choose_dtype("fp16", cpu) is torch.float16
    assert choose_dtype(torch.float64, cpu) is torch.float64


def test_known_models_say_what_they_are() -> None:
    assert {name: (model.title, model.licence) for name, model in KNOWN.items()} == {
        "smollm2": ("SmolLM2-135M-Instruct", "Apache-2.0")
    }
