"""Formats as their documents define them, for validators in tests. Independent of the package's expressions on purpose.

What needs tables (host names with punycode, and mailboxes at them) is left to `jsonschema_rs`.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jsonschema_rs

from tests.conformance import ecma, uri_checks
from tests.conformance.format_ip import is_ipv4, is_ipv6

_TIME = re.compile(r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))")


def is_date(text: str) -> bool:
    """RFC 3339, 5.6 full-date."""
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is None:
        return False
    year, month, day = map(int, text.split("-"))
    return 1 <= month <= 12 and 1 <= day <= _days(year, month)


def _days(year: int, month: int) -> int:
    return 29 if month == 2 and calendar.isleap(year) else calendar.mdays[month]


def is_time(text: str) -> bool:
    """RFC 3339, 5.6 full-time; a leap second is 23:59:60 in UTC (5.7)."""
    found = _TIME.fullmatch(text)
    if found is None:
        return False
    hour, minute, second = (int(found[part]) for part in (1, 2, 3))
    away_hour, away_minute = int(found[5] or 0), int(found[6] or 0)
    if hour > 23 or minute > 59 or second > 60 or away_hour > 23 or away_minute > 59:
        return False
    away = (away_hour * 60 + away_minute) * (-1 if found[4] == "-" else 1)
    return second < 60 or (hour * 60 + minute - away) % 1440 == 1439


def is_date_time(text: str) -> bool:
    """RFC 3339, 5.6 date-time."""
    return len(text) > 11 and text[10] in "Tt" and is_date(text[:10]) and is_time(text[11:])


def is_duration(text: str) -> bool:
    """RFC 3339, appendix A."""
    time = "T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S)"
    date = "(?:[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)"
    return re.fullmatch(f"P(?:{date}(?:{time})?|{time}|[0-9]+W)", text) is not None


def is_uuid(text: str) -> bool:
    """RFC 4122, 3."""
    return re.fullmatch("[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}", text) is not None


def is_json_pointer(text: str) -> bool:
    """RFC 6901, 3."""
    return re.fullmatch(r"(?:/(?:[^~/]|~[01])*)*", text) is not None


def is_relative_json_pointer(text: str) -> bool:
    """Relative JSON pointers, draft 01, 3."""
    found = re.fullmatch(r"(?:0|[1-9][0-9]*)(.*)", text, re.DOTALL)
    return found is not None and (found[1] == "#" or is_json_pointer(found[1]))


def is_regex(text: str) -> bool:
    """ECMA-262 with the u flag, as far as the translation for tests reads it."""
    try:
        ecma.compiled(text)
    except ecma.NotEcma:
        return False
    return True


@lru_cache(maxsize=32)
def _library(name: str) -> Any:
    return jsonschema_rs.Draft202012Validator({"format": name}, validate_formats=True)


def _by_library(name: str) -> Callable[[str], bool]:
    return lambda text: bool(_library(name).is_valid(text))


_LEFT_TO_THE_LIBRARY = ["hostname", "idn-email", "idn-hostname"]

CHECKS: dict[str, Callable[[str], bool]] = {
    "date": is_date,
    "time": is_time,
    "date-time": is_date_time,
    "duration": is_duration,
    "ipv4": is_ipv4,
    "ipv6": is_ipv6,
    "uuid": is_uuid,
    "json-pointer": is_json_pointer,
    "relative-json-pointer": is_relative_json_pointer,
    "regex": is_regex,
    "email": uri_checks.is_email,
    "uri": uri_checks.is_uri,
    "uri-reference": uri_checks.is_uri_reference,
    "iri": uri_checks.is_iri,
    "iri-reference": uri_checks.is_iri_reference,
    "uri-template": uri_checks.is_uri_template,
    **{name: _by_library(name) for name in _LEFT_TO_THE_LIBRARY},
}
