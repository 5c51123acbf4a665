"""What blocks a waiting lease: the situations of the exporters that it could have."""

from collections.abc import Mapping, Sequence

from jumplab_operator.leasing.cache.namespace_index import NamespaceIndex
from jumplab_operator.leasing.cache.pools import Free, Pool
from jumplab_operator.leasing.explain.pending_reasons import NAMED, Blockers
from jumplab_operator.leasing.model.cycle_result import CycleResult
from jumplab_operator.leasing.model.facts import LeaseFacts
from jumplab_operator.leasing.model.ids import ExporterUid, LeaseUid
from jumplab_operator.leasing.model.lease_length import preemption_of


class BlockerFinder:
    """Works for one result of an admission cycle, while the index stays as it was then."""

    def __init__(self, index: NamespaceIndex, result: CycleResult) -> None:
        self.index, self.result = index, result
        self._free: dict[Pool, tuple[Sequence[LeaseFacts], Sequence[Free]]] = {}
        """Of the free exporters of a pool: the leases that some were assigned to, and those that are left."""

    def find(self, lease: LeaseFacts, pool: Pool) -> Blockers:
        """What blocks a waiting lease that could have the exporters of the pool."""
        index, given, left = self.index, *self._assigned_and_left(pool)
        usable = [free.uid for free in left if free.uid not in lease.avoid]
        reserved = {
            uid: begin for uid in usable if (begin := self.result.reservations.next_begin(uid, lease.uid)) is not None
        }
        for_gangs = {
            uid: begin
            for uid in usable
            if uid not in reserved and (begin := self.result.gang_reservations.next_begin(uid, lease.uid)) is not None
        }
        claims = sorted(index.claims.by_lease.get(lease.uid, ()))
        claimed = [index.pools.situations[uid] for uid in claims if uid in pool.grants]
        own = [each.exporter.name for each in claimed if each.exporter.online and each.holder is lease]
        preempted = self._preempted(pool)
        passed = {lease.uid, *preempted.values()}
        first = [each.lease for each in pool.leased[: len(own) + len(preempted) + NAMED] if each.lease not in passed]
        freed = [preemption_of(index.leases[uid], self.result.now) for uid in preempted.values()]
        unreserved = [free.name for free in left if free.uid not in reserved and free.uid not in for_gangs]
        return Blockers(
            leased=len(pool.leased) - len(own) - len(preempted) + len(given),
            holders=[*(index.leases[uid] for uid in first), *given],
            unready=[*pool.unready, *own, *unreserved],
            offline=pool.offline,
            quarantined=pool.quarantined,
            preempted=len(preempted),
            freed_at=min(freed, default=None),
            reserved=len(reserved),
            reserved_from=min(reserved.values(), default=None),
            for_gangs=len(for_gangs),
            for_gangs_from=min(for_gangs.values(), default=None),
        )

    def _preempted(self, pool: Pool) -> Mapping[ExporterUid, LeaseUid]:
        """The exporters of the pool that victims hold, each with its victim."""
        pools, leases = self.index.pools, self.index.leases
        held = {name: victim for victim in self.result.victims for name in leases[victim].exporters}
        found = {pools.by_name[name]: victim for name, victim in held.items() if name in pools.by_name}
        return {
            uid: lease for uid, lease in found.items() if uid in pool.grants and pools.situations[uid].exporter.online
        }

    def _assigned_and_left(self, pool: Pool) -> tuple[Sequence[LeaseFacts], Sequence[Free]]:
        if pool not in self._free:
            taken = self.result.taken
            given = [self.index.leases[taken[free.uid]] for free in pool.free if free.uid in taken]
            self._free[pool] = given, [free for free in pool.free if free.uid not in taken]
        return self._free[pool]
