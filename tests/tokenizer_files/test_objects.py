"""Tokenizer objects: transformers (fast and slow), tokenizers, sentencepiece, and what is none of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import sentencepiece
import tokenizers

from guidedgen.errors import VocabularyError
from guidedgen.tokenizer_files.byte_level import BYTE_OF_CHARACTER, CHARACTER_OF_BYTE
from guidedgen.vocabulary import Vocabulary


@pytest.mark.parametrize("name", ["smollm2", "qwen3"])
def test_transformers_fast_and_tokenizers_agree_with_the_file(shared: Path, name: str) -> None:
    transformers = pytest.importorskip("transformers")
    folder = shared / "data" / "tokenizers" / name
    vocabulary = Vocabulary.from_file(folder)
    fast = transformers.AutoTokenizer.from_pretrained(str(folder))
    assert Vocabulary.from_tokenizer(fast).fingerprint == vocabulary.fingerprint
    assert fast.eos_token_id in vocabulary.eos
    plain = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert Vocabulary.from_tokenizer(plain, eos=vocabulary.eos).fingerprint == vocabulary.fingerprint
    text = "<think>naïve 日本語</think>"
    assert Vocabulary.from_tokenizer(fast).encode(text) == vocabulary.encode(text)


def test_the_object_is_not_changed(shared: Path) -> None:
    path = shared / "data" / "tokenizers" / "qwen3" / "tokenizer.json"
    tokenizer = tokenizers.Tokenizer.from_file(str(path))
    before = tokenizer.to_str()
    Vocabulary.from_tokenizer(tokenizer).encode("e\u0301 <|im_end|>")
    assert tokenizer.to_str() == before
    assert not tokenizer.encode_special_tokens


def test_an_object_that_grew(shared: Path) -> None:
    path = shared / "data" / "tokenizers" / "smollm2" / "tokenizer.json"
    tokenizer = tokenizers.Tokenizer.from_file(str(path))
    tokenizer.add_tokens(["<think>"])
    tokenizer.add_special_tokens(["<tool>"])
    vocabulary = Vocabulary.from_tokenizer(tokenizer, size=49200)
    assert vocabulary.special["<think>"] == 49152
    assert (vocabulary.token_bytes(49152), vocabulary.token_bytes(49153)) == (b"<think>", b"")
    assert sorted(vocabulary.unused) == list(range(49154, 49200))


def test_a_model_that_is_smaller_than_the_tokenizer_is_refused(shared: Path) -> None:
    with pytest.raises(VocabularyError, match="tokenizer and model do not match"):
        Vocabulary.from_file(shared / "data" / "tokenizers" / "smollm2", size=32000)


def test_sentencepiece_processor_and_slow_transformers(mistral_file: Callable[[str], Path], tmp_path: Path) -> None:
    slow = pytest.importorskip("transformers.tokenization_utils_sentencepiece")
    path = shutil.copy(mistral_file("tokenizer.model.v1"), tmp_path / "tokenizer.model")
    vocabulary = Vocabulary.from_file(path)
    processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
    assert Vocabulary.from_tokenizer(processor).fingerprint == vocabulary.fingerprint
    names = {"eos_token": "</s>", "bos_token": "<s>", "unk_token": "<unk>"}
    tokenizer = slow.SentencePieceBackend(vocab_file=str(path), **names)
    assert Vocabulary.from_tokenizer(tokenizer).fingerprint == vocabulary.fingerprint
    tokenizer.add_tokens(["<think>"])
    grown = Vocabulary.from_tokenizer(tokenizer)
    assert (grown.size, grown.token_bytes(32000), grown.special["<think>"]) == (32001, b"<think>", 32000)
    assert grown.encode("▁x y") == vocabulary.encode("▁x y")


def slow_tokenizer(**changes: object) -> SimpleNamespace:
    """As slow byte-level tokenizers of transformers look."""
    vocab = {character: index for index, character in enumerate(CHARACTER_OF_BYTE.values())}
    vocab |= {"Ġthe": 256, "<|end|>": 257, "<think>": 258}
    added = {
        257: SimpleNamespace(content="<|end|>", special=True),
        258: SimpleNamespace(content="<think>", special=False),
    }
    values = {
        "byte_decoder": BYTE_OF_CHARACTER,
        "get_vocab": lambda: vocab,
        "added_tokens_decoder": added,
        "eos_token_id": 257,
    }
    return SimpleNamespace(**{**values, **changes})


def test_slow_byte_level_tokenizers() -> None:
    vocabulary = Vocabulary.from_tokenizer(slow_tokenizer())
    assert [vocabulary.token_bytes(token) for token in range(256, 259)] == [b" the", b"", b"<think>"]
    assert (vocabulary.eos, dict(vocabulary.special)) == ({257}, {"<|end|>": 257, "<think>": 258})
    assert vocabulary.encode(" the\n") == [256, 10]


def test_slow_tokenizers_with_word_ends_or_other_alphabets_are_refused() -> None:
    with pytest.raises(VocabularyError, match="word ends"):
        Vocabulary.from_tokenizer(slow_tokenizer(get_vocab=lambda: {"the</w>": 0}))
    with pytest.raises(VocabularyError, match="alphabet of its own"):
        Vocabulary.from_tokenizer(slow_tokenizer(byte_decoder={"a": 1}))


@pytest.mark.parametrize("value", [None, 3, "gpt2", object(), {"a": 0}])
def test_what_is_no_tokenizer_is_refused(value: object) -> None:
    with pytest.raises(VocabularyError, match=r"from_file|from_tokens"):
        Vocabulary.from_tokenizer(value)


def test_wordpiece_objects_are_refused() -> None:
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    with pytest.raises(VocabularyError, match="WordPiece"):
        Vocabulary.from_tokenizer(tokenizer)
