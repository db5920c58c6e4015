"""What independent validators say about a text: Python's `jsonschema`, and `jsonschema-rs` where they are installed.

Neither is the standard: a text is called invalid where all of them refuse it, and a disagreement where they differ.
References are never fetched from a network.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from guidedgen.evaluate.keywords import keywords_of, words

Check = Callable[[Any], bool | str]  # a string: no opinion, and why

# Formats of JSON Schema 2020-12 (validation, section 7.3). `jsonschema` passes those for which it lacks a package.
_FORMATS = words(
    """date-time date time duration email idn-email hostname idn-hostname ipv4 ipv6 uri uri-reference iri iri-reference
    uuid uri-template json-pointer relative-json-pointer regex"""
)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is said about one text.

    Attributes:
        fault: None where it is valid, else "not json", "invalid", "disagreement" or "unchecked".
        told: each validator's word.
        duplicate_key: an object has a key twice, which the standard of JSON leaves open (RFC 8259, section 4).
    """

    fault: str | None
    told: str
    duplicate_key: bool = False


class Validators:
    """The validators that are installed, for one schema."""

    def __init__(self, schema: Any, *, formats: bool) -> None:
        """Prepare them.

        Args:
            schema: the schema; `$schema` chooses the draft, 2020-12 where there is none.
            formats: whether `format` asserts.
        """
        self._checks: dict[str, Check | str] = {}
        for name, prepare in installed().items():
            try:
                self._checks[name] = prepare(schema, formats)
            except Exception as error:  # a schema that a validator cannot read is no fault of the engine
                self._checks[name] = f"{type(error).__name__}: {str(error)[:200]}"

    def judge(self, text: bytes) -> Verdict:
        """What they say about a text."""
        repeated: list[str] = []

        def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            value = dict(pairs)
            if len(value) < len(pairs):
                repeated.append("")
            return value

        try:
            value = json.loads(text.decode("utf-8"), object_pairs_hook=members, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            return Verdict(fault="not json", told=f"{type(error).__name__}: {error}")
        told = {name: _ask(check, value) for name, check in self._checks.items()}
        return Verdict(
            fault=_fault([answer for answer in told.values() if isinstance(answer, bool)]),
            told=", ".join(f"{name}: {_words(answer)}" for name, answer in told.items()),
            duplicate_key=bool(repeated),
        )


def installed() -> dict[str, Callable[[Any, bool], Check]]:
    """The validators that can be imported, by name."""
    return {name: prepare for name, prepare in _KNOWN.items() if _importable(name)}


def _importable(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def _fault(answers: list[bool]) -> str | None:
    if not answers:
        return "unchecked"
    return None if all(answers) else "disagreement" if any(answers) else "invalid"


def _ask(check: Check | str, value: Any) -> bool | str:
    if isinstance(check, str):
        return check
    try:
        return check(value)
    except Exception as error:  # infinite numbers, deep nesting, patterns that a validator cannot read
        return f"{type(error).__name__}: {str(error)[:200]}"


def _words(answer: bool | str) -> str:
    return answer if isinstance(answer, str) else "valid" if answer else "invalid"


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _jsonschema(schema: Any, formats: bool) -> Check:
    jsonschema: Any = importlib.import_module("jsonschema")
    specifications: Any = importlib.import_module("jsonschema_specifications")
    chosen = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    checker = chosen.FORMAT_CHECKER
    validator = chosen(schema, format_checker=checker if formats else None, registry=specifications.REGISTRY)
    used = {name.removeprefix("format: ") for name in keywords_of(schema) if name.startswith("format: ")}
    passed = sorted(used & _FORMATS - checker.checkers.keys()) if formats else []

    def check(value: Any) -> bool | str:
        valid = bool(validator.is_valid(value))
        return f"valid, {', '.join(passed)} not checked" if valid and passed else valid

    return check


def _jsonschema_rs(schema: Any, formats: bool) -> Check:
    library: Any = importlib.import_module("jsonschema_rs")
    validator = library.validator_for(schema, validate_formats=formats, retriever=_never)
    return lambda value: bool(validator.is_valid(value))


def _never(uri: str) -> NoReturn:
    raise LookupError(f"{uri} is not fetched")


_KNOWN: dict[str, Callable[[Any, bool], Check]] = {"jsonschema": _jsonschema, "jsonschema_rs": _jsonschema_rs}
