"""The ending of a lease because of its exporters: one is deleted, fails, or has cleaned up."""

from datetime import datetime

from jumplab_operator.leasing.lease import expiry
from jumplab_operator.names import Name
from jumplab_operator.reconcile.context.context import Cluster
from jumplab_operator.reconcile.context.lease_context import LeaseContext
from jumplab_operator.reconcile.lease_steps.claims import is_claimed_by
from jumplab_operator.resources import Exporter


async def exporters_ending(context: LeaseContext, end: datetime | None, cluster: Cluster) -> expiry.Ending | None:
    """The ending because of the first exporter that requires one; None while all serve the lease. Raises ApiError.

    The exporters are read by name, one after the other: those before may have been waited for, and one that the context
    lacks is asked for.
    """
    for name in context.lease.status.exporter_names:
        ending = await _exporters_ending(context, Name(context.lease.namespace, name), end, cluster)
        if ending is not None:
            return ending
    return None


async def _exporters_ending(
    context: LeaseContext, name: Name, end: datetime | None, cluster: Cluster
) -> expiry.Ending | None:
    lease = context.lease
    exporter = cluster.objects.get(Exporter, name) or await _fetch(name, cluster)
    if exporter is None:
        return _deleted(name, cluster)
    if exporter.status.credential is None and is_claimed_by(exporter, lease):
        return expiry.exporter_credential_removed(name.name)
    connection = cluster.presence.of(exporter.uid)
    if lease.uid in connection.failed:
        return expiry.exporter_failed(name.name, connection.failed[lease.uid])
    if lease.uid in connection.cleaned:
        return expiry.given_up_by_exporter(name.name, end, context.now)
    if not is_claimed_by(exporter, lease):
        await cluster.refresh(exporter)
        exporter = cluster.objects.get(Exporter, name)
        if exporter is None:
            return _deleted(name, cluster)
        if not is_claimed_by(exporter, lease):
            return expiry.exporter_deleted(name.name)
    return None


def _deleted(name: Name, cluster: Cluster) -> expiry.Ending | None:
    """The ending where the exporter is not in the store; None where it is there and can't be read."""
    return None if cluster.objects.problem(Exporter, name) else expiry.exporter_deleted(name.name)


async def _fetch(name: Name, cluster: Cluster) -> Exporter | None:
    """The exporter from the API: what ends a lease for good isn't decided on an object store that may lag."""
    missing = Exporter.from_plain({"metadata": {"namespace": name.namespace, "name": name.name}})
    await cluster.refresh(missing)
    return cluster.objects.get(Exporter, name)
