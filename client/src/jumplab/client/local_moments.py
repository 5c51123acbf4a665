"""How the client library and the command line write a moment: in the user's own zone, with the zone's abbreviation."""

from datetime import datetime


def format_local(moment: datetime, now: datetime) -> str:
    """`14:05 CET`, `2026-12-03 14:05 CET` where it isn't today.

    The zone's offset is that of the moment, not of now: a moment after the change to summer time is in summer time.
    """
    local = moment.astimezone()
    return f"{local:%H:%M %Z}" if local.date() == now.astimezone().date() else f"{local:%Y-%m-%d %H:%M %Z}"


def format_dated(moment: datetime) -> str:
    """`2026-12-03 14:05 CET`, for a column, where all have one shape."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M %Z}"
