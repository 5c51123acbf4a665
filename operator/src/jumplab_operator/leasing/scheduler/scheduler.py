"""The scheduler: keeps an index of the facts, and decides anew after each change of them.

It is incremental: a change costs what it touches. What it decides equals deciding on the same facts from scratch.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from jumplab_operator.leasing.cache.client_queue import QueueKey
from jumplab_operator.leasing.cache.namespace_index import NamespaceIndex
from jumplab_operator.leasing.cache.pools import Pool
from jumplab_operator.leasing.cache.reservation_placement import is_movable, place_reservations
from jumplab_operator.leasing.cache.touched import Touched
from jumplab_operator.leasing.explain.explain import Considered, Resources, explain
from jumplab_operator.leasing.explain.queue_position import (
    REACH,
    SHOWN,
    QueuePosition,
    first_positions,
    position_of,
    queues_for,
    rival_queues,
)
from jumplab_operator.leasing.explain.waiting import WaitReasons
from jumplab_operator.leasing.lease.entitlement import entitlement
from jumplab_operator.leasing.lease.validation import Refusal
from jumplab_operator.leasing.model.cycle_result import CycleResult
from jumplab_operator.leasing.model.decisions import Decision, Preempt, Spare
from jumplab_operator.leasing.model.facts import ExporterFacts, Fact, LeaseFacts
from jumplab_operator.leasing.model.ids import ClientName, ExporterUid, LeaseUid
from jumplab_operator.leasing.model.policy_rules import Grant
from jumplab_operator.leasing.model.reservations import Reservations
from jumplab_operator.leasing.scheduler.admission_cycle import AdmissionCycle
from jumplab_operator.leasing.scheduler.difference import PendingChanges, difference
from jumplab_operator.resources import LabelSelector


class Scheduler:
    """Of one namespace: its index, the result of the last cycle, and the queues whose positions may be others."""

    def __init__(self) -> None:
        self.index = NamespaceIndex()
        self.last = CycleResult()
        self.dirty: set[QueueKey] = set()
        """Queues that leases have joined or left since `take_dirty`."""
        self._dirty_pools: set[Pool] = set()
        """Pools in which something changed since then: all queues for an exporter of theirs are dirty."""
        self._pending = PendingChanges(self.index)
        self._reasons = WaitReasons(self.index, self.last)

    def apply(self, now: datetime, put: Iterable[Fact] = (), gone: Iterable[str] = ()) -> Mapping[LeaseUid, Decision]:
        """Changes the index, decides anew, and returns the decisions that are new.

        put: facts that are new or have changed;  gone: the uids of objects that don't exist any more.
        These are the decisions of leases that are new or were changed, of those whose exporters or reservations are
        others, and of the first of each pool in which something has changed.
        """
        for uid in gone:
            self.index.drop(uid, now)
        for fact in sorted(put, key=_in_order):
            self.index.put(fact, now)
        self.index.advance(now)
        touched, last = self.index.touched, self.last
        self.last = AdmissionCycle(self.index, self._reservations(touched), now).run()
        self._reasons = WaitReasons(self.index, self.last)
        touched.pools |= self._pools_of(last.victims.keys() ^ self.last.victims.keys())  # who waits is told of it
        self.dirty |= {queue.pools for queue in touched.queues}
        self._dirty_pools |= touched.pools
        renewed = difference(last, self.last, self.index.queues.ahead)
        renewed |= touched.leases
        renewed |= self._pending.find(touched, now)
        touched.clear()
        return {uid: decision for uid in renewed if (decision := self.decision(uid)) is not None}

    def _reservations(self, touched: Touched) -> Reservations:
        """Those of the last cycle, if nothing has touched a lease with one, or an exporter that it could have."""
        wanted = self.index.queues.reserving.values()
        if touched.reservations or any(not touched.pools.isdisjoint(pools) for pools in wanted):
            return place_reservations(self.index)
        return self.last.reservations

    def _pools_of(self, leases: Iterable[LeaseUid]) -> set[Pool]:
        """The pools of the exporters that these leases have."""
        known = [self.index.leases[uid] for uid in leases if uid in self.index.leases]
        by_name = self.index.pools.by_name
        exporters = [by_name[name] for lease in known for name in lease.exporters if name in by_name]
        return {pool for uid in exporters for pool in self.index.pools.of(uid)}

    def is_due(self, now: datetime) -> bool:
        """Whether to decide anew though no fact has changed."""
        return not self.last.settled or (self.due is not None and self.due <= now)

    @property
    def due(self) -> datetime | None:
        """When to decide anew if nothing changes before; None: never."""
        return min((each for each in (self.index.due, self.last.look_again) if each is not None), default=None)

    def decision(self, uid: LeaseUid) -> Decision | None:
        """What is decided for a lease that waits, is a victim, or was given notice; None for all others."""
        if uid in self.last.assigned:
            return self.last.assigned[uid]
        lease = self.index.leases.get(uid)
        if lease is None:
            return None
        if lease.exporters:
            if uid in self.last.victims:
                return Preempt()
            return Spare() if lease.noticed else None
        return self._reasons.wait(lease)

    def claimed_by(self, lease: LeaseUid) -> Iterable[ExporterUid]:
        """The exporters that are claimed by the lease."""
        return sorted(self.index.claims.by_lease.get(lease, ()))

    def is_movable(self, lease: LeaseUid, begin: datetime, end: datetime | None) -> bool:
        """Whether the lease's reservation could be moved to that time; without an end for as long as it may last."""
        return is_movable(self.index, self.last.reservations, lease, begin, end)

    def right(
        self,
        lease: LeaseUid,
        exporters: Sequence[ExporterUid],
        client: ClientName,
        length: timedelta | None,
        giver: ClientName | None = None,
    ) -> Grant | Refusal:
        """The right by which the client could hold the lease, which has these exporters, for that length.

        giver: the client that would transfer the lease to it; None: it holds the lease.
        """
        return entitlement(self.index, client, exporters, length, lease, giver)

    def reserved_from(self, exporter: ExporterUid, lease: LeaseUid, after: datetime | None = None) -> datetime | None:
        """When the exporter, which the lease holds, is reserved for another; `after`: by reservations that begin later
        than that."""
        if after is None:
            return self.last.reservations.next_begin(exporter, lease)
        return self.last.reservations.next_ahead(exporter, lease, after)

    def queue_of(self, lease: LeaseUid) -> QueueKey | None:
        """The queue that the lease stands in; None where it is in none."""
        queue = self.index.queues.of_lease.get(lease)
        return queue.pools if queue is not None else None

    def queues_for(self, selector: LabelSelector) -> Sequence[QueueKey]:
        """See `queue_position.queues_for`."""
        return queues_for(self.index, selector)

    def positions(
        self, key: QueueKey, now: datetime, most: int = SHOWN, reach: int = REACH
    ) -> Mapping[LeaseUid, QueuePosition]:
        """The positions of the first leases of a queue, see `queue_position.first_positions`."""
        return first_positions(self._reasons.blockers, key, now, most, reach)

    def position_of(self, lease: LeaseUid, now: datetime) -> QueuePosition | None:
        """The lease's position, however far behind; None where it is in no queue."""
        return position_of(self._reasons.blockers, lease, now)

    def explain(self, uid: LeaseUid, resource: Resources) -> Sequence[Considered]:
        """Each exporter considered for a waiting lease, and why it hasn't got it; nothing for one that doesn't wait."""
        lease = self.index.leases.get(uid)
        return explain(self.index, self.last, lease, resource) if lease is not None and not lease.exporters else []

    def take_dirty(self) -> set[QueueKey]:
        """The queues whose positions may have changed since the last call, all that compete with them included."""
        pools = self._dirty_pools | {pool for key in self.dirty for pool in key}
        found = self.dirty | {queue.pools for queue in rival_queues(self.index, pools)}
        self.dirty, self._dirty_pools = set(), set()
        return found


