"""The leases of each client that have not ended, in force or waiting."""

from collections import defaultdict
from collections.abc import Collection

from jumplab_operator.names import Name
from jumplab_operator.resources import Lease


class Holders:
    """The uids of leases, by their clients' names."""

    def __init__(self) -> None:
        self._leases: defaultdict[Name, set[str]] = defaultdict(set)

    def note(self, before: Lease | None, now: Lease | None) -> None:
        """A Lease has changed; None: there was, or is, none."""
        if before is not None:
            name = holder_of(before)
            self._leases[name].discard(before.uid)
            if not self._leases[name]:
                del self._leases[name]
        if now is not None and not now.status.ended:
            self._leases[holder_of(now)].add(now.uid)

    def leases_of(self, client: Name) -> Collection[str]:
        """The uids of the client's leases, in force or waiting."""
        return tuple(self._leases.get(client, ()))

    def clients(self) -> Collection[Name]:
        """All clients with a lease, in force or waiting."""
        return self._leases.keys()


def holder_of(lease: Lease) -> Name:
    """The name of the lease's client: by what was accepted, and before that by what is asked for."""
    return Name(lease.namespace, (lease.status.accepted or lease.spec).client_ref.name)
