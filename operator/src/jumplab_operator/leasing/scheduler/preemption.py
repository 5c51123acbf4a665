"""Which spot leases are preempted for which waiting leases of higher priority.

Each waiting lease that nothing is free for is looked at. One of one exporter gets one victim at most: of the spot
leases that hold something it could have, by a lower priority than it would have it, one that was given notice already,
else the one of the lowest priority, of these the one of the fewest exporters, and then the one that loses the least
time. A gang gets all that it needs, or nothing is preempted for it. Invariant: no lease is preempted in vain. None is
while something is being cleaned up that the waiting lease would get, nor where another lease that is before it would
take what becomes free.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, islice

from jumplab_operator.leasing.cache.client_queue import ClientQueue, QueueKey
from jumplab_operator.leasing.cache.fair_order import FairOrder
from jumplab_operator.leasing.cache.namespace_index import NamespaceIndex
from jumplab_operator.leasing.cache.pools import Pool, Spot
from jumplab_operator.leasing.model.cycle_result import CycleResult
from jumplab_operator.leasing.model.facts import LeaseFacts
from jumplab_operator.leasing.model.ids import ExporterUid, LeaseUid
from jumplab_operator.leasing.model.ranking import PATIENCE
from jumplab_operator.leasing.scheduler.gangs import MOST_RESERVATIONS
from jumplab_operator.leasing.scheduler.preemption_simulation import PreemptionSimulation, first_by_right

_TRIES = 32
"""How many exporters are looked at for one lease, where others before it would take them."""


def contested_queues(index: NamespaceIndex, result: CycleResult, now: datetime) -> Sequence[ClientQueue]:
    """Queues whose leases might have one preempted, and such as come before these though their priority doesn't.

    None where nobody could have any preempted.
    """
    if not index.claims.spot:
        return []
    by_pool = index.queues.by_pool
    pools = {pool for pool in index.pools.pools.values() if pool.spot and _may_be_contested(pool)}
    if not any(by_pool[pool] for pool in pools):
        return []
    queues = {queue for queues in by_pool.values() for queue in queues.values() if queue.satisfiable}
    return [queue for queue in queues if not pools.isdisjoint(queue.pools) or _comes_first(queue, index, result, now)]


def _may_be_contested(pool: Pool) -> bool:
    spot = pool.spot[0]
    return not spot.unnoticed or spot.priority < pool.best.priority


def _comes_first(queue: ClientQueue, index: NamespaceIndex, result: CycleResult, now: datetime) -> bool:
    """Whether its first lease comes before others by something else than its priority."""
    first = queue.entries[0]
    reserved = index.leases[first.uid].reserved or first.uid in result.gang_reservations.exporters
    return now - first.since >= PATIENCE or bool(reserved)


def find_victims(
    index: NamespaceIndex, result: CycleResult, queues: Sequence[ClientQueue], now: datetime
) -> Mapping[LeaseUid, LeaseUid]:
    """The leases to be preempted, each with the waiting lease of these queues that it is for."""
    return _Preemption(index, result, now).victims(queues)


class _Preemption:
    """Works once, on what admission has left."""

    def __init__(self, index: NamespaceIndex, result: CycleResult, now: datetime) -> None:
        self._index, self._result, self._now = index, result, now
        self._simulation = PreemptionSimulation(index, result, now)
        self._unreserved = 0
        """Gangs for which nothing is reserved yet since nothing is free."""

    def victims(self, queues: Sequence[ClientQueue]) -> Mapping[LeaseUid, LeaseUid]:
        found: dict[LeaseUid, LeaseUid] = {}
        order = FairOrder(self._index, queues, self._now)
        while (step := order.next()) is not None:
            queue, lease = step
            assigned = self._result.assigned.get(lease.uid)
            chosen = [each.uid for each in assigned.exporters] if assigned is not None else self._choose(lease, queue)
            if not chosen:
                # It goes on waiting, and so do all behind it in its queue: the queue is not looked at again.
                self._simulation.leave(lease, queue.pools)
                continue
            if assigned is None:
                victims = self._holders_of(chosen, found, lease)
                found |= dict.fromkeys(victims, lease.uid)
                self._simulation.promise(lease, chosen, self._exporters_of(victims))
            order.charge(lease, [pool.grants[uid] for pool, uid in zip(queue.pools, chosen, strict=True)])
            order.advance(queue)
        return found

    def _choose(self, lease: LeaseFacts, queue: ClientQueue) -> Sequence[ExporterUid]:
        """The exporters that the lease is going to have; none where nothing helps it."""
        if len(queue.pools) == 1:
            return self._for_one(lease, queue.pools[0])
        return self._for_gang(lease, queue)

    def _for_one(self, lease: LeaseFacts, pool: Pool) -> Sequence[ExporterUid]:
        """An exporter that is free soon anyway, or that of a victim."""
        coming = ((None, uid) for uid in self._simulation.coming(lease, pool))
        held = ((spot.lease, spot.uid) for spot in self._preemptible(lease, pool, pool.best.priority))
        for holder, uid in islice(chain(coming, held), _TRIES):
            freed = self._exporters_of([holder]) if holder is not None else {uid}
            if not (self._simulation.is_taken_first([uid]) or self._simulation.completes_others(freed, [uid])):
                return (uid,)
        return ()

    def _for_gang(self, lease: LeaseFacts, queue: ClientQueue) -> Sequence[ExporterUid]:
        """An exporter for each member, with as few victims as will do."""
        if not self._is_reserved_for(lease, queue):
            return ()
        priorities = {grant.priority for pool in queue.pools for grant in pool.kinds}
        # It has them by the least of its rights, and preempts what has less.
        found = [self._with(lease, queue.pools, priority) for priority in sorted(priorities, reverse=True)]
        ways = [(chosen, self._holders_of(chosen, (), lease)) for chosen in found if chosen]
        chosen, victims = min(ways, key=lambda way: len(way[1]), default=((), []))
        freed = self._exporters_of(victims)
        taken = self._simulation.is_taken_first(chosen) or self._simulation.completes_others(freed, chosen)
        return () if taken else chosen

    def _is_reserved_for(self, lease: LeaseFacts, queue: ClientQueue) -> bool:
        """Whether what becomes free is reserved for the gang until the last of its exporters is free."""
        reserved = self._result.gang_reservations.exporters
        if lease.uid in reserved:
            return True
        nothing_yet = queue.entries[0].uid == lease.uid and not any(pool.free for pool in queue.pools)
        self._unreserved += nothing_yet
        return nothing_yet and len(reserved) + self._unreserved <= MOST_RESERVATIONS

    def _with(self, lease: LeaseFacts, pools: QueueKey, priority: int) -> Sequence[ExporterUid]:
        """By rights of at least this priority. The best victim comes first, and no more are chosen than are needed."""
        count, spots = len(pools), dict[ExporterUid, Spot]()

        def preemptible(pool: Pool) -> Iterator[ExporterUid]:
            for spot in self._preemptible(lease, pool, priority):
                spots[spot.uid] = spot
                yield spot.uid

        simulation = self._simulation
        ready = [list(first_by_right(pool, simulation.ready(lease, pool), count, priority)) for pool in pools]
        held = [list(first_by_right(pool, preemptible(pool), count, priority)) for pool in pools]

        def fitting(victims: Collection[Sequence[object]]) -> Sequence[ExporterUid]:
            wishes = [
                [*free, *(uid for uid in uids if spots[uid][:-1] in victims)]
                for free, uids in zip(ready, held, strict=True)
            ]
            return simulation.match(lease, pools, wishes)

        victims = sorted({spots[uid][:-1] for uids in held for uid in uids})
        if not fitting(victims):
            return ()
        for victim in reversed(victims):
            others = [each for each in victims if each != victim]
            if fitting(others):
                victims = others
        return fitting(victims)

    def _preemptible(self, lease: LeaseFacts, pool: Pool, highest: int) -> Iterator[Spot]:
        """The spot leases in the pool that have less of a right to their exporter than this one would, and less than
        the highest that it has, the best victim first."""
        for spot in pool.spot:
            # Sorted by priority behind those with notice: none of the rest has less of a right.
            if spot.unnoticed and spot.priority >= highest:
                return
            right = min(pool.grants[spot.uid].priority, highest)
            if right > spot.priority and self._simulation.is_open(lease, pool, spot.uid):
                yield spot

    def _holders_of(
        self, uids: Collection[ExporterUid], victims: Collection[LeaseUid], lease: LeaseFacts
    ) -> Sequence[LeaseUid]:
        """The leases that hold these exporters and are no victims yet."""
        holders = [self._index.pools.situations[uid].holder for uid in uids]
        others = [each.uid for each in holders if each is not None and each is not lease]
        return [uid for uid in dict.fromkeys(others) if uid not in victims]

    def _exporters_of(self, leases: Collection[LeaseUid]) -> set[ExporterUid]:
        """The exporters that become free with these leases."""
        pools = self._index.pools
        names = {name for uid in leases for name in self._index.leases[uid].exporters if name in pools.by_name}
        return {pools.by_name[name] for name in names if pools.situations[pools.by_name[name]].exporter.online}
