"""Whether a lease's spec is valid, alone and as an edit of what was accepted before.

`status.accepted` is the last valid spec. It is in force: an edit that isn't valid changes nothing but a condition.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from jumplab.protocol import lease_rules
from jumplab.protocol.durations import format_duration
from jumplab.protocol.moments import format_moment
from jumplab_operator.leasing.lease.activity import SHORTEST_EXTENSION
from jumplab_operator.leasing.model import selectors
from jumplab_operator.leasing.model.policy_rules import Grant
from jumplab_operator.leasing.model.times import (
    DEFAULT_DURATION,
    begin_problem,
    expected_end,
    length_of,
    times,
    times_problem,
)
from jumplab_operator.resources import LeasedExporter, LeaseSpec

_CONTEXT_KEY_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a spec isn't valid: a condition's reason and its sentence."""

    reason: str
    message: str


class Schedule(Protocol):
    """What the schedule permits a lease. It is asked only of an edit that changes the lease's client or times."""

    def right(self, client: str, length: timedelta | None, giver: str | None = None) -> Grant | Refusal:
        """The right by which a client could hold the lease's exporters for a length; None: however short.

        giver: the client that would transfer the lease to it; None: it holds the lease.
        """
        ...

    def is_movable(self, begin: datetime, end: datetime | None) -> bool:
        """Whether the lease's reservation could be moved to that time; without an end for as long as it may last."""
        ...


@dataclass(frozen=True, slots=True)
class InForce:
    """The state of a lease, which its edits are checked against."""

    accepted: LeaseSpec
    now: datetime
    assigned: bool = False
    began: datetime | None = None
    reserved_from: datetime | None = None
    """When its exporter is reserved for another lease."""
    ends_by: datetime | None = None
    """When it ends at the latest: its exporter was reserved for another lease from then when it was assigned."""
    has_reservation: bool = False


def accept(
    spec: LeaseSpec,
    before: InForce | None,
    created: datetime | None = None,
    schedule: Schedule | None = None,
) -> LeaseSpec | Refusal:
    """The spec that is in force from now, with its default duration; or why the one at hand can't be.

    created: when the lease was made; None where that does not matter.  schedule: what it permits the lease; None: that
    is not checked.
    `release` needs no acceptance: it is honoured whatever else the spec says.
    """
    filled = _with_duration(spec, before)
    refusal = (
        _refusal(spec)
        or _begin_refusal(spec, before, created)
        or (_edit_refusal(spec, filled, before, schedule) if before is not None else None)
    )
    return refusal or filled


def _with_duration(spec: LeaseSpec, before: InForce | None) -> LeaseSpec:
    if spec.duration is not None or spec.end_time is not None:
        return spec
    accepted = before.accepted.duration if before is not None and before.accepted.end_time is None else None
    return spec.model_copy(update={"duration": accepted or DEFAULT_DURATION})


def _refusal(spec: LeaseSpec) -> Refusal | None:
    return _selection_refusal(spec) or _times_refusal(spec) or _activity_refusal(spec) or _words_refusal(spec)


def _selection_refusal(spec: LeaseSpec) -> Refusal | None:
    if spec.exporters is not None:
        return _gang_refusal(spec, spec.exporters)
    if spec.exporter_ref is None and (spec.selector is None or selectors.is_empty(spec.selector)):
        return Refusal("InvalidSelector", "selector and exporterRef are both missing; set one of them")
    if spec.selector is not None and (problem := selectors.selector_problem(spec.selector)):
        return Refusal("InvalidSelector", f"selector: {problem}")
    if spec.allow_disabled and spec.exporter_ref is None:
        return Refusal("InvalidSelector", "allowDisabled requires exporterRef; set it")
    return None


def _gang_refusal(spec: LeaseSpec, members: Sequence[LeasedExporter]) -> Refusal | None:
    if spec.selector is not None or spec.exporter_ref is not None:
        return Refusal("InvalidExporters", "set either exporters, or selector/exporterRef, not both")
    if not members:
        return Refusal("InvalidExporters", "exporters is empty; list at least one member, or set selector instead")
    if twice := _first_twice([member.name for member in members]):
        return Refusal("InvalidExporters", f'two members have the name "{twice}"; give each member its own name')
    if twice := _first_twice([member.exporter_ref.name for member in members if member.exporter_ref is not None]):
        return Refusal("InvalidExporters", f'two members name exporter "{twice}"; name a different exporter for each')
    if spec.allow_disabled and all(member.exporter_ref is None for member in members):
        return Refusal("InvalidExporters", "allowDisabled requires a member with exporterRef; set it in one")
    return next((refusal for member in members if (refusal := _member_refusal(member))), None)


def _member_refusal(member: LeasedExporter) -> Refusal | None:
    name = f'exporters "{member.name}"'
    if problem := lease_rules.member_problem(member.name):
        return Refusal("InvalidExporters", f"{name}: {problem}")
    if member.exporter_ref is None and (member.selector is None or selectors.is_empty(member.selector)):
        return Refusal("InvalidExporters", f"{name}: selector and exporterRef are both missing; set one of them")
    if member.selector is not None and (problem := selectors.selector_problem(member.selector)):
        return Refusal("InvalidExporters", f"{name}: selector: {problem}")
    return None


def _first_twice(names: Sequence[str]) -> str | None:
    return next((name for number, name in enumerate(names) if name in names[:number]), None)


def _times_refusal(spec: LeaseSpec) -> Refusal | None:
    problem = times_problem(spec)
    return Refusal("InvalidTimes", problem) if problem else None


