"""The access to the console logs of a lease: its holder reads them, also once it has ended, and nobody else."""

from jumplab_operator.controller.access import own_lease
from jumplab_operator.controller.credentials import Subject
from jumplab_operator.controller.lab import Lab
from jumplab_operator.controller.messages import in_force
from jumplab_operator.controller.refusals import NotAllowed
from jumplab_operator.names import Name
from jumplab_operator.resources import Lease
from jumplab_operator.router.tokens import StreamClaims


def lease_of_logs(lab: Lab, caller: Subject, name: Name) -> Lease:
    """A lease, in force or ended, whose logs the caller may read. Raises NotAllowed, NoSuchThing, Unavailable."""
    lease = own_lease(lab, caller, name)
    if not _was_held_by(lease, caller.uid):
        raise NotAllowed(
            f'lease "{name.name}" was held by an earlier client of the name "{caller.name.name}", or it is not '
            "recorded by which; an administrator finds its console logs on the exporter's machine"
        )
    return lease


def may_read_on(lab: Lab, claims: StreamClaims) -> bool:
    """Whether the client that is reading a lease's console logs still may: the lease and the client are there, and the
    lease is the client's."""
    name = Name(*claims.lease_name.split("/", 1))
    lease, client = lab.lease(name), lab.client(Name(name.namespace, claims.holder))
    if lease is None or client is None or client.metadata.deletion_timestamp is not None:
        return False
    is_same = (lease.uid, in_force(lease).client_ref.name) == (claims.lease, claims.holder)
    return is_same and _was_held_by(lease, client.uid)


def _was_held_by(lease: Lease, client_uid: str) -> bool:
    """Whether the client is the one that is recorded; while a lease lasts, its client's name is enough."""
    holder = lease.status.holder
    return holder.uid == client_uid if holder is not None else not lease.status.ended
