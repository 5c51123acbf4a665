"""Runs the scheduler: turns changes into facts, and has leases with a new decision reconciled."""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jumplab_operator.leasing.lease.validation import InForce, Refusal, accept
from jumplab_operator.leasing.model.decisions import Assign, Decision, Wait
from jumplab_operator.leasing.model.facts import Fact, LeaseFacts
from jumplab_operator.leasing.model.ids import ClientName, ExporterUid, LeaseUid
from jumplab_operator.leasing.model.policy_rules import Grant
from jumplab_operator.leasing.model.times import length_of, times
from jumplab_operator.leasing.scheduler.scheduler import Changes, LabScheduler, Scheduler
from jumplab_operator.reconcile.context.context import Cluster
from jumplab_operator.reconcile.context.lease_context import LeaseContext
from jumplab_operator.reconcile.scheduling import to_facts
from jumplab_operator.reconcile.scheduling.queue_positions import QueuePositions
from jumplab_operator.resources import Client, Exporter, Lease, LeaseSpec
from jumplab_operator.resources.conditions import find_condition

_log = logging.getLogger(__name__)

_OTHERS_SHARE = 9
"""How many times the time of plans the other tasks get: decisions must also be written. In a burst a plan looks at all
waiting leases."""
_OWED_AT_MOST = timedelta(seconds=1)
"""How much of that time they are owed before a plan is put off: where little happens, none is."""
PLAN = "the plan"
"""The plan's own key in the work queue, for a plan that is due by the passing of time."""


@dataclass(frozen=True, slots=True)
class LeaseSchedule:
    """The schedule's limits for one lease. Each answer is of the moment of the question."""

    scheduler: Scheduler
    lease: LeaseUid
    exporters: Sequence[Exporter]

    def right(self, client: str, length: timedelta | None, giver: str | None = None) -> Grant | Refusal:
        """See `Scheduler.right`."""
        uids = [ExporterUid(exporter.uid) for exporter in self.exporters]
        by = ClientName(giver) if giver is not None else None
        return self.scheduler.right(self.lease, uids, ClientName(client), length, by)

    def is_movable(self, begin: datetime, end: datetime | None) -> bool:
        """See `Scheduler.is_movable`."""
        return self.scheduler.is_movable(self.lease, begin, end)


