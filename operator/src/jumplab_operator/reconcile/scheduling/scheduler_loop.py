"""Runs the scheduler: turns changes into facts, and has leases with a new decision reconciled."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from jumplab_operator.kube.object_store import StoredObject
from jumplab_operator.leasing.lease.validation import InForce, Refusal, accept
from jumplab_operator.leasing.model.decisions import Decision, Wait
from jumplab_operator.leasing.model.facts import (
    ClientFacts,
    ExporterFacts,
    Fact,
    LeaseFacts,
    PolicyFacts,
    Request,
    UsageFacts,
)
from jumplab_operator.leasing.model.ids import ClientName, ExporterUid, LeaseUid
from jumplab_operator.leasing.model.policy_rules import Grant
from jumplab_operator.leasing.model.times import expected_end, length_of, times
from jumplab_operator.leasing.scheduler.scheduler import Changes, LabScheduler, Scheduler
from jumplab_operator.reconcile.context.context import Cluster
from jumplab_operator.reconcile.lease_steps.claims import lease_of
from jumplab_operator.reconcile.scheduling.queue_positions import QueuePositions
from jumplab_operator.resources import Client, Exporter, ExporterAccessPolicy, Lease, LeaseSpec, LeaseStatus
from jumplab_operator.resources.conditions import is_true

_OTHERS_SHARE = 9
"""The others have so many times the time of plans: what is decided must also be written. In a burst a plan looks at all
that wait."""
_OWED_AT_MOST = timedelta(seconds=1)
"""So much of it they are owed before a plan is put off: where little happens, none is."""
PLAN = "the plan"
"""What the work queue calls the plan itself, for when the passing of time makes a difference."""


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
        self._put_off: set[str] = set()
        """The uids of leases that are to be reconciled after the next plan, whatever it decides."""
        self.positions = QueuePositions(cluster, self._scheduler)

    def note(self, namespace: str, uid: str) -> None:
        """Something about this object, or about its connection, has changed."""
        self._changed[uid] = namespace
        self._news.set()

    def decision(self, lease: Lease) -> Decision | None:
        """What the last plan says of a waiting lease."""
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

    def before(self, lease: Lease) -> InForce | None:
        """What has become of the lease so far, as far as the plan knows it: what its edits are checked against."""
        status = lease.status
        if status.accepted is None:
            return None
        scheduler, uid = self._of(lease), LeaseUid(lease.uid)
        exporters = [ExporterUid(exporter.uid) for exporter in self._cluster.exporters_of(lease)]
        reserved = [scheduler.reserved_from(exporter, uid) for exporter in exporters]
        return InForce(
            status.accepted,
            self._cluster.clock.now(),
            bool(status.exporter_names),
            status.begin_time,
            lambda client, length: scheduler.right(uid, exporters, ClientName(client), length),
            reserved_from=min((moment for moment in reserved if moment is not None), default=None),
            movable=partial(scheduler.is_movable, uid) if status.kept_names else None,
        )

    def new_right(self, lease: Lease, spec: LeaseSpec) -> Grant | None:
        """By what right the lease goes on with this spec, where that gives it another holder or end."""
        before = self.before(lease)
        if before is None or before.right is None or _same_terms(spec, before.accepted):
            return None
        right = before.right(spec.client_ref.name, length_of(spec, before.began))
        return right if isinstance(right, Grant) else None

    def edit_refusal(self, lease: Lease, changes: Mapping[str, Any]) -> Refusal | None:
        """Why the lease's spec can't be changed so, as things are: a merge patch of plain fields."""
        if lease.status.ended:
            return Refusal("Ended", f'lease "{lease.name}" has ended; create a new one')
        edited = {**lease.spec.to_plain(), **changes}
        spec = LeaseSpec.model_validate({key: value for key, value in edited.items() if value is not None})
        result = accept(
            spec, self.before(lease), self._cluster.settings.default_duration, lease.metadata.creation_timestamp
        )
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

    def avoid(self, lease: Lease, exporter_uids: Iterable[str]) -> None:
        """These exporters failed to confirm the lease: they aren't offered it for a while."""
        until = self._cluster.clock.now() + self._cluster.settings.avoid_for
        self._avoided.setdefault(lease.uid, {}).update(dict.fromkeys(exporter_uids, until))
        self._cluster.queue.add_at(PLAN, until)
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
            await asyncio.sleep(0)  # what has arrived meanwhile belongs to the same plan
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
        for lease_uid in self._put_off:
            self._cluster.queue.add(lease_uid)
        self._put_off.clear()
        self.positions.stir()
        if self._scheduler.due is not None:
            self._cluster.queue.add_at(PLAN, self._scheduler.due)

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
        seen = self._cluster.objects.seen(uid)
        if seen is None:
            return None
        match seen.resource:
            case Exporter() as exporter:
                return exporter_facts(exporter, self._cluster, self._pledged.get(uid))
            case Lease() as lease if lease.status.ended:
                return usage_facts(lease)
            case Lease() as lease:
                return lease_facts(lease, self.before(lease), frozenset(self._avoided.get(uid, ())), self._cluster)
            case Client() as client if client.metadata.deletion_timestamp is None:
                return ClientFacts(client.namespace, client.uid, ClientName(client.name), client.metadata.labels)
        return _policy_facts(seen)


