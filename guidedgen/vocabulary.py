"""Vocabulary: the exact bytes of every token id, the named tokens, and the end tokens. Knows no grammar and no model.

Rules, the same for every kind of tokenizer:

- A token that the tokenizer marks *special* has no bytes; only its name can allow it in a grammar.
- A token that was *added but is not marked* (`<think>` in some vocabularies) has the bytes of its text and a name.
- An *end token* has no bytes, whatever it is called. Ends come from the configuration beside a file or from the object
  (see `tokenizer_files.end_tokens`), or are passed; they are never guessed from names.
- Ids without a token (gaps, padding up to the model's logits) have no bytes and a reason in `unused`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guidedgen.errors import VocabularyError
from guidedgen.tokenizer_files.encoders import Encoder, EncoderSource, fewest_tokens
from guidedgen.tokenizer_files.end_tokens import token_ids
from guidedgen.tokenizer_files.parts import MAXIMUM_LENGTH, MAXIMUM_SIZE, Parts, parts_of
from guidedgen.tokenizer_files.read import Source, read_object, read_path


@dataclass(frozen=True, kw_only=True, eq=False)
class Vocabulary:
    """An immutable vocabulary; equal and hashed by identity (`fingerprint` compares contents).

    Made by `from_file`, `from_tokenizer` or `from_tokens`.

    Attributes:
        size: number of ids V, the number of bits in a mask; may exceed the tokenizer's length (padding).
        data: the bytes of all tokens, one after another.
        offsets: int64 [V + 1], read-only; token t is `data[offsets[t]:offsets[t + 1]]`.
        special: id of every special or added token by its text.
        eos: the tokens that end a text; empty where nothing names any.
        unused: why an id has no bytes although it is neither special nor an end token.
        dummy_prefix: the tokenizer puts a space before a text when encoding and drops it when decoding (SentencePiece).
            Token bytes here always keep that space; `encode` never adds it.
    """

    size: int
    data: bytes = field(repr=False)
    offsets: NDArray[np.int64] = field(repr=False)
    special: Mapping[str, int] = field(repr=False)
    eos: frozenset[int]
    unused: Mapping[int, str] = field(repr=False)
    dummy_prefix: bool = False
    _encoder_source: EncoderSource | None = field(default=None, repr=False)

    @classmethod
    def from_tokens(
        cls,
        tokens: Sequence[bytes],
        *,
        eos: Iterable[int | str] = (),
        special: Mapping[str, int] | None = None,
        size: int | None = None,
    ) -> Vocabulary:
        """From the bytes of each id, `b""` for those that have none.

        Args:
            tokens: bytes by id; the same bytes may occur under several ids.
            eos: end tokens, by id or by name in `special`.
            special: named tokens; one that has bytes in `tokens` keeps them.
            size: number of ids, where the model has more than there are tokens.

        Raises:
            VocabularyError: where the vocabulary is empty, an id is out of range, or a token is absurdly long.
            TypeError: where a token is not bytes.
        """
        try:
            listed = [bytes(memoryview(token)) for token in tokens]
        except TypeError:
            kinds = sorted({type(token).__name__ for token in tokens} - {"bytes", "bytearray", "memoryview"})
            raise TypeError(f"tokens are bytes, not {kinds[0]}. Texts become bytes by .encode().") from None
        return _build(Source(parts=parts_of(listed, special=special), encoder=None), size=size, eos=eos)

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        *,
        size: int | None = None,
        eos: Iterable[int | str] | None = None,
        special: Mapping[str, int] | None = None,
    ) -> Vocabulary:
        """From tokenizer.json, tokenizer.model (SentencePiece), tekken.json, *.tiktoken, or a folder with one of them.

        Args:
            path: the file or folder; what it gives is cached on disk under `$GUIDEDGEN_CACHE` or ~/.cache/guidedgen.
            size: the width of the model's logits, where it exceeds the tokenizer's length.
            eos: end tokens by id or name, instead of what the configuration files beside `path` say.
            special: further named tokens without bytes; `.tiktoken` files do not list theirs.

        Raises:
            VocabularyError: where the file cannot be read, or its tokens have no exact bytes; says why.
        """
        return _build(read_path(Path(path)), size=size, eos=eos, special=special)

    @classmethod
    def from_tokenizer(
        cls, tokenizer: Any, *, size: int | None = None, eos: Iterable[int | str] | None = None
    ) -> Vocabulary:
        """From a tokenizer of transformers (fast or slow), tokenizers, tiktoken, sentencepiece or mistral_common.

        Args:
            tokenizer: the object; it is read once and never changed.
            size: the width of the model's logits, where it exceeds the tokenizer's length.
            eos: end tokens by id or name (pass those of the model's generation config); default: what the object names.

        Raises:
            VocabularyError: where the object is not known, or its tokens have no exact bytes; says why.
        """
        return _build(read_object(tokenizer), size=size, eos=eos)

    def token_bytes(self, token: int) -> bytes:
        """The bytes of one token; `b""` where it has none. Raises IndexError for an id out of range."""
        if not 0 <= token < self.size:
            raise IndexError(f"token {token} is not in a vocabulary of {self.size}.")
        return self.data[self.offsets[token] : self.offsets[token + 1]]

    def decode_bytes(self, tokens: Iterable[int]) -> bytes:
        """The joined bytes of tokens. Special and end tokens add nothing; characters may be cut at either end."""
        return b"".join(map(self.token_bytes, tokens))

    def encode(self, text: str | bytes) -> list[int]:
        """Tokens whose joined bytes are exactly the text: no added special tokens, prefix space or normalisation.

        The attached tokenizer chooses the tokens where its choice is exact, else (no tokenizer, a tokenizer that
        rewrites, bytes that are not UTF-8) they are the fewest tokens. Special tokens in a text are plain text.

        Raises:
            VocabularyError: where the tokens cannot write the text.
            TypeError: where it is neither text nor bytes.
        """
        exact = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(memoryview(text))
        if isinstance(text, str) and self._encoder is not None and _is_unicode(text):
            tokens = self._encoder(text)
            if all(0 <= token < self.size for token in tokens) and self.decode_bytes(tokens) == exact:
                return tokens
        return fewest_tokens(exact, self._index, self._lengths)

    def __getstate__(self) -> dict[str, Any]:
        """The fields without what is computed from them; the encoder is loaded again where it is needed."""
        fields = {name: value for name, value in vars(self).items() if name in self.__dataclass_fields__}
        return {**fields, "special": dict(self.special), "unused": dict(self.unused)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the fields, read-only again."""
        vars(self).update(state)
        vars(self).update(special=MappingProxyType(state["special"]), unused=MappingProxyType(state["unused"]))
        self.offsets.setflags(write=False)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of what masks depend on: bytes, named tokens and end tokens. 64 hexadecimal digits."""
        names = json.dumps([sorted(self.special.items()), sorted(self.eos)]).encode()
        digest = hashlib.sha256(b"guidedgen vocabulary 1\0")
        digest.update(self.offsets.astype("<i8").tobytes() + self.data + names)
        return digest.hexdigest()

    @cached_property
    def absent_bytes(self) -> bytes:
        """The bytes that no token has, in order. No text that a constraint allows has any of them."""
        return bytes(np.setdiff1d(np.arange(256, dtype=np.uint8), np.frombuffer(self.data, np.uint8)))

    @cached_property
    def spells_text(self) -> bool:
        """Whether each byte that tokens have is a token by itself.

        Then n bytes that can be written (see `absent_bytes`) are n tokens at most, wherever they stand.
        """
        return spells_text(self.data, self.offsets)

    @cached_property
    def _encoder(self) -> Encoder | None:
        """The tokenizer's own encoder; None where its library is not installed."""
        try:
            return None if self._encoder_source is None else self._encoder_source()
        except ImportError:
            return None

    @cached_property
    def _index(self) -> dict[bytes, int]:
        """The lowest id of each byte string; named tokens only where no other has these bytes."""
        bounds, named = self.offsets.tolist(), set(self.special.values())
        order = sorted(range(self.size), key=lambda token: (token in named, token), reverse=True)
        index = {self.data[bounds[token] : bounds[token + 1]]: token for token in order}
        index.pop(b"", None)
        return index

    @cached_property
    def _lengths(self) -> list[int]:
        return sorted({len(token) for token in self._index})


def spells_text(data: bytes, offsets: NDArray[np.int64]) -> bool:
    """See `Vocabulary.spells_text`; token t is `data[offsets[t]:offsets[t + 1]]`."""
    begins = offsets[:-1][np.diff(offsets) == 1]
    alone = set(np.frombuffer(data, np.uint8)[begins].tolist())
    return alone.issuperset(np.unique(np.frombuffer(data, np.uint8)).tolist())


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _build(
    source: Source,
    *,
    size: int | None,
    eos: Iterable[int | str] | None,
    special: Mapping[str, int] | None = None,
) -> Vocabulary:
    """Apply what the caller passed, and check the whole."""
    parts = source.parts
    named = {**parts.special, **(special or {})}
    ends = parts.eos if eos is None else token_ids([eos] if isinstance(eos, int | str) else eos, named)
    needed = max([parts.size, *(token + 1 for token in (special or {}).values())])
    parts = _resized(parts, needed if size is None else size, needed)
    for token in [*ends, *(special or {}).values()]:
        if not 0 <= token < parts.size:
            raise VocabularyError(
                f"token {token} is out of range: there are {parts.size} ids. Pass the right eos=..., or size=... where "
                "the model has more ids than its tokenizer."
            )
    parts = _silenced(parts, ends.union((special or {}).values()))
    lengths = np.diff(parts.offsets)
    if lengths.max(initial=0) > MAXIMUM_LENGTH:
        raise VocabularyError(
            f"token {lengths.argmax()} has more than {MAXIMUM_LENGTH} bytes, which no model's token has. "
            "Check that the list holds tokens and not texts."
        )
    if not parts.data:
        raise VocabularyError("the vocabulary is empty: no token has bytes. Give the tokenizer of the model.")
    parts.offsets.setflags(write=False)
    return Vocabulary(
        size=parts.size,
        data=parts.data,
        offsets=parts.offsets,
        special=MappingProxyType(named),
        eos=ends,
        unused=MappingProxyType({token: reason for token, reason in parts.unused.items() if token not in ends}),
        dummy_prefix=parts.dummy_prefix,
        _encoder_source=source.encoder,
    )


def _resized(parts: Parts, size: int, needed: int) -> Parts:
    """Pad with unused ids up to `size`."""
    if size < needed:
        raise VocabularyError(
            f"the tokenizer has {needed} ids but size={size}: tokenizer and model do not match. "
            "Load both from one place."
        )
    if size > MAXIMUM_SIZE:
        raise VocabularyError(
            f"size={size} is larger than any vocabulary ({MAXIMUM_SIZE}). Pass the width of the logits."
        )
    offsets = np.concatenate([parts.offsets, np.full(size - parts.size, parts.offsets[-1])])
    padding = dict.fromkeys(range(parts.size, size), "padding: beyond the tokenizer's last id")
    return Parts(
        data=parts.data,
        offsets=offsets,
        special=parts.special,
        unused={**parts.unused, **padding},
        eos=parts.eos,
        dummy_prefix=parts.dummy_prefix,
    )


def _silenced(parts: Parts, tokens: Iterable[int]) -> Parts:
    """Take the bytes from `tokens`: end tokens and the special ones that the caller named."""
    voiced = [token for token in tokens if parts.offsets[token] < parts.offsets[token + 1]]
    if not voiced:
        return parts
    listed = parts.tokens()
    for token in voiced:
        listed[token] = b""
    return parts_of(listed, special=parts.special, unused=parts.unused, eos=parts.eos, dummy_prefix=parts.dummy_prefix)
