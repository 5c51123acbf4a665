"""What is wrong with a request for a lease, before anybody is asked.

The controller would take some of it, and say in a condition what is wrong.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from jumplab.client.controller import LeaseRequest
from jumplab.protocol import lease_rules
from jumplab.protocol.durations import format_duration
from jumplab.protocol.label_selectors import selector_problem

_LATE = timedelta(minutes=5)
"""How long ago a lease may begin: clocks differ."""


def request_problem(request: LeaseRequest) -> str | None:
    """The first thing that is wrong with the request, as a sentence; None where all is well."""
    return next(_problems(request), None)


def _problems(request: LeaseRequest) -> Iterator[str]:
    if problem := lease_rules.name_problem(request.name):
        yield f'lease "{request.name}": {problem}'
    if problem := lease_rules.duration_problem(request.duration):
        yield problem
    if request.max_duration is not None:
        yield from _max_problems(request.duration, request.max_duration)
    if request.begin is not None and (problem := lease_rules.moment_problem("the begin", request.begin)):
        yield problem
    if request.begin is not None and request.begin < datetime.now(UTC) - _LATE:
        begin = request.begin.isoformat(sep=" ", timespec="minutes")
        yield f"the begin {begin} is in the past; leave it out to begin now"
    yield from _exporter_problems(request)
    if len(request.tags) > lease_rules.MOST_TAGS:
        yield f"the lease has {len(request.tags)} tags; the limit is {lease_rules.MOST_TAGS}"
    for key, value in request.tags.items():
        if problem := lease_rules.tag_problem(key, value):
            yield problem


def _max_problems(duration: timedelta, longest: timedelta) -> Iterator[str]:
    if problem := lease_rules.duration_problem(longest):
        yield f"the maximum: {problem}"
    if longest < duration:
        yield (
            f"the maximum {format_duration(longest)} is less than the duration {format_duration(duration)}; "
            "raise it, or give a shorter duration"
        )


def _exporter_problems(request: LeaseRequest) -> Iterator[str]:
    selectors = (request.selector, *(member.selector for member in request.members.values()))
    yield from filter(None, map(selector_problem, selectors))
    for name in request.members:
        if problem := lease_rules.member_problem(name):
            yield f'member "{name}": {problem}'
    named = [each for each in (request.exporter, *(it.exporter for it in request.members.values())) if each]
    for exporter in named:
        if problem := lease_rules.name_problem(exporter):
            yield f'exporter "{exporter}": {problem}'
        if named.count(exporter) > 1:
            yield f'two members name exporter "{exporter}"; name a different exporter for each'
