"""How long to wait for a console."""

from datetime import timedelta

from jumplab.driver.errors import BadArguments
from jumplab.protocol.durations import parse_positive_duration, require_positive

TimeLimit = float | str | timedelta
"""Seconds as a number, or a duration: `1m30s`."""


def seconds_of(limit: TimeLimit) -> float:
    """The limit in seconds. Raises BadArguments where it is none."""
    try:
        if isinstance(limit, int | float) and not isinstance(limit, bool):
            if not 0 <= limit < float("inf"):
                raise ValueError(f"{limit:g} is no number of seconds to wait")
            return float(limit)
        if isinstance(limit, timedelta):
            return require_positive(limit).total_seconds()
        if isinstance(limit, str):
            return parse_positive_duration(limit).total_seconds()
        raise ValueError(f"{limit!r} is no time")
    except ValueError as error:
        raise BadArguments(f"timeout: {error}; give seconds as a number, or a duration such as 1m30s") from error
