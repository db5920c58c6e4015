"""Parts on disk, keyed by the tokenizer's content: `vocabularies/<sha256>-<version>.npz`, arrays only, no pickle.

The folder is `$GUIDEDGEN_CACHE`, else `~/.cache/guidedgen`. A damaged or unreadable entry counts as absent and is
written again; a folder that cannot be written is only logged. Writes are atomic.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from guidedgen.tokenizer_files.parts import Parts

FORMAT_VERSION = 1  # raise it when a reader changes what it returns
_logger = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Where everything that can be rebuilt is kept; not created here."""
    configured = os.environ.get("GUIDEDGEN_CACHE")
    return Path(configured) if configured else Path.home() / ".cache" / "guidedgen"


def cached(content: bytes, reader: Callable[[bytes], Parts]) -> Parts:
    """`reader(content)`, from disk where it has been read before."""
    key = hashlib.sha256(reader.__name__.encode() + b"\0" + content).hexdigest()
    try:
        path = cache_folder() / "vocabularies" / f"{key}-{FORMAT_VERSION}.npz"
    except RuntimeError:  # a user without a home
        return reader(content)
    parts = _load(path)
    if parts is None:
        parts = reader(content)
        _store(path, parts)
    return parts


def _load(path: Path) -> Parts | None:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            lengths, data, meta = archive["lengths"], archive["data"].tobytes(), json.loads(archive["meta"].tobytes())
        offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        if offsets[-1] != len(data):
            raise ValueError("lengths and data disagree")
        return Parts(
            data=data,
            offsets=offsets,
            special=meta["special"],
            unused=dict(meta["unused"]),
            eos=frozenset(meta["eos"]),
            dummy_prefix=meta["dummy_prefix"],
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile, zlib.error, NotImplementedError) as error:
        _logger.info("rebuilding the vocabulary cache entry %s: %s", path, error)
        return None


def _store(path: Path, parts: Parts) -> None:
    meta = {
        "special": parts.special,
        "unused": list(parts.unused.items()),
        "eos": sorted(parts.eos),
        "dummy_prefix": parts.dummy_prefix,
    }
    buffer = io.BytesIO()
    np.savez(
        buffer,
        lengths=np.diff(parts.offsets).astype(np.int32),
        data=np.frombuffer(parts.data, dtype=np.uint8),
        meta=np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8),
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
            temporary = Path(file.name)
            try:
                file.write(buffer.getbuffer())
                file.close()
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        _logger.info("the vocabulary cache %s cannot be written: %s", path.parent, error)
