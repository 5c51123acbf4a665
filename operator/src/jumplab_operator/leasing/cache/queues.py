"""Where each waiting lease is filed: in a client's queue, ahead of its begin, or stranded without a client."""

from bisect import bisect_left, insort
from collections.abc import Iterable
from datetime import datetime

from jumplab_operator.leasing.cache.access_index import AccessIndex
from jumplab_operator.leasing.cache.client_queue import ClientQueue, ClientQueueKey, QueueEntry, QueueKey
from jumplab_operator.leasing.cache.pool_index import PoolIndex
from jumplab_operator.leasing.cache.pools import Pool, PoolKey
from jumplab_operator.leasing.cache.touched import Touched
from jumplab_operator.leasing.model import selectors
from jumplab_operator.leasing.model.facts import LeaseFacts, Request
from jumplab_operator.leasing.model.ids import LeaseUid

_UNUSED_POOLS = 32


class Queues:
    """The waiting leases of a namespace. Pools are made for them, and forgotten after them."""

    def __init__(self, pools: PoolIndex, access: AccessIndex, touched: Touched) -> None:
        self._pools, self._access, self._touched = pools, access, touched
        self.by_pool: dict[Pool, dict[ClientQueueKey, ClientQueue]] = {}
        self.of_lease: dict[LeaseUid, ClientQueue] = {}
        self.single: set[ClientQueue] = set()
        """The queues of one lease that is unlike all others."""
        self.ahead: set[LeaseUid] = set()
        """Leases whose begin lies ahead."""
        self.stranded: set[LeaseUid] = set()
        """Leases whose client does not exist."""
        self.reserving: dict[LeaseUid, QueueKey] = {}
        """Leases that have or want a reservation, each with the pools of its members: those ahead, and those with a
        reservation whose begin has come."""
        self._unused: dict[Pool, None] = {}
        """Pools that no lease asks for now, the longest so first. The next lease often asks for the same as the last
        one, and to make a pool is to look at all exporters."""

    def file(self, lease: LeaseFacts, now: datetime, *, claimed: bool) -> None:
        """Files a waiting lease; claimed: whether it has a claim on an exporter."""
        self._touched.leases.add(lease.uid)
        known = lease.request.client in self._access.clients
        is_ahead = lease.begin is not None and lease.begin > now
        if known and (is_ahead or (lease.begin is not None and lease.reserved)):
            self.reserving[lease.uid] = self._pools_of(lease)
            self._touched.reservations = True
        if is_ahead:
            self.ahead.add(lease.uid)
        elif not known:
            self.stranded.add(lease.uid)
        else:
            queue = self._queue(lease, claimed=claimed)
            insort(queue.entries, _entry(lease))
            self.of_lease[lease.uid] = queue
            self._touched.queues.add(queue)

    def unfile(self, lease: LeaseFacts) -> None:
        """The lease waits no more, or not like this. One that is not filed is ignored."""
        self.ahead.discard(lease.uid)
        self.stranded.discard(lease.uid)
        self._touched.leases.discard(lease.uid)
        queue, reserving = self.of_lease.pop(lease.uid, None), self.reserving.pop(lease.uid, None)
        if queue is not None:
            del queue.entries[bisect_left(queue.entries, _entry(lease))]
            self._touched.queues.add(queue)
            if not queue.entries:
                for pool in set(queue.pools):
                    del self.by_pool[pool][queue.key]
                self.single.discard(queue)
        if reserving is not None:
            self._touched.reservations = True
        if queue is not None or reserving is not None:
            self._set_aside({*(queue.pools if queue is not None else ()), *(reserving or ())})

    def _set_aside(self, pools: Iterable[Pool]) -> None:
        """Of these pools those that no lease asks for any more become unused; the oldest unused ones are forgotten."""
        for pool in pools:
            if self.by_pool[pool] or any(pool in wanted for wanted in self.reserving.values()):
                continue
            self._unused[pool] = None
            if len(self._unused) > _UNUSED_POOLS:
                oldest = next(iter(self._unused))
                del self._unused[oldest], self.by_pool[oldest]
                self._pools.forget(oldest)

    def _queue(self, lease: LeaseFacts, *, claimed: bool) -> ClientQueue:
        pools, client = self._pools_of(lease), lease.request.client
        single = lease.uid if lease.avoid or lease.reserved or claimed else ""
        key = ClientQueueKey(tuple(pool.key for pool in pools), client, single)
        queue = self.by_pool[pools[0]].get(key)
        if queue is None:
            queue = ClientQueue(key, client, pools)
            for pool in pools:
                self.by_pool[pool][key] = queue
            if queue.is_single:
                self.single.add(queue)
        return queue

    def _pools_of(self, lease: LeaseFacts) -> QueueKey:
        return tuple(self._pool_of(request) for request in lease.members)

    def _pool_of(self, request: Request) -> Pool:
        rights = self._access.rights(request)
        selector = selectors.describe(request.selector) if request.selector is not None else None
        key = PoolKey(selector, request.exporter, request.allow_disabled, rights.key)
        pool = self._pools.pool(key, request, rights)
        self._unused.pop(pool, None)
        self.by_pool.setdefault(pool, {})
        return pool


def _entry(lease: LeaseFacts) -> QueueEntry:
    return QueueEntry(lease.waits_since, lease.name, lease.uid)
