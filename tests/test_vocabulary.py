"""Vocabulary: tokens given as bytes, padding, names, ends, identity, and errors that say what to do."""

from __future__ import annotations

import gc
import pickle
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guidedgen.errors import VocabularyError
from guidedgen.testing import byte_vocabulary
from guidedgen.vocabulary import Vocabulary


def test_from_tokens() -> None:
    vocabulary = Vocabulary.from_tokens([b"a", b"", b"bc", b"a", b""], eos=[1], special={"<t>": 4}, size=7)
    assert vocabulary.size == 7
    assert vocabulary.data == b"abca"
    assert vocabulary.offsets.tolist() == [0, 1, 1, 3, 4, 4, 4, 4]
    assert vocabulary.offsets.dtype == np.int64
    assert [vocabulary.token_bytes(token) for token in range(7)] == [b"a", b"", b"bc", b"a", b"", b"", b""]
    assert (vocabulary.eos, dict(vocabulary.special), sorted(vocabulary.unused)) == ({1}, {"<t>": 4}, [5, 6])
    assert vocabulary.decode_bytes([2, 1, 0, 4]) == b"bca"


def test_named_tokens_keep_the_bytes_that_they_are_given() -> None:
    vocabulary = Vocabulary.from_tokens([b"a", b"<think>", b"</s>"], special={"<think>": 1, "</s>": 2}, eos=["</s>"])
    assert [vocabulary.token_bytes(token) for token in range(3)] == [b"a", b"<think>", b""]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"tokens": []}, "empty"),
        ({"tokens": [b"", b""]}, "empty"),
        ({"tokens": [b"a"], "eos": [0]}, "empty"),
        ({"tokens": [b"a"], "eos": [1]}, "token 1 is out of range"),
        ({"tokens": [b"a"], "eos": ["</s>"]}, "'</s>' is not a token"),
        ({"tokens": [b"a"], "special": {"x": 1}}, "'x' has the id 1"),
        ({"tokens": [b"a"], "special": {"x": -1}}, "'x' has the id -1"),
        ({"tokens": [b"a", b"b"], "size": 1}, "size=1"),
        ({"tokens": [b"a"], "size": 2**40}, "larger than any vocabulary"),
    ],
)
def test_wrong_vocabularies_are_refused(arguments: dict, reason: str) -> None:
    tokens = arguments.pop("tokens")
    with pytest.raises(VocabularyError, match=reason):
        Vocabulary.from_tokens(tokens, **arguments)


def test_text_instead_of_bytes_is_refused() -> None:
    with pytest.raises(TypeError, match="bytes"):
        Vocabulary.from_tokens(["a"])


def test_it_cannot_be_changed() -> None:
    vocabulary = byte_vocabulary()
    with pytest.raises(AttributeError):
        vocabulary.size = 3
    with pytest.raises(ValueError, match="read-only"):
        vocabulary.offsets[0] = 1
    with pytest.raises(TypeError):
        vocabulary.special["x"] = 1


def test_identity_is_what_counts_and_it_can_be_forgotten() -> None:
    first, second = byte_vocabulary(), byte_vocabulary()
    assert first != second
    assert len({first, second, first}) == 2
    forgotten = weakref.ref(first)
    del first
    gc.collect()
    assert forgotten() is None


@pytest.mark.parametrize("token", [-1, 257, 10**9])
def test_ids_out_of_range(token: int) -> None:
    with pytest.raises(IndexError, match=str(token)):
        byte_vocabulary().token_bytes(token)


def test_the_fingerprint_depends_on_bytes_names_and_ends_only() -> None:
    tokens = [b"a", b"b", b"", b""]
    base = Vocabulary.from_tokens(tokens, special={"x": 2}, eos=[3])
    assert base.fingerprint == Vocabulary.from_tokens(tokens, special={"x": 2}, eos=[3]).fingerprint
    others = [
        Vocabulary.from_tokens([b"ab", b"", b"", b""], special={"x": 2}, eos=[3]),
        Vocabulary.from_tokens([b"", b"ab", b"", b""], special={"x": 2}, eos=[3]),
        Vocabulary.from_tokens(tokens, special={"y": 2}, eos=[3]),
        Vocabulary.from_tokens(tokens, special={"x": 2}, eos=[2, 3]),
        Vocabulary.from_tokens(tokens, special={"x": 2}, eos=[3], size=5),
    ]
    assert len({base.fingerprint, *(other.fingerprint for other in others)}) == 6


