"""Parsers of Java and TypeScript: tree-sitter's, and that of a JDK where there is one of the version of the grammar."""

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

PROGRAM = Path(__file__).with_name("programs") / "JavaParse.java"
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
def _javac() -> subprocess.Popen[bytes]:
    home = java_home()
    assert home is not None
    command = [str(home / "bin" / "java"), "-XX:TieredStopAtLevel=1", "-Xmx512m", str(PROGRAM)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    atexit.register(_end, process)
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end and wait for it."""
    assert process.stdin is not None
    process.stdin.write(struct.pack(">i", -1))
    process.communicate(timeout=60)


def errors_of_javac(text: str) -> list[str]:
    """What javac's parser says against a text."""
    process, written = _javac(), text.encode()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(struct.pack(">i", len(written)) + written)
    process.stdin.flush()
    return [error for error in process.stdout.readline().decode().strip().split("; ") if error]
