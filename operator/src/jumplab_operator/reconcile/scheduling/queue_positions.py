"""The queue positions of the first leases of each queue, for their status, at a bounded cost.

Positions are found anew some time after something has changed, a few queues at a time; the leases whose position is
another are then reconciled.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from jumplab_operator.controller.lab import Explanation, QueuedLease
from jumplab_operator.leasing.cache.client_queue import QueueKey
from jumplab_operator.leasing.explain.queue_position import SHOWN, QueuePosition
from jumplab_operator.leasing.model.ids import LeaseUid
from jumplab_operator.leasing.scheduler.scheduler import LabScheduler
from jumplab_operator.names import Name
from jumplab_operator.reconcile.context.context import Cluster
from jumplab_operator.resources import Exporter, LabelSelector, Lease
from jumplab_operator.resources.lease import QueueStatus

_PAUSE = timedelta(seconds=1)
_AT_ONCE = 25
"""How many queues are looked at between two pauses."""
_FAR = 10_000
"""How far along a queue those are looked for that somebody asks for."""


class QueuePositions:
    """The positions of waiting leases."""

    def __init__(self, cluster: Cluster, scheduler: LabScheduler) -> None:
        self._cluster = cluster
        self._scheduler = scheduler
        self._positions: dict[str, dict[QueueKey, Mapping[LeaseUid, QueuePosition]]] = {}
        self._dirty: dict[tuple[str, QueueKey], None] = {}
        self._news = asyncio.Event()

    def stir(self) -> None:
        """The scheduler has decided anew."""
        self._news.set()

    def status(self, lease: Lease) -> QueueStatus | None:
        """The position that the lease's status shows; None where it isn't among the first of a queue."""
        uid = LeaseUid(lease.uid)
        key = self._scheduler.of(lease.namespace).queue_of(uid)
        if key is None:
            return None
        known = self._positions.get(lease.namespace, {}).get(key, {})
        if uid not in known and len(known) < SHOWN:
            known = self._find(lease.namespace, key)
        found = known.get(uid)
        if found is None:
            return None
        return QueueStatus(
            position=found.position,
            expected_begin_time=found.expected_begin,
            latest_begin_time=found.latest_begin,
            message=found.message,
        )

    def explain(self, lease: Lease) -> Explanation:
        """A lease's position, however far behind, and each exporter that was considered for it."""
        scheduler, objects, uid = self._scheduler.of(lease.namespace), self._cluster.objects, LeaseUid(lease.uid)
        considered = scheduler.explain(uid, lambda name: objects.get(Exporter, Name(lease.namespace, name)))
        return Explanation(scheduler.position_of(uid, self._cluster.clock.now()), considered)

    async def queue(self, namespace: str, selector: LabelSelector, most: int) -> list[QueuedLease]:
        """The leases that wait for exporters that the selector matches, at most that many."""
        found: list[QueuedLease] = []
        for key in self._scheduler.of(namespace).queues_for(selector):
            now = self._cluster.clock.now()
            positions = self._scheduler.of(namespace).positions(key, now, most - len(found), _FAR)
            leases = ((self._cluster.objects.by_uid(Lease, uid), position) for uid, position in positions.items())
            found += [QueuedLease(lease, position) for lease, position in leases if lease is not None]
            if len(found) >= most:
                break
            await asyncio.sleep(0)  # others go first
        return found

    async def run(self) -> None:
        """Brings the positions up to date, for ever."""
        while True:
            if not self._dirty:
                await self._news.wait()  # without a bound: nothing happens in the lab
            self._news.clear()
            self._note_dirty()
            for namespace, key in list(self._dirty)[:_AT_ONCE]:
                del self._dirty[namespace, key]
                self._renew(namespace, key)
                await asyncio.sleep(0)  # others go first
            await self._cluster.clock.sleep(_PAUSE)

    def _note_dirty(self) -> None:
        for namespace, scheduler in self._scheduler.namespaces.items():
            self._dirty.update(dict.fromkeys((namespace, key) for key in scheduler.take_dirty()))
        for namespace in self._positions.keys() - self._scheduler.namespaces.keys():
            del self._positions[namespace]

    def _renew(self, namespace: str, key: QueueKey) -> None:
        before = self._positions.get(namespace, {}).get(key, {})
        now = self._find(namespace, key)
        for uid in before.keys() | now.keys():
            if before.get(uid) != now.get(uid):
                self._cluster.queue.add(uid, patient=True)

    def _find(self, namespace: str, key: QueueKey) -> Mapping[LeaseUid, QueuePosition]:
        found = self._scheduler.of(namespace).positions(key, self._cluster.clock.now())
        if found:
            self._positions.setdefault(namespace, {})[key] = found
        else:
            self._positions.get(namespace, {}).pop(key, None)
        return found
