"""Which spot leases are ended for which waiting ones: a lease that a policy lets go makes room for a higher priority.

Each waiting lease that nothing is free for has its turn, and gets one victim at most: of the spot leases that hold
something it could have, by a lower priority than it would have it, one that was told already, else the one of the
lowest priority, and of these the one that loses the least time. Nobody is ended in vain: not where something is being
cleaned up that the waiting lease would get, nor where another that stands before it would take what becomes free.
"""

from datetime import datetime

from jumplab_operator.leasing.booking import TURNAROUND
from jumplab_operator.leasing.facts import LeaseFacts
from jumplab_operator.leasing.pools import Pool
from jumplab_operator.leasing.quotas import Holdings
from jumplab_operator.leasing.ranking import PATIENCE
from jumplab_operator.leasing.space import CLEANING, Queue, Space
from jumplab_operator.leasing.times import DEFAULT_DURATION
from jumplab_operator.leasing.turns import Turns


def contested(space: Space, now: datetime) -> list[Queue]:
    """Queues whose leases might have one ended for them, and such as stand before these though their priority doesn't.

    None where nobody could have any ended. Leases of several exporters wait until all of them are free.
    """
    if not space.spots:
        return []
    pools = {pool for pool in space.members.pools.values() if pool.spot and _may_be_contested(pool)}
    if not any(space.queues[pool] for pool in pools):
        return []
    queues = [
        queue
        for queues in space.queues.values()
        for queue in queues.values()
        if len(queue.pools) == 1 and queue.satisfiable
    ]
    return [queue for queue in queues if queue.pools[0] in pools or _stands_out(queue, space, now)]


def _may_be_contested(pool: Pool) -> bool:
    not_told, priority, *_ = pool.spot[0]
    return not not_told or priority < pool.best.priority


def _stands_out(queue: Queue, space: Space, now: datetime) -> bool:
    since, _, uid = queue.leases[0]
    return now - since >= PATIENCE or bool(space.leases[uid].kept)


class Preemption:
    """Works once, on what the pass has left."""

    def __init__(self, space: Space, now: datetime) -> None:
        self._space, self._now = space, now
        given = [(space.leases[to].request.client, to, uid) for uid, to in space.taken.items()]
        self._holdings = Holdings(space, given)
        self._spoken_for: set[str] = set()
        """Exporters that are going to be free, and for whom is known."""
        self._unhelped: list[tuple[LeaseFacts, Pool]] = []
        """Those who had their turn and go on waiting: they would take what becomes free before who comes later."""

    def victims(self, queues: list[Queue]) -> dict[str, str]:
        """The uid of the waiting lease, by that of the lease to be ended for it."""
        space, found = self._space, dict[str, str]()
        turns = Turns(space, queues, self._now)
        while (turn := turns.take()) is not None:
            queue, lease = turn
            [pool] = queue.pools
            if lease.uid not in space.assigned:
                exporter_uid = self._coming(lease, pool) or self._victim(lease, pool)
                if exporter_uid is None:
                    self._unhelped.append((lease, pool))
                    continue
                self._spoken_for.add(exporter_uid)
                self._holdings.give(lease.request.client, lease.uid, [exporter_uid])
                holder = space.situations[exporter_uid].holder
                if holder is not None:
                    found[holder.uid] = lease.uid
            turns.charge(lease)
            turns.go_on(queue)
        return found

    def _coming(self, lease: LeaseFacts, pool: Pool) -> str | None:
        """What is being cleaned up, not for too long, and is going to be the lease's."""
        for name in pool.unready:
            uid = self._space.by_name[name]
            vacated = self._space.situations[uid].exporter.vacated
            if vacated is not None and vacated + CLEANING > self._now and self._would_get(lease, pool, uid):
                return uid
        return None

    def _victim(self, lease: LeaseFacts, pool: Pool) -> str | None:
        highest = pool.best.priority
        for not_told, priority, *_, uid in pool.spot:
            if not_told and priority >= highest:
                return None
            if pool.grants[uid].priority > priority and self._would_get(lease, pool, uid):
                return uid
        return None

    def _would_get(self, lease: LeaseFacts, pool: Pool, uid: str) -> bool:
        """Whether the lease would get the exporter, if that were free."""
        if uid in self._spoken_for or not self._could_take(lease, pool, uid):
            return False
        return not any(self._could_take(other, others, uid) for other, others in self._unhelped)

    def _could_take(self, lease: LeaseFacts, pool: Pool, uid: str) -> bool:
        if uid not in pool.grants or uid in lease.avoid:
            return False
        if not self._holdings.permit(lease.request.client, pool.grants[uid]):
            return False
        begins = [slots.next_begin(uid, lease.uid) for slots in (self._space.slots, self._space.kept)]
        begin = min((each for each in begins if each is not None), default=None)
        end = lease.end or self._now + (lease.request.duration or DEFAULT_DURATION)
        return begin is None or end + TURNAROUND <= begin
