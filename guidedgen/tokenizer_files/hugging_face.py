"""tokenizer.json (the format of the `tokenizers` library): byte-level BPE, and BPE or unigram with byte fallback.

What a token's bytes are is read off the *decoder*, the part of the file that says how tokens become text. Decoders
whose output for one token depends on its neighbours (WordPiece, suffix BPE, CTC) give no exact bytes: refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from guidedgen.errors import VocabularyError
from guidedgen.tokenizer_files.byte_level import byte_level_tokens
from guidedgen.tokenizer_files.parts import Parts, parts_of, place_tokens

_BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How token names become bytes: through the byte alphabet, or by replacing `mark` and reading `<0xNN>` as bytes."""

    byte_level: bool
    mark: str = "▁"
    dummy_prefix: bool = False


def read_tokenizer_json(content: bytes | str) -> Parts:
    """The parts of a tokenizer.json.

    Raises:
        VocabularyError: where it cannot be read, or its tokens have no exact bytes; the message says why.
    """
    try:
        document = json.loads(content)
        return _parts(document)
    except VocabularyError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise VocabularyError(
            f"not a readable tokenizer.json ({type(error).__name__}: {error}). Download the file again."
        ) from error


def _parts(document: dict[str, Any]) -> Parts:
    model, added = document["model"], document.get("added_tokens") or []
    decoding = _decoding(document)
    names = place_tokens(_vocabulary(model), extra=[entry["id"] for entry in added])
    in_model = {entry["id"] for entry in added if names[entry["id"]] == entry["content"]}
    special = {entry["content"]: entry["id"] for entry in added}
    unknown = model.get("unk_token")
    if isinstance(model.get("unk_id"), int):  # unigram models give a number
        unknown = names[model["unk_id"]]
    silent = {entry["id"] for entry in added if entry.get("special")}
    if unknown is not None and unknown in names:
        silent.add(special.setdefault(unknown, names.index(unknown)))
    for token in [*silent, *(entry["id"] for entry in added if entry["id"] not in in_model)]:
        names[token] = None
    tokens, unused = token_bytes(names, decoding)
    for entry in added:
        # A token that the model has too is written in its way, unless its name is raw text (runs of spaces).
        if entry["id"] not in silent and (entry["id"] not in in_model or unused.pop(entry["id"], "")):
            tokens[entry["id"]] = added_bytes(entry["content"], decoding)
    return parts_of(tokens, special=special, unused=unused, dummy_prefix=decoding.dummy_prefix)


def _vocabulary(model: dict[str, Any]) -> Iterable[tuple[str, object]]:
    vocabulary = model["vocab"]
    if isinstance(vocabulary, dict):
        return vocabulary.items()
    return ((entry[0], index) for index, entry in enumerate(vocabulary))  # unigram: [piece, score] by id


def token_bytes(names: list[str | None], decoding: Decoding) -> tuple[list[bytes], dict[int, str]]:
    """The bytes of each name (`b""` for None), and why some have none."""
    if decoding.byte_level:
        return byte_level_tokens(names)
    mark = decoding.mark
    tokens = [b"" if name is None else name.replace(mark, " ").encode() for name in names]
    for token, name in enumerate(names):
        if name is not None and len(name) == 6 and (byte := _BYTE_PIECE.fullmatch(name)):
            tokens[token] = bytes([int(byte[1], 16)])
    return tokens, {}


def added_bytes(content: str, decoding: Decoding) -> bytes:
    """The bytes of an added token that is not part of the model's vocabulary.

    Byte-level: it is cut out of the raw text, so it stands for its own UTF-8. Otherwise the decoder maps its mark too.
    """
    return content.encode() if decoding.byte_level else content.replace(decoding.mark, " ").encode()


