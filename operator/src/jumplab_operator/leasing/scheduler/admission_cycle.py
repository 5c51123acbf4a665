"""One admission cycle of a namespace: free exporters are assigned to waiting leases, the first in rank first.

Only pools with a free exporter are looked at, and of each queue only its first lease: during a cycle exporters are
taken and never given back, so where the first of a queue can't be served none behind it can.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from jumplab_operator.leasing.cache.client_queue import ClientQueue
from jumplab_operator.leasing.cache.fair_order import FairOrder
from jumplab_operator.leasing.cache.namespace_index import NamespaceIndex
from jumplab_operator.leasing.cache.pools import Pool
from jumplab_operator.leasing.cache.quotas import QuotaUsage
from jumplab_operator.leasing.cache.reservation_placement import begin_of
from jumplab_operator.leasing.model.cycle_result import CycleResult
from jumplab_operator.leasing.model.decisions import Assign, Chosen
from jumplab_operator.leasing.model.facts import LeaseFacts
from jumplab_operator.leasing.model.ids import ExporterUid, LeaseUid
from jumplab_operator.leasing.model.lease_length import end_of, granted_length
from jumplab_operator.leasing.model.policy_rules import Grant
from jumplab_operator.leasing.model.reservations import TURNAROUND, Reservations, ends_in_time
from jumplab_operator.leasing.scheduler.gangs import Gangs
from jumplab_operator.leasing.scheduler.preemption import contested_queues, find_victims

LOOK_AGAIN = timedelta(minutes=1)
"""How often ranks are compared while there are gang reservations: leases that wait long rise in rank."""


class AdmissionCycle:
    """Works once. It reads the index, and changes nothing but itself."""

    def __init__(self, index: NamespaceIndex, reservations: Reservations, now: datetime) -> None:
        self._index, self._reservations, self._now = index, reservations, now
        self._cursors: dict[Pool, int] = {}
        """Before which number all free exporters of a pool are taken."""
        self._left = {pool: len(pool.free) for pool in index.pools.open}
        """How many exporters are left in the pools in which any is."""
        self._passed: set[ClientQueue] = set()
        """Queues of gangs whose first could not be served."""
        self._usage = QuotaUsage(index)
        self._assigned: dict[LeaseUid, Assign] = {}
        self._taken: dict[ExporterUid, LeaseUid] = {}
        self._gangs = Gangs(index, self._usage, self._taken, self._assigned, reservations, self._fits, now)
        self._held_back = False
        """Whether the last lease left something free since it would overlap with a reservation: a shorter lease behind
        it may have that."""

    def run(self) -> CycleResult:
        """Decides."""
        self._admit()
        gang_reservations = self._gangs.reservations
        result = CycleResult(
            now=self._now,
            assigned=self._assigned,
            taken=self._taken,
            reservations=self._reservations,
            gang_reservations=gang_reservations,
            look_again=self._now + LOOK_AGAIN if gang_reservations.exporters else None,
        )
        claims = self._index.claims
        return self._preempt(result) if claims.spot or claims.noticed else result

    def _preempt(self, result: CycleResult) -> CycleResult:
        """The result with its victims."""
        queues = contested_queues(self._index, result, self._now)
        victims: Mapping[LeaseUid, LeaseUid] = find_victims(self._index, result, queues, self._now) if queues else {}
        spared = self._index.claims.noticed - victims.keys()
        return replace(result, victims=victims, spared=spared, contested=bool(queues))

    def _admit(self) -> None:
        queues = self._hopeful_queues()
        to_the_end = any(_is_always_looked_at(queue) for queue in queues)
        order = FairOrder(self._index, queues, self._now)
        while (self._left or to_the_end) and (step := order.next()) is not None:
            queue, lease = step
            if self._is_exhausted(queue):
                continue
            chosen = self._choose(queue, lease)
            if chosen is not None:
                grants = [pool.grants[uid] for pool, uid in zip(queue.pools, chosen, strict=True)]
                order.charge(lease, grants)
                self._assign(lease, grants, chosen)
            # Nothing is given back: a queue whose first can't be served is not looked at again, but for held_back.
            if chosen is not None or self._held_back:
                order.advance(queue)

    def _choose(self, queue: ClientQueue, lease: LeaseFacts) -> Sequence[ExporterUid] | None:
        self._held_back = False
        if len(queue.pools) == 1:
            [pool] = queue.pools
            uid = self._claimed(lease, pool) or self._reserved(lease, pool) or self._free(lease, pool)
            return (uid,) if uid is not None else None
        chosen = self._gangs.choose(lease, queue.pools)
        if chosen is None and queue not in self._passed:
            self._passed.add(queue)
            self._gangs.reserve(lease, queue.pools)
        return chosen

    def _is_exhausted(self, queue: ClientQueue) -> bool:
        """Whether everything in its pool was taken. A gang is looked at for its reservation, too."""
        return not _is_always_looked_at(queue) and queue.pools[0] not in self._left

    def _hopeful_queues(self) -> Sequence[ClientQueue]:
        """The queues for which something is free, or was claimed before."""
        index = self._index
        hopeful = {queue for pool in index.pools.open for queue in index.queues.by_pool[pool].values()}
        return [queue for queue in hopeful | index.queues.single if queue.satisfiable]

    def _assign(self, lease: LeaseFacts, grants: Sequence[Grant], chosen: Sequence[ExporterUid]) -> None:
        self._usage.add(lease.request.client, lease.uid, chosen)
        self._taken.update(dict.fromkeys(chosen, lease.uid))
        situations = [self._index.pools.situations[uid] for uid in chosen]
        self._assigned[lease.uid] = Assign(
            tuple(Chosen(each.exporter.uid, each.exporter.name, each.exporter.version) for each in situations),
            min(grant.priority for grant in grants),
            any(grant.spot_access for grant in grants),
            granted_length(lease, grants),
            min((latest for uid in chosen if (latest := self._latest(lease, grants, uid)) is not None), default=None),
        )
        free = [each.exporter.uid for each in situations if each.free]
        for pool in [pool for uid in free for pool in self._index.pools.of(uid)]:
            self._left[pool] -= 1
            if not self._left[pool]:
                del self._left[pool]

    def _claimed(self, lease: LeaseFacts, pool: Pool) -> ExporterUid | None:
        """The exporter that has a claim of this lease, so that it is finished: once it is clean, if the lease was
        assigned to it before."""
        found = [
            (-pool.grants[uid].priority, exporter.name, uid)
            for uid in self._index.claims.by_lease.get(lease.uid, ())
            if (exporter := self._index.pools.situations[uid].exporter).online
            and not exporter.busy
            and uid in pool.grants
            and uid not in lease.avoid
            and self._usage.permits(lease.request.client, pool.grants[uid])
            and self._fits(lease, [pool.grants[uid]], uid)  # the claim may be of long ago
        ]
        return min(found)[2] if found else None

    def _reserved(self, lease: LeaseFacts, pool: Pool) -> ExporterUid | None:
        """The exporter that is reserved for it, if that is free and its client's quota permits it."""
        for uid in self._reservations.exporters.get(lease.uid, ()):
            situation = self._index.pools.situations.get(uid)
            if situation is None or not situation.free or uid in self._taken or uid in lease.avoid:
                continue
            grant = pool.grants[uid]
            if self._usage.permits(lease.request.client, grant) and self._fits(lease, [grant], uid):
                return uid
        return None

    def _free(self, lease: LeaseFacts, pool: Pool) -> ExporterUid | None:
        """The best that is free, within the client's quota, and not reserved for another before the lease would end."""
        client = lease.request.client
        if not any(self._usage.permits(client, kind) for kind in pool.kinds):
            return None
        start = self._cursors.get(pool, 0)
        # What is taken stays taken in this cycle: the next lease need not look at it.
        while start < len(pool.free) and pool.free[start].uid in self._taken:
            start += 1
        self._cursors[pool] = start
        for index in range(start, len(pool.free)):
            uid = pool.free[index].uid
            if uid in self._taken or uid in lease.avoid:
                continue
            grant = pool.grants[uid]
            if self._usage.permits(client, grant) and self._fits(lease, [grant], uid):
                return uid
        return None

    def _fits(self, lease: LeaseFacts, grants: Sequence[Grant], uid: ExporterUid) -> bool:
        """Whether the lease would end before anybody else's reservation of this exporter; where not, it is held back.

        grants: the rights that bound how long it lasts.
        """
        if self._keeps_to_its_reservation(lease, uid):
            return True
        next_begins = (
            self._reservations.next_ahead(uid, lease.uid, self._now),
            self._gangs.reservations.next_begin(uid, lease.uid),
        )
        if next_begins == (None, None) or ends_in_time(end_of(lease, self._now, grants), next_begins):
            return True
        self._held_back = True
        return False

    def _latest(self, lease: LeaseFacts, grants: Sequence[Grant], uid: ExporterUid) -> datetime | None:
        """Until when the lease, which fits now, fits before anybody else's reservation; None: for ever."""
        reserved_from = self._reservations.next_ahead(uid, lease.uid, self._now)
        if reserved_from is None or lease.end is not None:
            return None
        latest = reserved_from - TURNAROUND - granted_length(lease, grants)
        return max(latest, begin_of(lease) + TURNAROUND) if self._keeps_to_its_reservation(lease, uid) else latest

    def _keeps_to_its_reservation(self, lease: LeaseFacts, uid: ExporterUid) -> bool:
        """Whether it has one of this exporter, and begins in time or ends with it all the same."""
        if lease.begin is None or uid not in self._reservations.exporters.get(lease.uid, ()):
            return False
        return lease.end is not None or self._now <= lease.begin + TURNAROUND


def _is_always_looked_at(queue: ClientQueue) -> bool:
    """Whether a lease of the queue may get something, or a reservation, where nothing is left."""
    return queue.is_single or len(queue.pools) > 1
