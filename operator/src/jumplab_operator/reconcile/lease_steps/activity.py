"""Whether a client is attached to a lease, and how that changes the lease's end."""

from datetime import datetime

from jumplab.protocol.moments import at_moment
from jumplab_operator.leasing.lease import activity, expiry
from jumplab_operator.leasing.lease.activity import Attendance, Bounds
from jumplab_operator.leasing.lease.validation import Schedule
from jumplab_operator.leasing.model.policy_rules import Grant
from jumplab_operator.leasing.model.times import expected_end, times
from jumplab_operator.reconcile.context.context import Cluster, whole_seconds
from jumplab_operator.reconcile.context.lease_context import LeaseContext
from jumplab_operator.resources import Exporter, Lease, LeaseSpec


def attendance_of(context: LeaseContext, cluster: Cluster) -> Attendance | None:
    """As the connected exporters report it; None where one is disconnected or does not report it."""
    return activity.joint([_reported(exporter, context.lease, cluster) for exporter in context.exporters])


def is_unused(context: LeaseContext, cluster: Cluster) -> bool:
    """Whether no client was ever attached, by the last report of each exporter, connected or not.

    An exporter that doesn't report it, or has not since the operator's start, may have had a client attached.
    """
    lease, connections = context.lease, [cluster.presence.of(exporter.uid) for exporter in context.exporters]
    return lease.status.first_used_time is None and all(
        connection.tells_attendance and connection.attached_for != lease.uid for connection in connections
    )


def abandonment(context: LeaseContext, cluster: Cluster) -> expiry.Ending | None:
    """The ending of a lease that has had no client attached for too long; before that, reconciles it in time."""
    lease, spec = context.lease, context.required_spec
    if lease.status.begin_time is None:
        return None
    attendance, paused_until = attendance_of(context, cluster), cluster.pauses.last_end()
    due = activity.abandoned_at(spec.release_after_detached, attendance, paused_until)
    if due is None or spec.release_after_detached is None:
        return None
    if due > context.now:
        cluster.queue.add_at(lease.uid, due)
        return None
    return activity.abandoned(spec.release_after_detached)


def end_in_force(
    lease: Lease, spec: LeaseSpec, began: datetime | None, ends_by: datetime | None = None
) -> datetime | None:
    """The end of the lease: the known one, which activity may have extended, until an edit sets other times.

    ends_by: the latest end of a lease whose end isn't known yet.
    """
    asked, known, accepted = expected_end(spec, began), lease.status.expected_end_time, lease.status.accepted
    if asked is None:
        return None
    if known is None:
        return min(asked, ends_by) if ends_by is not None else asked
    return known if accepted is not None and times(accepted) == times(spec) else asked


def early_end(spec: LeaseSpec, began: datetime | None, end: datetime | None) -> str:
    """The end of a lease in words, where it is earlier than its spec says since its exporter is reserved for another;
    else empty."""
    asked = expected_end(spec, began)
    if began is None or end is None or asked is None or end >= asked:
        return ""
    return at_moment(end, began)


def extended_end(context: LeaseContext, end: datetime, schedule: Schedule, cluster: Cluster) -> datetime:
    """The end, extended if the lease is used and it is time; reconciles the lease again when it will be."""
    extend, began, in_force = (
        context.required_spec.extend_on_activity,
        context.lease.status.begin_time,
        context.in_force,
    )
    if extend is None or began is None or in_force is None:
        return end
    attendance = attendance_of(context, cluster)
    if attendance is not None and attendance.in_use:
        right = schedule.right(context.required_spec.client_ref.name, end - began)
        if isinstance(right, Grant):
            bounds = Bounds(right.maximum_duration, in_force.reserved_from)
            end = whole_seconds(activity.moved_end(end, extend, began, bounds, context.now))
    look_again = end - activity.step_of(extend) / 2
    if look_again > context.now:
        cluster.queue.add_at(context.lease.uid, look_again)
    return end


def _reported(exporter: Exporter, lease: Lease, cluster: Cluster) -> Attendance | None:
    connection = cluster.presence.of(exporter.uid)
    if not connection.connected or connection.attendance is None or connection.attendance[0] != lease.uid:
        return None
    return connection.attendance[1]
