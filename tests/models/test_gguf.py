"""GGUF conversion on a small file written here; exactness against the ggml project's own dequantisation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from guidedgen.errors import ModelError
from guidedgen.models import gguf_cache, gguf_llama
from guidedgen.models.loading import load

WIDTH, HEADS, KV_HEADS, INNER, LAYERS = 64, 4, 2, 96, 2
TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *"abcdefgh12Ġ", "ab", "Ġa"]


def write(path: Path, *, architecture: str = "llama", pre: str = "smollm") -> dict[str, np.ndarray[Any, Any]]:
    """A small Llama file with Q8_0 matrices; returns the float32 values it stands for."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(LAYERS)
    writer.add_context_length(128)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_freq_base(1000.0)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(TOKENS)
    writer.add_token_types([3, 3, 3] + [1] * (len(TOKENS) - 3))
    writer.add_token_merges(["a b", "Ġ a"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template("{% for m in messages %}<|im_start|>{{ m['content'] }}<|im_end|>{% endfor %}")
    random = np.random.default_rng(3)
    shapes = {"token_embd": (len(TOKENS), WIDTH)}
    for layer in range(LAYERS):
        for name, shape in (
            ("attn_q", (WIDTH, WIDTH)),
            ("attn_k", (WIDTH * KV_HEADS // HEADS, WIDTH)),
            ("attn_v", (WIDTH * KV_HEADS // HEADS, WIDTH)),
            ("attn_output", (WIDTH, WIDTH)),
            ("ffn_gate", (INNER, WIDTH)),
            ("ffn_up", (INNER, WIDTH)),
            ("ffn_down", (WIDTH, INNER)),
        ):
            shapes[f"blk.{layer}.{name}"] = shape
    values = {}
    for name, shape in shapes.items():
        packed = gguf.quants.quantize(random.normal(0, 0.2, shape).astype(np.float32), gguf.GGMLQuantizationType.Q8_0)
        values[name] = gguf.quants.dequantize(packed, gguf.GGMLQuantizationType.Q8_0)
        writer.add_tensor(f"{name}.weight", packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    for name in ["output_norm", *(f"blk.{layer}.{kind}_norm" for layer in range(LAYERS) for kind in ("attn", "ffn"))]:
        values[name] = np.ones(WIDTH, dtype=np.float32)
        writer.add_tensor(f"{name}.weight", values[name])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return values


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GUIDEDGEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_values_names_and_rotary_order(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    values = write(tmp_path / "model.gguf")
    target = tmp_path / "folder"
    target.mkdir()
    gguf_llama.convert(tmp_path / "model.gguf", target)
    written = load_file(target / "model.safetensors")
    assert len(written) == len(values)
    np.testing.assert_array_equal(written["model.embed_tokens.weight"], values["token_embd"])
    np.testing.assert_array_equal(written["model.layers.1.mlp.down_proj.weight"], values["blk.1.ffn_down"])
    dim = WIDTH // HEADS
    query = values["blk.0.attn_q"].reshape(HEADS, dim, WIDTH)
    # In the file rotary pairs are neighbours (2i, 2i + 1); the library pairs i with i + dim / 2.
    expected = np.concatenate((query[:, 0::2], query[:, 1::2]), axis=1).reshape(WIDTH, WIDTH)
    np.testing.assert_array_equal(written["model.layers.0.self_attn.q_proj.weight"], expected)


def test_chat_template_and_special_tokens_survive(tmp_path: Path, cache: Path) -> None:
    write(tmp_path / "model.gguf")
    model = load(str(tmp_path / "model.gguf"), device="cpu", dtype="float32")
    chat = model.tokenizer.apply_chat_template([{"role": "user", "content": "ab a1"}], return_dict=False)
    expected = ["<|im_start|>", "ab", "Ġa", "1", "<|im_end|>"]
    assert model.tokenizer.convert_ids_to_tokens(chat) == expected
    assert model.vocabulary.eos == {2}
    assert model.vocabulary.special["<|im_start|>"] == 1
    assert model.info.context_length == 128
    assert model.backend in ("native", "lean")


def test_a_file_is_converted_once_and_again_when_it_changes(tmp_path: Path, cache: Path) -> None:
    write(tmp_path / "model.gguf")
    first = gguf_cache.folder(tmp_path / "model.gguf")
    stamp = (first / "config.json").stat().st_mtime_ns
    assert gguf_cache.folder(tmp_path / "model.gguf") == first
    assert (first / "config.json").stat().st_mtime_ns == stamp
    write(tmp_path / "model.gguf", pre="smollm")
    assert gguf_cache.folder(tmp_path / "model.gguf") != first


def test_other_architectures_are_not_guessed(tmp_path: Path) -> None:
    write(tmp_path / "model.gguf", pre="qwen2")
    with pytest.raises(gguf_llama.NotDirect, match=r"tokenizer.ggml.pre is 'qwen2'"):
        gguf_llama.convert(tmp_path / "model.gguf", tmp_path)


def test_a_file_that_is_no_gguf_is_an_error(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"this is text, and long enough to have a header" * 10)
    with pytest.raises(ModelError, match=r"not a GGUF file"):
        load(str(tmp_path / "model.gguf"))
    assert json.dumps([str(path) for path in (cache / "models").glob("gguf-*")]) == "[]"
