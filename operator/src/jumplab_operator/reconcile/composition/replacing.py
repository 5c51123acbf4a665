"""Frees the name of an ended lease for a new one of the same client."""

from jumplab_operator.errors import ApiError, NameTaken
from jumplab_operator.kube.client import CUSTOM, path
from jumplab_operator.names import Name
from jumplab_operator.reconcile.composition.manager import Manager
from jumplab_operator.reconcile.context.context import Cluster
from jumplab_operator.reconcile.context.holders import holder_of
from jumplab_operator.reconcile.lease_steps.claims import is_over
from jumplab_operator.resources import Lease


async def remove_ended(name: Name, client: str, cluster: Cluster, manager: Manager) -> None:
    """Deletes the lease of that name, if it is the client's and has ended. Raises NameTaken, ApiError.

    Its exporter's history has it, or will have it once the exporter has cleaned up.
    """
    where = path(CUSTOM, Lease.PLURAL, name.namespace, name.name)
    answer = await cluster.kube.get(where)  # the object store may lag
    if answer is None:
        return
    cluster.objects.put(Lease, answer)
    uid = answer["metadata"]["uid"]
    lease = cluster.objects.by_uid(Lease, uid)
    if lease is None:
        raise NameTaken(f'a lease "{name.name}" exists that can\'t be read; choose another name')
    if _belongs_to(lease, client) and not lease.status.ended and is_over(lease, cluster.clock.now()):
        await manager.reconcile_now(uid)
        lease = cluster.objects.by_uid(Lease, uid) or lease
    if refusal := _refusal(lease, client):
        raise NameTaken(refusal)
    try:
        await cluster.kube.delete(where, uid)
    except ApiError as refused:
        if refused.status not in (404, 409):  # gone by now; another of its name may be there
            raise
    await cluster.refresh(lease)


def _refusal(lease: Lease, client: str) -> str:
    """Why the lease's name is not free for the client; empty where it is."""
    if not _belongs_to(lease, client):
        state = "an ended lease" if lease.status.ended else "a lease"
        return f'the name "{lease.name}" belongs to {state} of client "{holder_of(lease).name}"; choose another name'
    if not lease.status.ended:
        return f'your lease "{lease.name}" has not ended; release it first, or choose another name'
    return ""


def _belongs_to(lease: Lease, client: str) -> bool:
    return holder_of(lease).name == client
