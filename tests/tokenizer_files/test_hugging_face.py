"""tokenizer.json: which files have exact bytes, and which are refused with which reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from guidedgen.errors import VocabularyError
from guidedgen.tokenizer_files.byte_level import BYTE_OF_CHARACTER, CHARACTER_OF_BYTE
from guidedgen.tokenizer_files.hugging_face import read_tokenizer_json

BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
ALPHABET = {character: index for index, character in enumerate(CHARACTER_OF_BYTE.values())}
FALLBACK = {f"<0x{byte:02X}>": byte for byte in range(256)}
SPACES = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}


def document(vocab: Any = None, **changes: Any) -> dict[str, Any]:
    """A byte-level tokenizer.json with `changes`; those of `model` are merged."""
    model = {"type": "BPE", "vocab": {"a": 0, "Ġb": 1} if vocab is None else vocab, "merges": []}
    base = {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": BYTE_LEVEL,
        "decoder": BYTE_LEVEL,
    }
    return {**base, **changes, "model": {**model, **changes.get("model", {})}}


def added(token: int, content: str, *, special: bool = False) -> dict[str, Any]:
    return {"id": token, "content": content, "special": special}


def read(document: dict[str, Any]):
    return read_tokenizer_json(json.dumps(document))


def test_the_byte_alphabet_has_a_character_for_each_byte() -> None:
    assert [BYTE_OF_CHARACTER[CHARACTER_OF_BYTE[byte]] for byte in range(256)] == list(range(256))
    assert (CHARACTER_OF_BYTE[0x20], CHARACTER_OF_BYTE[0x0A], CHARACTER_OF_BYTE[0xAD], CHARACTER_OF_BYTE[0x41]) == (
        "Ġ",
        "Ċ",
        "Ń",
        "A",
    )


def test_byte_level_names() -> None:
    assert read(document(ALPHABET)).tokens() == [bytes([byte]) for byte in range(256)]


def test_special_added_and_missing_ids() -> None:
    entries = [added(1, "Ġb", special=True), added(4, "<think>"), added(5, "é▁ x"), added(6, "<s>", special=True)]
    parts = read(document({"a": 0, "Ġb": 1, "Ġc": 2}, added_tokens=entries))
    assert parts.tokens() == [b"a", b"", b" c", b"", b"<think>", "é▁ x".encode(), b""]
    assert parts.special == {"Ġb": 1, "<think>": 4, "é▁ x": 5, "<s>": 6}
    assert parts.unused == {3: "no token has this id"}


def test_an_unmarked_added_token_of_the_model_keeps_the_models_spelling() -> None:
    parts = read(document({"Ġb": 0, "   ": 1}, added_tokens=[added(0, "Ġb"), added(1, "   ")]))
    assert parts.tokens() == [b" b", b"   "]
    assert parts.unused == {}


def test_a_name_outside_the_byte_alphabet_is_unused() -> None:
    parts = read(document({"a": 0, "日": 1}))
    assert parts.tokens() == [b"a", b""]
    assert list(parts.unused) == [1]


def test_the_unknown_token_has_no_bytes() -> None:
    parts = read(document({"a": 0, "<unk>": 1}, model={"unk_token": "<unk>"}))
    assert (parts.tokens(), parts.special) == ([b"a", b""], {"<unk>": 1})


def test_a_missing_decoder_is_read_off_the_pre_tokenizer() -> None:
    split = {"type": "Split", "pattern": {"Regex": "x"}, "behavior": "Isolated", "invert": False}
    sequence = {"type": "Sequence", "pretokenizers": [split, BYTE_LEVEL]}
    assert read(document(decoder=None, pre_tokenizer=sequence)).tokens() == [b"a", b" b"]


@pytest.mark.parametrize("prefix", [True, False])
def test_a_prefix_space_of_byte_level_tokenizers_is_stated(prefix: bool) -> None:
    parts = read(document(pre_tokenizer={**BYTE_LEVEL, "add_prefix_space": prefix}))
    assert parts.dummy_prefix == prefix


def test_byte_fallback_with_another_mark_for_spaces() -> None:
    decoder = {"type": "Sequence", "decoders": [{**SPACES, "pattern": {"String": "_"}}, {"type": "ByteFallback"}]}
    parts = read(
        document({**FALLBACK, "_a▁": 256}, decoder=decoder, pre_tokenizer=None, added_tokens=[added(257, "_<t>")])
    )
    assert parts.tokens()[0x40:0x42] == [b"@", b"A"]
    assert parts.tokens()[256:] == [" a▁".encode(), b" <t>"]
    assert not parts.dummy_prefix


def test_unigram_with_byte_fallback() -> None:
    pieces = [["<unk>", 0.0], ["▁a", -1.0], *([name, -2.0] for name in FALLBACK)]
    model = {"type": "Unigram", "unk_id": 0, "byte_fallback": True}
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}
    parts = read(
        document(
            pieces,
            model=model,
            decoder=metaspace,
            pre_tokenizer=metaspace,
            added_tokens=[added(0, "<unk>", special=True)],
        )
    )
    assert parts.tokens()[:4] == [b"", b" a", b"\x00", b"\x01"]
    assert parts.dummy_prefix


def test_unigrams_unknown_piece_is_special_without_being_listed() -> None:
    pieces = [["▁a", -1.0], ["<unk>", 0.0], *([name, -2.0] for name in FALLBACK)]
    decoder = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never"}
    parts = read(
        document(
            pieces, model={"type": "Unigram", "unk_id": 1, "byte_fallback": True}, decoder=decoder, pre_tokenizer=None
        )
    )
    assert (parts.tokens()[1], parts.special, parts.dummy_prefix) == (b"", {"<unk>": 1}, False)


SUFFIX_DECODER = {"type": "BPEDecoder", "suffix": "</w>"}
REFUSED = {
    "WordPiece": (
        document(model={"type": "WordPiece", "continuing_subword_prefix": "##"}),
        "WordPiece .* no exact bytes",
    ),
    "WordLevel": (document(model={"type": "WordLevel"}), "WordLevel .* no exact bytes"),
    "suffixes": (document(model={"end_of_word_suffix": "</w>"}), "depend on its neighbours"),
    "prefixes": (document(model={"continuing_subword_prefix": "##"}), "depend on its neighbours"),
    "no bytes": (document(decoder=SPACES, pre_tokenizer=None), "unknown token whose bytes are lost"),
    "unigram": (
        document([["a", 0.0]], model={"type": "Unigram"}, decoder=SPACES, pre_tokenizer=None),
        "bytes are lost",
    ),
    "some bytes": (
        document({"<0x00>": 0}, model={"byte_fallback": True}, decoder=SPACES, pre_tokenizer=None),
        "bytes are lost",
    ),
    "odd step": (document(decoder={"type": "Sequence", "decoders": [BYTE_LEVEL, SUFFIX_DECODER]}), "BPEDecoder"),
    "odd replacement": (
        document(FALLBACK, model={"byte_fallback": True}, decoder={**SPACES, "content": "_"}, pre_tokenizer=None),
        "Replace",
    ),
    "no mark": (
        document(FALLBACK, model={"byte_fallback": True}, decoder={"type": "ByteFallback"}, pre_tokenizer=None),
        "0 marks",
    ),
    "shared id": (document({"a": 0, "b": 0}), "share the id 0"),
    "huge id": (document({"a": 10**9}), "1000000000 is not a number"),
    "odd id": (document({"a": "0"}), "'0' is not a number"),
    "odd added id": (document(added_tokens=[added(-1, "x")]), "-1 is not a number"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_exact_bytes_is_refused_with_the_reason(name: str) -> None:
    content, reason = REFUSED[name]
    with pytest.raises(VocabularyError, match=reason):
        read(content)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"model": 1}', b'{"model": {"vocab": 3}}', b"\xff"])
def test_damaged_files_are_refused(content: bytes) -> None:
    with pytest.raises(VocabularyError, match="not a readable"):
        read_tokenizer_json(content)
