"""Durations as people and manifests write them: `30m`, `1h30m`, `90s`."""

import re
from datetime import timedelta

from jumplab.client.errors import ConfigurationError

_UNITS = {
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


def parse_duration(text: str) -> timedelta:
    """Reads a Go duration of h, m, s and ms; raises ConfigurationError unless it is longer than nothing."""
    if not _WHOLE.fullmatch(text):
        raise ConfigurationError(f'"{text}" is not a duration; write it as 30m, 1h30m or 90s')
    duration = sum((float(number) * _UNITS[unit] for number, unit in _PART.findall(text)), timedelta())
    if duration <= timedelta():
        raise ConfigurationError(f'the duration "{text}" is not longer than nothing; write it as 30m, 1h30m or 90s')
    return duration


def format_duration(duration: timedelta) -> str:
    """Writes whole seconds as `1h30m`, the shortest form that `parse_duration` reads; below a second it is `0s`."""
    seconds = int(duration.total_seconds())
    hours, minutes, seconds = seconds // 3600, seconds % 3600 // 60, seconds % 60
    parts = [f"{number}{unit}" for number, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if number]
    return "".join(parts) or "0s"