@dataclass(frozen=True, slots=True)
class Changes:
    """Facts that have changed, and what time it is now."""

    now: datetime
    put: Sequence[Fact] = ()
    """At most one for each uid."""
    gone: Sequence[tuple[str, str]] = ()
    """Namespace and uid of objects that don't exist any more."""


class LabScheduler:
    """A scheduler for each namespace of the lab: leases of one never compete with those of another."""

    def __init__(self) -> None:
        self.namespaces: dict[str, Scheduler] = {}

    @property
    def due(self) -> datetime | None:
        """When to decide anew if nothing changes before; None: never."""
        moments = (scheduler.due for scheduler in self.namespaces.values())
        return min((moment for moment in moments if moment is not None), default=None)

    def of(self, namespace: str) -> Scheduler:
        """That of the namespace, for questions: an empty one where it has no facts."""
        return self.namespaces.get(namespace) or Scheduler()

    def apply(self, changes: Changes) -> Mapping[LeaseUid, Decision]:
        """Applies the changes to each namespace that they concern or that is due, see `Scheduler.apply`."""
        by_namespace: dict[str, tuple[list[Fact], list[str]]] = {}
        for fact in changes.put:
            by_namespace.setdefault(fact.namespace, ([], []))[0].append(fact)
        for namespace, uid in changes.gone:
            by_namespace.setdefault(namespace, ([], []))[1].append(uid)
        decisions: dict[LeaseUid, Decision] = {}
        for namespace in {*self.namespaces, *by_namespace}:
            scheduler = self.namespaces.get(namespace) or self.namespaces.setdefault(namespace, Scheduler())
            if namespace in by_namespace or scheduler.is_due(changes.now):
                put, gone = by_namespace.get(namespace, ((), ()))
                decisions |= scheduler.apply(changes.now, put, gone)
            if not scheduler.index.facts:
                del self.namespaces[namespace]
        return decisions


def _in_order(fact: Fact) -> int:
    """Facts that others are looked up in come first: that saves filing leases twice."""
    if isinstance(fact, ExporterFacts):
        return 2
    if isinstance(fact, LeaseFacts):
        return 1 if fact.exporters else 3
    return 0
