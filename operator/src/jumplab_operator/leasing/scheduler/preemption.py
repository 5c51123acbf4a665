"""Which spot leases are ended for which waiting ones: a lease that a policy lets go makes room for a higher priority.

Each waiting lease that nothing is free for has its turn. One of one exporter gets one victim at most: of the spot
leases that hold something it could have, by a lower priority than it would have it, one that was told already, else
the one of the lowest priority, of these the one of the fewest exporters, and then the one that loses the least time. A
lease of several gets all that it needs, or nobody is ended for it. Nobody is ended in vain: not where something is
being cleaned up that the waiting lease would get, nor where another that stands before it would take what becomes free.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import chain, islice

from jumplab_operator.leasing.cache.fair_order import Turns
from jumplab_operator.leasing.cache.namespace_cache import Queue, Space
from jumplab_operator.leasing.cache.pools import Pool, Spot
from jumplab_operator.leasing.model.facts import LeaseFacts
from jumplab_operator.leasing.model.ranking import PATIENCE
from jumplab_operator.leasing.scheduler.gangs import KEPT_FOR
from jumplab_operator.leasing.scheduler.preemption_simulation import Room, first_of

_TRIES = 32
"""So many exporters are looked at for one lease, where others that stand before it would take them."""


def contested(space: Space, now: datetime) -> list[Queue]:
    """Queues whose leases might have one ended for them, and such as stand before these though their priority doesn't.

    None where nobody could have any ended.
    """
    if not space.spots:
        return []
    pools = {pool for pool in space.members.pools.values() if pool.spot and _may_be_contested(pool)}
    if not any(space.queues[pool] for pool in pools):
        return []
    queues = {queue for queues in space.queues.values() for queue in queues.values() if queue.satisfiable}
    return [queue for queue in queues if not pools.isdisjoint(queue.pools) or _stands_out(queue, space, now)]


def _may_be_contested(pool: Pool) -> bool:
    not_told, priority, *_ = pool.spot[0]
    return not not_told or priority < pool.best.priority


def _stands_out(queue: Queue, space: Space, now: datetime) -> bool:
    since, _, uid = queue.leases[0]
    return now - since >= PATIENCE or bool(space.leases[uid].kept) or uid in space.kept.kept


class Preemption:
    """Works once, on what the pass has left."""

    def __init__(self, space: Space, now: datetime) -> None:
        self._space, self._now = space, now
        self._room = Room(space, now)
        self._unkept = 0
        """Leases of several for which nothing is kept yet since nothing is free."""

    def victims(self, queues: list[Queue]) -> dict[str, str]:
        """The uid of the waiting lease, by that of each lease to be ended for it."""
        space, found = self._space, dict[str, str]()
        turns = Turns(space, queues, self._now)
        while (turn := turns.take()) is not None:
            queue, lease = turn
            assigned = space.assigned.get(lease.uid)
            chosen = [each.uid for each in assigned.exporters] if assigned is not None else []
            if assigned is None:
                one = len(queue.pools) == 1
                chosen = [*(self._for_one(lease, queue.pools[0]) if one else self._for_all(lease, queue))]
                if not chosen:
                    self._room.leave(lease, queue.pools)
                    continue
                ended = self._holders_of(chosen, found, lease)
                found |= dict.fromkeys(ended, lease.uid)
                self._room.speak_for(lease, chosen, self._exporters_of(ended))
            turns.charge(lease, [pool.grants[uid] for pool, uid in zip(queue.pools, chosen, strict=True)])
            turns.go_on(queue)
        return found

    def _for_one(self, lease: LeaseFacts, pool: Pool) -> Sequence[str]:
        """The exporter that the lease is going to have: what is free soon anyway, or that of a victim."""
        coming = (("", uid) for uid in self._room.coming(lease, pool))
        held = ((holder, uid) for *_, holder, uid in self._may_end(lease, pool, pool.best.priority))
        for holder, uid in islice(chain(coming, held), _TRIES):
            freed = self._exporters_of([holder]) if holder else {uid}
            if not (self._room.is_taken_first([uid]) or self._room.completes_others(freed, [uid])):
                return (uid,)
        return ()

    def _for_all(self, lease: LeaseFacts, queue: Queue) -> Sequence[str]:
        """The exporters that a lease of several is going to have, with as few victims as will do."""
        if not self._is_kept_for(lease, queue):
            return ()
        rights = {grant.priority for pool in queue.pools for grant in pool.kinds}
        # It has them by the least of its rights, and ends what has less.
        found = [self._with(lease, queue.pools, priority) for priority in sorted(rights, reverse=True)]
        ways = [(chosen, self._holders_of(chosen, (), lease)) for chosen in found if chosen]
        chosen, ended = min(ways, key=lambda way: len(way[1]), default=((), []))
        taken = self._room.is_taken_first(chosen) or self._room.completes_others(self._exporters_of(ended), chosen)
        return () if taken else chosen

    def _is_kept_for(self, lease: LeaseFacts, queue: Queue) -> bool:
        """Whether what becomes free is kept for the lease of several until the last of its exporters is."""
        kept = self._space.kept.kept
        if lease.uid in kept:
            return True
        nothing_yet = queue.leases[0][2] == lease.uid and not any(pool.free for pool in queue.pools)
        self._unkept += nothing_yet
        return nothing_yet and len(kept) + self._unkept <= KEPT_FOR

    def _with(self, lease: LeaseFacts, pools: Sequence[Pool], priority: int) -> Sequence[str]:
        """By rights of at least this priority. Who need not be ended isn't: the best to be ended comes first."""
        count, spots = len(pools), dict[str, Spot]()

        def may_end(pool: Pool) -> Iterator[str]:
            for spot in self._may_end(lease, pool, priority):
                spots[spot[-1]] = spot
                yield spot[-1]

        ready = [list(first_of(pool, self._room.ready(lease, pool), count, priority)) for pool in pools]
        held = [list(first_of(pool, may_end(pool), count, priority)) for pool in pools]

        def fitting(ended: Collection[Sequence[object]]) -> Sequence[str]:
            wishes = [
                [*free, *(uid for uid in uids if spots[uid][:-1] in ended)]
                for free, uids in zip(ready, held, strict=True)
            ]
            return self._room.fitting(lease, pools, wishes)

        victims = sorted({spots[uid][:-1] for uids in held for uid in uids})
        if not fitting(victims):
            return ()
        for victim in reversed(victims):
            others = [each for each in victims if each != victim]
            if fitting(others):
                victims = others
        return fitting(victims)

    def _may_end(self, lease: LeaseFacts, pool: Pool, highest: int) -> Iterator[Spot]:
        """The spot leases in the pool that have less of a right to their exporter than this one would, and less than
        the highest that it has, the best to be ended first."""
        for spot in pool.spot:
            not_told, priority, *_, uid = spot
            if not_told and priority >= highest:
                return
            right = min(pool.grants[uid].priority, highest)
            if right > priority and self._room.is_open(lease, pool, uid):
                yield spot

    def _holders_of(self, uids: Collection[str], ended: Collection[str], lease: LeaseFacts) -> list[str]:
        """Who has these exporters and isn't ended yet."""
        holders = [self._space.situations[uid].holder for uid in uids]
        others = [each.uid for each in holders if each is not None and each is not lease]
        return [uid for uid in dict.fromkeys(others) if uid not in ended]

    def _exporters_of(self, lease_uids: Collection[str]) -> set[str]:
        """What becomes free with these leases."""
        by_name = self._space.by_name
        names = {name for uid in lease_uids for name in self._space.leases[uid].exporters if name in by_name}
        return {by_name[name] for name in names if self._space.situations[by_name[name]].exporter.online}
