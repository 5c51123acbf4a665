"""How the client library and the command line write a moment: in the user's own zone, with the zone's abbreviation.

The controller does not know that zone: its sentences have UTC times. `in_local_time` rewrites those.
"""

import re
from datetime import UTC, datetime

_MONTHS = [
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
]
_IN_UTC = re.compile(
    rf"(?:(?P<day>\d{{1,2}}) (?P<month>{'|'.join(_MONTHS)})(?: (?P<year>\d{{4}}))? at )?"
    r"\b(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d))? UTC\b"
)


def format_local(moment: datetime, now: datetime) -> str:
    """`14:05 CET`, `2026-12-03 14:05 CET` where it isn't today.

    The zone's offset is that of the moment, not of now: a moment after the change to summer time is in summer time.
    """
    local = moment.astimezone()
    return f"{local:%H:%M %Z}" if local.date() == now.astimezone().date() else f"{local:%Y-%m-%d %H:%M %Z}"


def format_dated(moment: datetime) -> str:
    """`2026-12-03 14:05 CET`, for a column, where all have one shape."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M %Z}"


def in_local_time(sentence: str, now: datetime | None = None) -> str:
    """A sentence of the controller with its times in the user's zone: `14:05 UTC` becomes `15:05 CET`, and
    `3 December at 14:05 UTC` becomes `2026-12-03 15:05 CET`.

    now: the time of the sentence, whose date counts where the sentence gives none; None: the present.
    """
    today = (now or datetime.now(UTC)).astimezone(UTC)
    return _IN_UTC.sub(lambda found: _local(found, today), sentence)


def _local(found: re.Match[str], today: datetime) -> str:
    parts = found.groupdict()
    month = _MONTHS.index(parts["month"]) + 1 if parts["month"] else today.month
    try:
        moment = datetime(
            int(parts["year"] or today.year),
            month,
            int(parts["day"] or today.day),
            int(parts["hour"]),
            int(parts["minute"]),
            int(parts["second"] or 0),
            tzinfo=UTC,
        )
    except ValueError:  # it only looks like a moment
        return found[0]
    date = "%Y-%m-%d " if parts["day"] else ""
    return f"{moment.astimezone():{date}%H:%M{':%S' if parts['second'] else ''} %Z}"
