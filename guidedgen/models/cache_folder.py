"""Folders in the user's cache that are built once: atomically, by one process at a time, checked at every use.

A folder is complete when its manifest is there and agrees with the files; anything else is thrown away and built again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from guidedgen.errors import ModelError

MANIFEST = "guidedgen.json"
_BLOCK = 1 << 16
_SAMPLES = 64


def cache_root() -> Path:
    """The cache: $GUIDEDGEN_CACHE, else $XDG_CACHE_HOME/guidedgen, else ~/.cache/guidedgen."""
    chosen = os.environ.get("GUIDEDGEN_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "guidedgen"


def build_once(folder: Path, source: str, build: Callable[[Path], None]) -> Path:
    """Return `folder`, building it where it is missing or damaged.

    Args:
        folder: where the files belong.
        source: what they are made from (a checksum); a folder from another source is built again.
        build: writes the files into an empty folder next to `folder`, which is then renamed.

    Raises:
        ModelError: the cache cannot be written; whatever `build` raises.
    """
    if is_complete(folder, source):
        return folder
    with _locked(folder):
        if not is_complete(folder, source):
            _build(folder, source, build)
    return folder


def build_again(folder: Path, source: str, build: Callable[[Path], None]) -> Path:
    """Build `folder` whether or not it is there; an old one stays until the new one is whole.

    Raises:
        ModelError: the cache cannot be written; whatever `build` raises.
    """
    with _locked(folder):
        _build(folder, source, build)
    return folder


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of the processes that build `folder`; what cannot be written is named."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f".{folder.name}.lock"):
            yield
    except OSError as error:
        raise ModelError(
            f"cannot write the model cache {folder}: {error}. "
            "Free some space, or point GUIDEDGEN_CACHE to a folder that can be written."
        ) from error


def is_complete(folder: Path, source: str) -> bool:
    """Whether the manifest is there, from this source, and the files look as it says."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        return manifest["source"] == source and all(
            fingerprint(folder / name) == expected for name, expected in manifest["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def fingerprint(path: Path) -> str:
    """Size and a hash of 64 blocks of 64 KiB spread over the file: finds cut and half-written files in milliseconds."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        last = max(0, size - _BLOCK)
        for offset in sorted({last * index // (_SAMPLES - 1) for index in range(_SAMPLES)}):
            file.seek(offset)
            digest.update(file.read(_BLOCK))
    return f"{size}:{digest.hexdigest()}"


def _build(folder: Path, source: str, build: Callable[[Path], None]) -> None:
    for leftover in folder.parent.glob(f".{folder.name}.*.part"):  # of a process that was killed; we hold the lock
        shutil.rmtree(leftover, ignore_errors=True)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
    try:
        build(part)
        files = {path.name: fingerprint(path) for path in sorted(part.iterdir())}
        (part / MANIFEST).write_text(json.dumps({"source": source, "files": files}, indent=1), "utf-8")
        part.chmod(0o755)  # mkdtemp makes it private
        if folder.exists():
            shutil.rmtree(folder)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
