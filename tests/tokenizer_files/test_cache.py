"""The disk cache: equal content, rebuilt when damaged, harmless when it cannot be written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from guidedgen.tokenizer_files.cache import cache_folder, cached
from guidedgen.tokenizer_files.parts import Parts, parts_of


class Reader:
    """Counts how often the content was read."""

    __name__ = "reader"

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, content: bytes) -> Parts:
        self.calls += 1
        special, unused = {"<s>": 2, "<é>": 4}, {3: "padding"}
        return parts_of(
            [content, b"\xff\x00", b"", b"", b""], special=special, unused=unused, eos=[2], dummy_prefix=True
        )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GUIDEDGEN_CACHE", str(tmp_path))
    return tmp_path / "vocabularies"


def fields(parts: Parts) -> tuple[object, ...]:
    return parts.data, parts.offsets.tolist(), parts.special, parts.unused, parts.eos, parts.dummy_prefix


def test_the_second_read_comes_from_disk_and_is_equal(folder: Path) -> None:
    reader = Reader()
    first, second = cached(b"x", reader), cached(b"x", reader)
    assert reader.calls == 1
    assert fields(first) == fields(second)
    assert second.offsets.dtype == np.int64
    assert len(list(folder.iterdir())) == 1


def test_other_content_is_another_entry(folder: Path) -> None:
    reader = Reader()
    assert cached(b"x", reader).data != cached(b"y", reader).data
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("keep", [0, 1, 30, 200, -1, -40])
def test_a_damaged_entry_is_rebuilt(folder: Path, keep: int) -> None:
    reader = Reader()
    expected = fields(cached(b"x", reader))
    (path,) = folder.iterdir()
    path.write_bytes(path.read_bytes()[:keep])
    assert fields(cached(b"x", reader)) == expected
    assert fields(cached(b"x", reader)) == expected
    assert reader.calls == 2


def test_every_flipped_byte_is_rebuilt_or_harmless(folder: Path) -> None:
    reader = Reader()
    expected = fields(cached(b"x", reader))
    (path,) = folder.iterdir()
    content = path.read_bytes()
    for position in range(0, len(content), 7):
        path.write_bytes(content[:position] + bytes([content[position] ^ 0x55]) + content[position + 1 :])
        assert fields(cached(b"x", reader)) == expected


def test_an_archive_with_objects_is_not_unpickled(folder: Path) -> None:
    reader = Reader()
    expected = fields(cached(b"x", reader))
    (path,) = folder.iterdir()
    with path.open("wb") as file:
        np.savez(file, lengths=np.array([object()], dtype=object), data=np.zeros(1), meta=np.zeros(1))
    assert fields(cached(b"x", reader)) == expected
    assert reader.calls == 2


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GUIDEDGEN_CACHE", str(tmp_path / "file" / "below"))
    reader = Reader()
    assert fields(cached(b"x", reader)) == fields(cached(b"x", reader))
    assert reader.calls == 2


def test_a_user_without_a_home_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("GUIDEDGEN_CACHE")
    monkeypatch.setattr(Path, "home", no_home)
    assert cached(b"x", Reader()).size == 5


def test_nothing_but_entries_is_left_behind(folder: Path) -> None:
    for content in (b"a", b"b", b"a"):
        cached(content, Reader())
    assert {path.suffix for path in folder.iterdir()} == {".npz"}


def test_the_default_folder_is_in_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GUIDEDGEN_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "guidedgen"
