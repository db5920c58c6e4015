"""Whether a text belongs to a language, decided by the language's own program, or by its rules written a second time.

Where a program takes more than the standard does (Python's csv), both must agree.
"""

from __future__ import annotations

import ast
import csv
import io
import json
import re
import shlex
import shutil
import sqlite3
import subprocess
import tempfile
import warnings
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.conformance.uri_checks import is_email, is_uri
from tests.grammars.library.branches import choices, without_brackets_in_comments, without_files
from tests.grammars.library.compilers import errors_of_javac, errors_of_tsc, java_home, syntax_tree, typescript_package


def is_json(text: str) -> bool:
    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        return False
    return True


def is_jsonl(text: str) -> bool:
    lines = text.split("\n")
    if len(lines) > 1 and lines[-1].strip(" \t\r") == "":
        lines.pop()
    return all(is_json(line) for line in lines)


_ARITHMETIC = (ast.Expression, ast.BinOp, ast.UnaryOp, ast.Constant, ast.operator, ast.UAdd, ast.USub)
_BITWISE = (ast.BitOr, ast.BitAnd, ast.BitXor, ast.LShift, ast.RShift, ast.MatMult)


def is_arithmetic(text: str) -> bool:
    if not re.fullmatch(r"[-+*/%(). \te0-9]*", text) or re.search(r"\.(?!\d)|(?<!\d)\.|\d\.\d*\.", text):
        return False  # what this grammar leaves out of Python's numbers, and whole constructs
    if re.search(r"(?<![\d.])0\d", text):
        return False
    try:
        tree = ast.parse(text.strip(" \t"), mode="eval")
    except (SyntaxError, ValueError, MemoryError):
        return False
    return all(isinstance(node, _ARITHMETIC) and not isinstance(node, _BITWISE) for node in ast.walk(tree))


def is_csv(text: str) -> bool:
    """RFC 4180, section 2, read character by character; what it takes, Python's csv reads back to the same fields."""
    fields = _csv_fields(text)
    if fields is None:
        return False
    read = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    # An empty line is a record with one empty field, which Python's reader leaves out or gives as no fields.
    assert [row for row in read if row] == [row for row in fields if row != [""]] or '""' in text
    return True


def _csv_fields(text: str) -> list[list[str]] | None:
    rows: list[list[str]] = [[]]
    place = 0
    while True:
        field = re.compile(r'"((?:[^"]|"")*)"|([^",\r\n]*)').match(text, place)
        assert field is not None
        content = field[2] if field[1] is None else field[1].replace('""', '"')
        if re.search(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]", content):
            return None
        rows[-1].append(content)
        place = field.end()
        if place == len(text):
            return rows
        if text[place] == ",":
            place += 1
        elif text.startswith(("\n", "\r\n"), place):
            place += 1 if text[place] == "\n" else 2
            rows.append([])
        else:
            return None


def is_iso8601(text: str) -> bool:
    first, slash, second = text.partition("/")
    if not slash:
        return any(check(text) for check in (is_date, is_datetime, is_time, is_duration))
    moments = [is_date(part) or is_datetime(part) for part in (first, second)]
    return sum(moments) == 2 or (sum(moments) == 1 and any(is_duration(part) for part in (first, second)))


def is_date(text: str) -> bool:
    ordinal = re.fullmatch(r"(\d{4})-(\d{3})", text, re.ASCII)
    if ordinal:
        year, day = int(ordinal[1]), int(ordinal[2])
        return year > 0 and 1 <= day <= date(year, 12, 31).timetuple().tm_yday
    if not re.fullmatch(r"\d{4}-(?:\d\d-\d\d|W\d\d-\d)", text, re.ASCII) or text.startswith("0000"):
        return False
    # The calendar repeats after 400 years: within reach of Python for dates at the end of the year 9999, too.
    return _reads(date.fromisoformat, f"{2000 + int(text[:4]) % 400}{text[4:]}")


def is_time(text: str) -> bool:
    shape = r"\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d:\d\d)?"
    return re.fullmatch(shape, text, re.ASCII) is not None and _reads(time.fromisoformat, text)


