"""Why a lease waits, as its status says it."""

from dataclasses import replace

from jumplab.protocol.moments import at_moment, format_moment
from jumplab_operator.leasing.cache.client_queue import ClientQueue, QueueKey
from jumplab_operator.leasing.cache.namespace_index import NamespaceIndex
from jumplab_operator.leasing.cache.pools import Pool, longest_rights
from jumplab_operator.leasing.cache.quotas import QuotaUsage
from jumplab_operator.leasing.cache.reservation_placement import begin_of
from jumplab_operator.leasing.explain import gang_reasons, pending_reasons
from jumplab_operator.leasing.explain.blockers import BlockerFinder
from jumplab_operator.leasing.explain.candidates import find_candidates, wanted
from jumplab_operator.leasing.model.cycle_result import CycleResult
from jumplab_operator.leasing.model.decisions import Wait
from jumplab_operator.leasing.model.facts import LeaseFacts
from jumplab_operator.leasing.model.lease_length import end_of


class WaitReasons:
    """Made when somebody asks: the reason for a queue of ten thousand leases is read by ten.

    Works for one result of an admission cycle, while the index stays as it was then.
    """

    def __init__(self, index: NamespaceIndex, result: CycleResult) -> None:
        self._index, self._result = index, result
        self.blockers = BlockerFinder(index, result)
        self._shared: dict[QueueKey, Wait] = {}
        """Why all leases of a queue wait that aren't single, and that no quota keeps waiting."""

    def wait(self, lease: LeaseFacts) -> Wait | None:
        """Why the lease, which has no exporter and gets none now, waits; None where it is filed nowhere."""
        if lease.uid in self._index.queues.ahead:
            return self._ahead(lease)
        wait = self._in_queue(lease)
        # One whose begin has come, but not its exporters, is served first by its reservation: that is remembered.
        return replace(wait, reserved=lease.reserved) if wait is not None and lease.begin is not None else wait

    def _ahead(self, lease: LeaseFacts) -> Wait:
        reservations, index = self._result.reservations, self._index
        exporters, begin = reservations.exporters.get(lease.uid), begin_of(lease)
        now = self._result.now
        at = at_moment(begin, now)
        if not exporters:
            end = end_of(lease, begin, longest_rights(index.queues.reserving.get(lease.uid, ())))
            message = f"begins {at}; {_unreservable(lease)} be reserved from then until {format_moment(end, now)}"
            return Wait("Pending", "NotAvailable", message)
        names = tuple(index.pools.situations[uid].exporter.name for uid in exporters)
        until = format_moment(reservations.ends[lease.uid], now)
        verb = "is" if len(names) == 1 else "are"
        message = f"begins {at}; {pending_reasons.exporters_named(names)} {verb} reserved for it until {until}"
        return Wait("Pending", "Scheduled", message, names)

    def _in_queue(self, lease: LeaseFacts) -> Wait | None:
        queues = self._index.queues
        queue = queues.of_lease.get(lease.uid)
        if queue is None or not queue.satisfiable:
            return self._unsatisfiable(lease) if queue is not None or lease.uid in queues.stranded else None
        if len(queue.pools) > 1:
            return gang_reasons.why_waiting(self.blockers, lease, queue)
        excess = self._excess(lease, queue.pools[0])
        if excess is not None:
            return Wait("Pending", "OverQuota", f"{excess}; it waits until one is released")
        return self._blocked(lease, queue)

    def _blocked(self, lease: LeaseFacts, queue: ClientQueue) -> Wait:
        shared = self._shared.get(queue.pools) if not queue.is_single else None
        if shared is not None:
            return shared
        [pool] = queue.pools
        wait = Wait("Pending", *pending_reasons.explain(lease, self.blockers.find(lease, pool), self._result.now))
        if not queue.is_single:
            self._shared[queue.pools] = wait
        return wait

    def _excess(self, lease: LeaseFacts, pool: Pool) -> str | None:
        """How a quota keeps the lease from what is there; None where it is something else."""
        if all(grant.quota is None for grant in pool.kinds):
            return None
        client, taken = lease.request.client, self._result.taken
        usage = QuotaUsage(self._index, taken)
        left = [pool.grants[it.uid] for it in pool.free if it.uid not in taken and it.uid not in lease.avoid]
        reasons = [
            usage.excess(client, grant.quota) if grant.quota is not None else None for grant in left or pool.kinds
        ]
        return reasons[0] if None not in reasons else None

    def _unsatisfiable(self, lease: LeaseFacts) -> Wait:
        access = self._index.access
        client = access.clients.get(lease.request.client)
        labels = client.labels if client is not None else None
        exporters = [situation.exporter for situation in self._index.pools.situations.values()]
        tried = [(member, find_candidates(member, exporters, labels, access.policies)) for member in lease.members]
        found = gang_reasons.unsatisfiable(tried)
        if lease.request.patient and found.reason != "TooLong":  # waiting makes no lease shorter
            return Wait("Pending", found.reason, f"{found.message}; the lease waits until that changes")
        return Wait("Unsatisfiable", found.reason, found.message)


def _unreservable(lease: LeaseFacts) -> str:
    """What can't be reserved for the lease: the beginning of a sentence."""
    if len(lease.members) > 1:
        return "not all of its exporters can"
    if lease.request.exporter is not None:
        return f"{wanted(lease.request)} can't"
    return f"no exporter matching {wanted(lease.request)} can"
