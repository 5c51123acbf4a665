"""What follows from whether a client is attached to a lease, and uses it: its end moves on, or it is given up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from jumplab.protocol.durations import format_duration
from jumplab_operator.leasing.lease.expiry import Ending
from jumplab_operator.leasing.model.reservations import TURNAROUND
from jumplab_operator.resources.lease import ExtendOnActivity

SHORTEST_EXTENSION = timedelta(seconds=10)
"""An end that is moved by less would have to be written without pause."""
LONGEST_EXTENSION = timedelta(minutes=10)
"""By how much the end moves at most: a lease that is no longer used ends this soon."""


@dataclass(frozen=True, slots=True)
class Attendance:
    """Whether a client is connected to an exporter's session, by the exporter's own word."""

    attached: bool
    times: int
    """How many times one has been, in that process of the exporter."""
    since: datetime
    """From when on it is known to be so: at the earliest, when the exporter last connected."""
    in_use: bool = False
    """Whether an attached client uses the drivers."""


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
    in_use = any(each.attached and each.in_use for each in known)
    return Attendance(attached, sum(each.times for each in known), max(each.since for each in known), in_use)


def step_of(extend: ExtendOnActivity) -> timedelta:
    """The remaining time to which one extension brings the lease."""
    return min(extend.by or LONGEST_EXTENSION, LONGEST_EXTENSION)


def latest_end(extend: ExtendOnActivity, began: datetime | None, longest: timedelta | None = None) -> datetime | None:
    """The end beyond which activity never moves the lease's; None: there is none, or it has not begun.

    longest: the longest that the access policies permit.
    """
    lengths = [extend.max_duration, longest] if began is not None else []
    limits = [
        extend.until,
        *(began + length for length in lengths if began is not None and length is not None),
    ]
    return min((limit for limit in limits if limit is not None), default=None)


def moved_end(end: datetime, extend: ExtendOnActivity, began: datetime, bounds: Bounds, now: datetime) -> datetime:
    """Where the end is while the lease is used. It moves once less than half of a step is left, and never back."""
    step = step_of(extend)
    if end - now > step / 2:
        return end
    limits = [
        now + step,
        latest_end(extend, began, bounds.longest),
        bounds.reserved_from - TURNAROUND if bounds.reserved_from is not None else None,
    ]
    return max(end, min(limit for limit in limits if limit is not None))


def abandoned_at(
    release_after: timedelta | None, attendance: Attendance | None, paused_until: datetime | None = None
) -> datetime | None:
    """When the lease counts as abandoned if nobody attaches before; None where somebody is attached, or may be.

    paused_until: before that nobody could attach, since the controller stood still.
    """
    if release_after is None or attendance is None or attendance.attached:
        return None
    return max(attendance.since, paused_until or attendance.since) + release_after


def abandoned(release_after: timedelta) -> Ending:
    """No client has been attached for that time."""
    return Ending("Abandoned", f"no client was attached for {format_duration(release_after)}; lease again")
