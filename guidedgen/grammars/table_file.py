"""Arrays and a JSON header in one file, for compiled grammars: versioned, checksummed, no pickle, nothing compressed.

    8 bytes    magic
    4 bytes    version, little endian
    8 bytes    length of the header in bytes
    32 bytes   SHA-256 of all that follows
    header     JSON: what the file holds, and each array's type, shape and offset
    arrays     one after another

A file is read whole and checked before anything in it is used; its size is bounded by the caller.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from guidedgen.errors import SavedConstraintError
from guidedgen.kernel.table import GrammarTable

VERSION: Final = 2
_MAGIC: Final = b"ggtable\n"
_AGAIN: Final = "Compile and save it again."
_LEAD: Final = struct.Struct("<8sIQ32s")
_TYPES: Final = {"int32": "<i4", "uint8": "|u1"}
_COLUMNS: Final = {"exprs": ("int32", 3), "symbols": ("int32", 3), "pool": ("int32", None), "byte_sets": ("uint8", 32)}
_KNOWN: Final = {*_COLUMNS, "literals", "start", "labels", "texts", "sources", "heats"}
"""The fields of a table that are written, or that can be made again from the header (`texts`, from `sources`)."""


def write(path: Path, header: Mapping[str, Any], table: GrammarTable | None) -> None:
    """Write a file, whole or not at all. Raises OSError, and TypeError as `encode` does."""
    data = encode(header, table)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(name, 0o644)  # mkstemp makes it private
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def encode(header: Mapping[str, Any], table: GrammarTable | None) -> bytes:
    """The bytes of a file. Raises TypeError where the table holds something that this format does not know."""
    if table is not None:
        for entry in dataclasses.fields(table):
            if entry.name not in _KNOWN and getattr(table, entry.name):
                raise TypeError(f"its table has {entry.name}")
    told: dict[str, Any] = dict(header)
    parts: list[bytes] = []
    if table is not None:
        arrays = {name: getattr(table, name) for name in _COLUMNS}
        arrays["literals"] = np.frombuffer(table.literals, dtype=np.uint8)
        told["arrays"] = {name: [array.dtype.name, list(array.shape)] for name, array in arrays.items()}
        told["start"] = int(table.start)
        told["labels"] = [list(table.labels), list(table.labels.values())]
        told["heats"] = [list(table.heats), list(table.heats.values())]
        parts = [array.astype(_TYPES[array.dtype.name], copy=False).tobytes() for array in arrays.values()]
    written = json.dumps(told, ensure_ascii=False).encode("utf-8", "surrogatepass")
    body = b"".join([written, *parts])
    return _LEAD.pack(_MAGIC, VERSION, len(written), hashlib.sha256(body).digest()) + body


def read(path: Path, *, limit: int) -> tuple[dict[str, Any], GrammarTable | None]:
    """The header and the table of a file, if it holds one.

    Args:
        path: the file.
        limit: the most bytes that are read.

    Raises:
        SavedConstraintError: it is no such file, cut, altered, too large, or of a newer version.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise SavedConstraintError(f"{path} has more than {limit} bytes. Compile it anew.", reason="size")
    try:
        return decode(data)
    except SavedConstraintError as error:
        raise SavedConstraintError(f"{path} {error}", reason=error.reason) from None


def decode(data: bytes) -> tuple[dict[str, Any], GrammarTable | None]:
    """The header and the table in the bytes of a file; raises SavedConstraintError."""
    if len(data) < _LEAD.size or data[:8] != _MAGIC:
        raise SavedConstraintError("is not a saved constraint. Make one with constraint.save(path).", reason="damaged")
    _, version, length, digest = _LEAD.unpack_from(data)
    if version != VERSION:
        age = "newer" if version > VERSION else "older"
        raise SavedConstraintError(
            f"has version {version} of the format, {age} than {VERSION}, which is read here. {_AGAIN}", reason="version"
        )
    body = memoryview(data)[_LEAD.size :]
    if hashlib.sha256(body).digest() != digest:
        raise SavedConstraintError(f"is cut or altered: its checksum does not fit. {_AGAIN}", reason="damaged")
    try:
        header = json.loads(bytes(body[:length]).decode("utf-8", "surrogatepass"))
        if not isinstance(header, dict):
            raise TypeError("the header is no object")
        return header, _table(header, body[length:]) if "arrays" in header else None
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise SavedConstraintError(f"cannot be understood: {error}. {_AGAIN}", reason="damaged") from error


def _table(header: Mapping[str, Any], data: memoryview) -> GrammarTable:
    """The arrays; whether they make a grammar is checked where they are compiled."""
    arrays: dict[str, NDArray[Any]] = {}
    offset = 0
    for name, (kind, shape) in header["arrays"].items():
        dtype = np.dtype(_TYPES[kind])
        count = int(np.prod([int(length) for length in shape], dtype=np.int64))
        if count < 0 or offset + count * dtype.itemsize > len(data):
            raise ValueError(f"the array {name} is longer than the file")
        arrays[name] = np.frombuffer(data, dtype=dtype, count=count, offset=offset).reshape(shape)
        offset += count * dtype.itemsize
    labelled, names = header["labels"]
    heated, heats = header.get("heats", [[], []])
    exprs, symbols, pool, byte_sets = (
        np.ascontiguousarray(arrays[name], dtype=kind) for name, (kind, _) in _COLUMNS.items()
    )
    return GrammarTable(
        exprs=exprs,
        symbols=symbols,
        pool=pool,
        byte_sets=byte_sets,
        literals=arrays["literals"].tobytes(),
        start=int(header["start"]),
        labels=dict(zip(map(int, labelled), map(str, names), strict=True)),
        heats=dict(zip(map(int, heated), map(float, heats), strict=True)),
    )
