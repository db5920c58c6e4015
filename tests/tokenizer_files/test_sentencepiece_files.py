"""Real SentencePiece models against the `sentencepiece` library."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sentencepiece
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from guidedgen.errors import VocabularyError
from guidedgen.tokenizer_files.sentencepiece_model import piece_texts, read_sentencepiece
from guidedgen.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def pair(sentencepiece_file: Path) -> tuple[Vocabulary, sentencepiece.SentencePieceProcessor]:
    processor = sentencepiece.SentencePieceProcessor(model_file=str(sentencepiece_file))
    return Vocabulary.from_file(sentencepiece_file), processor


def test_the_librarys_tokens_join_to_the_text_after_the_dummy_prefix(pair: tuple, text: str) -> None:
    vocabulary, processor = pair
    assert vocabulary.dummy_prefix
    ids = processor.encode(text)
    # NUL ends a text for the library, and the mark itself is written as a space: neither is about bytes of tokens.
    expected = text.replace("▁", " ")
    assert vocabulary.decode_bytes(ids) == (" " + expected if text else "").encode()
    assert processor.decode(ids).encode() == expected.encode()


def test_encode_gives_exactly_the_text_without_a_prefix(pair: tuple, text: str) -> None:
    vocabulary, _ = pair
    assert vocabulary.decode_bytes(vocabulary.encode(text)) == text.encode()


def test_encode_takes_the_librarys_tokens(pair: tuple) -> None:
    vocabulary, processor = pair
    ids = processor.encode("x hello world, naïve")
    assert vocabulary.encode("x hello world, naïve") == [processor.piece_to_id("x"), *ids[1:]]


@settings(max_examples=60)
@given(text=st.text(max_size=60))
def test_any_text(pair: tuple, text: str) -> None:
    vocabulary, processor = pair
    assert vocabulary.decode_bytes(vocabulary.encode(text)) == text.encode()
    expected = text.replace("▁", " ")
    assert vocabulary.decode_bytes(processor.encode(text)) == (" " + expected if text else "").encode()


@settings(max_examples=60)
@given(data=st.binary(max_size=40))
def test_any_bytes(pair: tuple, data: bytes) -> None:
    vocabulary, _ = pair
    assert vocabulary.decode_bytes(vocabulary.encode(data)) == data


def test_every_id_is_accounted_for(pair: tuple) -> None:
    vocabulary, processor = pair
    assert vocabulary.size == processor.get_piece_size()
    for token in range(vocabulary.size):
        piece = processor.id_to_piece(token)
        if processor.is_control(token) or processor.is_unknown(token):
            assert (vocabulary.token_bytes(token), vocabulary.special[piece]) == (b"", token)
        elif processor.is_byte(token):
            assert vocabulary.token_bytes(token) == bytes([int(piece[1:-1], 16)])
        else:
            assert vocabulary.token_bytes(token) == piece.replace("▁", " ").encode()
    assert dict(vocabulary.unused) == {}
    assert vocabulary.eos == {processor.eos_id()}


def test_pieces_are_read_without_the_library(sentencepiece_file: Path) -> None:
    processor = sentencepiece.SentencePieceProcessor(model_file=str(sentencepiece_file))
    expected = [processor.id_to_piece(token) for token in range(processor.get_piece_size())]
    assert piece_texts(sentencepiece_file.read_bytes()) == expected


@pytest.mark.parametrize("length", [1, 2, 100, 5000])
def test_a_file_that_is_cut_short_is_refused(sentencepiece_file: Path, length: int) -> None:
    with pytest.raises(VocabularyError, match=r"Download the file again|byte fallback"):
        read_sentencepiece(sentencepiece_file.read_bytes()[:length])


@settings(max_examples=200)
@given(content=st.binary(max_size=60))
def test_arbitrary_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(VocabularyError):
        read_sentencepiece(content)


def message(number: int, content: bytes) -> bytes:
    """A length-delimited field of a protocol buffer."""
    assert len(content) < 128
    return bytes([number << 3 | 2, len(content)]) + content


def piece(text: str, kind: int) -> bytes:
    return message(1, message(1, text.encode()) + bytes([3 << 3, kind]))


BYTES = b"".join(piece(f"<0x{byte:02X}>", 6) for byte in range(256))


def test_kinds_of_pieces() -> None:
    content = piece("<unk>", 2) + piece("</s>", 3) + piece("▁the", 1) + piece("<think>", 4) + piece("gone", 5) + BYTES
    trainer = bytes([42 << 3 & 0x7F | 0x80, 42 >> 4, 1])  # eos_id = 1
    parts = read_sentencepiece(content + message(2, trainer))
    assert parts.tokens()[:7] == [b"", b"", b" the", b"<think>", b"", b"\0", b"\x01"]
    assert parts.special == {"<unk>": 0, "</s>": 1, "<think>": 3}
    assert parts.unused == {4: "the model marks it unused"}
    assert parts.eos == {1}
    assert parts.dummy_prefix


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (piece("a", 1), "no byte fallback"),
        (BYTES + message(2, bytes([24 << 3 & 0x7F | 0x80, 24 >> 4, 1])), "suffix"),
        (BYTES + message(3, bytes([5 << 3, 0])), "unescaped"),
        (BYTES + message(5, message(2, b"x")), "denormalizer"),
        (b"", "no pieces"),
    ],
)
def test_models_without_exact_bytes_are_refused(content: bytes, reason: str) -> None:
    with pytest.raises(VocabularyError, match=reason):
        read_sentencepiece(content)


LLAMA_STYLE = {
    "normalizer": {
        "type": "Sequence",
        "normalizers": [
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        ],
    },
    "pre_tokenizer": None,
    "decoder": {
        "type": "Sequence",
        "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ],
    },
}
METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
METASPACE_STYLE = {"normalizer": None, "pre_tokenizer": METASPACE, "decoder": METASPACE}
GEMMA_STYLE = {
    "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
    "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False},
    "decoder": {"type": "Sequence", "decoders": LLAMA_STYLE["decoder"]["decoders"][:3]},
}


@pytest.fixture(scope="module", params=["llama", "metaspace", "gemma"])
def converted(request: pytest.FixtureRequest, mistral_file: Callable[[str], Path], tmp_path_factory) -> tuple:
    """The same pieces as a tokenizer.json, in the three ways in which published models spell their spaces."""
    texts = piece_texts(mistral_file("tokenizer.model.v1").read_bytes())
    known = {text: index for index, text in enumerate(texts)}
    pairs = (
        (index, (text[:cut], text[cut:]))
        for text, index in known.items()
        for cut in range(1, len(text))
        if index > 258 and text[:cut] in known and text[cut:] in known
    )
    style = {"llama": LLAMA_STYLE, "metaspace": METASPACE_STYLE, "gemma": GEMMA_STYLE}[request.param]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    document = {
        "version": "1.0",
        "added_tokens": [{"id": index, "content": texts[index], **flags} for index in range(3)],
        "post_processor": None,
        **style,
        "model": {
            "type": "BPE",
            "vocab": known,
            "merges": [list(pair) for _, pair in sorted(pairs)],
            "unk_token": "<unk>",
            "fuse_unk": True,
            "byte_fallback": True,
        },
    }
    path = tmp_path_factory.mktemp(request.param) / "tokenizer.json"
    path.write_text(json.dumps(document))
    return Vocabulary.from_file(path), tokenizers.Tokenizer.from_file(str(path)), request.param


def test_tokenizer_json_and_model_file_give_the_same_bytes(
    converted: tuple, mistral_file: Callable[[str], Path]
) -> None:
    vocabulary, _, style = converted
    model = Vocabulary.from_file(mistral_file("tokenizer.model.v1"))
    assert (vocabulary.data, dict(vocabulary.special)) == (model.data, dict(model.special))
    assert vocabulary.dummy_prefix == (style != "gemma")


def test_tokenizer_json_joins_to_the_text(converted: tuple, text: str) -> None:
    vocabulary, tokenizer, style = converted
    tokenizer.encode_special_tokens = True
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    prefix = " " if vocabulary.dummy_prefix and text and not (style == "metaspace" and text.startswith(" ")) else ""
    assert vocabulary.decode_bytes(ids).decode() == prefix + text.replace("▁", " ")
    assert vocabulary.decode_bytes(vocabulary.encode(text)) == text.encode()
