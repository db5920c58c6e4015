"""The standard formats as regular expressions (2020-12 validation, 7.3), each with the document that defines it.

They are ECMA-262 patterns on the unescaped text; `format_expression` turns one into an expression over characters.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import regex_text
from guidedgen.grammars.char_set import ANY
from guidedgen.limits import Limits

# RFC 3339, 5.6 and appendix C: days exist in their month, 29 February in leap years only.
_LEAP_YEAR: Final = r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_DATE: Final = (
    r"(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))|" + _LEAP_YEAR + r"-02-29)"
)
_SECOND_FRACTION: Final = r"(?:\.[0-9]+)?"
_HOUR: Final = r"(?:[01][0-9]|2[0-3])"
_OFFSET: Final = rf"(?:[Zz]|[+-]{_HOUR}:[0-5][0-9])"
_PLAIN_TIME: Final = rf"{_HOUR}:[0-5][0-9]:[0-5][0-9]{_SECOND_FRACTION}{_OFFSET}"
# A leap second is 23:59:60 in UTC (RFC 3339, 5.7). It is taken where it is written in UTC.
_LEAP_UTC: Final = rf"23:59:60{_SECOND_FRACTION}(?:[Zz]|[+-]00:00)"
_TIME: Final = rf"(?:{_PLAIN_TIME}|{_LEAP_UTC})"

# RFC 3339, appendix A.
_DURATION_TIME: Final = r"T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S)"
_DURATION_DATE: Final = r"(?:[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)"

# RFC 1123, 2.1 and RFC 952: labels of at most 63 letters, digits and inner hyphens; at most 253 characters in all.
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOSTNAME: Final = rf"{_LABEL}(?:\.{_LABEL})*"

# RFC 2673, 3.2 (decimal octets without leading zeros) and RFC 4291, 2.2 as RFC 3986, 3.2.2 writes it.
_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4: Final = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_H16: Final = r"[0-9A-Fa-f]{1,4}"
_LS32: Final = rf"(?:{_H16}:{_H16}|{_IPV4})"
_IPV6: Final = (
    "(?:"
    + "|".join(
        [
            rf"(?:{_H16}:){{6}}{_LS32}",
            rf"::(?:{_H16}:){{5}}{_LS32}",
            rf"(?:{_H16})?::(?:{_H16}:){{4}}{_LS32}",
            rf"(?:(?:{_H16}:){{0,1}}{_H16})?::(?:{_H16}:){{3}}{_LS32}",
            rf"(?:(?:{_H16}:){{0,2}}{_H16})?::(?:{_H16}:){{2}}{_LS32}",
            rf"(?:(?:{_H16}:){{0,3}}{_H16})?::{_H16}:{_LS32}",
            rf"(?:(?:{_H16}:){{0,4}}{_H16})?::{_LS32}",
            rf"(?:(?:{_H16}:){{0,5}}{_H16})?::{_H16}",
            rf"(?:(?:{_H16}:){{0,6}}{_H16})?::",
        ]
    )
    + ")"
)

# RFC 5321, 4.1.2 (Mailbox), without comments and folding white space.
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+"
_QUOTED_LOCAL: Final = r'"(?:[ !#-\[\]-~]|\\[ -~])*"'
_EMAIL: Final = rf"(?:{_ATOM}(?:\.{_ATOM})*|{_QUOTED_LOCAL})@(?:{_HOSTNAME}|\[(?:{_IPV4}|IPv6:{_IPV6})\])"

# RFC 3986, appendix A.
_UNRESERVED: Final = r"A-Za-z0-9\-._~"
# RFC 3987, 2.2: what an IRI may hold beyond a URI; private characters in the query only.
_UCSCHAR: Final = r"\u{A0}-\u{D7FF}\u{F900}-\u{FDCF}\u{FDF0}-\u{FFEF}" + "".join(
    rf"\u{{{plane:X}0000}}-\u{{{plane:X}FFFD}}" for plane in range(1, 14)
).replace(r"\u{E0000}", r"\u{E1000}")
_PRIVATE: Final = r"\u{E000}-\u{F8FF}\u{F0000}-\u{FFFFD}\u{100000}-\u{10FFFD}"
_SUB_DELIMS: Final = r"!$&'()*+,;="
_PERCENT: Final = r"%[0-9A-Fa-f]{2}"


def _identifiers(unreserved: str, private: str) -> tuple[str, str]:
    """The patterns of URI and relative reference, or of IRI and relative reference."""
    pchar = rf"(?:[{unreserved}{_SUB_DELIMS}:@]|{_PERCENT})"
    literal = rf"\[(?:{_IPV6}|[Vv][0-9A-Fa-f]+\.[{_UNRESERVED}{_SUB_DELIMS}:]+)\]"
    name = rf"(?:[{unreserved}{_SUB_DELIMS}]|{_PERCENT})*"
    authority = rf"(?:(?:[{unreserved}{_SUB_DELIMS}:]|{_PERCENT})*@)?(?:{literal}|{name})(?::[0-9]*)?"
    abempty = rf"(?:/{pchar}*)*"
    absolute = rf"/(?:{pchar}+(?:/{pchar}*)*)?"
    rootless = rf"{pchar}+(?:/{pchar}*)*"
    noscheme = rf"(?:[{unreserved}{_SUB_DELIMS}@]|{_PERCENT})+(?:/{pchar}*)*"
    query = rf"(?:\?(?:{pchar}|[/?{private}])*)?(?:#(?:{pchar}|[/?])*)?"
    full = rf"[A-Za-z][A-Za-z0-9+\-.]*:(?://{authority}{abempty}|{absolute}|{rootless}|){query}"
    return full, rf"(?://{authority}{abempty}|{absolute}|{noscheme}|){query}"


_URI, _RELATIVE = _identifiers(_UNRESERVED, "")
_IRI, _IRI_RELATIVE = _identifiers(_UNRESERVED + _UCSCHAR, _PRIVATE)

# RFC 6570, 2 and 3.
_VARIABLE_CHAR: Final = r"(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2})"
_VARIABLE: Final = rf"{_VARIABLE_CHAR}(?:\.?{_VARIABLE_CHAR})*(?::[1-9][0-9]{{0,3}}|\*)?"
_TEMPLATE: Final = (
    r"(?:[^\u0000-\u0020\"'%<>\\^`{|}\u007f]|%[0-9A-Fa-f]{2}" rf"|\{{[+#./;?&=,!@|]?{_VARIABLE}(?:,{_VARIABLE})*\}})*"
)

# RFC 6901, 3, and the draft of relative JSON pointers.
_JSON_POINTER: Final = r"(?:/(?:[^/~]|~[01])*)*"

FORMATS: Final[Mapping[str, str]] = {
    "date": _DATE,
    "time": _TIME,
    "date-time": rf"{_DATE}[Tt]{_TIME}",
    "duration": rf"P(?:{_DURATION_DATE}(?:{_DURATION_TIME})?|{_DURATION_TIME}|[0-9]+W)",
    "email": _EMAIL,
    "hostname": _HOSTNAME,
    "ipv4": _IPV4,
    "ipv6": _IPV6,
    "uri": _URI,
    "uri-reference": rf"(?:{_URI}|{_RELATIVE})",
    "iri": _IRI,
    "iri-reference": rf"(?:{_IRI}|{_IRI_RELATIVE})",
    "uri-template": _TEMPLATE,
    "uuid": r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}",  # RFC 4122, 3
    "json-pointer": _JSON_POINTER,
    "relative-json-pointer": rf"(?:0|[1-9][0-9]*)(?:#|{_JSON_POINTER})",
}
"""Format -> pattern of the whole text."""

NOT_ENFORCED: Final = frozenset({"regex", "idn-email", "idn-hostname"})
"""Standard formats that are no regular languages, or need tables that are not here."""

CHECKED_AT_END: Final = frozenset({"regex"})
"""Those of them that `validation.py` checks."""

_LONGEST: Final = {"hostname": 253}


def format_expression(name: str, additional: Mapping[str, str], limits: Limits) -> cr.Regex | None:
    """The texts of a format, or None where it is not known.

    Args:
        name: of the format.
        additional: patterns by format, which replace or add to the standard ones.
        limits: of the regular expressions.
    """
    pattern = additional.get(name, FORMATS.get(name))
    return None if pattern is None else _parsed(pattern, _LONGEST.get(name), limits)


@lru_cache(maxsize=256)
def _parsed(pattern: str, longest: int | None, limits: Limits) -> cr.Regex:
    texts = regex_text.parse_chars(f"(?:{pattern})", syntax="ecma", limits=limits)
    return texts if longest is None else cr.intersection((texts, cr.repeat(ANY, 0, longest)))
