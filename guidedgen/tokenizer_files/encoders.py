"""Text to tokens: the tokenizer libraries, set up so that special tokens in a text are text and nothing is rewritten.

An encoder may still differ from the text (a rewriting normalizer that cannot be switched off); `Vocabulary.encode`
checks and falls back to `fewest_tokens`, which needs no library and is always exact.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from guidedgen.errors import VocabularyError
from guidedgen.tokenizer_files.rank_files import tekken_tokens

Encoder = Callable[[str], list[int]]
EncoderSource = Callable[[], Encoder]  # deferred: the libraries load only when a text is encoded

_UNICODE_NORMALIZERS = {"NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Strip", "Precompiled", "Prepend"}


def hugging_face_encoder(source: Path | str) -> Encoder:
    """Encoder of a tokenizer.json: a path, or its content as text."""
    import tokenizers

    load = tokenizers.Tokenizer.from_file if isinstance(source, Path) else tokenizers.Tokenizer.from_str
    tokenizer = load(str(source))
    document = json.loads(tokenizer.normalizer.__getstate__()) if tokenizer.normalizer is not None else None
    splitter = json.loads(tokenizer.pre_tokenizer.__getstate__()) if tokenizer.pre_tokenizer is not None else None
    shell = {"version": "1.0", "model": {"type": "BPE", "vocab": {}, "merges": []}, "added_tokens": []}
    plain = tokenizers.Tokenizer.from_str(
        json.dumps({**shell, "normalizer": _exact_normalizer(document), "pre_tokenizer": _exact_splitter(splitter)})
    )
    tokenizer.normalizer, tokenizer.pre_tokenizer = plain.normalizer, plain.pre_tokenizer
    tokenizer.encode_special_tokens = True
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def encode(text: str) -> list[int]:
        return list(tokenizer.encode(text, add_special_tokens=False).ids)

    return encode


def _exact_normalizer(component: dict[str, Any] | None) -> dict[str, Any] | None:
    """The normalizer without the steps that change a text; what is left turns spaces into marks."""
    if component is None or component["type"] in _UNICODE_NORMALIZERS:
        return None
    if component["type"] != "Sequence":
        return component
    steps = [step for child in component["normalizers"] if (step := _exact_normalizer(child)) is not None]
    return {"type": "Sequence", "normalizers": steps}


def _exact_splitter(component: dict[str, Any] | None) -> dict[str, Any] | None:
    """The pre-tokenizer without prefix spaces."""
    if component is None:
        return None
    if component["type"] == "Sequence":
        return {**component, "pretokenizers": [_exact_splitter(child) for child in component["pretokenizers"]]}
    if component["type"] == "ByteLevel":
        return {**component, "add_prefix_space": False}
    if component["type"] == "Metaspace":
        return {**component, "prepend_scheme": "never", "add_prefix_space": False}
    return component


def tiktoken_encoder(encoding: Any) -> Encoder:
    """Encoder of a `tiktoken.Encoding`."""

    def encode(text: str) -> list[int]:
        return list(encoding.encode(text, disallowed_special=()))

    return encode


def tekken_encoder(path: Path) -> Encoder:
    """Encoder of a Tekken file, through `tiktoken`."""
    import tiktoken

    document = json.loads(path.read_bytes())
    offset = document["config"]["default_num_special_tokens"]
    encoding = tiktoken.Encoding(
        name=path.stem,
        pat_str=document["config"]["pattern"],
        mergeable_ranks={token: rank for rank, token in enumerate(tekken_tokens(document))},
        special_tokens={},
    )

    def encode(text: str) -> list[int]:
        return [offset + rank for rank in encoding.encode(text, disallowed_special=())]

    return encode


def sentencepiece_encoder(source: Path | bytes) -> Encoder:
    """Encoder of a SentencePiece model: a path, or its content. The dummy prefix is cut off again."""
    import sentencepiece

    processor = (
        sentencepiece.SentencePieceProcessor(model_file=str(source))
        if isinstance(source, Path)
        else sentencepiece.SentencePieceProcessor(model_proto=source)
    )
    # After a line break no prefix is added, so what follows it is encoded as it would be in the middle of a text.
    marker = "\n"
    head: list[int] = list(processor.encode(marker))

    def encode(text: str) -> list[int]:
        ids: list[int] = list(processor.encode(marker + text))
        return ids[len(head) :] if ids[: len(head)] == head else list(processor.encode(text))

    return encode


def deferred(load: Callable[[Any], Encoder], source: Any) -> EncoderSource:
    """An encoder source that can be sent to another process where its source can."""
    return partial(load, source)


def fewest_tokens(text: bytes, index: Mapping[bytes, int], lengths: Sequence[int]) -> list[int]:
    """The bytes as the fewest tokens, the longest first where several ways are equally short.

    Args:
        text: what to write.
        index: token id by bytes.
        lengths: the lengths that occur in `index`, ascending.

    Raises:
        VocabularyError: where the tokens cannot write these bytes.
    """
    unreachable = len(text) + 1
    cost, choice = [unreachable] * len(text) + [0], [0] * len(text)
    for start in range(len(text) - 1, -1, -1):
        for length in lengths:
            stop = start + length
            if stop > len(text):
                break
            # <= prefers the longer token, since lengths ascend.
            if cost[stop] + 1 <= cost[start] and cost[stop] < unreachable and text[start:stop] in index:
                cost[start], choice[start] = cost[stop] + 1, length
    if text and cost[0] >= unreachable:
        missing = sorted({f"0x{byte:02X}" for byte in text if bytes([byte]) not in index})
        raise VocabularyError(
            f"no sequence of tokens writes {text[:40]!r}: the vocabulary has no token for the bytes "
            f"{', '.join(missing)}. Leave these characters out."
        )
    tokens, start = [], 0
    while start < len(text):
        tokens.append(index[text[start : start + choice[start]]])
        start += choice[start]
    return tokens
