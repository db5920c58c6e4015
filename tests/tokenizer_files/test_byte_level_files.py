"""tokenizer.json of real byte-level models against the `tokenizers` library."""

from __future__ import annotations

import random
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from guidedgen.errors import VocabularyError
from guidedgen.tokenizer_files.hugging_face import read_tokenizer_json
from guidedgen.vocabulary import Vocabulary

Pair = tuple[Vocabulary, tokenizers.Tokenizer]


def library_text(tokenizer: tokenizers.Tokenizer, text: str) -> bytes:
    """What the tokenizer makes of a text before it cuts it: Qwen's composes characters."""
    return (text if tokenizer.normalizer is None else unicodedata.normalize("NFC", text)).encode()


def test_the_librarys_tokens_join_to_the_text(byte_level: Pair, text: str) -> None:
    vocabulary, tokenizer = byte_level
    tokenizer.encode_special_tokens = True
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert vocabulary.decode_bytes(ids) == library_text(tokenizer, text)
    assert tokenizer.decode(ids).encode() == vocabulary.decode_bytes(ids)


def test_encode_gives_exactly_the_text(byte_level: Pair, text: str) -> None:
    vocabulary, _ = byte_level
    assert vocabulary.decode_bytes(vocabulary.encode(text)) == text.encode()


def test_encode_takes_the_librarys_tokens(byte_level: Pair) -> None:
    vocabulary, tokenizer = byte_level
    text = "The quick brown fox: 12345 naïve 日本語 \n\n  def f(x):"
    assert vocabulary.encode(text) == tokenizer.encode(text, add_special_tokens=False).ids


def missing_bytes(vocabulary: Vocabulary) -> bytes:
    """Bytes that no token can write alone: SmolLM2 lacks some control characters and lead bytes."""
    alone = {vocabulary.token_bytes(token) for token in range(vocabulary.size)}
    return bytes(byte for byte in range(256) if bytes([byte]) not in alone)


@pytest.fixture(scope="module")
def missing(byte_level: Pair) -> bytes:
    return missing_bytes(byte_level[0])


@settings(max_examples=60)
@given(text=st.text(max_size=60))
def test_any_text(byte_level: Pair, missing: bytes, text: str) -> None:
    vocabulary, tokenizer = byte_level
    text = "".join(character for character in text if not set(character.encode()) & set(missing))
    tokenizer.encode_special_tokens = True
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert vocabulary.decode_bytes(ids) == library_text(tokenizer, text)
    assert vocabulary.decode_bytes(vocabulary.encode(text)) == text.encode()


@settings(max_examples=60)
@given(data=st.binary(max_size=40))
def test_any_bytes(byte_level: Pair, missing: bytes, data: bytes) -> None:
    vocabulary, _ = byte_level
    data = data.translate(None, missing)
    assert vocabulary.decode_bytes(vocabulary.encode(data)) == data


def test_every_token_is_what_the_library_decodes_it_to(byte_level: Pair) -> None:
    """Including tokens that hold a part of a character: both sides replace what is incomplete."""
    vocabulary, tokenizer = byte_level
    ids = [token for token in range(vocabulary.size) if vocabulary.token_bytes(token)]
    expected = tokenizer.decode_batch([[token] for token in ids], skip_special_tokens=False)
    assert [vocabulary.token_bytes(token).decode("utf-8", "replace") for token in ids] == expected
    assert sum("\ufffd" in text for text in expected) > 100


def test_characters_split_over_tokens_come_together_again(byte_level: Pair) -> None:
    vocabulary, tokenizer = byte_level
    chance = random.Random(5)
    parts = [token for token in range(vocabulary.size) if b"\x80" <= vocabulary.token_bytes(token)[:1] < b"\xf8"]
    for _ in range(300):
        ids = chance.choices(parts, k=6)
        assert tokenizer.decode(ids) == vocabulary.decode_bytes(ids).decode("utf-8", "replace")


def test_every_id_is_accounted_for(byte_level: Pair) -> None:
    vocabulary, tokenizer = byte_level
    assert vocabulary.size == tokenizer.get_vocab_size(with_added_tokens=True)
    silent = {token for token in range(vocabulary.size) if not vocabulary.token_bytes(token)}
    marked = {token for token, entry in tokenizer.get_added_tokens_decoder().items() if entry.special}
    assert silent == marked | set(vocabulary.unused)
    assert vocabulary.eos <= marked
    assert dict(vocabulary.unused) == {}
    assert dict(vocabulary.special) == {
        entry.content: token for token, entry in tokenizer.get_added_tokens_decoder().items()
    }


def test_bytes_that_no_token_has(byte_level: Pair, missing: bytes) -> None:
    vocabulary, _ = byte_level
    assert len(missing) == (21 if vocabulary.size == 49152 else 0)
    for byte in missing:
        with pytest.raises(VocabularyError, match=f"0x{byte:02X}"):
            vocabulary.encode(bytes([byte]))


def test_chat_turn_ends_come_from_the_configuration(shared: Path) -> None:
    folder = shared / "data" / "tokenizers"
    ends = {name: Vocabulary.from_file(folder / name).eos for name in ("smollm2", "llama3_1", "qwen3")}
    assert ends == {"smollm2": {2}, "llama3_1": {128009}, "qwen3": {151645}}


def test_an_added_but_unmarked_token_has_bytes_and_a_name(shared: Path) -> None:
    vocabulary = Vocabulary.from_file(shared / "data" / "tokenizers" / "qwen3")
    assert vocabulary.token_bytes(vocabulary.special["<think>"]) == b"<think>"
    assert vocabulary.token_bytes(vocabulary.special["<|im_start|>"]) == b""


def test_reading_a_large_file_takes_less_than_a_second(shared: Path) -> None:
    content = (shared / "data" / "tokenizers" / "llama3_1" / "tokenizer.json").read_bytes()
    start = time.process_time()
    parts = read_tokenizer_json(content)
    assert time.process_time() - start < 1.0
    assert (parts.size, len(parts.offsets)) == (128256, 128257)


def test_the_cached_copy_is_equal(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUIDEDGEN_CACHE", str(tmp_path))
    path = shared / "data" / "tokenizers" / "qwen3"
    first = Vocabulary.from_file(path)
    assert [file.suffix for file in (tmp_path / "vocabularies").iterdir()] == [".npz"]
    second = Vocabulary.from_file(path)
    assert second.fingerprint == first.fingerprint
    assert np.array_equal(second.offsets, first.offsets)
    assert (second.data, dict(second.special), second.eos) == (first.data, dict(first.special), first.eos)
