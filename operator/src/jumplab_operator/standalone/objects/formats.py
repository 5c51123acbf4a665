"""The string formats that a schema may ask for; one that isn't known here admits everything."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable
from datetime import date, datetime

_GO_DURATION = re.compile(r"[-+]?(0|(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))*)")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[-+]\d\d:\d\d)")
_UUID = re.compile(r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}")


def fits(text: str, name: str) -> bool:
    """Whether a text has the format of that name."""
    reads = _READERS.get(name)
    if reads is None:
        return True
    try:
        return reads(text) is not None
    except (ValueError, binascii.Error):
        return False


def _instant(text: str) -> object:
    return datetime.fromisoformat(text.upper()) if _INSTANT.fullmatch(text) else None


_READERS: dict[str, Callable[[str], object]] = {
    "date-time": _instant,
    "date": date.fromisoformat,
    "duration": _GO_DURATION.fullmatch,
    "byte": lambda text: base64.b64decode(text, validate=True),
    "ipv4": ipaddress.IPv4Address,
    "ipv6": ipaddress.IPv6Address,
    "cidr": ipaddress.ip_network,
    "uuid": _UUID.fullmatch,
}
