"""Real texts of a few languages: what the standard library and the packages of the tests' environment hold."""

from __future__ import annotations

import ast
import os
import re
import sysconfig
import warnings
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.grammars.library.compilers import java_home, syntax_tree
from tests.grammars.library.oracles import is_json, is_python, is_sql

STANDARD = Path(sysconfig.get_paths()["stdlib"])
PACKAGES = Path(sysconfig.get_paths()["purelib"])
_STATEMENT = re.compile(
    r"\s*(?:select|insert|update|delete|create|drop|alter|with|values|replace|pragma|begin|commit|explain|savepoint|"
    r"release|rollback|analyze)\b",
    re.IGNORECASE,
)


def _files(folder: Path, suffix: str) -> list[Path]:
    return sorted(path for path in folder.rglob(f"*{suffix}") if path.is_file())


def _text(path: Path) -> str | None:
    """As it is, line breaks included; None where it is not UTF-8."""
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError:
        return None


@cache
def python_files() -> list[Path]:
    """Every module of the standard library (its tests included, where they are installed), by path."""
    return [path for path in _files(STANDARD, ".py") if "site-packages" not in path.parts]


def python_texts(every: int) -> Iterator[tuple[str, str]]:
    """Name and text of every so many of these files that CPython's parser accepts."""
    for path in python_files()[::every]:
        text = _text(path)
        if text is not None and is_python(text):
            yield str(path.relative_to(STANDARD)), text


def sql_texts(every: int) -> list[str]:
    """Strings of the standard library's modules that begin like statements and that SQLite prepares."""
    found: set[str] = set()
    for path in python_files():
        text = _text(path)
        if text is None or not re.search(r"\b(?:select|insert into|create table)\b", text, re.IGNORECASE):
            continue
        found.update(string for string in _strings(text) if _STATEMENT.match(string))
    return [text for text in sorted(found)[::every] if not re.search("[\0\ud800-\udfff]", text) and is_sql(text)]


def _strings(text: str) -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(text)
        except SyntaxError:
            return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def java_texts(every: int) -> Iterator[tuple[str, str]]:
    """Java files of installed packages, and every so many of those of the JDK, that tree-sitter parses."""
    home = java_home()
    sources = home / "lib" / "src.zip" if home is not None else None
    if sources is not None and sources.is_file():
        with zipfile.ZipFile(sources) as archive:
            names = sorted(name for name in archive.namelist() if name.endswith(".java"))
            for name in names[::every]:
                yield from _parsed("java", name, archive.read(name))
    for path in _files(PACKAGES, ".java"):
        yield from _parsed("java", str(path.relative_to(PACKAGES)), path.read_bytes())


def typescript_texts(every: int) -> Iterator[tuple[str, str]]:
    """The same for TypeScript: installed packages, and the folder that GUIDEDGEN_TYPESCRIPT names."""
    folders = [PACKAGES, *(Path(name) for name in [os.environ.get("GUIDEDGEN_TYPESCRIPT")] if name)]
    for folder in folders:
        for path in _files(folder, ".ts")[::every]:
            yield from _parsed("typescript", str(path.relative_to(folder)), path.read_bytes())


def _parsed(language: str, name: str, content: bytes) -> Iterator[tuple[str, str]]:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return
    if not syntax_tree(language, text).has_error:
        yield name, text


def json_texts() -> Iterator[tuple[str, str]]:
    """JSON files of installed packages, up to a size."""
    for path in _files(PACKAGES, ".json"):
        text = _text(path)
        if text is not None and len(text) < 30_000 and is_json(text):
            yield str(path.relative_to(PACKAGES)), text


def csv_texts() -> Iterator[tuple[str, str]]:
    """CSV files of installed packages: their first lines."""
    for path in _files(PACKAGES, ".csv"):
        text = _text(path)
        if text is not None and '"' not in text:
            yield str(path.relative_to(PACKAGES)), text[:20_000].rpartition("\n")[0]
