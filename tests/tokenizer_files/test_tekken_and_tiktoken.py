"""Tekken and tiktoken files and tiktoken encodings."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from guidedgen.errors import VocabularyError
from guidedgen.tokenizer_files.rank_files import read_tekken, read_tiktoken
from guidedgen.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def tekken(tekken_file: Path) -> Vocabulary:
    return Vocabulary.from_file(tekken_file)


def test_tekken_encode_gives_exactly_the_text(tekken: Vocabulary, text: str) -> None:
    assert tekken.decode_bytes(tekken.encode(text)) == text.encode()


@settings(max_examples=60)
@given(text=st.text(max_size=60), data=st.binary(max_size=40))
def test_tekken_with_any_text(tekken: Vocabulary, text: str, data: bytes) -> None:
    assert tekken.decode_bytes(tekken.encode(text)) == text.encode()
    assert tekken.decode_bytes(tekken.encode(data)) == data


def test_tekken_ids_are_special_tokens_then_ranks(tekken: Vocabulary, tekken_file: Path) -> None:
    document = json.loads(tekken_file.read_bytes())
    assert tekken.size == 131072
    assert sorted(tekken.special.values()) == list(range(1000))
    assert tekken.data[: tekken.offsets[1000]] == b""
    expected = [base64.b64decode(entry["token_bytes"]) for entry in document["vocab"][: 131072 - 1000]]
    assert [tekken.token_bytes(token) for token in range(1000, 131072)] == expected
    assert (dict(tekken.unused), tekken.eos) == ({}, {2})
    assert (tekken.special["</s>"], tekken.special["[TOOL_CALLS]"], tekken.special["<SPECIAL_999>"]) == (2, 9, 999)


def tekken_document(**changes: object) -> bytes:
    config = {"pattern": "a|b", "default_vocab_size": 5, "default_num_special_tokens": 3, "version": "v11"}
    vocab = [
        {"rank": rank, "token_bytes": base64.b64encode(text).decode()} for rank, text in enumerate([b"a", b"b", b"c"])
    ]
    special = [{"rank": 0, "token_str": "</s>", "is_control": True}, {"rank": 2, "token_str": "[THINK]"}]
    return json.dumps({"config": config, "vocab": vocab, "special_tokens": special, **changes}).encode()


def test_tekken_lists_its_special_tokens_and_fills_the_rest() -> None:
    parts = read_tekken(tekken_document())
    assert parts.special == {"</s>": 0, "<SPECIAL_1>": 1, "[THINK]": 2}
    assert (parts.tokens(), parts.eos) == ([b"", b"", b"", b"a", b"b"], {0})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "not a readable Tekken file"),
        (b"[]", "not a readable Tekken file"),
        (tekken_document(vocab=[]), "ranks 0 to 1"),
        (tekken_document(vocab=[{"rank": 1, "token_bytes": "YQ=="}] * 5), "ranks 0 to 1"),
        (
            tekken_document(vocab=[{"rank": 0, "token_bytes": "?"}, {"rank": 1, "token_bytes": "YQ=="}]),
            "not a readable",
        ),
        (tekken_document(special_tokens=[{"rank": 9, "token_str": "x"}]), "do not fit"),
    ],
)
def test_damaged_tekken_files_are_refused(content: bytes, reason: str) -> None:
    with pytest.raises(VocabularyError, match=reason):
        read_tekken(content)


def rank_lines(ranks: dict[bytes, int]) -> bytes:
    return b"".join(base64.b64encode(text) + b" %d\n" % rank for text, rank in ranks.items())


RANKS = {bytes([byte]): byte for byte in range(256)} | {b"ab": 256, b"abc": 257, "é".encode(): 260}


def test_a_tiktoken_file(tmp_path: Path) -> None:
    path = tmp_path / "some.tiktoken"
    path.write_bytes(rank_lines(RANKS))
    vocabulary = Vocabulary.from_file(path, special={"<|end|>": 261}, eos=["<|end|>"], size=270)
    assert vocabulary.token_bytes(257) == b"abc"
    assert [token for token in range(270) if not vocabulary.token_bytes(token)] == [258, 259, *range(261, 270)]
    assert sorted(vocabulary.unused) == [258, 259, *range(262, 270)]
    assert (vocabulary.eos, dict(vocabulary.special)) == ({261}, {"<|end|>": 261})
    assert vocabulary.encode("abcab é") == [257, 256, 32, 260]


def test_a_tiktoken_file_under_the_name_of_another_format(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(rank_lines(RANKS))
    assert Vocabulary.from_file(tmp_path).token_bytes(256) == b"ab"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"YQ== 0\nYg==\n", "line 2"),
        (b"YQ== 0\n?? 1\n", "line 2"),
        (b"YQ== 0\nYg== 0\n", "share the rank 0"),
        (b"", "ranks"),
    ],
)
def test_damaged_tiktoken_files_are_refused(content: bytes, reason: str) -> None:
    with pytest.raises(VocabularyError, match=reason):
        read_tiktoken(content)


@pytest.fixture(scope="module")
def encoding() -> tiktoken.Encoding:
    """As published ones are: a gap between the ranks and the special tokens."""
    ranks = {token: rank for token, rank in RANKS.items() if rank < 258}
    special = {"<|endoftext|>": 300, "<|fim|>": 301}
    return tiktoken.Encoding("toy", pat_str=r"\S+|\s+", mergeable_ranks=ranks, special_tokens=special)


def test_a_tiktoken_encoding(encoding: tiktoken.Encoding, text: str) -> None:
    vocabulary = Vocabulary.from_tokenizer(encoding, size=320)
    assert vocabulary.decode_bytes(encoding.encode(text, disallowed_special=())) == text.encode()
    assert vocabulary.encode(text) == encoding.encode(text, disallowed_special=())
    assert (dict(vocabulary.special), vocabulary.eos) == ({"<|endoftext|>": 300, "<|fim|>": 301}, {300})
    assert sorted(vocabulary.unused) == [*range(258, 300), *range(302, 320)]
    assert {vocabulary.unused[258], vocabulary.unused[319]} == {
        "no token has this id",
        "padding: beyond the tokenizer's last id",
    }


def test_a_tiktoken_encoding_without_an_end() -> None:
    encoding = tiktoken.Encoding(
        "bare", pat_str=r"\S+|\s+", mergeable_ranks=dict(list(RANKS.items())[:256]), special_tokens={}
    )
    vocabulary = Vocabulary.from_tokenizer(encoding)
    assert (vocabulary.size, vocabulary.eos, vocabulary.encode("<|endoftext|>")[0]) == (256, frozenset(), ord("<"))


def test_a_wrapper_of_mistral_common_is_read_from_its_file(mistral_file: Callable[[str], Path]) -> None:
    class Inner:
        file_path = mistral_file("tekken_240911.json")

    outer = SimpleNamespace(instruct_tokenizer=SimpleNamespace(tokenizer=Inner()))
    expected = Vocabulary.from_file(Inner.file_path).fingerprint
    for tokenizer in (Inner(), outer, SimpleNamespace(tokenizer=outer)):
        assert Vocabulary.from_tokenizer(tokenizer).fingerprint == expected
