"""Durations as people, manifests and the wire write them: Go's syntax (time.ParseDuration), as Kubernetes takes it.

    1h30m    90s    1.5h    500ms    250us    0s

None is negative, and each is exact to the microsecond. Where a field's name says seconds, it is a plain number.
"""

import math
import re
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache

from google.protobuf.duration_pb2 import Duration

_NANOSECONDS = {
    "h": Decimal(3_600_000_000_000),
    "m": Decimal(60_000_000_000),
    "s": Decimal(1_000_000_000),
    "ms": Decimal(1_000_000),
    "us": Decimal(1000),
    "µs": Decimal(1000),  # the micro sign
    "μs": Decimal(1000),  # the Greek letter, which Go takes as well
    "ns": Decimal(1),
}
_NUMBER = r"([0-9]+(\.[0-9]*)?|\.[0-9]+)"

PATTERN = rf"^(0|({_NUMBER}({'|'.join(_NANOSECONDS)}))+)$"
"""For schemas, with MOST_CHARACTERS: what `parse_duration` reads, neither more nor less."""

MOST_CHARACTERS = 100

LONGEST = timedelta(microseconds=(2**63 - 1) // 1000)
"""The longest duration that Go has: 292 years."""

_LONGEST_NANOSECONDS = Decimal(LONGEST // timedelta(microseconds=1) * 1000)
_PART = re.compile(rf"{_NUMBER}([^0-9.]*)")
_EXAMPLES = "write it as 30m, 1h30m or 90s"
_NOT_POSITIVE = "the duration must be greater than zero"


@lru_cache(maxsize=1000)  # a lab's leases share a few durations, and each is read again and again
def parse_duration(text: str) -> timedelta:
    """The duration in `text`, zero included. Raises ValueError with a sentence.

    A fraction of a microsecond is rounded up, so that only zero is zero. A longer duration than LONGEST is LONGEST: the
    limit that it exceeds refuses it.
    """
    if text == "0":  # the only number that Go takes without a unit
        return timedelta(0)
    if not text or len(text) > MOST_CHARACTERS:
        raise ValueError(f"a duration has 1 to {MOST_CHARACTERS} characters, this one has {len(text)}; {_EXAMPLES}")
    nanoseconds, position = Decimal(0), 0
    while position < len(text):
        part = _PART.match(text, position)
        if part is None:
            raise ValueError(f'"{text}" is not a duration; {_EXAMPLES}')
        number, unit = part[1], part[3]
        if unit not in _NANOSECONDS:
            raise ValueError(f'"{text}" is not a duration: {_unit_problem(number, unit)}')
        nanoseconds += Decimal(number) * _NANOSECONDS[unit]
        position = part.end()
    return timedelta(microseconds=math.ceil(min(nanoseconds, _LONGEST_NANOSECONDS) / 1000))


def parse_positive_duration(text: str) -> timedelta:
    """As `parse_duration`, but zero is refused as well."""
    return require_positive(parse_duration(text))


def require_positive(duration: timedelta) -> timedelta:
    """The duration itself. Raises ValueError where it is not greater than zero."""
    if duration <= timedelta(0):
        raise ValueError(_NOT_POSITIVE)
    return duration


def parse_seconds(text: str) -> timedelta:
    """A positive number of seconds, for a variable whose name says seconds. Raises ValueError with a sentence."""
    try:
        return require_positive(timedelta(seconds=float(text)))
    except (ValueError, OverflowError) as error:
        raise ValueError(f'"{text}" is not a number of seconds greater than zero; write it as 90') from error


def from_message(message: Duration) -> timedelta:
    """The positive duration of a message from the wire, at most LONGEST. Raises ValueError with a sentence."""
    microseconds = message.seconds * 1_000_000 + message.nanos // 1000
    return require_positive(timedelta(microseconds=max(0, min(microseconds, LONGEST // timedelta(microseconds=1)))))


def format_duration(duration: timedelta) -> str:
    """The text that `parse_duration` reads as `duration`, which must not be negative: `1h30m`, `45s`, `1.5s`, `0s`."""
    microseconds = duration // timedelta(microseconds=1)
    minutes, rest = divmod(microseconds, 60_000_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{Decimal(rest) / 1_000_000:f}"
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else "", f"{seconds}s" if rest else ""]
    return "".join(parts) or "0s"


def _unit_problem(number: str, unit: str) -> str:
    units = "the units are h, m, s, ms, us (or µs) and ns"
    return f'there is no unit "{unit}"; {units}' if unit else f"{number} has no unit; {units}"
