"""Rank files: `.tiktoken` (lines of base64 bytes and rank) and Tekken JSON (Mistral). Both list the bytes."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

from guidedgen.errors import VocabularyError
from guidedgen.tokenizer_files.parts import MAXIMUM_SIZE, Parts, parts_of

_RANK_LINE = re.compile(rb"[A-Za-z0-9+/=]+ \d+\s*(?:\n|$)")
# Tekken files before version 11 do not list their special tokens; these are the first twenty, in order.
_TEKKEN_NAMES = (
    *("<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]"),
    *(
        "[/TOOL_RESULTS]",
        "[TOOL_CALLS]",
        "[IMG]",
        "<pad>",
        "[IMG_BREAK]",
        "[IMG_END]",
        "[PREFIX]",
        "[MIDDLE]",
        "[SUFFIX]",
    ),
    *("[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]"),
)


def is_rank_file(content: bytes) -> bool:
    """Whether the content starts like a `.tiktoken` file (some are called tokenizer.model)."""
    return _RANK_LINE.match(content) is not None


def read_ranks(content: bytes) -> dict[bytes, int]:
    """The rank of every token of a `.tiktoken` file.

    Raises:
        VocabularyError: where a line is not `base64 rank`, with its number.
    """
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            text, rank = line.split()
            ranks[base64.b64decode(text, validate=True)] = int(rank)
        except (ValueError, binascii.Error) as error:
            raise VocabularyError(f"line {number} is not `base64 rank` ({error}). Download the file again.") from error
    return ranks


def read_tiktoken(content: bytes) -> Parts:
    """The parts of a `.tiktoken` file: token id = rank. It names no special tokens.

    Raises:
        VocabularyError: where it cannot be read.
    """
    ranks = read_ranks(content)
    if not ranks or not 0 <= max(ranks.values()) < MAXIMUM_SIZE or min(ranks.values()) < 0:
        raise VocabularyError("the ranks are not numbers from 0 up. Download the file again.")
    tokens = [b""] * (max(ranks.values()) + 1)
    for token, rank in ranks.items():
        if tokens[rank]:
            raise VocabularyError(f"tokens {tokens[rank]!r} and {token!r} share the rank {rank}.")
        tokens[rank] = token
    return parts_of(tokens)


def read_tekken(content: bytes) -> Parts:
    """The parts of a Tekken JSON file: special tokens first, then rank + their number, cut at the default size.

    Raises:
        VocabularyError: where it cannot be read.
    """
    try:
        document = json.loads(content)
        names = _tekken_names(document)
        tokens = [b""] * len(names) + tekken_tokens(document)
    except VocabularyError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise VocabularyError(
            f"not a readable Tekken file ({type(error).__name__}: {error}). Download the file again."
        ) from error
    special = {name: token for token, name in enumerate(names)}
    return parts_of(tokens, special=special, eos=[special["</s>"]] if "</s>" in special else [])


def tekken_tokens(document: dict[str, Any]) -> list[bytes]:
    """The bytes of each rank that is in use. Raises VocabularyError where ranks have a gap."""
    config = document["config"]
    count = config["default_vocab_size"] - config["default_num_special_tokens"]
    entries = document["vocab"][:count]
    if count <= 0 or any(entry["rank"] != rank for rank, entry in enumerate(entries)) or len(entries) < count:
        raise VocabularyError(f"the file does not list ranks 0 to {count - 1} in order. Download it again.")
    return [base64.b64decode(entry["token_bytes"], validate=True) for entry in entries]


def _tekken_names(document: dict[str, Any]) -> list[str]:
    count = document["config"]["default_num_special_tokens"]
    if not 0 <= count < MAXIMUM_SIZE:
        raise VocabularyError(f"default_num_special_tokens={count} is out of range.")
    listed = document.get("special_tokens")
    names = {entry["rank"]: entry["token_str"] for entry in listed} if listed else dict(enumerate(_TEKKEN_NAMES))
    if len(names) > count or len(set(names.values())) != len(names) or not all(0 <= rank < count for rank in names):
        raise VocabularyError(f"the special tokens do not fit the {count} places that the file reserves for them.")
    return [names.get(rank, f"<SPECIAL_{rank}>") for rank in range(count)]
