"""JSON texts and values: reading them exactly, comparing them as the standard does, writing them in one way.

Numbers are read as int or Decimal, never as float, so that bounds and enumerations stay exact.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Final, TypeAlias

from guidedgen.errors import CompileError, GrammarSyntaxError, LimitExceeded, ValidationFailed
from guidedgen.limits import Limits

Scalar: TypeAlias = bool | int | Decimal | str | None

MAX_EXPONENT: Final = 1000
"""Numbers in schemas have at most this order of magnitude; expressions about them have as many digits."""


class _Duplicate(ValueError):
    pass


def parse_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValidationFailed: the text is not JSON, an object has the same name twice, or a number is beyond any float.
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_float=_finite, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValidationFailed(f"the text is not a JSON value: {error}", raw=text) from error


def read_exact(text: str) -> Any:
    """The value of a JSON text with exact numbers. Raises ValueError where it is not JSON or has a name twice."""
    try:
        return json.loads(
            text, object_pairs_hook=_object, parse_float=_decimal, parse_int=_integer, parse_constant=_refuse_constant
        )
    except RecursionError as error:
        raise ValueError("the text is nested too deeply") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise _Duplicate(f"the name {twice!r} occurs twice in one object")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text[:40]} is beyond the range of a float")
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def read_schema(schema: Mapping[str, Any] | bool | str, limits: Limits) -> Any:
    """A private copy of a schema with exact numbers.

    Args:
        schema: Python values that JSON can write, or a JSON text.
        limits: `schema_bytes` and `depth`.

    Raises:
        GrammarSyntaxError: the text is not JSON (with line and column).
        CompileError: the values are not JSON.
        LimitExceeded: too large or nested too deeply.
    """
    text = schema if isinstance(schema, str) else _dump(schema, limits)
    limits.check("schema_bytes", len(text.encode("utf-8", "surrogatepass")))
    try:
        value = json.loads(text, parse_float=_decimal, parse_int=_integer, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise GrammarSyntaxError(
            f"the schema is not JSON: {error.msg}", line=error.lineno, column=error.colno, source=text
        ) from error
    except RecursionError as error:
        raise LimitExceeded("depth", limits.depth, "the schema is nested too deeply") from error
    except ValueError as error:
        raise CompileError(f"the schema cannot be read: {error}", pointer="") from error
    _check_depth(value, limits)
    return value


def _dump(schema: object, limits: Limits) -> str:
    try:
        return json.dumps(_plain(schema), ensure_ascii=False, allow_nan=False)
    except RecursionError as error:
        raise LimitExceeded("depth", limits.depth, "the schema is nested too deeply") from error
    except (TypeError, ValueError) as error:
        raise CompileError(
            f"the schema is not JSON: {error}", pointer="", hint="Use dict, list, str, int, float, bool and None only."
        ) from error


def _plain(schema: object) -> object:
    return dict(schema) if isinstance(schema, Mapping) else schema


def _decimal(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"the number {text[:40]} cannot be represented") from error
    if value and abs(value.adjusted()) > MAX_EXPONENT:
        raise ValueError(f"the number {text[:40]} is beyond 10^{MAX_EXPONENT}")
    return value


def _integer(text: str) -> int:
    if len(text) > MAX_EXPONENT:
        raise ValueError(f"the number {text[:40]}... is beyond 10^{MAX_EXPONENT}")
    return int(text)


def _check_depth(value: Any, limits: Limits) -> None:
    level = [value]
    for _ in range(limits.depth + 1):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return
    raise LimitExceeded("depth", limits.depth, "the schema is nested too deeply")


def is_number(value: object) -> bool:
    """Whether a value that was read from JSON is a number (a boolean is not)."""
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def is_integral(value: int | Decimal) -> bool:
    """Whether a number has no fractional part (2020-12 core, 4.2.1: 1.0 is an integer)."""
    return isinstance(value, int) or value == value.to_integral_value()


def equality_key(value: Scalar) -> tuple[str, object]:
    """Equal for scalars that JSON Schema calls equal (2020-12 core, 4.2.2): 1 and 1.0, but not 1 and true."""
    if value is None:
        return ("null", None)
    if isinstance(value, bool):
        return ("boolean", value)
    return ("string", value) if isinstance(value, str) else ("number", Fraction(value))


def kind_of(value: object) -> str:
    """The JSON kind of a value: null, boolean, number, string, array or object."""
    if value is None or isinstance(value, bool | int | Decimal | str):
        return equality_key(value)[0]
    return "array" if isinstance(value, list) else "object"


def plain_decimal(value: Decimal) -> str:
    """The number without an exponent and without trailing zeros."""
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) if value else "0"


def spellings(value: Scalar, *, canonical: bool) -> list[str]:
    """The JSON texts that an enumerated scalar may be written as: few, so that the model is not led astray.

    Strings have one: what `json.dumps(ensure_ascii=False)` writes. Numbers have that of an integer and that of a float,
    with `canonical` only the shortest.
    """
    if not is_number(value):
        return [json.dumps(value, ensure_ascii=False)]
    assert isinstance(value, int | Decimal)
    plain = str(int(value)) if is_integral(value) else plain_decimal(Decimal(value))
    texts = [plain]
    if not canonical:
        texts += [f"{plain}.0"] if is_integral(value) else []
        texts += _float_texts(value)
    return list(dict.fromkeys(texts))


def _float_texts(value: int | Decimal) -> list[str]:
    try:
        text = json.dumps(float(value))
    except OverflowError:
        return []
    return [text] if text not in ("Infinity", "-Infinity") and Decimal(text) == value else []
