"""How messages in resources write a moment: in UTC, relative to the time at which the message is written.

A message is read later than it is written. A moment of the same UTC day is written without a date, since the object
shows when its message was written; every other one has its date, and its year where that is another.
"""

from datetime import UTC, datetime

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
"""In English, whatever the locale of the process."""


def format_moment(moment: datetime, now: datetime, *, seconds: bool = False) -> str:
    """`14:05 UTC`, `3 December at 14:05 UTC` or `3 December 2027 at 14:05 UTC`, to follow from, until or since."""
    utc, today = moment.astimezone(UTC), now.astimezone(UTC)
    clock = utc.strftime("%H:%M:%S UTC" if seconds else "%H:%M UTC")
    if utc.date() == today.date():
        return clock
    date = f"{utc.day} {_MONTHS[utc.month - 1]}"
    return f"{date} at {clock}" if utc.year == today.year else f"{date} {utc.year} at {clock}"


def at_moment(moment: datetime, now: datetime, *, seconds: bool = False) -> str:
    """`at 14:05 UTC`, `on 3 December at 14:05 UTC` or `on 3 December 2027 at 14:05 UTC`."""
    is_today = moment.astimezone(UTC).date() == now.astimezone(UTC).date()
    return f"{'at' if is_today else 'on'} {format_moment(moment, now, seconds=seconds)}"
