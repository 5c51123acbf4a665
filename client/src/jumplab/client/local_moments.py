"""How the client library and the command line write a moment: in the user's own zone, with the zone's abbreviation.

The controller does not know that zone: its sentences have UTC times. `in_local_time` rewrites those.
"""

from datetime import UTC, datetime

from jumplab.protocol.moments import rewrite_moments


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
    return rewrite_moments(sentence, now or datetime.now(UTC), _local)


def _local(moment: datetime, dated: bool, with_seconds: bool) -> str:
    return f"{moment.astimezone():{'%Y-%m-%d ' if dated else ''}%H:%M{':%S' if with_seconds else ''} %Z}"
