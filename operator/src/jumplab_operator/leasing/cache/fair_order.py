"""The order in which queues are served: by the ranks of their first leases, clients charged for what they get."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from heapq import heapify, heappop, heappush
from typing import TypeAlias

from jumplab_operator.leasing.cache.client_queue import ClientQueue, QueueEntry, QueueKey
from jumplab_operator.leasing.cache.namespace_index import NamespaceIndex
from jumplab_operator.leasing.model.facts import LeaseFacts
from jumplab_operator.leasing.model.ids import ClientName, LeaseUid
from jumplab_operator.leasing.model.lease_length import exporter_seconds
from jumplab_operator.leasing.model.policy_rules import Grant
from jumplab_operator.leasing.model.ranking import CLAIMED, RESERVED, Rank, rank
from jumplab_operator.leasing.model.usage import hour_of

_Ranked: TypeAlias = tuple[Rank, int, ClientQueue]
"""A queue with the rank of its first lease, and with the seconds that its client was charged when that was found."""


class FairOrder:
    """Works once. Clients are charged for what they get as they get it, so that a burst is shared fairly, too."""

    def __init__(self, index: NamespaceIndex, queues: Iterable[ClientQueue], now: datetime) -> None:
        """The queues must be satisfiable."""
        self._index, self._now, self._hour = index, now, hour_of(now)
        self._served: Counter[ClientQueue] = Counter()
        self._charged: dict[ClientName, int] = {}
        self._used: dict[ClientName, int] = {}
        self._best: dict[QueueKey, Grant] = {}
        self._ranked = [self._rank(queue) for queue in queues]
        heapify(self._ranked)

    def next(self) -> tuple[ClientQueue, LeaseFacts] | None:
        """The next queue, with its first lease. The queue is not returned again unless `advance` is called for it."""
        while self._ranked:
            _, charged, queue = heappop(self._ranked)
            # A charge only makes a rank worse. So where this one is still right, it is the best of all.
            if charged == self._charged.get(queue.client, 0):
                return queue, self._index.leases[self._first(queue).uid]
            heappush(self._ranked, self._rank(queue))
        return None

    def advance(self, queue: ClientQueue) -> None:
        """The first lease of the queue was looked at: the next one is the first now."""
        self._served[queue] += 1
        if self._served[queue] < len(queue.entries):
            heappush(self._ranked, self._rank(queue))

    def charge(self, lease: LeaseFacts, grants: Iterable[Grant]) -> None:
        """The lease gets what it asked for, by these rights."""
        client = lease.request.client
        self._charged[client] = self._charged.get(client, 0) + exporter_seconds(lease, grants)

    def _first(self, queue: ClientQueue) -> QueueEntry:
        return queue.entries[self._served[queue]]

    def _rank(self, queue: ClientQueue) -> _Ranked:
        client, pools, entry = queue.client, queue.pools, self._first(queue)
        if client not in self._used:
            self._used[client] = self._index.usage.seconds(client, self._hour)
        if pools not in self._best:
            self._best[pools] = queue.best
        best, charged = self._best[pools], self._charged.get(client, 0)
        priority = self._priority(entry.uid, best)
        return rank(priority, self._used[client] + charged, best.weight, entry, self._now), charged, queue

    def _priority(self, lease: LeaseUid, best: Grant) -> int:
        if lease in self._index.claims.by_lease:
            return CLAIMED
        return RESERVED if self._index.leases[lease].reserved else best.priority
