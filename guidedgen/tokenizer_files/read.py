"""From a path or a tokenizer object of any supported library to parts and a deferred encoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from guidedgen.errors import VocabularyError
from guidedgen.tokenizer_files import encoders
from guidedgen.tokenizer_files.byte_level import BYTE_OF_CHARACTER, byte_level_tokens
from guidedgen.tokenizer_files.cache import cached
from guidedgen.tokenizer_files.end_tokens import configured_ends, with_added_tokens, with_configured_tokens
from guidedgen.tokenizer_files.hugging_face import read_tokenizer_json
from guidedgen.tokenizer_files.parts import Parts, parts_of, place_tokens
from guidedgen.tokenizer_files.rank_files import is_rank_file, read_tekken, read_tiktoken
from guidedgen.tokenizer_files.sentencepiece_model import piece_texts, read_sentencepiece

_SUPPORTED = "tokenizer.json, tokenizer.model (SentencePiece), tekken.json and *.tiktoken"
_FOLDER_NAMES = ("tokenizer.json", "tekken.json", "tokenizer.model")


@dataclass(frozen=True, kw_only=True)
class Source:
    """What a tokenizer gives: its parts, and how to encode text with it (None: only by `fewest_tokens`)."""

    parts: Parts
    encoder: encoders.EncoderSource | None


def read_path(path: Path) -> Source:
    """Read a tokenizer file, or the tokenizer file of a folder, with the configuration files beside it.

    Raises:
        VocabularyError: where there is none, or its tokens have no exact bytes.
    """
    path = _find(path)
    try:
        content = path.read_bytes()
        source = _read_content(path, content)
        parts = with_configured_tokens(source.parts, path.parent)
        ends = configured_ends(path.parent, parts.special)
    except VocabularyError as error:
        raise VocabularyError(f"{path}: {error}") from error
    except OSError as error:
        raise VocabularyError(f"{path} cannot be read: {error.strerror or error}.") from error
    return Source(parts=replace(parts, eos=ends or parts.eos), encoder=source.encoder)


def _find(path: Path) -> Path:
    if not path.is_dir():
        if not path.exists():
            raise VocabularyError(f"{path} does not exist. Give a tokenizer file ({_SUPPORTED}) or its folder.")
        return path
    found = [path / name for name in _FOLDER_NAMES if (path / name).is_file()] or sorted(path.glob("*.tiktoken"))
    if not found:
        raise VocabularyError(f"the folder {path} holds no tokenizer file ({_SUPPORTED}).")
    return found[0]


def _read_content(path: Path, content: bytes) -> Source:
    if content[:64].lstrip().startswith(b"{"):
        # Tekken files start with their configuration; tokenizer.json with its version.
        if b'"default_num_special_tokens"' in content[:4096] or b'"token_bytes"' in content[:4096]:
            return Source(parts=cached(content, read_tekken), encoder=encoders.deferred(encoders.tekken_encoder, path))
        parts = cached(content, read_tokenizer_json)
        return Source(parts=parts, encoder=encoders.deferred(encoders.hugging_face_encoder, path))
    if is_rank_file(content[:4096]):
        return Source(parts=cached(content, read_tiktoken), encoder=None)
    if content[:1] != b"\x0a":
        raise VocabularyError(f"not a tokenizer file that is known ({_SUPPORTED}).")
    parts = cached(content, read_sentencepiece)
    return Source(parts=parts, encoder=encoders.deferred(encoders.sentencepiece_encoder, path))


def read_object(tokenizer: Any) -> Source:
    """Read a tokenizer object of `transformers`, `tokenizers`, `tiktoken`, `sentencepiece` or `mistral_common`.

    Raises:
        VocabularyError: where the object is of none of them, or its tokens have no exact bytes.
    """
    for attribute, reader in _READERS.items():
        if getattr(tokenizer, attribute, None) is not None:
            source = reader(tokenizer)
            return replace(source, parts=replace(source.parts, eos=_object_ends(tokenizer) or source.parts.eos))
    raise VocabularyError(
        f"a {type(tokenizer).__module__}.{type(tokenizer).__qualname__} does not say which bytes its tokens are. "
        "Give its file to Vocabulary.from_file(...), or the bytes to Vocabulary.from_tokens(...)."
    )


def _object_ends(tokenizer: Any) -> frozenset[int]:
    """`eos_token_id` of a transformers tokenizer, `eot_token` of a tiktoken encoding."""
    token = getattr(tokenizer, "eos_token_id", None)
    if token is None and hasattr(tokenizer, "decode_single_token_bytes"):
        try:
            token = tokenizer.eot_token
        except KeyError:  # an encoding without <|endoftext|>
            return frozenset()
    return frozenset(token) if isinstance(token, list) else frozenset() if token is None else frozenset([token])


def _from_transformers_fast(tokenizer: Any) -> Source:
    return _from_tokenizers(tokenizer.backend_tokenizer)


def _from_tokenizers(tokenizer: Any) -> Source:
    content: str = tokenizer.to_str()
    parts = cached(content.encode(), read_tokenizer_json)
    return Source(parts=parts, encoder=encoders.deferred(encoders.hugging_face_encoder, content))


def _from_tiktoken(encoding: Any) -> Source:
    tokens = [b""] * encoding.n_vocab
    special = {name: encoding.encode_single_token(name) for name in encoding.special_tokens_set}
    for token in set(range(encoding.n_vocab)).difference(special.values()):
        try:
            tokens[token] = encoding.decode_single_token_bytes(token)
        except KeyError:  # tiktoken leaves gaps before its special tokens
            continue
    return Source(
        parts=parts_of(tokens, special=special), encoder=encoders.deferred(encoders.tiktoken_encoder, encoding)
    )


def _from_transformers_slow(tokenizer: Any) -> Source:
    """A slow transformers tokenizer over SentencePiece; its ids must be the model's own."""
    content = tokenizer.sp_model.serialized_model_proto()
    parts, texts = cached(content, read_sentencepiece), piece_texts(content)
    shifted = [token for token, text in enumerate(texts) if tokenizer.convert_ids_to_tokens(token) != text]
    added = _added_tokens(tokenizer)
    if any(token not in added for token in shifted):
        raise VocabularyError(
            f"{type(tokenizer).__qualname__} numbers its tokens differently from its SentencePiece model "
            f"(id {shifted[0]}). Load the fast version of the tokenizer."
        )
    return Source(
        parts=with_added_tokens(parts, added), encoder=encoders.deferred(encoders.sentencepiece_encoder, content)
    )


