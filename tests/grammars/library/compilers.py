"""Parsers of Java and TypeScript: tree-sitter's, and the compilers' own where one that will do is installed."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import struct
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path(__file__).with_name("programs")
LEAST_JAVA = 25


@cache
def _parser(language: str) -> Any:
    tree_sitter = pytest.importorskip("tree_sitter")
    module = pytest.importorskip(f"tree_sitter_{language}")
    made = module.language() if hasattr(module, "language") else module.language_typescript()
    return tree_sitter.Parser(tree_sitter.Language(made))


def syntax_tree(language: str, text: str) -> Any:
    """The root of tree-sitter's tree of a text; skips the test where tree-sitter is not installed."""
    return _parser(language).parse(text.encode()).root_node


@cache
def java_home() -> Path | None:
    """The folder of a JDK whose parser knows all that the grammar does."""
    found = shutil.which("java")
    homes = [Path(os.environ["JAVA_HOME"])] if "JAVA_HOME" in os.environ else []
    homes += [Path(found).resolve().parent.parent] if found else []
    homes += sorted(Path("/usr/lib/jvm").glob("*"))
    return next((home for home in homes if _version(home) >= LEAST_JAVA and (home / "bin" / "javac").exists()), None)


def _version(home: Path) -> int:
    release = home / "release"
    said = re.search(r'JAVA_VERSION="(\d+)', release.read_text(encoding="utf-8")) if release.is_file() else None
    return int(said[1]) if said else 0


@cache
def typescript_package() -> Path | None:
    """The folder of the compiler's npm package; None where it is not installed, or node is not."""
    folders = [Path(name) for name in os.environ.get("GUIDEDGEN_REAL_FILES", "").split(os.pathsep) if name]
    folders += [Path("/usr/lib/node_modules"), Path("/usr/local/lib/node_modules")]
    found = (place for folder in folders for place in (folder / "typescript", folder / "node_modules" / "typescript"))
    return next((place for place in found if (place / "lib").is_dir()), None) if shutil.which("node") else None


class _Parser:
    """A program that reads texts behind their lengths and writes a line about each."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        atexit.register(self._end)

    def errors(self, text: str) -> list[str]:
        written = text.encode()
        self._send(struct.pack(">i", len(written)) + written)
        assert self._process.stdout is not None
        return [error for error in self._process.stdout.readline().decode().strip().split("; ") if error]

    def _send(self, data: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def _end(self) -> None:
        """Ask it to end and wait for it."""
        self._send(struct.pack(">i", -1))
        self._process.communicate(timeout=60)


@cache
def _javac() -> _Parser:
    home = java_home()
    assert home is not None
    return _Parser(
        [str(home / "bin" / "java"), "-XX:TieredStopAtLevel=1", "-Xmx512m", str(PROGRAMS / "JavaParse.java")]
    )


def errors_of_javac(text: str) -> list[str]:
    """What javac's parser says against a text: places, in characters, and kinds of errors."""
    return _javac().errors(text)


@cache
def _tsc() -> _Parser:
    package = typescript_package()
    assert package is not None
    return _Parser(["node", str(PROGRAMS / "typescript_parse.js"), str(package)])


def errors_of_tsc(text: str) -> list[str]:
    """What the parser of the TypeScript compiler says against a text."""
    return _tsc().errors(text)
