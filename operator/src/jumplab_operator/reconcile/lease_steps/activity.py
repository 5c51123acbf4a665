"""Whether anyone is attached to a lease, and what that makes of its end."""

from datetime import datetime

from jumplab_operator.leasing.lease import activity, expiry
from jumplab_operator.leasing.lease.activity import Attendance, Bounds
from jumplab_operator.leasing.lease.validation import InForce
from jumplab_operator.leasing.model.policy_rules import Grant
from jumplab_operator.leasing.model.times import expected_end, times
from jumplab_operator.reconcile.context.context import Cluster, whole_seconds
from jumplab_operator.resources import Exporter, Lease, LeaseSpec


def attendance_of(lease: Lease, cluster: Cluster) -> Attendance | None:
    """By the word of the exporters that are connected; None where one is away or does not say."""
    return activity.joint([_by_word_of(exporter, lease, cluster) for exporter in cluster.exporters_of(lease)])


def is_unused(lease: Lease, cluster: Cluster) -> bool:
    """Whether nobody was ever attached, by the last word of its exporters, away or not.

    Where one doesn't tell, or has not since the operator's start, somebody may have been.
    """
    connections = [cluster.presence.of(exporter.uid) for exporter in cluster.exporters_of(lease)]
    return lease.status.first_used_time is None and all(
        connection.tells_attendance and connection.attached_for != lease.uid for connection in connections
    )


def abandonment(lease: Lease, spec: LeaseSpec, cluster: Cluster) -> expiry.Ending | None:
    """The ending of a lease that nobody is attached to for too long; before that, looks again in time."""
    if lease.status.begin_time is None:
        return None
    due = activity.abandoned_at(spec.release_after_detached, attendance_of(lease, cluster))
    if due is None or spec.release_after_detached is None:
        return None
    if due > cluster.clock.now():
        cluster.queue.add_at(lease.uid, due)
        return None
    return activity.abandoned(spec.release_after_detached)


def end_in_force(lease: Lease, spec: LeaseSpec, began: datetime | None) -> datetime | None:
    """When the lease is to end: by its spec, or later where activity has moved the end on since the spec's times."""
    asked, known, accepted = expected_end(spec, began), lease.status.expected_end_time, lease.status.accepted
    if asked is None or known is None or accepted is None or times(accepted) != times(spec):
        return asked
    return max(asked, known)


def moved_on(lease: Lease, spec: LeaseSpec, end: datetime, before: InForce | None, cluster: Cluster) -> datetime:
    """The end, moved on if somebody is attached and it is time; looks again when it will be."""
    extend, began, now = spec.extend_on_activity, lease.status.begin_time, cluster.clock.now()
    if extend is None or began is None or before is None or before.right is None:
        return end
    attendance = attendance_of(lease, cluster)
    right = before.right(spec.client_ref.name, end - began)
    if isinstance(right, Grant) and attendance is not None and attendance.attached:
        bounds = Bounds(right.maximum_duration, before.reserved_from)
        end = whole_seconds(activity.moved_end(end, extend, began, bounds, now))
    look_again = end - extend.by / 2
    if look_again > now:
        cluster.queue.add_at(lease.uid, look_again)
    return end


def _by_word_of(exporter: Exporter, lease: Lease, cluster: Cluster) -> Attendance | None:
    connection = cluster.presence.of(exporter.uid)
    if not connection.connected or connection.attendance is None or connection.attendance[0] != lease.uid:
        return None
    return connection.attendance[1]
