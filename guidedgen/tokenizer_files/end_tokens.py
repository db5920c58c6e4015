"""Which tokens end a text, and tokens added beside a tokenizer file: what the configuration files next to it say.

The rule: the end tokens are the union of `eos_token_id` in generation_config.json (a number or a list), `eos_token` in
tokenizer_config.json and `eos_token` in special_tokens_map.json. Tokens that end a chat turn (`<|im_end|>`,
`<|eot_id|>`) are among them when one of these files says so; nothing is guessed from a token's name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from guidedgen.errors import VocabularyError
from guidedgen.tokenizer_files.parts import Parts, parts_of, place_tokens


def configured_ends(folder: Path, special: Mapping[str, int]) -> frozenset[int]:
    """The end tokens that the configuration files in `folder` name; empty where there are none.

    Raises:
        VocabularyError: where a file cannot be read or names a token that does not exist.
    """
    listed = _load(folder / "generation_config.json").get("eos_token_id")
    found: list[int | str] = listed if isinstance(listed, list) else [] if listed is None else [listed]
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        token = _load(folder / name).get("eos_token")
        token = token.get("content") if isinstance(token, dict) else token
        if token is not None:
            found = [*found, token]
    return token_ids(found, special)


def token_ids(tokens: Iterable[int | str], special: Mapping[str, int]) -> frozenset[int]:
    """Tokens given by id or by name, as ids.

    Raises:
        VocabularyError: where a name is not a special or added token, or an id is not an integer.
    """
    ids = set()
    for token in tokens:
        number = special.get(token) if isinstance(token, str) else token
        if isinstance(number, bool) or not isinstance(number, int):
            raise VocabularyError(f"end token {token!r} is not a token of this tokenizer. Pass eos=... with its id.")
        ids.add(number)
    return frozenset(ids)


def with_configured_tokens(parts: Parts, folder: Path) -> Parts:
    """Add the tokens that only tokenizer_config.json lists: `added_tokens_decoder`, ids beyond tokenizer.json.

    Raises:
        VocabularyError: where the file cannot be read, or its list is malformed.
    """
    path = folder / "tokenizer_config.json"
    listed = _load(path).get("added_tokens_decoder") or {}
    try:
        entries = {int(token): entry for token, entry in listed.items() if int(token) >= parts.size}
        added = {token: (entry["content"], bool(entry.get("special"))) for token, entry in entries.items()}
        return with_added_tokens(parts, added) if added else parts
    except VocabularyError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise VocabularyError(
            f"added_tokens_decoder in {path} is malformed ({type(error).__name__}: {error}). Download the file again."
        ) from error


def with_added_tokens(parts: Parts, added: Mapping[int, tuple[str, bool]]) -> Parts:
    """Add tokens `id -> (text, marked special)` to those of `parts`; unmarked new ones stand for their text."""
    tokens = parts.tokens()
    names = place_tokens([(text, token) for token, (text, _) in added.items()])
    tokens.extend([b""] * (len(names) - len(tokens)))
    unused = dict(parts.unused)
    for token, (text, marked) in added.items():
        if marked:
            tokens[token] = b""
        elif token >= parts.size:
            tokens[token] = text.encode()
        unused.pop(token, None)
    special = {**parts.special, **{text: token for token, (text, _) in added.items()}}
    return parts_of(tokens, special=special, unused=unused, eos=parts.eos, dummy_prefix=parts.dummy_prefix)


def _load(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise VocabularyError(
            f"{path} is not JSON ({error}). Repair it, or pass eos=... and read another folder."
        ) from error
    if not isinstance(document, dict):
        raise VocabularyError(f"{path} is not a JSON object. Repair it, or read another folder.")
    return document