class SchedulerLoop:
    """The scheduler's state, brought up to date when something changed or is due: several changes, one plan."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._scheduler = LabScheduler()
        self._changed: dict[str, str] = {}
        self._news = asyncio.Event()
        self._avoided: dict[str, dict[str, datetime]] = {}
        self._pledged: dict[str, str] = {}
        """By the uids of exporters that are being claimed: by which lease."""
        self._moved_ends: dict[str, datetime] = {}
        """By the uids of leases whose new, later end is being written."""
        self._put_off: set[str] = set()
        """The uids of leases that are to be reconciled after the next plan, whatever it decides."""
        self.positions = QueuePositions(cluster, self._scheduler)

    def note(self, namespace: str, uid: str) -> None:
        """Something about this object, or about its connection, has changed."""
        self._changed[uid] = namespace
        self._news.set()

    def decision(self, lease: Lease) -> Decision | None:
        """The decision of the last plan for a waiting lease."""
        return self._of(lease).decision(LeaseUid(lease.uid))

    def is_outdated(self, lease: Lease) -> bool:
        """Whether the lease has changed since the last plan. It is then reconciled again after the next one."""
        if lease.uid not in self._changed:
            return False
        self._put_off.add(lease.uid)
        return True

    def claimed_by(self, lease: Lease) -> Iterable[str]:
        """The uids of the exporters that are claimed by the lease, whether it is assigned to them or not."""
        return self._of(lease).claimed_by(LeaseUid(lease.uid))

    def in_force(self, lease: Lease, exporters: Sequence[Exporter]) -> InForce | None:
        """The state of the lease that its edits are checked against; None: nothing was accepted yet.

        exporters: those that it is assigned to.
        """
        status = lease.status
        if status.accepted is None:
            return None
        scheduler, uid = self._of(lease), LeaseUid(lease.uid)
        begins = [scheduler.reserved_from(ExporterUid(exporter.uid), uid) for exporter in exporters]
        ends = [end for exporter in exporters if (end := self.needed_from(lease, exporter)) is not None]
        return InForce(
            status.accepted,
            now=self._cluster.clock.now(),
            assigned=bool(status.exporter_names),
            began=status.begin_time,
            reserved_from=min((begin for begin in begins if begin is not None), default=None),
            ends_by=min(ends, default=None),
            has_reservation=bool(status.reserved_names),
        )

    def needed_from(self, lease: Lease, exporter: Exporter) -> datetime | None:
        """When the exporter, which the lease is assigned to, is needed for another: by a reservation that lay ahead at
        that time. One whose begin had passed gave way to this lease."""
        assigned = find_condition(lease.status.conditions, "Assigned")
        since = assigned.last_transition_time if assigned is not None else None
        if since is None:
            return None
        return self._of(lease).reserved_from(ExporterUid(exporter.uid), LeaseUid(lease.uid), since)

    def schedule_of(self, lease: Lease, exporters: Sequence[Exporter]) -> LeaseSchedule:
        """The schedule's limits for the lease with these exporters."""
        return LeaseSchedule(self._of(lease), LeaseUid(lease.uid), exporters)

    def accept(
        self, lease: Lease, in_force: InForce | None, exporters: Sequence[Exporter], edited: LeaseSpec | None = None
    ) -> LeaseSpec | Refusal:
        """Checks the lease's spec, or an edited one, against what is in force, see `validation.accept`."""
        return accept(
            lease.spec if edited is None else edited,
            in_force,
            lease.metadata.creation_timestamp,
            self.schedule_of(lease, exporters),
        )

    def new_grant(self, context: LeaseContext, spec: LeaseSpec) -> Grant | None:
        """The grant under which the lease continues, where the spec names another client or other times."""
        in_force = context.in_force
        if in_force is None or _same_terms(spec, in_force.accepted):
            return None
        schedule = self.schedule_of(context.lease, context.exporters)
        right = schedule.right(spec.client_ref.name, length_of(spec, in_force.began))
        return right if isinstance(right, Grant) else None

    def edit_refusal(self, lease: Lease, changes: Mapping[str, Any]) -> Refusal | None:
        """Why the lease can't be edited like this now. changes: a merge patch of plain fields of its spec."""
        if lease.status.ended:
            return Refusal("Ended", f'lease "{lease.name}" has ended; create a new one')
        plain = {**lease.spec.to_plain(), **changes}
        edited = LeaseSpec.model_validate({key: value for key, value in plain.items() if value is not None})
        exporters = self._cluster.exporters_of(lease)
        result = self.accept(lease, self.in_force(lease, exporters), exporters, edited)
        return result if isinstance(result, Refusal) else None

    @contextmanager
    def pledging(self, lease: Lease, exporter_uids: Sequence[str]) -> Iterator[None]:
        """The lease's claims on these exporters are being written: while that lasts, they count as written.

        A plan that is made meanwhile would else give the lease's share to another of its client's.
        """
        pledges = dict.fromkeys(exporter_uids, lease.uid)
        self._pledged |= pledges
        self._changed |= dict.fromkeys(pledges, lease.namespace)  # for the next plan, whenever there is one
        try:
            yield
        finally:
            for uid in pledges:
                self._pledged.pop(uid, None)
                self.note(lease.namespace, uid)

    @contextmanager
    def moving_end(self, lease: Lease, end: datetime) -> Iterator[None]:
        """The lease's new, later end is being written: while that lasts, it counts as written.

        A plan that is made meanwhile would else reserve its exporter from the old end on.
        """
        self._moved_ends[lease.uid] = end
        self._changed[lease.uid] = lease.namespace  # for the next plan, whenever there is one
        try:
            yield
        finally:
            self._moved_ends.pop(lease.uid, None)
            self.note(lease.namespace, lease.uid)

    def avoid(self, lease: Lease, exporter_uids: Iterable[str]) -> None:
        """These exporters failed to confirm the lease: they aren't offered it for a while."""
        until = self._cluster.clock.now() + self._cluster.settings.avoid_for
        self._avoided.setdefault(lease.uid, {}).update(dict.fromkeys(exporter_uids, until))
        self.note(lease.namespace, lease.uid)

    def wake(self) -> None:
        """Time has passed that makes a difference."""
        self._news.set()

    async def run(self) -> None:
        """Plans, for ever: at each change, and when woken; where plans take much of the time, not at each."""
        clock, none = self._cluster.clock, timedelta(0)
        owed, ended = none, clock.now()
        while True:
            await self._news.wait()
            await asyncio.sleep(0)  # changes that have arrived meanwhile belong to the same plan
            self._news.clear()
            begun = clock.now()
            self.plan()
            owed = max(owed - max(begun - ended, none), none)
            ended = clock.now()
            owed += _OTHERS_SHARE * max(ended - begun, none)
            if owed > _OWED_AT_MOST:
                await clock.sleep(owed - _OWED_AT_MOST)

    def _of(self, lease: Lease) -> Scheduler:
        return self._scheduler.of(lease.namespace)

    def plan(self) -> None:
        """One plan, now."""
        self._end_avoidance()
        changed, self._changed = self._changed, {}
        facts = {uid: self._fact(uid) for uid in changed}
        changes = Changes(
            self._cluster.clock.now(),
            put=[fact for fact in facts.values() if fact is not None],
            gone=[(namespace, uid) for uid, namespace in changed.items() if facts[uid] is None],
        )
        for uid, decision in self._scheduler.apply(changes).items():
            # A claim that is refused changes what is decided, so that it might be claimed again at once, for ever.
            self._cluster.queue.add_unless_failing(uid, patient=isinstance(decision, Wait))
            if _log.isEnabledFor(logging.DEBUG):
                self._log_decision(uid, decision)
        for lease_uid in self._put_off:
            self._cluster.queue.add(lease_uid)
        self._put_off.clear()
        self.positions.stir()
        if (due := self._due) is not None:
            self._cluster.queue.add_at(PLAN, due)

    def _log_decision(self, lease_uid: str, decision: Decision | None) -> None:
        objects = self._cluster.objects
        found = objects.seen(lease_uid)
        name = f"{found.name.namespace}/{found.name.name}" if found is not None else lease_uid
        if isinstance(decision, Assign):
            seen = [(chosen.uid, objects.seen(chosen.uid)) for chosen in decision.exporters]
            exporters = ", ".join(each.name.name if each is not None else uid for uid, each in seen)
            _log.debug('plan: lease "%s" gets %s', name, exporters, extra={"lease": name, "exporter": exporters})
        elif isinstance(decision, Wait):
            keys = {"lease": name, "reason": decision.reason}
            _log.debug('plan: lease "%s" waits: %s: %s', name, decision.reason, decision.message, extra=keys)

    @property
    def _due(self) -> datetime | None:
        """When to plan again though nothing has changed. The queue has one moment for the plan, the next one: each plan
        finds the one after it."""
        ends = [until for exporters in self._avoided.values() for until in exporters.values()]
        return min((each for each in (self._scheduler.due, *ends) if each is not None), default=None)

    def _end_avoidance(self) -> None:
        now = self._cluster.clock.now()
        for lease_uid, exporters in list(self._avoided.items()):
            left = {uid: until for uid, until in exporters.items() if until > now}
            if left == exporters:
                continue
            seen = self._cluster.objects.seen(lease_uid)
            if seen is not None:
                self._changed[lease_uid] = seen.name.namespace
            self._avoided[lease_uid] = left
            if not left:
                del self._avoided[lease_uid]

    def _fact(self, uid: str) -> Fact | None:
        stored = self._cluster.objects.seen(uid)
        if stored is None:
            return self._cluster.past.usage(uid)
        match stored.resource:
            case Exporter() as exporter:
                return to_facts.exporter_facts(exporter, self._cluster, self._pledged.get(uid))
            case Lease() as lease:
                active = None if lease.status.ended else self._lease_facts(lease)
                return active or to_facts.usage_facts(lease, self._cluster.clock.now())
            case Client() as client:
                return to_facts.client_facts(client)
        return to_facts.policy_facts(stored)

    def _lease_facts(self, lease: Lease) -> LeaseFacts | None:
        exporters = self._cluster.exporters_of(lease)
        result = self.accept(lease, self.in_force(lease, exporters), exporters)
        spec = lease.status.accepted if isinstance(result, Refusal) else result
        avoided = frozenset(map(ExporterUid, self._avoided.get(lease.uid, ())))
        return to_facts.lease_facts(lease, spec, avoided, self._moved_ends.get(lease.uid), self._cluster)


def _same_terms(one: LeaseSpec, other: LeaseSpec) -> bool:
    return one.client_ref == other.client_ref and times(one) == times(other)
