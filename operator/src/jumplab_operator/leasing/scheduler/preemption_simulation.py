"""What becomes of the exporters of victims, while victims are chosen: which lease gets them, and which would take them.

Leases come in the order in which a cycle would serve them. So each one's answer rests on those before it alone.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from math import inf

from jumplab_operator.leasing.cache.client_queue import QueueKey
from jumplab_operator.leasing.cache.namespace_index import CLEANING, NamespaceIndex
from jumplab_operator.leasing.cache.pools import Pool
from jumplab_operator.leasing.cache.quotas import QuotaUsage
from jumplab_operator.leasing.model.cycle_result import CycleResult
from jumplab_operator.leasing.model.facts import LeaseFacts
from jumplab_operator.leasing.model.ids import ExporterUid
from jumplab_operator.leasing.model.lease_length import end_of
from jumplab_operator.leasing.model.reservations import Reservations, ends_in_time
from jumplab_operator.leasing.scheduler.gangs import MOST_RESERVATIONS


class PreemptionSimulation:
    """Works once, on what admission has left."""

    def __init__(self, index: NamespaceIndex, result: CycleResult, now: datetime) -> None:
        self._index, self._result, self._now = index, result, now
        self._usage = QuotaUsage(index, result.taken)
        self._promised: set[ExporterUid] = set()
        """Exporters that are or are going to be free, and that a lease is going to have."""
        self._left: set[ExporterUid] = set()
        """Exporters of victims that no lease is going to have yet."""
        self._reservations = Reservations()
        """For gangs that were looked at: they bind those behind them."""
        self._reserving = [
            (begin, pools)
            for uid, pools in index.queues.reserving.items()
            if uid not in result.reservations.exporters
            and (begin := index.leases[uid].begin) is not None
            and begin > now
        ]
        """The begins and pools of those that have no reservation yet, and would get one of what becomes free."""
        self._waiting: list[tuple[LeaseFacts, Pool]] = []
        """Leases that were looked at and go on waiting: they would take what becomes free before those behind them."""
        self._waiting_gangs: list[tuple[LeaseFacts, QueueKey]] = []
        """The same of gangs: the first of them."""

    def promise(self, lease: LeaseFacts, uids: Collection[ExporterUid], freed: Collection[ExporterUid]) -> None:
        """The lease is going to have these exporters; `freed`: those of all its victims."""
        self._reserve(lease)
        self._usage.add(lease.request.client, lease.uid, uids)
        self._promised.update(uids)
        self._left.update(freed)
        self._left.difference_update(self._promised)

    def leave(self, lease: LeaseFacts, pools: QueueKey) -> None:
        """Nothing helps the lease: it goes on waiting."""
        self._reserve(lease)
        if len(pools) == 1:
            self._waiting.append((lease, pools[0]))
        elif len(self._waiting_gangs) < MOST_RESERVATIONS:
            self._waiting_gangs.append((lease, pools))

    def coming(self, lease: LeaseFacts, pool: Pool) -> Iterator[ExporterUid]:
        """What the lease could take of what is being cleaned up, not for too long, or is left of victims."""
        unready = [self._index.pools.by_name[name] for name in pool.unready]
        for uid in [*(uid for uid in unready if self._is_clean_soon(uid)), *sorted(self._left)]:
            quarantined = self._index.pools.situations[uid].exporter.quarantined
            if uid not in self._promised and not quarantined and self.could_take(lease, pool, uid):
                yield uid

    def ready(self, lease: LeaseFacts, pool: Pool) -> Iterator[ExporterUid]:
        """What the lease could take without a victim: what is free, its own claims, and what is coming."""
        claims = self._index.claims.by_lease.get(lease.uid, ())
        for uid in [*(free.uid for free in pool.free), *sorted(claims)]:
            left = uid not in self._result.taken and uid not in self._promised
            usable = self._index.pools.situations[uid].exporter.usable
            if usable and left and self.could_take(lease, pool, uid):
                yield uid
        yield from self.coming(lease, pool)

    def is_open(self, lease: LeaseFacts, pool: Pool, uid: ExporterUid) -> bool:
        """Whether the lease could take the exporter, which is leased, if its holder were preempted."""
        if uid in self._promised or uid in self._left or self._index.pools.situations[uid].exporter.quarantined:
            return False
        return self.could_take(lease, pool, uid)

    def is_taken_first(self, uids: Iterable[ExporterUid]) -> bool:
        """Whether a lease that goes on waiting would take one of these, if they became free."""
        return any(self.could_take(other, pool, uid) for uid in uids for other, pool in self._waiting)

    def completes_others(self, freed: Collection[ExporterUid], uids: Collection[ExporterUid]) -> bool:
        """Whether a gang that goes on waiting would have all, one of `uids` perhaps among it, if all of `freed` became
        free."""
        return any(
            any(uid in pool.grants for pool in pools for uid in uids) and self._is_completed(other, pools, freed)
            for other, pools in self._waiting_gangs
        )

    def match(
        self, lease: LeaseFacts, pools: QueueKey, wishes: Sequence[Sequence[ExporterUid]]
    ) -> Sequence[ExporterUid]:
        """A distinct exporter for each member of a gang, within its client's quota; nothing where there are not
        enough."""
        return self._usage.match(lease.request.client, pools, wishes) or ()

    def could_take(self, lease: LeaseFacts, pool: Pool, uid: ExporterUid) -> bool:
        """Whether the lease may have the exporter, and would end before it is reserved for another."""
        if uid not in pool.grants or uid in lease.avoid:
            return False
        if not self._usage.permits(lease.request.client, pool.grants[uid]):
            return False
        begins = [
            self._result.reservations.next_ahead(uid, lease.uid, self._now),
            self._reservations.next_begin(uid, lease.uid),
            *(begin for begin, pools in self._reserving if any(uid in each.grants for each in pools)),
        ]
        return ends_in_time(end_of(lease, self._now, [pool.grants[uid]]), begins)

    def _is_completed(self, lease: LeaseFacts, pools: QueueKey, freed: Collection[ExporterUid]) -> bool:
        there = sorted({*freed, *self._promised, *self._left})

        def could_have(pool: Pool) -> Iterator[ExporterUid]:
            yield from self.ready(lease, pool)
            yield from (uid for uid in there if self.could_take(lease, pool, uid))

        wishes = [list(first_by_right(pool, could_have(pool), len(pools))) for pool in pools]
        return bool(self.match(lease, pools, wishes))

    def _reserve(self, lease: LeaseFacts) -> None:
        known = self._result.gang_reservations
        exporters = known.exporters.get(lease.uid)
        if exporters is not None:
            begin = known.begins[lease.uid]
            self._reservations.add(exporters, lease.uid, begin, begin)

    def _is_clean_soon(self, uid: ExporterUid) -> bool:
        vacated = self._index.pools.situations[uid].exporter.vacated
        return vacated is not None and vacated + CLEANING > self._now


def first_by_right(
    pool: Pool, uids: Iterable[ExporterUid], count: int, priority: float = -inf
) -> Iterator[ExporterUid]:
    """That many of the pool's exporters by each right of at least that priority: a gang of as many members needs no
    more to choose from."""
    left, seen = {grant: count for grant in pool.kinds if grant.priority >= priority}, set[ExporterUid]()
    for uid in uids if left else ():
        grant = pool.grants[uid]
        if left.get(grant) and uid not in seen:
            seen.add(uid)
            left[grant] -= 1
            yield uid
            if not any(left.values()):
                return
