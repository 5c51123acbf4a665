"""Keeps the places of those who stand first in each queue, for their status. What it costs is bounded.

Places are found anew some time after something has changed, a few queues at a time; the leases whose place is another
are then reconciled.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta

from jumplab_operator.controller.lab import Explanation, Queued
from jumplab_operator.leasing.explain.queue_position import TOLD, Needed, Place
from jumplab_operator.leasing.scheduler.plan import State
from jumplab_operator.names import Name
from jumplab_operator.reconcile.context.context import Cluster
from jumplab_operator.resources import Exporter, LabelSelector, Lease
from jumplab_operator.resources.lease import QueuePlace

_PAUSE = timedelta(seconds=1)
_AT_ONCE = 25
"""So many queues are looked at between two pauses."""
_FAR = 10_000
"""So far along a queue is looked for those whom somebody asks for."""


class Standing:
    """Who stands where."""

    def __init__(self, cluster: Cluster, state: Callable[[], State]) -> None:
        self._cluster = cluster
        self._state = state
        self._places: dict[str, dict[Needed, Mapping[str, Place]]] = {}
        self._restless: dict[tuple[str, Needed], None] = {}
        self._news = asyncio.Event()

    def stir(self) -> None:
        """There is another plan."""
        self._news.set()

    def place(self, lease: Lease) -> QueuePlace | None:
        """What the lease's status says of its place; None where it isn't among the first of a queue."""
        needed = self._state().needed(lease.namespace, lease.uid)
        if needed is None:
            return None
        known = self._places.get(lease.namespace, {}).get(needed, {})
        if lease.uid not in known and len(known) < TOLD:
            known = self._find(lease.namespace, needed)
        place = known.get(lease.uid)
        if place is None:
            return None
        return QueuePlace(position=place.position, expected_begin_time=place.expected_begin, message=place.message)

    def explain(self, lease: Lease) -> Explanation:
        """Where a lease stands, however far behind, and each exporter that was considered for it."""
        state, snapshot = self._state(), self._cluster.snapshot
        place = state.place_of(lease.namespace, lease.uid, self._cluster.clock.now())
        considered = state.explain(
            lease.namespace, lease.uid, lambda name: snapshot.get(Exporter, Name(lease.namespace, name))
        )
        return Explanation(place, considered)

    async def queue(self, namespace: str, selector: LabelSelector, most: int) -> list[Queued]:
        """At most so many of those who wait for what the selector matches."""
        found: list[Queued] = []
        for needed in self._state().awaited(namespace, selector):
            now = self._cluster.clock.now()
            places = self._state().places(namespace, needed, now, most - len(found), _FAR)
            leases = ((self._cluster.snapshot.by_uid(Lease, uid), place) for uid, place in places.items())
            found += [Queued(lease, place) for lease, place in leases if lease is not None]
            if len(found) >= most:
                break
            await asyncio.sleep(0)  # others go first
        return found

    async def run(self) -> None:
        """Keeps the places up to date, for ever."""
        while True:
            if not self._restless:
                await self._news.wait()  # without a bound: nothing happens in the lab
            self._news.clear()
            self._note_restless()
            for namespace, needed in list(self._restless)[:_AT_ONCE]:
                del self._restless[namespace, needed]
                self._renew(namespace, needed)
                await asyncio.sleep(0)  # others go first
            await self._cluster.clock.sleep(_PAUSE)

    def _note_restless(self) -> None:
        state = self._state()
        for namespace, restless in state.take_restless().items():
            self._restless.update(dict.fromkeys((namespace, needed) for needed in restless))
        for namespace in self._places.keys() - state.spaces.keys():
            del self._places[namespace]

    def _renew(self, namespace: str, needed: Needed) -> None:
        before = self._places.get(namespace, {}).get(needed, {})
        now = self._find(namespace, needed)
        for uid in before.keys() | now.keys():
            if before.get(uid) != now.get(uid):
                self._cluster.queue.add(uid, patient=True)

    def _find(self, namespace: str, needed: Needed) -> Mapping[str, Place]:
        found = self._state().places(namespace, needed, self._cluster.clock.now())
        if found:
            self._places.setdefault(namespace, {})[needed] = found
        else:
            self._places.get(namespace, {}).pop(needed, None)
        return found
