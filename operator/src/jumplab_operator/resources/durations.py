"""Go's durations (`1h30m`, `1.5h`, `250ms`), as Kubernetes resources write them; syntax of Go's time.ParseDuration."""

import re
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

PATTERN = r"^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$"

# The longest that Go writes has 25 characters; each digit more takes time, and memory where the text is remembered.
_LONGEST_TEXT = 1_000
_SHOWN = 100

_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h)")
_MICROSECONDS = {
    "ns": Decimal("0.001"),
    "us": Decimal(1),
    "µs": Decimal(1),
    "ms": Decimal(1_000),
    "s": Decimal(1_000_000),
    "m": Decimal(60_000_000),
    "h": Decimal(3_600_000_000),
}
_LONGEST_MICROSECONDS = Decimal(timedelta.max // timedelta(microseconds=1))


@lru_cache(maxsize=1000)  # of a lab's leases most are as long as others, and each is read again and again
def parse_duration(text: str) -> timedelta:
    """The length that `text` tells, to the microsecond; too long a one is the longest that there is.

    Raises ValueError where it is no Go duration.
    """
    if len(text) > _LONGEST_TEXT or not re.match(PATTERN, text):
        raise ValueError(f'"{text[:_SHOWN]}" is no duration; write it like 90s, 30m or 1h30m')
    microseconds = sum(Decimal(number) * _MICROSECONDS[unit] for number, unit in _PART.findall(text))
    return timedelta(microseconds=int(min(microseconds, _LONGEST_MICROSECONDS)))


def format_duration(length: timedelta) -> str:
    """The Go duration that parses to `length`, which must not be negative: `1h30m`, `45s`, `1.5s`, `0s`."""
    microseconds = length // timedelta(microseconds=1)
    minutes, rest = divmod(microseconds, 60_000_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{Decimal(rest) / 1_000_000:f}"
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else "", f"{seconds}s" if rest else ""]
    return "".join(parts) or "0s"


def _from_plain(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str) else value


GoDuration = Annotated[
    timedelta,
    BeforeValidator(_from_plain),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": PATTERN, "maxLength": _LONGEST_TEXT}),
]
