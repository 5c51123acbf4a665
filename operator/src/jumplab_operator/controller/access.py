"""The access of callers: a client sees its namespace and changes its own leases; an exporter sees its own leases."""

from jumplab_operator.controller.credentials import Subject
from jumplab_operator.controller.lab import Lab
from jumplab_operator.controller.messages import in_force
from jumplab_operator.controller.refusals import NoSuchThing, NotAllowed, TooMuch, Unavailable
from jumplab_operator.leasing.model import lease_ownership
from jumplab_operator.names import Name
from jumplab_operator.resources import Exporter, Lease


def require_kind(caller: Subject, kind: str) -> None:
    """Raises NotAllowed for a caller of the other kind."""
    if caller.kind != kind:
        owner = f'{caller.kind.lower()} "{caller.name.name}"'
        raise NotAllowed(f"only {kind.lower()}s may call this; the token belongs to {owner}")


def require_namespace(caller: Subject, namespace: str) -> None:
    """Raises NotAllowed where the namespace isn't the caller's."""
    if caller.name.namespace != namespace:
        raise NotAllowed(
            f'{caller.kind.lower()} "{caller.name.name}" belongs to namespace "{caller.name.namespace}" '
            f'and may not use "{namespace}"'
        )


def visible_lease(lab: Lab, caller: Subject, name: Name) -> Lease:
    """A lease that the caller may see. Raises NotAllowed, NoSuchThing, Unavailable."""
    require_namespace(caller, name.namespace)
    lease = lab.lease(name)
    if lease is None and (problem := lab.problem(Lease, name)):
        raise Unavailable(f'lease "{name.name}" can\'t be read ({problem}); an administrator can correct it')
    if lease is None:
        raise NoSuchThing(f'there is no lease "{name.name}" in namespace "{name.namespace}"')
    if caller.kind == "Exporter" and not _serves(lab, caller, lease):
        raise NotAllowed(f'lease "{name.name}" does not have exporter "{caller.name.name}"')
    return lease


def own_lease(lab: Lab, caller: Subject, name: Name, uid: str = "") -> Lease:
    """A lease whose holder is the caller. Raises NotAllowed, NoSuchThing.

    uid: only the lease that has it; empty: whichever has the name.
    """
    require_kind(caller, "Client")
    lease = visible_lease(lab, caller, name)
    refused = lease_ownership.change_refusal(caller.name.name, name.name, in_force(lease).client_ref.name)
    if refused:
        raise NotAllowed(refused)
    if uid and uid != lease.uid:
        raise NoSuchThing(f'lease "{name.name}" was replaced by a new one of this name; the old one is gone')
    return lease


def check_quota(lab: Lab, client: Name) -> None:
    """Raises TooMuch for a client that may not create another lease."""
    if refused := lease_ownership.quota_refusal(client.name, lab.leases_held(client)):
        raise TooMuch(refused)


def visible_exporter(lab: Lab, caller: Subject, name: Name) -> Exporter:
    """An exporter that the caller may see. Raises NotAllowed, NoSuchThing."""
    require_namespace(caller, name.namespace)
    exporter = lab.exporter(name)
    if exporter is None:
        raise NoSuchThing(f'there is no exporter "{name.name}" in namespace "{name.namespace}"')
    return exporter


def _serves(lab: Lab, caller: Subject, lease: Lease) -> bool:
    exporter = lab.exporter(caller.name)
    claim = exporter.status.lease_ref if exporter else None
    return bool(claim and claim.uid == lease.uid) or caller.name.name in lease.status.exporter_names
