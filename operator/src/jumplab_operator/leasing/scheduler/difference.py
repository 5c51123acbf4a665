"""Which leases are decided otherwise than before: what differs between two results, and whose pending reasons do."""

from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from heapq import heapify, heappop, heappush
from typing import TypeVar

from jumplab_operator.leasing.cache.client_queue import ClientQueue
from jumplab_operator.leasing.cache.namespace_index import NamespaceIndex
from jumplab_operator.leasing.cache.pools import Pool
from jumplab_operator.leasing.cache.touched import Touched
from jumplab_operator.leasing.explain.queue_position import SHOWN
from jumplab_operator.leasing.model.cycle_result import CycleResult
from jumplab_operator.leasing.model.ids import LeaseUid
from jumplab_operator.leasing.model.lease_length import exporter_seconds
from jumplab_operator.leasing.model.ranking import Rank, rank
from jumplab_operator.leasing.model.usage import hour_of

_T = TypeVar("_T")


def difference(last: CycleResult, new: CycleResult, ahead: Set[LeaseUid]) -> set[LeaseUid]:
    """The leases for which two results differ. `ahead`: those whose begin lies ahead; once it has come, a reservation
    is no news."""
    both: Sequence[tuple[Mapping[LeaseUid, object], Mapping[LeaseUid, object]]] = (
        (last.assigned, new.assigned),
        (last.gang_reservations.exporters, new.gang_reservations.exporters),
        (last.victims, new.victims),
    )
    found = {uid for one, other in both for uid in (*one, *other) if one.get(uid) != other.get(uid)}
    if last.reservations is not new.reservations:
        one, other = last.reservations.exporters, new.reservations.exporters
        found.update(uid for uid in (*one, *other) if uid in ahead and one.get(uid) != other.get(uid))
    found.update(new.spared - last.spared)
    return found


class PendingChanges:
    """Finds the waiting leases whose pending reason is to be renewed.

    A queue may have ten thousand leases with one reason. So it is renewed for all only where it turns between Pending
    and Unsatisfiable; else for the first few of those that a pool has.
    """

    def __init__(self, index: NamespaceIndex) -> None:
        self._index = index
        self._empty: set[Pool] = set()
        """Pools without exporters, as they were when their leases' reasons were last renewed."""
        self._unsatisfiable: set[ClientQueue] = set()
        """The same: queues of gangs that there are not enough exporters for."""

    def find(self, touched: Touched, now: datetime) -> set[LeaseUid]:
        """After these changes."""
        self._empty -= touched.forgotten
        if self._unsatisfiable:
            self._unsatisfiable.difference_update(queue for queue in touched.queues if not queue.entries)
        found: set[LeaseUid] = set()
        for pool in touched.pools:
            queues = self._index.queues.by_pool[pool].values()
            turned = _turns(self._empty, pool, not pool.grants)
            renewed = [queue for queue in queues if self._turns(queue) or turned]
            found |= {entry.uid for queue in renewed for entry in queue.entries}
            if pool.grants and not turned:
                found |= _first(self._index, [queue for queue in queues if queue.satisfiable], now)
        return found

    def _turns(self, queue: ClientQueue) -> bool:
        return len(queue.pools) > 1 and _turns(self._unsatisfiable, queue, not queue.satisfiable)


def _turns(known: set[_T], one: _T, is_member: bool) -> bool:
    """Makes the set as it is now; whether it was otherwise."""
    if (one in known) == is_member:
        return False
    known.symmetric_difference_update((one,))
    return True


def _first(index: NamespaceIndex, queues: Sequence[ClientQueue], now: datetime) -> set[LeaseUid]:
    """The first leases of these queues, which must be satisfiable, in the order in which a cycle would serve them."""
    best = {pools: queue.best for pools, queue in {queue.pools: queue for queue in queues}.items()}
    hour = hour_of(now)
    used = {client: index.usage.seconds(client, hour) for client in {queue.client for queue in queues}}

    def rank_at(queue: ClientQueue, number: int) -> Rank:
        entry = queue.entries[number]  # all before it in its queue are served first
        right = best[queue.pools]
        ahead = number and number * exporter_seconds(index.leases[entry.uid], [right])
        return rank(right.priority, used[queue.client] + ahead, right.weight, entry, now)

    heads = [(rank_at(queue, 0), 0, queue) for queue in queues]
    heapify(heads)
    found: set[LeaseUid] = set()
    while heads and len(found) < SHOWN:
        ranked, number, queue = heappop(heads)
        found.add(ranked.uid)
        if number + 1 < len(queue.entries):
            heappush(heads, (rank_at(queue, number + 1), number + 1, queue))
    return found
