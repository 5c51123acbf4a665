"""When a lease begins and ends, from the fields of its spec.

`beginTime` and `endTime` give the duration; `endTime` and `duration` give the begin; `endTime` alone begins now.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from jumplab.protocol import lease_rules
from jumplab.protocol.durations import format_duration
from jumplab_operator.resources import LeaseSpec

DEFAULT_DURATION = timedelta(minutes=30)
_LATE = timedelta(minutes=5)
"""How long after its begin a lease may be made: clocks differ, and requests take their time."""


@dataclass(frozen=True, slots=True)
class Times:
    """The times of a spec. `duration` is None where only the end is given, or nothing."""

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
    for name, moment in (("beginTime", begin), ("endTime", end)):
        if moment is not None and (problem := lease_rules.moment_problem(name, moment)):
            return problem
    if duration is not None and duration <= timedelta(0):
        return "the duration must be greater than zero; leave it out for the default"
    if duration is not None and (problem := lease_rules.duration_problem(duration)):
        return problem
    if begin is not None and end is not None:
        if end <= begin:
            return "endTime must come after beginTime"
        if duration is not None and begin + duration != end:
            return "beginTime, endTime and duration contradict each other; leave one of them out"
        if end - begin > lease_rules.LONGEST_LEASE:
            return f"the time from beginTime to endTime must be at most {format_duration(lease_rules.LONGEST_LEASE)}"
    return None


def begin_problem(spec: LeaseSpec, created: datetime) -> str | None:
    """Why a lease can't begin when it is to, in words: that was before it was made. The times must be sound."""
    begin = times(spec).begin
    if begin is None or begin >= created - _LATE:
        return None
    what = "beginTime" if spec.begin_time is not None else "endTime minus duration"
    return f"{what} was in the past when the lease was created; leave it out to begin at once"


def expected_end(spec: LeaseSpec, began: datetime | None) -> datetime | None:
    """When the lease is over: its endTime, else its duration after it became ready; None before that."""
    if spec.end_time is not None:
        return spec.end_time
    return None if began is None else began + (spec.duration or DEFAULT_DURATION)


def length_of(spec: LeaseSpec, began: datetime | None) -> timedelta | None:
    """How long the lease lasts in all; None where that follows from when it begins."""
    end = expected_end(spec, began)
    return end - began if end is not None and began is not None else spec.duration


def whole_minute(moment: datetime) -> datetime:
    """Rounded up: estimates are no better than that."""
    whole = moment.replace(second=0, microsecond=0)
    return whole if whole == moment else whole + timedelta(minutes=1)