def is_datetime(text: str) -> bool:
    first, letter, second = text.partition("T")
    if letter != "T" or not is_date(first) or not is_time(second):
        return False
    usual = re.fullmatch(r"\d{4}-\d\d-\d\d", first) is not None
    return not usual or _reads(datetime.fromisoformat, text)


def is_duration(text: str) -> bool:
    number = r"(\d+(?:[.,]\d+)?)"
    if re.fullmatch(rf"P{number}W", text, re.ASCII):
        return True
    parts = "".join(rf"(?:{number}{unit})?" for unit in "YMD"), "".join(rf"(?:{number}{unit})?" for unit in "HMS")
    found = re.fullmatch(rf"P{parts[0]}(T{parts[1]})?", text, re.ASCII)
    if found is None or text.endswith(("P", "T")):
        return False
    numbers = [group for group in (*found.groups()[:3], *found.groups()[4:]) if group is not None]
    return all(re.fullmatch(r"\d+", number) for number in numbers[:-1])


def _reads(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def is_url(text: str) -> bool:
    return is_uri(text)


def is_address(text: str) -> bool:
    local, _, domain = text.rpartition("@")
    labels = domain.split(".")
    return is_email(text) and '"' not in local and "[" not in domain and len(labels) > 1


def is_markdown_table(text: str) -> bool:
    """One table and nothing else, each row between bars."""
    if re.search(r"[\x00-\x09\x0b-\x1f\x7f]|\n\n", text):
        return False
    body = text.removesuffix("\n")
    lines = body.split("\n")
    if not all(re.fullmatch(r"\|(?:(?:[^|\\]|\\+[^\\])*\|)+", line) for line in lines):
        return False
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    whole = [token.map for token in tokens if token.type == "table_open"] == [[0, len(lines)]]
    return whole and tokens[-1].type == "table_close" and tokens[0].type == "table_open"


def is_shell_arguments(text: str) -> bool:
    """Nothing that a shell expands; sh hands over the words that shlex splits."""
    if not _shell_shape(text):
        return False
    words = shlex.split(text)
    script = f"set -- {text}\nfor word do printf '%s\\0' \"$word\"; done"
    printed = subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout
    assert printed.decode().split("\0")[:-1] == words
    return True


def _shell_shape(text: str) -> bool:
    """Read character by character: whether quotes are closed and nothing special is unquoted."""
    if re.search(r"[\x00-\x1f\x7f]", text):
        return False
    quote, place = "", 0
    while place < len(text):
        char = text[place]
        place += 1
        if quote == "'":
            quote = "" if char == "'" else quote
        elif char == "\\":
            following = text[place : place + 1]
            if not (following in ('"', "\\") and following if quote else " " <= following <= "~"):
                return False
            place += 1
        elif quote:
            if char in "$`!":
                return False
            quote = "" if char == '"' else quote
        elif char in "'\"":
            quote = char
        elif not re.fullmatch(r"[A-Za-z0-9_@%+=:,./ -]", char):
            return False
    return not quote


ORACLES: dict[str, Callable[[str], bool]] = {
    "arithmetic": is_arithmetic,
    "csv": is_csv,
    "email": is_address,
    "iso8601": is_iso8601,
    "json": is_json,
    "jsonl": is_jsonl,
    "markdown_table": is_markdown_table,
    "shell_arguments": is_shell_arguments,
    "url": is_url,
}


def oracle(name: str) -> Callable[[str], bool]:
    """The judge of a language; skips the test where its program is not installed."""
    if name not in ORACLES:
        pytest.skip(f"nothing here decides about {name}")
    return ORACLES[name]


def is_graphql(text: str) -> bool:
    graphql = pytest.importorskip("graphql")
    if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", text):
        return False
    try:
        document = graphql.parse(text)
    except (graphql.GraphQLSyntaxError, RecursionError):
        return False
    kinds = {"operation_definition", "fragment_definition"}
    return all(definition.kind in kinds for definition in document.definitions) and "selections=[]" not in str(document)


_SQL_SYNTAX = (
    "syntax error", "unrecognized token", "incomplete input", "unknown join type", "should come after",
    "NATURAL join may", "JOIN clause is required", "unknown table option", "variable number must",
)  # fmt: skip


def sql_error(text: str) -> str | None:
    """What SQLite's parser says against one of the statements; None: nothing, though names may be missing."""
    connection = sqlite3.connect(":memory:")
    try:
        for statement in _statements(text):
            if not re.sub(r"/\*.*?\*/|--[^\n]*", " ", statement, flags=re.DOTALL).strip():
                continue
            explained = re.match(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*explain\b", statement, re.IGNORECASE | re.DOTALL)
            try:
                connection.execute(statement if explained else f"EXPLAIN {statement}")
            except sqlite3.ProgrammingError as error:
                if "binding" not in str(error).lower():
                    return str(error)
            except sqlite3.Error as error:
                if any(part in str(error) for part in _SQL_SYNTAX):
                    return str(error)
    finally:
        connection.close()
    return None


def _statements(text: str) -> list[str]:
    found, start = [], 0
    for semicolon in re.finditer(";", text):
        if sqlite3.complete_statement(text[start : semicolon.end()]):
            found.append(text[start : semicolon.end() - 1])
            start = semicolon.end()
    return [*found, text[start:]]


def is_sql(text: str) -> bool:
    return "\0" not in text and sql_error(text) is None


def is_python(text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes, `1if x`
        try:
            ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


def is_python_but_for_fields(text: str) -> bool:
    """The grammar takes blanks before the first line and reads fields of f-strings as text, as it says."""
    plain = re.sub(r"\A(?:[ \t\f]|\\\r?\n)+", "", text)
    if is_python(plain):
        return True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(plain)
        except SyntaxError as error:
            return str(error.msg).startswith("f-string")
    return False


_REFUSALS = re.compile(rb"syntax error|[Mm]alformed|[Ii]nvalid|[Ee]rror in|Net type|`\w+ (?:dir|lacks|with)|lacks an `")


def icarus_parses(text: str) -> bool:
    """What Icarus Verilog parses; names that are not declared, and whatever it checks later, are not asked for.

    Files that are included are empty.
    """
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "text.v")
        file.write_bytes(without_files(text).encode())
        command = ["iverilog", "-g2005", "-t", "null", str(file)]
        said = subprocess.run(command, capture_output=True, check=False, timeout=60)
    return not _REFUSALS.search(said.stdout + said.stderr)


def is_verilog(text: str) -> bool:
    """What Icarus Verilog parses, whichever branches the text's directives choose.

    In attributes its preprocessor takes a comment's `*)` for their end, so that it has none here.
    """
    text = without_brackets_in_comments(text)
    return icarus_parses(text) and ("`if" not in text or all(icarus_parses(chosen) for chosen in choices(text)))


# What the parser reports behind the syntax, and the grammar says that it takes: a constructor that is not called like
# its class; var, record and permits as types (a class of these names, another error, the grammar refuses, too).
_JAVA_NAMES = r"invalid\.meth\.decl|restricted\.type\.not\.allowed\.(?:here|array|compound)|invalid\.lambda\.parameter"


def is_java(text: str) -> bool:
    """What javac's parser takes, but for the names that `_JAVA_NAMES` is about; else tree-sitter."""
    if java_home() is None:
        return not syntax_tree("java", text).has_error
    return all(re.search(_JAVA_NAMES, error) for error in errors_of_javac(_with_private_constructors(text)))


def _with_private_constructors(text: str) -> str:
    """In enums javac takes constructors of another name for constants, unless they are private: so they are made."""
    for _ in range(text.count("(")):
        errors = (error.split(" ") for error in errors_of_javac(text))
        place = next((int(place) for place, kind in errors if "enum.constant.not.expected" in kind), None)
        if place is None:
            break
        text = f"{text[:place]}private {text[place:]}"
    return text


def is_typescript(text: str) -> bool:
    """What the parser of the TypeScript compiler takes; else tree-sitter."""
    if typescript_package() is not None:
        return not errors_of_tsc(text)
    return not syntax_tree("typescript", text).has_error


ORACLES |= {"java": is_java, "typescript": is_typescript}
ORACLES |= {"verilog": is_verilog, "graphql": is_graphql, "sql": is_sql, "python": is_python_but_for_fields}