def _from_sentencepiece(processor: Any) -> Source:
    content: bytes = processor.serialized_model_proto()
    parts = cached(content, read_sentencepiece)
    return Source(parts=parts, encoder=encoders.deferred(encoders.sentencepiece_encoder, content))


def _from_byte_decoder(tokenizer: Any) -> Source:
    """A slow transformers tokenizer that carries the byte-level alphabet (`byte_decoder`)."""
    if dict(tokenizer.byte_decoder) != BYTE_OF_CHARACTER:
        raise VocabularyError(f"{type(tokenizer).__qualname__} uses a byte alphabet of its own. Load the fast version.")
    if any(name.endswith("</w>") for name in tokenizer.get_vocab()):
        raise VocabularyError("this BPE marks word ends, so a token's bytes depend on its neighbours.")
    added = _added_tokens(tokenizer)
    names = place_tokens([(name, token) for name, token in tokenizer.get_vocab().items() if token not in added])
    tokens, unused = byte_level_tokens(names)
    return Source(parts=with_added_tokens(parts_of(tokens, unused=unused), added), encoder=None)


def _added_tokens(tokenizer: Any) -> dict[int, tuple[str, bool]]:
    return {token: (entry.content, bool(entry.special)) for token, entry in tokenizer.added_tokens_decoder.items()}


def _from_mistral(tokenizer: Any) -> Source:
    """A mistral_common tokenizer, whole or its inner one: read again from its file."""
    inner = getattr(getattr(tokenizer, "instruct_tokenizer", None), "tokenizer", tokenizer)
    return read_path(Path(inner.file_path))


def _from_transformers_mistral(tokenizer: Any) -> Source:
    inner = tokenizer.tokenizer
    if not hasattr(inner, "instruct_tokenizer"):
        raise VocabularyError(f"{type(tokenizer).__qualname__} wraps an unknown tokenizer, {type(inner).__qualname__}.")
    return _from_mistral(inner)


# By the attribute that tells the libraries apart, the more specific ones first; no library is imported for it.
_READERS: dict[str, Callable[[Any], Source]] = {
    "backend_tokenizer": _from_transformers_fast,
    "decode_single_token_bytes": _from_tiktoken,
    "instruct_tokenizer": _from_mistral,
    "file_path": _from_mistral,
    "sp_model": _from_transformers_slow,
    "serialized_model_proto": _from_sentencepiece,
    "byte_decoder": _from_byte_decoder,
    "to_str": _from_tokenizers,
    "tokenizer": _from_transformers_mistral,
}
