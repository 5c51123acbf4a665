"""How many leases and exporters each client holds, against the quotas of the access policies."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from jumplab_operator.leasing.cache.namespace_index import NamespaceIndex
from jumplab_operator.leasing.cache.pools import Pool
from jumplab_operator.leasing.model import selectors
from jumplab_operator.leasing.model.facts import ExporterFacts
from jumplab_operator.leasing.model.ids import ClientName, ExporterUid, LeaseUid
from jumplab_operator.leasing.model.matching import Matching
from jumplab_operator.leasing.model.policy_rules import Grant, Quota


class QuotaUsage:
    """What clients hold, and what an admission cycle assigns to them. Counted when asked for, then kept up to date."""

    def __init__(
        self,
        index: NamespaceIndex,
        taken: Mapping[ExporterUid, LeaseUid] | None = None,
        but: LeaseUid | None = None,
    ) -> None:
        """taken: exporters that were assigned and are not held yet, each with its lease; but: a lease that does not
        count."""
        self._index = index
        self._but = but
        self._added: dict[ClientName, list[tuple[LeaseUid, ExporterUid]]] = {}
        self._counts: dict[tuple[ClientName, int], tuple[int, int]] = {}
        for exporter, lease in (taken or {}).items():
            self._added.setdefault(index.leases[lease].request.client, []).append((lease, exporter))

    def add(self, client: ClientName, lease: LeaseUid, exporters: Iterable[ExporterUid]) -> None:
        """The client gets these exporters by one lease, too."""
        got = [self._index.pools.situations[uid].exporter for uid in exporters]
        self._added.setdefault(client, []).extend((lease, exporter.uid) for exporter in got)
        for (holder, policy), (leases, count) in list(self._counts.items()):
            more = sum(self._is_for(policy, exporter) for exporter in got) if holder == client else 0
            if more:
                self._counts[holder, policy] = leases + 1, count + more

    def remaining_for(self, client: ClientName) -> Callable[[object], int | None]:
        """How many more exporters the client may have by a right with this quota; None: any number."""

        def remaining(quota: object) -> int | None:
            if not isinstance(quota, Quota):
                return None
            leases, exporters = self._count(client, quota.policy)
            if quota.leases is not None and leases >= quota.leases:
                return 0
            return None if quota.exporters is None else max(quota.exporters - exporters, 0)

        return remaining

    def excess_of(self, client: ClientName, asked: Sequence[tuple[ExporterUid, Grant]]) -> str | None:
        """Why the client may not have one more lease of all these exporters, in words; None where it may."""
        for quota, count in self._counted(asked):
            if excess := self.excess(client, quota, count):
                return excess
        return None

    def is_too_much_alone(self, asked: Sequence[tuple[ExporterUid, Grant]]) -> bool:
        """Whether a client may not have all these exporters even while it holds nothing."""
        return any(quota.exporters is not None and count > quota.exporters for quota, count in self._counted(asked))

    def _counted(self, asked: Sequence[tuple[ExporterUid, Grant]]) -> Iterator[tuple[Quota, int]]:
        for quota in dict.fromkeys(grant.quota for _, grant in asked):
            if quota is not None:
                exporters = [self._index.pools.situations[uid].exporter for uid, _ in asked]
                yield quota, sum(self._is_for(quota.policy, exporter) for exporter in exporters)

    def match(
        self, client: ClientName, pools: Sequence[Pool], wishes: Sequence[Sequence[ExporterUid]]
    ) -> tuple[ExporterUid, ...] | None:
        """A distinct exporter for each member of a lease, out of its pool, all within the client's quota; or None.

        wishes: for each member the exporters that it could have, the best first.
        """
        if not all(wishes):
            return None
        grants = {uid: pool.grants[uid] for pool, uids in zip(pools, wishes, strict=True) for uid in uids}
        chosen = Matching(wishes, lambda uid: grants[uid].quota, self.remaining_for(client)).run()
        if chosen is None or self.excess_of(client, [(uid, grants[uid]) for uid in chosen]) is not None:
            return None
        return chosen

    def permits(self, client: ClientName, grant: Grant) -> bool:
        """Whether the client may have one more by this right."""
        return grant.quota is None or self.excess(client, grant.quota) is None

    def excess(self, client: ClientName, quota: Quota, exporters: int = 1) -> str | None:
        """Why the client may not have one more lease of that many exporters, in words; None where it may."""
        leases_held, exporters_held = self._count(client, quota.policy)
        for limit, held, more, noun in (
            (quota.leases, leases_held, 1, "lease"),
            (quota.exporters, exporters_held, exporters, "exporter"),
        ):
            if limit is not None and held + more > limit:
                number = f"{limit} {noun}" if limit == 1 else f"{limit} {noun}s"
                asks = f" and asks for {more} more" if more > 1 else ""
                return (
                    f'the access policies permit client "{client}" {number} of this kind at once, '
                    f"and it holds {held}{asks}"
                )
        return None

    def _count(self, client: ClientName, policy: int) -> tuple[int, int]:
        """How many leases, and how many exporters by them."""
        if (client, policy) not in self._counts:
            held = [
                lease
                for lease, uid in [*self._held_by(client), *self._added.get(client, ())]
                if lease != self._but and self._is_for(policy, self._index.pools.situations[uid].exporter)
            ]
            self._counts[client, policy] = len(set(held)), len(held)
        return self._counts[client, policy]

    def _held_by(self, client: ClientName) -> Iterator[tuple[LeaseUid, ExporterUid]]:
        by_name = self._index.pools.by_name
        for lease, names in self._index.claims.of_client(client).items():
            yield from ((lease, by_name[name]) for name in names if name in by_name)

    def _is_for(self, policy: int, exporter: ExporterFacts) -> bool:
        resource = self._index.access.policies[policy]
        return resource is not None and selectors.matches(resource.spec.exporter_selector, exporter.labels)
