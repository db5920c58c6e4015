"""IP addresses as their documents write them, for validators in tests."""

from __future__ import annotations

import ipaddress
import re

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"


def is_ipv4(text: str) -> bool:
    """RFC 2673, 3.2: four decimal octets without leading zeros."""
    return re.fullmatch(IPV4, text) is not None


def is_ipv6(text: str) -> bool:
    """RFC 4291, 2.2; no zone."""
    if not re.fullmatch(r"[0-9A-Fa-f:.]+", text) or ("." in text and not is_ipv4(text.rsplit(":", 1)[-1])):
        return False
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
