"""One pass of the plan over a namespace: the free exporters are given away, the first in rank first.

Only pools with something free are looked at, and of each queue only its first lease: during a pass exporters are
taken and never given back, so where the first of a queue can't be served none behind it can.
"""

from collections.abc import Sequence
from datetime import datetime

from jumplab_operator.leasing.cache.fair_order import Turns
from jumplab_operator.leasing.cache.namespace_cache import Queue, Space
from jumplab_operator.leasing.cache.pools import Pool
from jumplab_operator.leasing.cache.quotas import Holdings
from jumplab_operator.leasing.model.decisions import Assign, Chosen
from jumplab_operator.leasing.model.facts import LeaseFacts
from jumplab_operator.leasing.model.lease_length import end_of, granted_length
from jumplab_operator.leasing.model.policy_rules import Grant
from jumplab_operator.leasing.model.reservations import TURNAROUND, Slots, ends_in_time
from jumplab_operator.leasing.scheduler.gangs import Gangs


class Pass:
    """Works once. It changes nothing of the space but what was decided."""

    def __init__(self, space: Space, now: datetime) -> None:
        self._space, self._slots, self._now = space, space.slots, now
        self._cursors: dict[Pool, int] = {}
        self._left = {pool: len(pool.free) for pool in space.members.open}
        """How much is left in the pools in which anything is."""
        self._waiting: set[Queue] = set()
        """Queues of gangs whose first has had its turn in vain."""
        self._holdings = Holdings(space)
        self.assigned: dict[str, Assign] = {}
        self.taken: dict[str, str] = {}
        self.kept = Slots()
        """What is kept for gangs that can't be served yet."""
        self._gangs = Gangs(space, self._holdings, self.taken, self.assigned, self.kept, self._fits, now)
        self._held_back = False
        """Whether something free was kept from the last lease for a slot: a shorter one behind it may have it."""

    def run(self) -> None:
        """Decides."""
        hopeful = self._hopeful()
        to_the_end = any(_has_its_turn_always(queue) for queue in hopeful)
        turns = Turns(self._space, hopeful, self._now)
        while (self._left or to_the_end) and (turn := turns.take()) is not None:
            queue, lease = turn
            if self._is_exhausted(queue):
                continue
            chosen = self._choose(queue, lease)
            if chosen is not None:
                grants = [pool.grants[uid] for pool, uid in zip(queue.pools, chosen, strict=True)]
                turns.charge(lease, grants)
                self._give(lease, grants, chosen)
            if chosen is not None or self._held_back:
                turns.go_on(queue)

    def _choose(self, queue: Queue, lease: LeaseFacts) -> tuple[str, ...] | None:
        self._held_back = False
        if len(queue.pools) == 1:
            [pool] = queue.pools
            uid = self._claimed(lease, pool) or self._kept(lease, pool) or self._free(lease, pool)
            return (uid,) if uid is not None else None
        chosen = self._gangs.choose(lease, queue.pools)
        if chosen is None and queue not in self._waiting:
            self._waiting.add(queue)
            self._gangs.keep(lease, queue.pools)
        return chosen

    def _is_exhausted(self, queue: Queue) -> bool:
        """Whether everything in its pool was given away. A gang has its turn for what is kept for it, too."""
        return not _has_its_turn_always(queue) and queue.pools[0] not in self._left

    def _hopeful(self) -> list[Queue]:
        """The queues for which something is free, or was claimed before."""
        hopeful = {queue for pool in self._space.members.open for queue in self._space.queues[pool].values()}
        return [queue for queue in hopeful | self._space.own_queues if queue.satisfiable]

    def _give(self, lease: LeaseFacts, grants: Sequence[Grant], chosen: Sequence[str]) -> None:
        self._holdings.give(lease.request.client, lease.uid, chosen)
        self.taken.update(dict.fromkeys(chosen, lease.uid))
        self.assigned[lease.uid] = self._assignment(lease, grants, chosen)
        for pool in [
            pool for uid in chosen if self._space.situations[uid].free for pool in self._space.members.of(uid)
        ]:
            self._left[pool] -= 1
            if not self._left[pool]:
                del self._left[pool]

    def _kept(self, lease: LeaseFacts, pool: Pool) -> str | None:
        """The exporter that was kept for it, if that is free; its client's quota is held against it, too."""
        for uid in self._slots.kept.get(lease.uid, ()):
            situation = self._space.situations.get(uid)
            if situation is None or not situation.free or uid in self.taken or uid in lease.avoid:
                continue
            grant = pool.grants[uid]
            if self._holdings.permit(lease.request.client, grant) and self._fits(lease, [grant], uid):
                return uid
        return None

    def _claimed(self, lease: LeaseFacts, pool: Pool) -> str | None:
        """The exporter that a claim of this lease was left on, which is to be finished: once it is clean, if the lease
        was placed there before."""
        found = [
            (-pool.grants[uid].priority, exporter.name, uid)
            for uid in self._space.claims.get(lease.uid, ())
            if (exporter := self._space.situations[uid].exporter).online
            and not exporter.busy
            and uid in pool.grants
            and uid not in lease.avoid
            and self._holdings.permit(lease.request.client, pool.grants[uid])
        ]
        return min(found)[2] if found else None

    def _free(self, lease: LeaseFacts, pool: Pool) -> str | None:
        """The best that is free, within the client's quota, and not kept for another before the lease would end."""
        client = lease.request.client
        if not any(self._holdings.permit(client, kind) for kind in pool.kinds):
            return None
        start = self._cursors.get(pool, 0)
        while start < len(pool.free) and pool.free[start][2] in self.taken:
            start += 1
        self._cursors[pool] = start
        for index in range(start, len(pool.free)):
            uid = pool.free[index][2]
            if uid in self.taken or uid in lease.avoid:
                continue
            if not self._holdings.permit(client, pool.grants[uid]):
                continue
            if self._fits(lease, [pool.grants[uid]], uid):
                return uid
        return None

    def _fits(self, lease: LeaseFacts, grants: Sequence[Grant], uid: str) -> bool:
        """Whether it would end before anybody else's slot on this exporter; where not, it is held back.

        grants: the rights that bound how long it lasts.
        """
        if self._keeps_to_its_slot(lease, uid):
            return True
        begins = (self._slots.next_to_come(uid, lease.uid, self._now), self.kept.next_begin(uid, lease.uid))
        if ends_in_time(end_of(lease, self._now, grants), begins):
            return True
        self._held_back = True
        return False

    def _keeps_to_its_slot(self, lease: LeaseFacts, uid: str) -> bool:
        """Whether it has one on this exporter, and comes in time or ends with it all the same."""
        if lease.begin is None or uid not in self._slots.kept.get(lease.uid, ()):
            return False
        return lease.end is not None or self._now <= lease.begin + TURNAROUND

    def _assignment(self, lease: LeaseFacts, grants: Sequence[Grant], uids: Sequence[str]) -> Assign:
        exporters = [self._space.situations[uid].exporter for uid in uids]
        return Assign(
            tuple(Chosen(exporter.uid, exporter.name, exporter.version) for exporter in exporters),
            min(grant.priority for grant in grants),
            any(grant.spot_access for grant in grants),
            granted_length(lease, grants),
        )


def _has_its_turn_always(queue: Queue) -> bool:
    """Whether a lease of the queue may get something, or have it kept, where nothing is left."""
    return queue.own or len(queue.pools) > 1
