"""A client may make, change and end its own leases only. The rule of both APIs, gRPC's and Kubernetes'."""

MOST_LEASES = 1000
"""How many leases of one client may exist that have not ended."""


def quota_refusal(client: str, held: int) -> str | None:
    """Why a client that holds so many leases, in force or waiting, may not create another; None where it may."""
    if held < MOST_LEASES:
        return None
    return f'client "{client}" has {held} leases that have not ended, the limit is {MOST_LEASES}; release some'


def creation_refusal(client: str, holder: str) -> str | None:
    """Why a client may not make a lease that `holder` is to hold; None where it may."""
    if client == holder:
        return None
    return f'client "{client}" may not create a lease for client "{holder}"; put its own name into clientRef'


def change_refusal(client: str, lease: str, holder: str) -> str | None:
    """Why a client may not change or end a lease that `holder` holds; None where it may."""
    if client == holder:
        return None
    return f'lease "{lease}" belongs to client "{holder}", not to "{client}"'


def transfer_refusal(client: str, heir: str, *, accepted: bool) -> str | None:
    """Why a client may not put `heir` into a lease of its own; None where it may.

    Before the lease is accepted that would be a creation in another's name.
    """
    return None if accepted else creation_refusal(client, heir)
