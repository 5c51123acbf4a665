"""Statuses of leases that are shown at once, so that every step sees them, and written a little later.

An exporter mostly confirms a lease within milliseconds of its assignment: that the lease is assigned and that it is
ready is then one write. The exporter's claim is written before; no client can dial before the Lease is ready.
"""

import asyncio
from datetime import datetime, timedelta

from jumplab_operator.reconcile.context.context import Cluster
from jumplab_operator.resources import Lease, LeaseStatus


class DeferredStatus:
    """The leases whose statuses are still to be written, and when each write is due."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._due: asyncio.Queue[tuple[datetime, str]] = asyncio.Queue()
        self._until: dict[str, datetime] = {}

    def show(self, lease: Lease, status: LeaseStatus) -> None:
        """The lease is shown with this status from now on; if it isn't written soon, the lease is reconciled."""
        due = self._cluster.clock.now() + self._cluster.settings.assigned_write_delay
        self._until[lease.uid] = due
        self._due.put_nowait((due, lease.uid))
        self._cluster.objects.show_deferred(lease.uid, status)

    def may_wait(self, lease: Lease) -> bool:
        """Whether the status that is shown need not be written yet."""
        return self._cluster.objects.shows_deferred(lease.uid) and lease.uid in self._until

    async def run(self) -> None:
        """Has each status written once it is due, for ever."""
        clock = self._cluster.clock
        while True:
            due, uid = await self._due.get()
            await clock.sleep(min(max(due - clock.now(), timedelta(0)), self._cluster.settings.assigned_write_delay))
            if self._until.get(uid) != due:
                continue  # it was shown anew since then
            del self._until[uid]
            if self._cluster.objects.shows_deferred(uid):
                self._cluster.queue.add(uid)
