"""Lowered tables of large grammars in the user's cache folder, so that the next process does not read their text again.

`grammars/<sha256>.table`: the key is all that a table depends on, this package's own code included. A damaged or
unreadable entry counts as absent; a folder that cannot be written is only logged; the oldest go once all take too much.
`GUIDEDGEN_TABLE_CACHE=0` turns it off.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
import os
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from guidedgen.errors import SavedConstraintError
from guidedgen.grammars import table_file
from guidedgen.grammars.content import content_of
from guidedgen.grammars.grammar_specs import Ebnf, Gbnf
from guidedgen.grammars.specs import Lark
from guidedgen.tokenizer_files.cache import cache_folder

if TYPE_CHECKING:
    from guidedgen.kernel.table import GrammarTable
    from guidedgen.limits import Limits
    from guidedgen.vocabulary import Vocabulary

_LARGE: Final = 2_000  # characters of a text from which on it is worth a file
_LARGEST_FILE: Final = 64 * 2**20
_FOLDER_LIMIT: Final = 256 * 2**20
# Files that may change; captures and temperatures, which need the grammar itself.
_NOT_KEPT: Final = re.compile(r"%import\s+(?!(?:common|python|unicode|lark)\b)|\b(?:(?:stop_)?capture|temperature)\b")
_logger = logging.getLogger(__name__)


def entry_of(spec: Any, vocabulary: Vocabulary, limits: Limits, implementation: str) -> Path | None:
    """The file in which a grammar's table belongs; None where it is not kept."""
    if os.environ.get("GUIDEDGEN_TABLE_CACHE") == "0":
        return None
    if not isinstance(spec, Lark | Gbnf | Ebnf) or len(spec.text) < _LARGE or _NOT_KEPT.search(spec.text):
        return None
    content = content_of(spec)
    if content is None:
        return None
    tokens = json.dumps([sorted(vocabulary.special.items()), sorted(vocabulary.eos), vocabulary.size])
    parts = [content, tokens, repr(limits), implementation, _code()]
    key = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    try:
        return cache_folder() / "grammars" / f"{key}.table"
    except RuntimeError:  # a user without a home
        return None


def load(path: Path) -> GrammarTable | None:
    """The table in a file, if it is there and whole."""
    try:
        table = table_file.read(path, limit=_LARGEST_FILE)[1]
        path.touch()
    except FileNotFoundError:
        return None
    except (OSError, SavedConstraintError) as error:
        _logger.info("rebuilding the grammar cache entry: %s", error)
        return None
    return table


def store(path: Path, table: GrammarTable) -> None:
    """Keep a table. Nothing happens where it embeds schemas, or where the folder cannot be written."""
    if table.sources:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        table_file.write(path, {}, table)
        _prune(path.parent)
    except (OSError, TypeError) as error:
        _logger.info("the grammar cache %s cannot be written: %s", path.parent, error)


def _prune(folder: Path) -> None:
    """Delete the least recently used entries beyond the limit."""
    entries = sorted(((path.stat(), path) for path in folder.glob("*.table")), key=lambda pair: -pair[0].st_mtime_ns)
    total = 0
    for status, path in entries:
        total += status.st_size
        if total > _FOLDER_LIMIT:
            path.unlink(missing_ok=True)


@cache
def _code() -> str:
    """What made the tables: lark, and this package as it stands on disk, so that changing it empties the cache."""
    folder = Path(__file__).parent
    files = sorted([*folder.rglob("*.py"), *folder.rglob("*.lark"), *(folder.parent / "kernel").glob("*.py")])
    seen = [(path.name, (status := path.stat()).st_size, status.st_mtime_ns) for path in files]
    return hashlib.sha256(repr((importlib.metadata.version("lark"), seen)).encode()).hexdigest()
