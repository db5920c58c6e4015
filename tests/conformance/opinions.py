"""What `jsonschema` and `jsonschema_rs` say about a JSON text, and where the standard decides otherwise.

`DISAGREEMENTS` is the table: each entry names a clause of the standard and decides with a small exact check whether it
can be the reason in the case at hand. A disagreement without a reason is a finding: in a library, or in `standard.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

import jsonschema
import jsonschema_rs
import referencing

from tests.conformance import ecma
from tests.conformance.exact import is_number, read
from tests.conformance.format_checks import CHECKS
from tests.conformance.standard import Standard

LIBRARIES = ["jsonschema", "jsonschema_rs"]
_FORMATS = jsonschema.FormatChecker()


class Opinions:
    """A schema under three validators.

    Args:
        text: the schema's JSON.
        draft: the dialect where it declares none; MIXED is what real schemas want.
    """

    def __init__(self, text: str, **options: Any) -> None:
        self.schema = json.loads(text)
        self.exact = read(text)
        self.standard = Standard(self.exact, **options)

    @cached_property
    def _jsonschema(self) -> Any:
        default = jsonschema.Draft202012Validator
        cls = jsonschema.validators.validator_for(self.schema, default=default)
        return cls(self.schema, format_checker=_FORMATS, registry=referencing.Registry())

    @cached_property
    def _rust(self) -> Any:
        return jsonschema_rs.validator_for(self.schema, validate_formats=True)

    def of(self, text: str) -> dict[str, bool | None]:
        """By validator; None where a library fails or refuses the schema."""
        value = json.loads(text)
        return {
            "standard": self.standard.is_valid(read(text)),
            "jsonschema": _answer(lambda: self._jsonschema.is_valid(value)),
            "jsonschema_rs": _answer(lambda: self._rust.is_valid(value)),
        }

    def unexplained(self, text: str) -> list[str]:
        """The libraries that disagree with the standard about a text without a reason in the table."""
        found = self.of(text)
        case = Case(self, text)
        differing = [name for name in LIBRARIES if found[name] is not None and found[name] != found["standard"]]
        return [name for name in differing if not any(rule.explains(name, case) for rule in DISAGREEMENTS)]


def _answer(ask: Callable[[], bool]) -> bool | None:
    try:
        return bool(ask())
    except Exception:  # whatever a library raises: it has no opinion
        return None


@dataclass(frozen=True)
class Case:
    """A text under a schema, with what the reasons look at."""

    opinions: Opinions
    text: str

    @cached_property
    def strings(self) -> list[str]:
        return [found for found in _values(json.loads(self.text)) if isinstance(found, str)]

    @cached_property
    def numbers(self) -> list[Any]:
        return [found for found in _values(read(self.text)) if is_number(found)]

    def keyword(self, name: str) -> list[Any]:
        """What the schema gives a keyword, anywhere."""
        return [found[name] for found in _values(self.opinions.exact) if isinstance(found, dict) and name in found]


def _values(value: Any) -> Iterator[Any]:
    """A value and all below it, names of properties too."""
    yield value
    if isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from _values(item)
    elif isinstance(value, list):
        for item in value:
            yield from _values(item)


@dataclass(frozen=True)
class Disagreement:
    """A reason why a library may differ from the standard."""

    clause: str
    libraries: tuple[str, ...]
    applies: Callable[[Case], bool]

    def explains(self, library: str, case: Case) -> bool:
        return library in self.libraries and self.applies(case)


def _rounded(case: Case) -> bool:
    """A number of the text or the schema is not what the nearest double is, or is beyond doubles."""
    written = [*case.numbers, *(found for found in _values(case.opinions.exact) if is_number(found))]
    return any(_as_double(number) != number for number in written)


def _as_double(number: Any) -> Any:
    try:
        return Decimal(float(number))
    except OverflowError:
        return None


def _broken_factor(case: Case) -> bool:
    return any(_as_double(factor) != factor for factor in case.keyword("multipleOf") if is_number(factor))


def _other_regex(case: Case) -> bool:
    """Python's `re` decides otherwise about some pattern and string, or does not know the pattern."""
    named = [name for found in case.keyword("patternProperties") if isinstance(found, dict) for name in found]
    patterns = [found for found in [*case.keyword("pattern"), *named] if isinstance(found, str)]
    return any(_python(pattern, text) != ecma.search(pattern, text) for pattern in patterns for text in case.strings)