def _activity_refusal(spec: LeaseSpec) -> Refusal | None:
    extend, release_after = spec.extend_on_activity, spec.release_after_detached
    if extend is not None and extend.by is not None and extend.by < SHORTEST_EXTENSION:
        shortest = format_duration(SHORTEST_EXTENSION)
        return Refusal("InvalidTimes", f"extendOnActivity.by is too short; make it {shortest} or more")
    if extend is not None and (longest := extend.max_duration) is not None:
        if longest <= timedelta(0):
            return Refusal("InvalidTimes", "extendOnActivity.maxDuration must be greater than zero")
        if problem := lease_rules.duration_problem(longest):
            return Refusal("InvalidTimes", f"extendOnActivity.maxDuration: {problem}")
    if release_after is not None and release_after <= timedelta(0):
        return Refusal("InvalidTimes", "releaseAfterDetached must be greater than zero; leave it out to keep the lease")
    return None


def _begin_refusal(spec: LeaseSpec, before: InForce | None, created: datetime | None) -> Refusal | None:
    if created is None or (before is not None and times(spec).begin == times(before.accepted).begin):
        return None  # what was accepted once stays so
    problem = begin_problem(spec, created)
    return Refusal("InvalidTimes", problem) if problem else None


def _words_refusal(spec: LeaseSpec) -> Refusal | None:
    for key, value in spec.tags.items():
        if problem := lease_rules.tag_problem(key, value):
            return Refusal("InvalidTags", problem)
    for key in spec.context:
        if len(key) > _CONTEXT_KEY_LENGTH:
            return Refusal("InvalidContext", f'context key "{key}" is longer than {_CONTEXT_KEY_LENGTH} characters')
    return None


def late_edit(spec: LeaseSpec, accepted: LeaseSpec | None) -> Refusal | None:
    """Why a lease that has ended can't be as this spec says; None where it says what was in force at its end.

    `release` and `ttlSecondsAfterEnded` may still be set.
    """
    if accepted is None:
        return None
    allowed: dict[str, Any] = {"release": accepted.release, "ttl_seconds_after_ended": accepted.ttl_seconds_after_ended}
    if spec.duration is None and spec.end_time is None:
        allowed["duration"] = accepted.duration
    if spec.model_copy(update=allowed) == accepted:
        return None
    return Refusal("Ended", "the lease has ended and can't be changed; create a new one")


def _edit_refusal(asked: LeaseSpec, spec: LeaseSpec, before: InForce, schedule: Schedule | None) -> Refusal | None:
    """asked: the spec without the default duration."""
    changed = _changed_fields(spec, before)
    if changed:
        fields = ", ".join(changed)
        return Refusal("Immutable", f"{fields} can't be changed any more; the accepted spec stays in force")
    bends = asked.duration is None and asked.end_time is None
    return _right_refusal(spec, before, schedule) or _reservation_refusal(spec, before, schedule, bends=bends)


def _changed_fields(spec: LeaseSpec, before: InForce) -> list[str]:
    accepted = before.accepted
    fixed = [
        ("tags", spec.tags == accepted.tags),
        ("context", spec.context == accepted.context),
    ]
    if before.assigned:
        fixed += [
            ("selector", spec.selector == accepted.selector),
            ("exporterRef", spec.exporter_ref == accepted.exporter_ref),
            ("exporters", spec.exporters == accepted.exporters),
            ("allowDisabled", spec.allow_disabled == accepted.allow_disabled),
        ]
    if before.began is not None:
        fixed.append(("beginTime", spec.begin_time == accepted.begin_time))
    return [name for name, same in fixed if not same]


def _right_refusal(spec: LeaseSpec, before: InForce, schedule: Schedule | None) -> Refusal | None:
    """Another holder, and a later end, need a right to the lease's exporters; an earlier end needs none."""
    same_holder = spec.client_ref == before.accepted.client_ref
    if schedule is None or (same_holder and not _is_longer(spec, before)):
        return None
    giver = None if same_holder else before.accepted.client_ref.name
    right = schedule.right(spec.client_ref.name, length_of(spec, before.began), giver)
    if isinstance(right, Refusal):
        return Refusal(right.reason, f"{right.message}; the accepted spec stays in force")
    return None


def _is_longer(spec: LeaseSpec, before: InForce) -> bool:
    end, accepted = expected_end(spec, before.began), expected_end(before.accepted, before.began)
    if end is None or accepted is None:
        return (spec.duration, spec.end_time) != (before.accepted.duration, before.accepted.end_time)
    return end > accepted


def _reservation_refusal(spec: LeaseSpec, before: InForce, schedule: Schedule | None, *, bends: bool) -> Refusal | None:
    """Other reservations stay as they are: a lease moves, or is extended, to a time that is free.

    bends: it asks for no length, and lasts as long as its rights permit.
    """
    wanted = times(spec)
    if wanted == times(before.accepted):
        return None
    end = expected_end(spec, before.began or before.now)  # one that is not ready yet ends even later
    if before.reserved_from is not None and end is not None and end > before.reserved_from:
        until = format_moment(before.reserved_from, before.now)
        return Refusal(
            "Reserved", f"its exporter is reserved for another lease from {until}; end the lease before that"
        )
    if schedule is None or not before.has_reservation or wanted.begin is None:
        return None
    end = wanted.end or wanted.begin + (wanted.duration or DEFAULT_DURATION)
    if schedule.is_movable(wanted.begin, None if bends else end):
        return None
    span = f"from {format_moment(wanted.begin, before.now)}"
    if not bends:
        span += f" until {format_moment(end, before.now)}"
    return Refusal("Reserved", f"no exporter for it is free {span}; the accepted spec stays in force")
