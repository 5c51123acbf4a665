"""The ending that a lease's exporters bring: one is deleted, fails, or has cleaned up."""

from datetime import datetime

from jumplab_operator.leasing.lease import expiry
from jumplab_operator.names import Name
from jumplab_operator.reconcile.context.context import Cluster
from jumplab_operator.reconcile.lease_steps.claims import holds
from jumplab_operator.resources import Exporter, Lease


async def exporters_ending(lease: Lease, end: datetime | None, cluster: Cluster) -> expiry.Ending | None:
    """The ending that the first of its exporters brings; None while all serve it. Raises ApiError."""
    for name in lease.status.exporter_names:
        ending = await _exporters_ending(lease, Name(lease.namespace, name), end, cluster)
        if ending is not None:
            return ending
    return None


async def _exporters_ending(lease: Lease, name: Name, end: datetime | None, cluster: Cluster) -> expiry.Ending | None:
    exporter = cluster.objects.get(Exporter, name) or await _asked_again(name, cluster)
    if exporter is None:
        return expiry.exporter_deleted(name.name)
    connection = cluster.presence.of(exporter.uid)
    if lease.uid in connection.failed:
        return expiry.exporter_failed(name.name, connection.failed[lease.uid])
    if lease.uid in connection.cleaned:
        return expiry.given_up_by_exporter(name.name, end, cluster.clock.now())
    if not holds(exporter, lease):
        await cluster.refresh(exporter)
        exporter = cluster.objects.get(Exporter, name)
        if exporter is None or not holds(exporter, lease):
            return expiry.exporter_deleted(name.name)
    return None


async def _asked_again(name: Name, cluster: Cluster) -> Exporter | None:
    """The exporter from the API: what ends a lease for good isn't decided on an object store that may lag."""
    missing = Exporter.from_plain({"metadata": {"namespace": name.namespace, "name": name.name}})
    await cluster.refresh(missing)
    return cluster.objects.get(Exporter, name)
