"""The access to the console logs of a lease: its holder reads them, also once it has ended, and nobody else."""

from jumplab_operator.controller.access import own_lease
from jumplab_operator.controller.credentials import Subject
from jumplab_operator.controller.lab import Lab
from jumplab_operator.controller.messages import in_force
from jumplab_operator.controller.refusals import NotAllowed
from jumplab_operator.names import Name
from jumplab_operator.resources import Client, Lease
from jumplab_operator.router.tokens import StreamClaims


def lease_of_logs(lab: Lab, caller: Subject, name: Name) -> Lease:
    """A lease, in force or ended, whose logs the caller may read. Raises NotAllowed, NoSuchThing, Unavailable."""
    lease = own_lease(lab, caller, name)
    if not _is_holder(lab.client(caller.name), lease):
        raise NotAllowed(
            f'lease "{name.name}" was held by an earlier client of the name "{caller.name.name}", or with a credential '
            "that was removed; an administrator finds its console logs on the exporter's machine"
        )
    return lease


def may_read_on(lab: Lab, claims: StreamClaims) -> bool:
    """Whether the client that is reading a lease's console logs still may: the lease is there, and still the client's,
    who is not revoked."""
    name = Name(*claims.lease_name.split("/", 1))
    lease, client = lab.lease(name), lab.client(Name(name.namespace, claims.holder))
    if lease is None or (lease.uid, in_force(lease).client_ref.name) != (claims.lease, claims.holder):
        return False
    return _is_holder(client, lease)


def _is_holder(client: Client | None, lease: Lease) -> bool:
    """Whether the client that has the holder's name is the one that is recorded, with the credential it had then.

    While a lease lasts the name is enough until its holder is recorded.
    """
    if client is None or client.is_revoked:
        return False
    holder = lease.status.holder
    if holder is None:
        return not lease.status.ended
    return holder.uid == client.uid and holder.credential_uid in (None, client.status.credential_uid)
