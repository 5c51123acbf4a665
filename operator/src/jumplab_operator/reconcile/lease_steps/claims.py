"""An exporter's claim: the lease that it serves, and when the claim may be cleared.

`status.leaseRef` is the record. It is written before the Lease's status, and cleared only when the exporter is clean
of that lease by its own word, or Offline past that lease's deadline. The write that clears it records the lease in
`status.history`.
"""

from dataclasses import replace
from datetime import datetime

from jumplab_operator.controller.lab import Assignment
from jumplab_operator.kube.client import CUSTOM, path
from jumplab_operator.leasing.model.times import expected_end
from jumplab_operator.names import Name
from jumplab_operator.reconcile.context.context import Cluster, whole_seconds
from jumplab_operator.reconcile.context.holders import holder_of
from jumplab_operator.resources import Exporter, Lease, LeaseRef
from jumplab_operator.resources.conditions import find_condition


def lease_of(claim: LeaseRef, exporter: Exporter, cluster: Cluster) -> Lease | None:
    """The lease that the claim names, if it still exists. A claim without uid (by Jumpstarter) goes by the name."""
    if claim.uid is None:
        return cluster.objects.get(Lease, Name(exporter.namespace, claim.name))
    return cluster.objects.by_uid(Lease, claim.uid)


def may_be_in_force(claim: LeaseRef, exporter: Exporter, cluster: Cluster) -> bool:
    """Whether the claim names a lease that isn't known and need not be gone: it can't be read, or has not come yet."""
    if lease_of(claim, exporter, cluster) is not None:
        return False
    if claim.uid is None:
        return bool(cluster.objects.problem(Lease, Name(exporter.namespace, claim.name)))
    return not cluster.objects.is_gone(claim.uid)


async def look_up(claim: LeaseRef, exporter: Exporter, cluster: Cluster) -> None:
    """Asks the API for a lease that the store does not have: its absence alone is no deletion. Raises ApiError."""
    if claim.uid is None or cluster.objects.seen(claim.uid) is not None or cluster.objects.is_gone(claim.uid):
        return
    answer = await cluster.kube.get(path(CUSTOM, Lease.PLURAL, exporter.namespace, claim.name))
    if answer is not None:
        cluster.objects.put(Lease, answer)
    if answer is None or answer["metadata"]["uid"] != claim.uid:
        cluster.objects.drop(claim.uid)
        cluster.topics.changed(exporter.uid)


def is_claimed_by(exporter: Exporter, lease: Lease) -> bool:
    """Whether the exporter is claimed by the lease."""
    claim = exporter.status.lease_ref
    return claim is not None and (claim.uid == lease.uid or (claim.uid is None and claim.name == lease.name))


def new_claim(lease: Lease, now: datetime) -> LeaseRef:
    """The claim of an exporter by the lease."""
    return LeaseRef(name=lease.name, uid=lease.uid, client=holder_of(lease).name, since=whole_seconds(now))


def current_claim(claim: LeaseRef, lease: Lease | None, exporter: Exporter) -> LeaseRef:
    """The claim as it is to be written next: with the holder that the lease has by now."""
    if lease is None or not is_assigned_to(lease, exporter):
        return claim
    begin = claim.since or lease.status.begin_time
    return claim.model_copy(update={"client": holder_of(lease).name, "since": begin})


def is_assigned_to(lease: Lease, exporter: Exporter) -> bool:
    """Whether the lease is assigned to this exporter, by the Lease's status."""
    return not lease.status.ended and exporter.name in lease.status.exporter_names


def is_over(lease: Lease, now: datetime) -> bool:
    """Whether the lease has ended or is to end, written or not."""
    end = lease_end(lease)
    return lease.status.ended or is_to_end(lease) or (end is not None and end <= now)


def is_to_end(lease: Lease) -> bool:
    """Whether the lease was released or is being deleted."""
    return lease.spec.release or lease.metadata.deletion_timestamp is not None


def lease_end(lease: Lease) -> datetime | None:
    """When the lease ends by what is in force; None while that isn't known."""
    if lease.status.expected_end_time is not None:
        return lease.status.expected_end_time
    accepted = lease.status.accepted
    return expected_end(accepted, lease.status.begin_time) if accepted is not None else None


def assignment(exporter: Exporter, cluster: Cluster) -> Assignment | None:
    """The assignment to send to the exporter: the lease that it serves now."""
    claim = exporter.status.lease_ref
    lease = lease_of(claim, exporter, cluster) if claim is not None else None
    if lease is None or not is_assigned_to(lease, exporter) or is_over(lease, cluster.clock.now()):
        return None
    spec = lease.status.accepted or lease.spec
    name = Name(lease.namespace, lease.name)
    preempting = find_condition(lease.status.conditions, "Preempting")
    notice = preempting.message if preempting is not None else ""
    return Assignment(name, lease.uid, spec.client_ref.name, dict(spec.context), lease.status.expected_end_time, notice)


def send_after(
    known: Assignment | None, changed: Assignment | None, exporter: Exporter, cluster: Cluster
) -> datetime | None:
    """Until when sending `changed` to an exporter that knows `known` can wait; None: it is sent now.

    The end of a lease that the exporter is ready for can wait until the holder has attached and the exporter's own
    status is written: the exporter answers with a report.
    """
    since = cluster.presence.of(exporter.uid).phase_since
    if (
        known is None
        or changed is None
        or since is None
        or known.expected_end is not None
        or changed.expected_end is None
    ):
        return None
    if replace(known, expected_end=changed.expected_end) != changed or exporter.status.exporter_status == "LeaseReady":
        return None
    return since + min(cluster.settings.end_send_delay, (changed.expected_end - since) / 10)


def may_clear(exporter: Exporter, claim: LeaseRef, wanted: bool, online: bool, cluster: Cluster) -> bool:
    """Whether the claim is over and the exporter clean. wanted: the scheduler decided to complete this claim."""
    lease = lease_of(claim, exporter, cluster)
    if wanted or (lease is not None and is_assigned_to(lease, exporter)):
        return False
    uid = claim.uid or (lease.uid if lease is not None else "")
    if cluster.presence.of(exporter.uid).is_clean_of(uid):
        return True
    return not online and is_past_deadline(claim, lease, cluster)


def is_past_deadline(claim: LeaseRef, lease: Lease | None, cluster: Cluster) -> bool:
    """Whether an exporter that can't be reached has ended the lease by itself. Without a known deadline: no."""
    deadline = cluster.deadlines.get(claim.uid or "") or (lease.status.expected_end_time if lease is not None else None)
    if deadline is None:
        return lease is not None  # it was never ready: the exporter never served it
    return deadline <= cluster.clock.now()
