"""Retention: ended leases stay for a while, so that users can look them up, and are then deleted.

Of each client and of each namespace only so many stay; the oldest go first.
"""

from datetime import datetime, timedelta

from jumplab_operator.errors import ApiError
from jumplab_operator.names import Name
from jumplab_operator.reconcile.context.context import Cluster, object_path
from jumplab_operator.resources import Exporter, Lease


async def delete_when_due(lease: Lease, cluster: Cluster) -> None:
    """Deletes an ended lease whose retention is over, or that is one too many; else reconciles it again when its
    retention is over. Raises ApiError.

    A lease that an exporter has still to clean up after stays: its end bounds how long that exporter may be busy. It is
    reconciled again when its claim is cleared.
    """
    if lease.metadata.deletion_timestamp is not None or _is_claimed(lease, cluster):
        return
    if not cluster.ended.is_surplus(lease):
        due = _due(lease, cluster)
        if due is None:
            return
        if due > cluster.clock.now():
            cluster.queue.add_at(lease.uid, due)
            return
    try:
        await cluster.kube.delete(object_path(lease), lease.uid)
    except ApiError as refused:
        if refused.status not in (404, 409):  # it is gone; one of the same name may be there
            raise
    await cluster.refresh(lease)


def _due(lease: Lease, cluster: Cluster) -> datetime | None:
    ended = lease.status.end_time
    return ended + _retention(lease, cluster) if ended is not None else None


def _retention(lease: Lease, cluster: Cluster) -> timedelta:
    seconds = lease.spec.ttl_seconds_after_ended
    return cluster.settings.retention if seconds is None else timedelta(seconds=seconds)


def _is_claimed(lease: Lease, cluster: Cluster) -> bool:
    exporters = cluster.exporters_of(lease)
    claims = [exporter.status.lease_ref for exporter in exporters]
    if any(claim is not None and claim.uid == lease.uid for claim in claims):
        return True
    missing = set(lease.status.exporter_names) - {exporter.name for exporter in exporters}
    return any(cluster.objects.problem(Exporter, Name(lease.namespace, name)) for name in missing)  # it may be claimed
