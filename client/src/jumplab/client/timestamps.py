"""Moments as people write them: `14:30`, `2026-08-01 14:30`, `2026-08-01T14:30:00Z`."""

from datetime import datetime, time, timedelta

from jumplab.client.errors import ConfigurationError


def parse_moment(text: str, now: datetime) -> datetime:
    """Reads a moment; without a zone it is in that of `now`, and without a date it is the next one of that time.

    Raises ConfigurationError.
    """
    try:
        clock = time.fromisoformat(text)
    except ValueError:
        return _dated(text, now)
    moment = datetime.combine(now.date(), clock, clock.tzinfo or now.tzinfo)
    return moment if moment > now else moment + timedelta(days=1)


def _dated(text: str, now: datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        message = f'"{text}" is not a time; write it as 14:30, "2026-08-01 14:30" or 2026-08-01T14:30:00Z'
        raise ConfigurationError(message) from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=now.tzinfo)
