"""Real texts of a few languages: what the standard library and the packages of the tests' environment hold.

GUIDEDGEN_REAL_FILES names more folders with packages, such as `node_modules`.
"""

from __future__ import annotations

import ast
import os
import re
import sysconfig
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

from tests.grammars.library.compilers import java_home, syntax_tree
from tests.grammars.library.oracles import icarus_parses, is_graphql, is_json, is_python, is_sql, is_typescript

STANDARD = Path(sysconfig.get_paths()["stdlib"])
PACKAGES = Path(sysconfig.get_paths()["purelib"])
EXAMPLES = Path("/usr/share/doc/iverilog/examples")
GIVEN = [Path(name) for name in os.environ.get("GUIDEDGEN_REAL_FILES", "").split(os.pathsep) if name]
FOLDERS = [PACKAGES, EXAMPLES, *GIVEN]
_REQUEST = re.compile(r"\bTypedDocumentString\(`((?:[^`$\\]|\$(?!\{))*)`")
_STATEMENT = re.compile(
    r"\s*(?:select|insert|update|delete|create|drop|alter|with|values|replace|pragma|begin|commit|explain|savepoint|"
    r"release|rollback|analyze)\b",
    re.IGNORECASE,
)


def _files(folder: Path, suffix: str) -> list[Path]:
    return sorted(path for path in folder.rglob(f"*{suffix}") if path.is_file())


def _text(path: Path) -> str | None:
    """As it is, line breaks included; None where it is not UTF-8."""
    return _decoded(path.read_bytes())


def _decoded(content: bytes) -> str | None:
    try:
        return content.decode()
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


def sql_texts(every: int) -> Iterator[tuple[str, str]]:
    """Statements, each its own name: strings of the standard library that begin like them and that SQLite prepares."""
    found: set[str] = set()
    for path in python_files():
        text = _text(path)
        if text is None or not re.search(r"\b(?:select|insert into|create table)\b", text, re.IGNORECASE):
            continue
        found.update(string for string in _strings(text) if _STATEMENT.match(string))
    for text in sorted(found)[::every]:
        if not re.search("[\0\ud800-\udfff]", text) and is_sql(text):
            yield text, text


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
    """Java files of packages, and every so many of those of the JDK, that tree-sitter parses."""
    home = java_home()
    sources = home / "lib" / "src.zip" if home is not None else None
    if sources is not None and sources.is_file():
        with zipfile.ZipFile(sources) as archive:
            names = sorted(name for name in archive.namelist() if name.endswith(".java"))
            for name in names[::every]:
                text = _decoded(archive.read(name))
                if text is not None and not syntax_tree("java", text).has_error:
                    yield name, text
    yield from _packaged((".java",), lambda text: not syntax_tree("java", text).has_error, 1)


def typescript_texts(every: int) -> Iterator[tuple[str, str]]:
    return _packaged((".ts", ".mts", ".cts"), is_typescript, every)


def verilog_texts(every: int) -> Iterator[tuple[str, str]]:
    return _packaged((".v", ".vl"), icarus_parses, every)


def graphql_texts(every: int) -> Iterator[tuple[str, str]]:
    """Files of requests, and the requests in files of JavaScript."""
    yield from _packaged((".graphql", ".gql"), is_graphql, every)
    for folder in FOLDERS:
        for path in _files(folder, ".mjs"):
            found = _REQUEST.findall(_text(path) or "")[::every]
            for number, text in enumerate(found):
                if is_graphql(text):
                    yield f"{path.relative_to(folder)}:{number}", text


def _packaged(suffixes: Sequence[str], judge: Callable[[str], bool], every: int) -> Iterator[tuple[str, str]]:
    for folder in FOLDERS:
        for path in [path for suffix in suffixes for path in _files(folder, suffix)][::every]:
            text = _text(path)
            if text is not None and judge(text):
                yield str(path.relative_to(folder)), text


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
