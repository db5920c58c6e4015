"""A GGUF file of the Llama architecture with a byte-level BPE tokenizer, written out as a transformers folder.

Values are dequantised to float32 exactly. Much faster than the library's own GGUF loading (and without `accelerate`);
a test shows that both give the same numbers. Format: the ggml project's GGUF specification, version 3.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guidedgen.errors import ModelError
from guidedgen.models.progress import Progress, silent

_BLOCK_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_OTHER_NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
_CONTROL, _USER_DEFINED = 3, 4  # token types of the specification
_PRE_TOKENIZERS = ("smollm",)  # values of tokenizer.ggml.pre that `_tokenizer` knows


class NotDirect(ModelError):
    """Another architecture or tokenizer than this module knows."""


def convert(source: Path, target: Path, progress: Progress = silent) -> None:
    """Write config, weights and tokenizer of `source` into the folder `target`.

    Raises:
        NotDirect: another architecture or tokenizer; nothing was written.
        ModelError: a damaged file, or the gguf package is missing.
    """
    try:
        from gguf import GGUFReader
    except ImportError as error:
        raise ModelError("reading GGUF files needs the gguf package. Install it with: pip install gguf") from error
    try:
        reader = GGUFReader(source)
        values = {name: field.contents() for name, field in reader.fields.items()}
        _require(values, "general.architecture", ("llama",))
        _require(values, "tokenizer.ggml.model", ("gpt2",))
        _require(values, "tokenizer.ggml.pre", _PRE_TOKENIZERS)
        tied = all(tensor.name != "output.weight" for tensor in reader.tensors)
        _write_json(target / "config.json", _config(values, tied))
        eos, pad = values["tokenizer.ggml.eos_token_id"], values.get("tokenizer.ggml.padding_token_id")
        _write_json(target / "generation_config.json", {"eos_token_id": [eos], "pad_token_id": pad})
        _write_tokenizer(values, target)
        _write_weights(reader, values, target / "model.safetensors", progress)
    except (KeyError, ValueError, IndexError) as error:
        raise ModelError(f"{source} is not a GGUF file that can be read ({error!r}). Fetch it again.") from error


def _require(values: dict[str, Any], key: str, known: tuple[str, ...]) -> None:
    if values.get(key) not in known:
        raise NotDirect(f"GGUF: {key} is {values.get(key)!r}, and only {', '.join(known)} can be converted directly.")


def _config(values: dict[str, Any], tied: bool) -> dict[str, Any]:
    heads = values["llama.attention.head_count"]
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "float32",
        "vocab_size": len(values["tokenizer.ggml.tokens"]),
        "hidden_size": values["llama.embedding_length"],
        "intermediate_size": values["llama.feed_forward_length"],
        "num_hidden_layers": values["llama.block_count"],
        "num_attention_heads": heads,
        "num_key_value_heads": values.get("llama.attention.head_count_kv", heads),
        "head_dim": values.get("llama.rope.dimension_count", values["llama.embedding_length"] // heads),
        "hidden_act": "silu",
        "max_position_embeddings": values["llama.context_length"],
        "rms_norm_eps": values["llama.attention.layer_norm_rms_epsilon"],
        "rope_parameters": {"rope_type": "default", "rope_theta": values.get("llama.rope.freq_base", 10000.0)},
        "tie_word_embeddings": tied,
        "bos_token_id": values.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": values["tokenizer.ggml.eos_token_id"],
        "pad_token_id": values.get("tokenizer.ggml.padding_token_id"),
    }


def _write_weights(reader: Any, values: dict[str, Any], target: Path, progress: Progress) -> None:
    from gguf.quants import dequantize
    from safetensors.numpy import save_file

    total = sum(int(tensor.n_elements) * 4 for tensor in reader.tensors)
    heads, weights, done = values["llama.attention.head_count"], {}, 0
    progress("convert", 0, total)
    for tensor in reader.tensors:
        array = dequantize(tensor.data, tensor.tensor_type).astype(np.float32, copy=False)
        if ".attn_q." in tensor.name:
            array = _unpermuted(array, heads)
        elif ".attn_k." in tensor.name:
            array = _unpermuted(array, values.get("llama.attention.head_count_kv", heads))
        weights[_library_name(tensor.name)] = np.ascontiguousarray(array)
        done += array.nbytes
        progress("convert", min(done, total - 1), total)
    save_file(weights, target, metadata={"format": "pt"})
    progress("convert", total, total)


def _library_name(name: str) -> str:
    """`blk.3.attn_q.weight` -> `model.layers.3.self_attn.q_proj.weight`."""
    stem, _, kind = name.rpartition(".")
    if not stem.startswith("blk."):
        return f"{_OTHER_NAMES[stem]}.{kind}"
    _, layer, part = stem.split(".", 2)
    return f"model.layers.{layer}.{_BLOCK_NAMES[part]}.{kind}"


def _unpermuted(array: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Undo the interleaving of rotary halves that GGUF files of Llama models have."""
    half = array.shape[0] // heads // 2
    return array.reshape(heads, half, 2, -1).swapaxes(1, 2).reshape(array.shape)


def _write_tokenizer(values: dict[str, Any], target: Path) -> None:
    tokens: list[str] = values["tokenizer.ggml.tokens"]
    _tokenizer(values).save(str(target / "tokenizer.json"), pretty=False)
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": values["llama.context_length"],
        "clean_up_tokenization_spaces": False,
        "chat_template": values.get("tokenizer.chat_template"),
    }
    for name, key in (("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding")):
        number = values.get(f"tokenizer.ggml.{key}_token_id")
        if number is not None:
            settings[f"{name}_token"] = tokens[number]
    _write_json(target / "tokenizer_config.json", settings)


def _tokenizer(values: dict[str, Any]) -> Any:
    """The "smollm" pre-tokenizer: digits one by one, then byte-level words."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    tokens, types = values["tokenizer.ggml.tokens"], values["tokenizer.ggml.token_type"]
    merges = [tuple(merge.split(" ", 1)) for merge in values["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    plain = [token for token, kind in zip(tokens, types, strict=True) if kind == _USER_DEFINED]
    special = [token for token, kind in zip(tokens, types, strict=True) if kind == _CONTROL]
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in plain])
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in special])
    return tokenizer


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps({key: item for key, item in value.items() if item is not None}, indent=1), "utf-8")