def _decoding(document: dict[str, Any]) -> Decoding:
    """Which of the two exact decodings the file describes.

    Raises:
        VocabularyError: where it is neither.
    """
    model = document["model"]
    kind = model.get("type") or ("Unigram" if isinstance(model["vocab"], list) else "BPE")
    if kind not in ("BPE", "Unigram"):
        raise VocabularyError(
            f"a {kind} tokenizer drops the spaces between its pieces, so its tokens have no exact bytes. "
            "Use a model with a byte-level or byte-fallback tokenizer."
        )
    if model.get("continuing_subword_prefix") or model.get("end_of_word_suffix"):
        raise VocabularyError(
            "this BPE marks word parts by a prefix or suffix, so a token's bytes depend on its neighbours. "
            "Use a model with a byte-level or byte-fallback tokenizer."
        )
    steps = [step for name in ("decoder", "pre_tokenizer") for step in _steps(document.get(name), name)]
    decoders = _steps(document.get("decoder"), "decoder")
    if any(step["type"] == "ByteLevel" for step in decoders or steps):
        _only(decoders, {"ByteLevel": _always, "Fuse": _always})
        prefix = any(step["type"] == "ByteLevel" and step.get("add_prefix_space") for step in steps[len(decoders) :])
        return Decoding(byte_level=True, dummy_prefix=prefix)
    fallback = model.get("byte_fallback") or any(step["type"] == "ByteFallback" for step in decoders)
    return _marked(document, decoders, fallback=bool(fallback))


def _marked(document: dict[str, Any], decoders: list[dict[str, Any]], *, fallback: bool) -> Decoding:
    names = {name for name, _ in _vocabulary(document["model"])}
    if not fallback or not all(f"<0x{byte:02X}>" in names for byte in range(256)):
        raise VocabularyError(
            "this tokenizer is neither byte-level nor has a token for each byte: characters outside its pieces become "
            "an unknown token whose bytes are lost. Use a model with a byte-level or byte-fallback tokenizer."
        )
    _only(
        decoders,
        {
            "Replace": lambda step: step.get("content") == " " and isinstance(step["pattern"].get("String"), str),
            "Metaspace": _always,
            "ByteFallback": _always,
            "Fuse": _always,
            "Strip": lambda step: step.get("content") == " " and step.get("start", 0) <= 1 and not step.get("stop"),
        },
    )
    marks = {step["pattern"]["String"] for step in decoders if step["type"] == "Replace"}
    marks |= {step.get("replacement", "▁") for step in decoders if step["type"] == "Metaspace"}
    if len(marks) != 1:
        raise VocabularyError(f"the decoder names {len(marks)} marks for a space ({sorted(marks)}), expected one.")
    stripped = any(step["type"] == "Strip" and step.get("start") for step in decoders)
    prefixed = any(
        step["type"] == "Metaspace" and step.get("prepend_scheme", "always") != "never" and _prefix_flag(step)
        for step in decoders
    )
    return Decoding(byte_level=False, mark=marks.pop(), dummy_prefix=stripped or prefixed)


def _prefix_flag(step: Mapping[str, Any]) -> bool:
    return bool(step.get("add_prefix_space", True))  # the older spelling of prepend_scheme


def _steps(component: dict[str, Any] | None, name: str) -> list[dict[str, Any]]:
    """A decoder or pre-tokenizer as a flat list of its steps."""
    if component is None:
        return []
    if component["type"] != "Sequence":
        return [component]
    children = component["decoders" if name == "decoder" else "pretokenizers"]
    return [step for child in children for step in _steps(child, name)]


def _always(step: Mapping[str, Any]) -> bool:
    return True


def _only(decoders: list[dict[str, Any]], known: Mapping[str, Callable[[Mapping[str, Any]], bool]]) -> None:
    for step in decoders:
        if step["type"] not in known or not known[step["type"]](step):
            raise VocabularyError(
                f"the decoder step {json.dumps(step, ensure_ascii=False)} is not one whose effect on a single token is "
                "known. Pass the tokens' bytes with Vocabulary.from_tokens(...)."
            )