def test_encode_writes_the_fewest_tokens() -> None:
    vocabulary = byte_vocabulary([b"ab", b"abc", b"cd", b"bcd", b"ab"])
    assert vocabulary.encode("abcd") == [257, ord("d")]
    assert vocabulary.encode("abcbcd") == [257, 259]
    assert vocabulary.encode("xcd") == [ord("x"), 258]
    assert vocabulary.encode("") == []
    assert vocabulary.encode("\ud800") == [0xED, 0xA0, 0x80]


def test_encode_prefers_ordinary_tokens_to_named_ones() -> None:
    vocabulary = Vocabulary.from_tokens([b"<t>", b"<t>", b"x"], special={"<t>": 0})
    assert vocabulary.encode("<t>x") == [1, 2]


def test_encode_says_which_bytes_are_missing() -> None:
    with pytest.raises(VocabularyError, match="0x63, 0x64"):
        Vocabulary.from_tokens([b"a", b"b"]).encode("abcd")


@given(tokens=st.lists(st.binary(min_size=1, max_size=3), max_size=20), text=st.binary(max_size=30))
def test_encode_and_decode_are_inverse(tokens: list[bytes], text: bytes) -> None:
    vocabulary = byte_vocabulary(tokens)
    encoded = vocabulary.encode(text)
    assert vocabulary.decode_bytes(encoded) == text
    assert len(encoded) <= len(text)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("absent.json", None, "does not exist"),
        ("tokenizer.json", b"{}", "tokenizer.json: not a readable"),
        ("model.safetensors", b"\x00\x01\x02", "not a tokenizer file that is known"),
        ("vocab.txt", b"[PAD]\n[UNK]\n", "not a tokenizer file that is known"),
        ("empty.json", b"", "not a tokenizer file that is known"),
    ],
)
def test_files_that_are_no_tokenizer(tmp_path: Path, name: str, content: bytes | None, reason: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(VocabularyError, match=reason):
        Vocabulary.from_file(tmp_path / name)


def test_a_folder_without_a_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(VocabularyError, match="holds no tokenizer file"):
        Vocabulary.from_file(tmp_path)


def test_a_vocabulary_of_a_file_can_be_sent_to_another_process(shared: Path) -> None:
    vocabulary = Vocabulary.from_file(shared / "data" / "tokenizers" / "smollm2")
    copy = pickle.loads(pickle.dumps(vocabulary))
    assert copy.fingerprint == vocabulary.fingerprint
    with pytest.raises(ValueError, match="read-only"):
        copy.offsets[0] = 1
    assert copy.encode("naïve text") == vocabulary.encode("naïve text")


def test_reading_bytes_imports_no_tokenizer_library(shared: Path) -> None:
    program = (
        "import sys; from guidedgen.vocabulary import Vocabulary; Vocabulary.from_file(sys.argv[1]);"
        "print(sorted({'tokenizers', 'transformers', 'torch', 'sentencepiece', 'tiktoken'} & set(sys.modules)))"
    )
    path = shared / "data" / "tokenizers" / "smollm2"
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nested_nonsense_is_no_tokenizer(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text('{"a":' * 100_000)
    with pytest.raises(VocabularyError, match="not a readable tokenizer"):
        Vocabulary.from_file(tmp_path)


def test_texts_instead_of_tokens_are_refused() -> None:
    with pytest.raises(VocabularyError, match="token 1 has more than"):
        Vocabulary.from_tokens([b"a", b"b" * 5000])


def test_encode_takes_no_numbers() -> None:
    with pytest.raises(TypeError):
        Vocabulary.from_tokens([b"a", b"\0"]).encode(5)  # type: ignore[arg-type]
