"""Which lease holds which exporter: by the exporters' claims, and by the status of assigned leases."""

from collections import defaultdict
from collections.abc import Mapping

from jumplab_operator.leasing.model.facts import ExporterFacts, LeaseFacts
from jumplab_operator.leasing.model.ids import ClientName, ExporterUid, LeaseUid


class Claims:
    """The two records agree but for moments: a claim is written before the lease's status, and cleared after it."""

    def __init__(self) -> None:
        self.by_lease: dict[LeaseUid, set[ExporterUid]] = {}
        """The exporters that are claimed by each lease."""
        self.spot: set[LeaseUid] = set()
        """Assigned leases that may be preempted."""
        self.noticed: set[LeaseUid] = set()
        """Assigned leases that were given notice."""
        self._assigned: defaultdict[str, set[LeaseUid]] = defaultdict(set)
        """The leases that are assigned to an exporter, by its name."""
        self._of_client: defaultdict[ClientName, dict[LeaseUid, tuple[str, ...]]] = defaultdict(dict)
        """The names of the exporters that each client holds."""

    def put_exporter(self, exporter: ExporterFacts) -> None:
        """Notes the exporter's claim."""
        if exporter.claim is not None:
            self.by_lease.setdefault(exporter.claim, set()).add(exporter.uid)

    def drop_exporter(self, exporter: ExporterFacts) -> None:
        """Forgets the exporter's claim."""
        if exporter.claim is not None:
            claimed = self.by_lease[exporter.claim]
            claimed.discard(exporter.uid)
            if not claimed:
                del self.by_lease[exporter.claim]

    def put_lease(self, lease: LeaseFacts) -> None:
        """Notes the exporters that the lease is assigned to."""
        if not lease.exporters:
            return
        for name in lease.exporters:
            self._assigned[name].add(lease.uid)
        self._of_client[lease.request.client][lease.uid] = lease.exporters
        if lease.spot:
            self.spot.add(lease.uid)
        if lease.noticed:
            self.noticed.add(lease.uid)

    def drop_lease(self, lease: LeaseFacts) -> None:
        """Forgets the exporters that the lease is assigned to."""
        for name in lease.exporters:
            self._assigned[name].discard(lease.uid)
            if not self._assigned[name]:
                del self._assigned[name]
        self._of_client.get(lease.request.client, {}).pop(lease.uid, None)
        self.spot.discard(lease.uid)
        self.noticed.discard(lease.uid)

    def holder_of(self, exporter: ExporterFacts, leases: Mapping[LeaseUid, LeaseFacts]) -> LeaseFacts | None:
        """The lease that is assigned to the exporter, or else has a claim on it."""
        assigned = self._assigned.get(exporter.name)
        if assigned:
            return leases[max(assigned)]
        return leases.get(exporter.claim) if exporter.claim is not None else None

    def of_client(self, client: ClientName) -> Mapping[LeaseUid, tuple[str, ...]]:
        """The names of the exporters that the client holds, by its leases."""
        return self._of_client.get(client, {})
