"""What leases are going to say: shown at once, so that everybody goes by it, and written a little later.

An exporter that hears of a lease mostly confirms it within milliseconds: that it has the exporter and that it is ready
is then one write. The exporter's claim is written before; until the Lease says that it is ready nobody can dial.
"""

import asyncio
from datetime import datetime, timedelta

from jumplab_operator.reconcile.context.context import Cluster
from jumplab_operator.resources import Lease, LeaseStatus


class DeferredStatus:
    """Which leases' statuses are still to be written, and since when."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._due: asyncio.Queue[tuple[datetime, str]] = asyncio.Queue()
        self._until: dict[str, datetime] = {}

    def show(self, lease: Lease, status: LeaseStatus) -> None:
        """The lease is shown with this status from now on; if it isn't written soon, the lease is reconciled."""
        due = self._cluster.clock.now() + self._cluster.settings.tell_within
        self._until[lease.uid] = due
        self._due.put_nowait((due, lease.uid))
        self._cluster.objects.foretell(lease.uid, status)

    def may_wait(self, lease: Lease) -> bool:
        """Whether there is time yet to write what is shown."""
        return self._cluster.objects.is_ahead(lease.uid) and lease.uid in self._until

    async def run(self) -> None:
        """Has written what has waited for long enough, for ever."""
        clock = self._cluster.clock
        while True:
            due, uid = await self._due.get()
            await clock.sleep(min(max(due - clock.now(), timedelta(0)), self._cluster.settings.tell_within))
            if self._until.get(uid) != due:
                continue  # it was shown anew since then
            del self._until[uid]
            if self._cluster.objects.is_ahead(uid):
                self._cluster.queue.add(uid)
