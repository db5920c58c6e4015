"""The official JSON Schema test suite: reading its files, and what a constraint says about each of its cases.

A case is right where the constraint takes `json.dumps` of the instance exactly if the suite calls it valid; every few
cases also with its strings escaped and its names in another order ("one spelling" where only the plain text is taken).
Knows nothing of ratchets.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from guidedgen.errors import CompileError, LimitExceeded, UnsatisfiableSchema, UnsupportedFeature
from guidedgen.grammars.compile import compile
from guidedgen.grammars.specs import JsonSchema
from guidedgen.testing import byte_vocabulary
from guidedgen.vocabulary import Vocabulary

DRAFTS = {
    "draft4": ("4", "http://json-schema.org/draft-04/schema#"),
    "draft6": ("6", "http://json-schema.org/draft-06/schema#"),
    "draft7": ("7", "http://json-schema.org/draft-07/schema#"),
    "draft2019-09": ("2019", "https://json-schema.org/draft/2019-09/schema"),
    "draft2020-12": ("2020", "https://json-schema.org/draft/2020-12/schema"),
}
PARTS = ["required", "optional", "format"]
RESPELLED = 5  # every so many cases are also fed in other spellings
OPTIONS = {entry.name for entry in dataclasses.fields(JsonSchema)}


@dataclass(frozen=True)
class Group:
    """A schema of the suite with its instances."""

    draft: str
    part: str
    name: str  # file and description
    schema: Any
    tests: list[dict[str, Any]]


def groups(shared: Path, draft: str) -> list[Group]:
    """All groups of a draft, in the order of the files."""
    folder = shared / "data" / "json-schema-test-suite" / "tests" / draft
    return [group for path in sorted(folder.rglob("*.json")) for group in _groups_of(path, folder, draft)]


def _groups_of(path: Path, folder: Path, draft: str) -> Iterator[Group]:
    name = path.relative_to(folder).with_suffix("").as_posix()
    part = "format" if name.startswith("optional/format/") else "optional" if "/" in name else "required"
    for found in json.loads(path.read_text(encoding="utf-8")):
        title = f"{name.rsplit('/', 1)[-1]}: {found['description']}"
        yield Group(draft, part, title, found["schema"], found["tests"])


@lru_cache(maxsize=1)
def registry(shared: Path) -> dict[str, Any]:
    """All documents that the suite serves from http://localhost:1234/, also those of drafts that nobody knows here."""
    folder = shared / "data" / "json-schema-test-suite" / "remotes"
    paths = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*.json"))}
    return {
        f"http://localhost:1234/{name}": json.loads(path.read_text(encoding="utf-8")) for name, path in paths.items()
    }


def with_dialect(schema: Any, draft: str) -> Any:
    """A schema that names its dialect; the suite leaves that out in the older drafts."""
    return {"$schema": DRAFTS[draft][1], **schema} if isinstance(schema, dict) and "$schema" not in schema else schema


def compiled(group: Group, shared: Path, vocabulary: Vocabulary) -> Any:
    """The constraint; raises what compiling raises."""
    options: dict[str, Any] = {
        "whitespace": "flexible",
        "property_order": "any",
        "format": "assert" if group.part == "format" else "annotation",
        "registry": registry(shared),
    }
    if "draft" in OPTIONS:
        return compile(JsonSchema(group.schema, draft=DRAFTS[group.draft][0], **options), vocabulary)
    return compile(JsonSchema(with_dialect(group.schema, group.draft), **options), vocabulary)


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """Bytes."""
    return byte_vocabulary()


def judge(group: Group, shared: Path) -> dict[str, str]:
    """The cases of a group that are not right, with what is wrong; the group's own name where it does not compile."""
    try:
        constraint = compiled(group, shared, vocabulary())
    except UnsatisfiableSchema:
        wrong = [test for test in group.tests if test["valid"]]
        return {_case(group, test): "rejects valid" for test in wrong}
    except LimitExceeded:
        return {group.name: "too much work"}
    except UnsupportedFeature:
        return {group.name: "unsupported"}
    except CompileError:
        return {group.name: "malformed"}
    except Exception:  # nothing but errors of guidedgen may leave compile(): a kind of its own, never hidden
        return {group.name: "crash"}
    found: dict[str, str] = {}
    for index, test in enumerate(group.tests):
        try:
            verdict = _verdict(constraint, test, index % RESPELLED == 0)
        except LimitExceeded:
            verdict = "too much work"
        if verdict != "right":
            found[_case(group, test)] = verdict
    return found


def _verdict(constraint: Any, test: dict[str, Any], several: bool) -> str:
    plain, *others = [takes(constraint, text) for text in spellings(test["data"], several)]
    if not test["valid"]:
        return "accepts invalid" if plain or any(others) else "right"
    if not plain:
        return "rejects valid"
    return "right" if all(others) else "one spelling"


def _case(group: Group, test: dict[str, Any]) -> str:
    return f"{group.name}: {test['description']}"


def takes(constraint: Any, text: bytes) -> bool:
    """Whether a text is allowed and complete."""
    state = constraint.start().advance_bytes(text)
    return state is not None and state.accepting


def spellings(value: Any, several: bool) -> list[bytes]:
    """The text of `json.dumps`; also one with all characters of strings escaped and one with names in another order."""
    try:
        texts = [json.dumps(value, ensure_ascii=False).encode()]
    except UnicodeEncodeError:  # a lone surrogate, which only an escape can write
        texts = [json.dumps(value).encode()]
    if several:
        texts += [escaped(value).encode(), json.dumps(reordered(value), indent=1).encode()]
    return texts


def escaped(value: Any) -> str:
    """JSON text with every character of every string as `\\uXXXX` (RFC 8259, 7)."""
    if isinstance(value, str):
        units = value.encode("utf-16-be", "surrogatepass")
        return '"' + "".join(f"\\u{units[i]:02X}{units[i + 1]:02x}" for i in range(0, len(units), 2)) + '"'
    if isinstance(value, dict):
        return "{" + ",".join(f"{escaped(name)}:{escaped(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(escaped, value)) + "]"
    return json.dumps(value)


def reordered(value: Any) -> Any:
    """The same value with the names of every object the other way round."""
    if isinstance(value, dict):
        return {name: reordered(value[name]) for name in reversed(value)}
    return [reordered(item) for item in value] if isinstance(value, list) else value
