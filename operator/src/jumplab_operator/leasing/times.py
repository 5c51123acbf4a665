"""When a lease begins and ends, from the fields of its spec.

`beginTime` and `endTime` give the duration; `endTime` and `duration` give the begin; `endTime` alone begins now.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from jumplab_operator.resources import LeaseSpec

DEFAULT_DURATION = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Times:
    """What a spec says. `duration` is None where only the end is given, or nothing."""

    begin: datetime | None
    end: datetime | None
    duration: timedelta | None


def times(spec: LeaseSpec) -> Times:
    """The spec's times, with the one that follows from the two others filled in."""
    begin, end, duration = spec.begin_time, spec.end_time, spec.duration
    if begin is not None and end is not None:
        return Times(begin, end, end - begin)
    if end is not None and duration is not None:
        return Times(end - duration, end, duration)
    return Times(begin, end, duration)


def times_problem(spec: LeaseSpec) -> str | None:
    """How the time fields contradict each other, in words; None when they don't."""
    begin, end, duration = spec.begin_time, spec.end_time, spec.duration
    if duration is not None and duration <= timedelta(0):
        return "duration must be longer than 0; leave it out for the default"
    if begin is not None and end is not None:
        if end <= begin:
            return "endTime must come after beginTime"
        if duration is not None and begin + duration != end:
            return "beginTime, endTime and duration contradict each other; leave one of them out"
    return None


def expected_end(spec: LeaseSpec, began: datetime | None) -> datetime | None:
    """When the lease is over: its endTime, else its duration after it became ready; None before that."""
    if spec.end_time is not None:
        return spec.end_time
    return None if began is None else began + (spec.duration or DEFAULT_DURATION)


def length_of(spec: LeaseSpec, began: datetime | None) -> timedelta | None:
    """How long the lease lasts in all; None where that follows from when it begins."""
    end = expected_end(spec, began)
    return end - began if end is not None and began is not None else spec.duration
