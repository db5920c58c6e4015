"""E-mail addresses, URIs, IRIs and URI templates as the grammars of their documents write them, for tests' validators.

Length limits of mail servers and what resolvers make of a name are no part of these grammars.
"""

from __future__ import annotations

import re

from tests.conformance.format_ip import IPV4, is_ipv6

# RFC 5321, 4.1.2 (with the atoms of RFC 5322, 3.2.3).
_ATOM = r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+"
_QUOTED = r'"(?:[ !#-\[\]-~]|\\[ -~])*"'
_LOCAL = rf"(?:{_ATOM}(?:\.{_ATOM})*|{_QUOTED})"
_SUB_DOMAIN = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_DOMAIN = rf"{_SUB_DOMAIN}(?:\.{_SUB_DOMAIN})*"
_GENERAL_LITERAL = r"(?:[A-Za-z0-9-]*[A-Za-z0-9]):[!-Z^-~]+"
_MAILBOX = re.compile(rf"{_LOCAL}@(?:{_DOMAIN}|\[(?P<literal>[!-Z^-~]+)\])")

# RFC 3986, appendix A; RFC 3987, 2.2 adds ucschar to unreserved and iprivate to the query.
_UCS = (
    "\u00a0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef\U00010000-\U0001fffd\U00020000-\U0002fffd\U00030000-\U0003fffd"
    "\U00040000-\U0004fffd\U00050000-\U0005fffd\U00060000-\U0006fffd\U00070000-\U0007fffd\U00080000-\U0008fffd"
    "\U00090000-\U0009fffd\U000a0000-\U000afffd\U000b0000-\U000bfffd\U000c0000-\U000cfffd\U000d0000-\U000dfffd"
    "\U000e1000-\U000efffd"
)
_PRIVATE = "\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd"


def is_email(text: str) -> bool:
    """RFC 5321, 4.1.2 Mailbox."""
    found = _MAILBOX.fullmatch(text)
    if found is None:
        return False
    literal = found["literal"]
    if literal is None or re.fullmatch(IPV4, literal):
        return True
    if literal.upper().startswith("IPV6:"):
        return is_ipv6(literal[5:])
    return re.fullmatch(_GENERAL_LITERAL, literal) is not None


def _reference(extra: str, private: str) -> re.Pattern[str]:
    """The generic syntax with groups for scheme, address in brackets, and the path before anything else."""
    unreserved = rf"A-Za-z0-9\-._~{extra}"
    sub = r"!$&'()*+,;="
    char = rf"(?:[{unreserved}{sub}:@]|%[0-9A-Fa-f]{{2}})"
    user = rf"(?:[{unreserved}{sub}:]|%[0-9A-Fa-f]{{2}})*"
    name = rf"(?:[{unreserved}{sub}]|%[0-9A-Fa-f]{{2}})*"
    bracketed = rf"\[(?:(?P<address>[0-9A-Fa-f:.]+)|[vV][0-9A-Fa-f]+\.[A-Za-z0-9\-._~{sub}:]+)\]"
    authority = rf"(?:{user}@)?(?:{bracketed}|{name})(?::[0-9]*)?"
    path = rf"{char}+(?:/{char}*)*"
    rest = rf"(?://{authority}(?:/{char}*)*|/(?:{path})?|(?P<rootless>{path})?)"
    query = rf"(?:{char}|[/?{private}])*" if private else rf"(?:{char}|[/?])*"
    return re.compile(rf"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+\-.]*):)?{rest}(?:\?{query})?(?:#(?:{char}|[/?])*)?")


_URI = _reference("", "")
_IRI = _reference(_UCS, _PRIVATE)


def _refers(pattern: re.Pattern[str], text: str, needs_scheme: bool) -> bool:
    found = pattern.fullmatch(text)
    if found is None or (found["address"] is not None and not is_ipv6(found["address"])):
        return False
    if found["scheme"] is not None:
        return True
    return not needs_scheme and ":" not in (found["rootless"] or "").split("/")[0]  # path-noscheme


def is_uri(text: str) -> bool:
    """RFC 3986, 3 URI."""
    return _refers(_URI, text, True)


def is_uri_reference(text: str) -> bool:
    """RFC 3986, 4.1."""
    return _refers(_URI, text, False)


def is_iri(text: str) -> bool:
    """RFC 3987, 2.2 IRI."""
    return _refers(_IRI, text, True)


def is_iri_reference(text: str) -> bool:
    """RFC 3987, 2.2 IRI-reference."""
    return _refers(_IRI, text, False)


# RFC 6570, 2.
_VARIABLE = r"(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2})(?:\.?(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2}))*(?::[1-9][0-9]{0,3}|\*)?"
_LITERAL = rf"[!#$&(-;=?-\[\]_a-z~{_UCS}{_PRIVATE}]|%[0-9A-Fa-f]{{2}}"
_TEMPLATE = re.compile(rf"(?:{_LITERAL}|\{{[+#./;?&=,!@|]?{_VARIABLE}(?:,{_VARIABLE})*\}})*")


def is_uri_template(text: str) -> bool:
    """RFC 6570, 2."""
    return _TEMPLATE.fullmatch(text) is not None
