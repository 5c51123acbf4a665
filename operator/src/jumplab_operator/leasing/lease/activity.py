"""What follows from whether a client is attached to a lease: its end moves on, or it is given up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from jumplab.protocol.durations import format_duration
from jumplab_operator.leasing.lease.expiry import Ending
from jumplab_operator.leasing.model.reservations import TURNAROUND
from jumplab_operator.resources.lease import ExtendOnActivity

SHORTEST_EXTENSION = timedelta(seconds=10)
"""An end that is moved by less would have to be written without pause."""


@dataclass(frozen=True, slots=True)
class Attendance:
    """Whether a client is connected to an exporter's session, by the exporter's own word."""

    attached: bool
    times: int
    """How many times one has been, in that process of the exporter."""
    since: datetime
    """From when on it is known to be so: at the earliest, when the exporter last connected."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of an end that moves on; None: no limit."""

    longest: timedelta | None = None
    """The longest that the access policies permit."""
    reserved_from: datetime | None = None
    """When an exporter of the lease is reserved for another."""


def joint(attendances: Sequence[Attendance | None]) -> Attendance | None:
    """That of a lease over all its exporters; None where nobody is attached that is known of, and one doesn't say."""
    known = [each for each in attendances if each is not None]
    attached = any(each.attached for each in known)
    if not known or (len(known) < len(attendances) and not attached):
        return None
    return Attendance(attached, sum(each.times for each in known), max(each.since for each in known))


def moved_end(end: datetime, extend: ExtendOnActivity, began: datetime, bounds: Bounds, now: datetime) -> datetime:
    """Where the end is while somebody is attached. It moves once less than half of `by` is left, and never back."""
    if end - now > extend.by / 2:
        return end
    limits = [
        now + extend.by,
        extend.until,
        began + bounds.longest if bounds.longest is not None else None,
        bounds.reserved_from - TURNAROUND if bounds.reserved_from is not None else None,
    ]
    return max(end, min(limit for limit in limits if limit is not None))


def abandoned_at(release_after: timedelta | None, attendance: Attendance | None) -> datetime | None:
    """When the lease counts as abandoned if nobody attaches before; None where somebody is attached, or may be."""
    if release_after is None or attendance is None or attendance.attached:
        return None
    return attendance.since + release_after


def abandoned(release_after: timedelta) -> Ending:
    """No client has been attached for that time."""
    return Ending("Abandoned", f"no client was attached for {format_duration(release_after)}; lease again")