def _python(pattern: str, text: str) -> bool | None:
    try:
        return re.search(pattern, text) is not None
    except (re.error, FutureWarning):
        return None


def _other_format(check: Callable[[Case, str, str], bool]) -> Callable[[Case], bool]:
    """Whether a library's own check of some format decides otherwise about some string."""

    def applies(case: Case) -> bool:
        names = {name for name in case.keyword("format") if isinstance(name, str) and name in CHECKS}
        return any(check(case, name, text) != CHECKS[name](text) for name in names for text in case.strings)

    return applies


def _python_format(case: Case, name: str, text: str) -> bool:
    return bool(_FORMATS.conforms(text, name))


def _rust_format(case: Case, name: str, text: str) -> bool:
    """By a validator of the same draft: it asserts only the formats that the draft names."""
    schema: dict[str, Any] = {"format": name}
    if isinstance(case.opinions.schema, dict) and "$schema" in case.opinions.schema:
        schema["$schema"] = case.opinions.schema["$schema"]
    return bool(jsonschema_rs.validator_for(schema, validate_formats=True).is_valid(text))


def _mixes_drafts(case: Case) -> bool:
    """No declared draft, and keywords that 2020-12 does not have: both libraries then read it as 2020-12."""
    schema = case.opinions.schema
    uri = schema.get("$schema", "") if isinstance(schema, dict) else ""
    if "draft" in uri:
        return False
    older = [*case.keyword("dependencies"), *case.keyword("additionalItems")]
    older += [found for found in case.keyword("items") if isinstance(found, list)]
    older += [
        found for name in ("exclusiveMinimum", "exclusiveMaximum") for found in case.keyword(name) if found is True
    ]
    return bool(older)


def _dependencies_later(case: Case) -> bool:
    schema = case.opinions.schema
    later = isinstance(schema, dict) and re.search("2019-09|2020-12", str(schema.get("$schema", ""))) is not None
    return later and bool(case.keyword("dependencies"))


def _dialect_inside(case: Case) -> bool:
    schema = case.opinions.schema
    return len(case.keyword("$schema")) > int(isinstance(schema, dict) and "$schema" in schema)


BOTH = ("jsonschema", "jsonschema_rs")
DISAGREEMENTS = [
    Disagreement(
        "2020-12 core, 8.1.1: $schema must not stand in a subschema that is no resource; it means nothing there",
        BOTH,
        _dialect_inside,
    ),
    Disagreement(
        "2020-12 core, 4.2.2 and validation, 6.2: numbers are compared and divided as they are written; a library that "
        "reads them as doubles takes another number",
        BOTH,
        _rounded,
    ),
    Disagreement("2020-12 validation, 6.2.1: 19.99 is a multiple of 0.01", BOTH, _broken_factor),
    Disagreement(
        "2020-12 core, 6.4: ECMA-262, where $ is the very end, \\d and \\w are ASCII, . excludes four line terminators "
        "and \\s has its own set; Python's re decides otherwise",
        ("jsonschema",),
        _other_regex,
    ),
    Disagreement(
        "2020-12 validation, 7.3: formats by the documents that it names; jsonschema checks few of them, and by halves",
        ("jsonschema",),
        _other_format(_python_format),
    ),
    Disagreement(
        "2020-12 validation, 7.3: formats by the documents that it names; drafts 4 and 6 leave further ones open "
        "(draft 6 validation, 8.1): format='assert' takes them as later drafts define them, jsonschema_rs ignores them",
        ("jsonschema_rs",),
        _other_format(_rust_format),
    ),
    Disagreement(
        "2020-12 core, 8.1.1: without $schema the dialect is the implementation's; here keywords of older drafts count",
        BOTH,
        _mixes_drafts,
    ),
    Disagreement(
        "2019-09 and 2020-12 meta-schemas, dependencies: kept for compatibility; both libraries ignore it",
        BOTH,
        _dependencies_later,
    ),
]
