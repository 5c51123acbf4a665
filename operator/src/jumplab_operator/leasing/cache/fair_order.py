"""Whose turn it is: queues in the order in which their first leases are served, if there is something for them."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from heapq import heapify, heappop, heappush
from typing import TypeAlias

from jumplab_operator.leasing.cache.namespace_cache import Queue, Space
from jumplab_operator.leasing.cache.pools import Pool
from jumplab_operator.leasing.model.facts import LeaseFacts
from jumplab_operator.leasing.model.lease_length import exporter_seconds
from jumplab_operator.leasing.model.policy_rules import Grant
from jumplab_operator.leasing.model.ranking import BOOKED, CLAIMED, Rank, rank
from jumplab_operator.leasing.model.usage import hour_of

_Turn: TypeAlias = tuple[Rank, int, Queue]


class Turns:
    """Works once. Clients are charged for what they get as they get it, so that a burst is shared fairly, too."""

    def __init__(self, space: Space, queues: Iterable[Queue], now: datetime) -> None:
        """The queues must be satisfiable."""
        self._space, self._now, self._hour = space, now, hour_of(now)
        self._served: Counter[Queue] = Counter()
        self._charged: dict[str, int] = {}
        self._used: dict[str, int] = {}
        self._best: dict[tuple[Pool, ...], Grant] = {}
        self._turns = [self._turn(queue) for queue in queues]
        heapify(self._turns)

    def take(self) -> tuple[Queue, LeaseFacts] | None:
        """The next queue, with the lease that stands first in it; it comes no more unless `go_on` says so."""
        while self._turns:
            _, charged, queue = heappop(self._turns)
            if charged == self._charged.get(queue.client, 0):
                return queue, self._space.leases[self._first(queue)[2]]
            heappush(self._turns, self._turn(queue))  # leases of its own client that were served have overtaken it
        return None

    def go_on(self, queue: Queue) -> None:
        """The first lease of the queue has had its turn: the next is the first now."""
        self._served[queue] += 1
        if self._served[queue] < len(queue.leases):
            heappush(self._turns, self._turn(queue))

    def charge(self, lease: LeaseFacts, grants: Iterable[Grant]) -> None:
        """The lease gets what it asked for, by these rights."""
        client = lease.request.client
        self._charged[client] = self._charged.get(client, 0) + exporter_seconds(lease, grants)

    def _first(self, queue: Queue) -> tuple[datetime, str, str]:
        return queue.leases[self._served[queue]]

    def _turn(self, queue: Queue) -> _Turn:
        client, pools, place = queue.client, queue.pools, self._first(queue)
        if client not in self._used:
            self._used[client] = self._space.usage.seconds(client, self._hour)
        if pools not in self._best:
            self._best[pools] = queue.best
        best, charged = self._best[pools], self._charged.get(client, 0)
        priority = self._priority(place[2], best)
        return rank(priority, self._used[client] + charged, best.weight, place, self._now), charged, queue

    def _priority(self, lease_uid: str, best: Grant) -> int:
        if lease_uid in self._space.claims:
            return CLAIMED
        return BOOKED if self._space.leases[lease_uid].kept else best.priority
