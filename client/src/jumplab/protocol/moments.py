"""How messages in resources write a moment, and how a reader finds it again.

Moments are in UTC, relative to the time at which the message is written. A message is read later than it is written: a
moment of the same UTC day is written without a date, since the object shows when its message was written; every other
one has its date, and its year where that is another.
"""

import re
from collections.abc import Callable
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
_WRITTEN = re.compile(
    rf"(?:(?P<day>\d{{1,2}}) (?P<month>{'|'.join(_MONTHS)})(?: (?P<year>\d{{4}}))? at )?"
    r"\b(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d))? UTC\b"
)


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


def rewrite_moments(sentence: str, now: datetime, write: Callable[[datetime, bool, bool], str]) -> str:
    """A sentence with each of its moments written anew.

    now: when it was written, whose date counts where the sentence gives none.  write: writes a moment; whether with its
    date, and with its seconds.
    """
    today = now.astimezone(UTC)

    def written(found: re.Match[str]) -> str:
        parts = found.groupdict()
        try:
            moment = datetime(
                int(parts["year"] or today.year),
                _MONTHS.index(parts["month"]) + 1 if parts["month"] else today.month,
                int(parts["day"] or today.day),
                int(parts["hour"]),
                int(parts["minute"]),
                int(parts["second"] or 0),
                tzinfo=UTC,
            )
        except ValueError:  # it only looks like a moment
            return found[0]
        return write(moment, bool(parts["day"]), bool(parts["second"]))

    return _WRITTEN.sub(written, sentence)
