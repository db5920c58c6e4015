"""SentencePiece model files (`tokenizer.model`): a protocol buffer, of which a few fields are read, without a library.

Field numbers are those of sentencepiece's `sentencepiece_model.proto`. A piece's bytes are its text with U+2581 read as
a space; byte pieces (`<0x0A>`) are that byte; control and unknown pieces are special; unused pieces have no bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from guidedgen.errors import VocabularyError
from guidedgen.tokenizer_files.parts import Parts, parts_of

_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _UNUSED, _BYTE = 1, 2, 3, 4, 5, 6
_MODEL_PIECES, _MODEL_TRAINER, _MODEL_NORMALIZER, _MODEL_DENORMALIZER = 1, 2, 3, 5
_TRAINER_SUFFIX, _TRAINER_EOS = 24, 42
_NORMALIZER_CHARSMAP, _NORMALIZER_PREFIX, _NORMALIZER_ESCAPE = 2, 3, 5

Fields = dict[int, list["int | bytes"]]


@dataclass(frozen=True)
class Piece:
    """One entry of the model: its text and its type."""

    text: str
    kind: int


def read_sentencepiece(content: bytes) -> Parts:
    """The parts of a SentencePiece model.

    Raises:
        VocabularyError: where it cannot be read, has no byte pieces, or rewrites text when decoding.
    """
    try:
        model = _fields(content)
        pieces = [_piece(_fields(_bytes(entry))) for entry in model.get(_MODEL_PIECES, [])]
        trainer = _fields(_bytes(model.get(_MODEL_TRAINER, [b""])[-1]))
        normalizer = _fields(_bytes(model.get(_MODEL_NORMALIZER, [b""])[-1]))
        denormalizer = _fields(_bytes(model.get(_MODEL_DENORMALIZER, [b""])[-1]))
    except (ValueError, IndexError, TypeError) as error:
        raise VocabularyError(f"not a readable SentencePiece model ({error}). Download the file again.") from error
    _check(pieces, trainer, normalizer, denormalizer)
    tokens = [_token(piece) for piece in pieces]
    special = {
        piece.text: index for index, piece in enumerate(pieces) if piece.kind in (_UNKNOWN, _CONTROL, _USER_DEFINED)
    }
    unused = {index: "the model marks it unused" for index, piece in enumerate(pieces) if piece.kind == _UNUSED}
    end = _last(trainer, _TRAINER_EOS, 2)
    eos = {end} if 0 <= end < len(pieces) and pieces[end].kind == _CONTROL else set()
    return parts_of(
        tokens, special=special, unused=unused, eos=eos, dummy_prefix=bool(_last(normalizer, _NORMALIZER_PREFIX, 1))
    )


def piece_texts(content: bytes) -> list[str]:
    """The text of every piece, by id."""
    return [_piece(_fields(_bytes(entry))).text for entry in _fields(content).get(_MODEL_PIECES, [])]


def _check(pieces: list[Piece], trainer: Fields, normalizer: Fields, denormalizer: Fields) -> None:
    if not pieces:
        raise VocabularyError("not a readable SentencePiece model (it has no pieces). Download the file again.")
    covered = {piece.text.upper() for piece in pieces if piece.kind == _BYTE}
    if not all(f"<0X{byte:02X}>" in covered for byte in range(256)):
        raise VocabularyError(
            "this SentencePiece model has no byte fallback: characters outside its pieces become an unknown token "
            "whose bytes are lost. Use a model with a byte-level or byte-fallback tokenizer."
        )
    if _last(trainer, _TRAINER_SUFFIX, 0) or not _last(normalizer, _NORMALIZER_ESCAPE, 1):
        raise VocabularyError(
            "this SentencePiece model writes spaces in a way that is not supported (suffix or unescaped)."
        )
    if denormalizer.get(_NORMALIZER_CHARSMAP, [b""])[-1]:
        raise VocabularyError(
            "this SentencePiece model rewrites its output (denormalizer), so tokens have no exact bytes."
        )


def _piece(fields: Fields) -> Piece:
    return Piece(_bytes(fields.get(1, [b""])[-1]).decode(), _last(fields, 3, _NORMAL))


def _token(piece: Piece) -> bytes:
    if piece.kind == _BYTE:
        return bytes([int(piece.text[3:5], 16)])
    if piece.kind in (_NORMAL, _USER_DEFINED):
        return piece.text.replace("▁", " ").encode()
    return b""


def _last(fields: Fields, number: int, default: int) -> int:
    """An integer field; the last one counts, as in every protocol buffer."""
    value = fields.get(number, [default])[-1]
    if not isinstance(value, int):
        raise VocabularyError(f"not a readable SentencePiece model (field {number} is not a number).")
    return value - 2**64 if value >= 2**63 else value  # int32 fields are sign-extended to 64 bits


def _bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError("a message was expected")
    return value


def _fields(message: bytes) -> Fields:
    """All fields of one message by number. Raises ValueError or IndexError where it is cut short."""
    fields: Fields = {}
    for number, value in _walk(message):
        fields.setdefault(number, []).append(value)
    return fields


def _walk(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, position = _varint(message, position)
            yield number, value
            continue
        if wire == 2:
            length, position = _varint(message, position)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError(f"unknown wire type {wire}")
        if position + length > len(message):
            raise ValueError("it is cut short")
        yield number, message[position : position + length]
        position += length


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
        if shift > 63:
            raise ValueError("a number is too long")