def _same_terms(one: LeaseSpec, other: LeaseSpec) -> bool:
    return one.client_ref == other.client_ref and times(one) == times(other)


def exporter_facts(exporter: Exporter, cluster: Cluster, pledged: str | None) -> ExporterFacts:
    """The exporter as the scheduler sees it. Only one that is connected now is online to it."""
    connection = cluster.presence.of(exporter.uid)
    claim = exporter.status.lease_ref
    held = (claim.uid or claim.name) if claim is not None else pledged
    return ExporterFacts(
        namespace=exporter.namespace,
        uid=ExporterUid(exporter.uid),
        name=exporter.name,
        labels=exporter.metadata.labels,
        enabled=exporter.spec.enabled,
        online=connection.connected and exporter.metadata.deletion_timestamp is None,
        available=connection.available
        and not connection.to_be_checked
        and (claim is None or claim.uid not in connection.told),
        busy=connection.connected and connection.phase != "Available",
        quarantined=exporter.status.quarantine is not None,
        claim=LeaseUid(held) if held is not None else None,
        version=exporter.metadata.resource_version,
        vacated=_vacated(exporter, cluster),
    )


def _vacated(exporter: Exporter, cluster: Cluster) -> datetime | None:
    claim = exporter.status.lease_ref
    lease = lease_of(claim, exporter, cluster) if claim is not None else None
    return lease.status.end_time if lease is not None and lease.status.ended else None


def lease_facts(lease: Lease, before: InForce | None, avoid: frozenset[str], cluster: Cluster) -> LeaseFacts | None:
    """The lease as the scheduler sees it; None where it is over, or no spec of it is valid."""
    spec = in_force(lease, before, cluster)
    if spec is None or lease.status.ended or lease.spec.release or lease.metadata.deletion_timestamp is not None:
        return None
    status, created = lease.status, lease.metadata.creation_timestamp or cluster.clock.now()
    end, extend = status.expected_end_time or expected_end(spec, status.begin_time), spec.extend_on_activity
    return LeaseFacts(
        namespace=lease.namespace,
        uid=LeaseUid(lease.uid),
        name=lease.name,
        created=created,
        request=_request(lease, spec, created),
        begin=times(spec).begin,
        began=status.begin_time,
        end=end,
        granted=spec.duration if status.exporter_names else None,
        moves=extend is not None and not (end and extend.until and extend.until <= end),
        exporters=status.exporter_names,
        avoid=frozenset(map(ExporterUid, avoid)),
        reserved=_reserved(status, spec),
        priority=status.priority or 0,
        spot=bool(status.spot_access),
        noticed=is_true(status.conditions, "Preempting"),
    )


def _request(lease: Lease, spec: LeaseSpec, created: datetime) -> Request:
    pinned = spec.exporter_ref.name if spec.exporter_ref is not None else None
    whole = Request(
        client=ClientName(spec.client_ref.name),
        selector=spec.selector,
        exporter=pinned,
        allow_disabled=spec.allow_disabled,
        duration=_asked_duration(lease, spec, created),
        patient=spec.when_unsatisfiable == "Wait",
    )
    members = [
        replace(
            whole,
            name=member.name,
            selector=member.selector,
            exporter=member.exporter_ref.name if member.exporter_ref is not None else None,
            allow_disabled=spec.allow_disabled and member.exporter_ref is not None,
        )
        for member in spec.exporters or ()
    ]
    return replace(whole, members=tuple(members))


def usage_facts(lease: Lease) -> UsageFacts | None:
    """What an ended lease has used; None where it was never ready."""
    status = lease.status
    if status.begin_time is None or status.end_time is None:
        return None
    spec = status.accepted or lease.spec
    return UsageFacts(
        lease.namespace,
        LeaseUid(lease.uid),
        ClientName(spec.client_ref.name),
        status.begin_time,
        status.end_time,
        len(status.exporter_names),
    )


def _reserved(status: LeaseStatus, spec: LeaseSpec) -> tuple[str, ...]:
    """A reservation for other times is dropped: a lease that moves must not push another aside."""
    if status.accepted is None or times(spec) != times(status.accepted):
        return ()
    return status.kept_names


def in_force(lease: Lease, before: InForce | None, cluster: Cluster) -> LeaseSpec | None:
    """The spec that is in force, the lease's newest edit included where that is valid."""
    result = accept(lease.spec, before, cluster.settings.default_duration, lease.metadata.creation_timestamp)
    return lease.status.accepted if isinstance(result, Refusal) else result


def _asked_duration(lease: Lease, spec: LeaseSpec, created: datetime) -> timedelta | None:
    """What the access policies' maxima are held against; None: the default, which bends to them."""
    if spec.end_time is None and lease.spec.duration is None:
        return None
    return spec.duration if spec.end_time is None else times(spec).duration or spec.end_time - created


def _policy_facts(seen: StoredObject) -> PolicyFacts | None:
    if seen.kind is not ExporterAccessPolicy:
        return None
    policy = seen.resource if isinstance(seen.resource, ExporterAccessPolicy) else None
    return PolicyFacts(seen.name.namespace, seen.uid, policy)
