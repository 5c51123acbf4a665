"""Reconciles a Lease: what is accepted, whether it is over, which exporter it gets, whether it is ready."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any

from jumplab_operator.controller.lab import HolderChange
from jumplab_operator.leasing.explain.pending_reasons import exporters_named
from jumplab_operator.leasing.lease import conditions as lease_conditions
from jumplab_operator.leasing.lease import expiry
from jumplab_operator.leasing.lease.validation import Refusal, accept
from jumplab_operator.leasing.model.decisions import Assign, Wait
from jumplab_operator.leasing.model.policy_rules import Grant
from jumplab_operator.reconcile.context.context import Cluster, whole_seconds
from jumplab_operator.reconcile.lease_steps import activity, preemption_notice
from jumplab_operator.reconcile.lease_steps.claims import holds
from jumplab_operator.reconcile.lease_steps.members import assigned_fields, member_count, reserved_fields
from jumplab_operator.reconcile.lease_steps.retention import delete_when_due
from jumplab_operator.reconcile.lease_steps.revocation import Revocations
from jumplab_operator.reconcile.lease_steps.status_writer import StatusWriter, Terms
from jumplab_operator.reconcile.lease_steps.termination import exporters_ending
from jumplab_operator.reconcile.scheduling.scheduler_loop import SchedulerLoop
from jumplab_operator.resources import Exporter, Lease, LeaseRef, LeaseSpec
from jumplab_operator.resources.conditions import find_condition, is_true

_ASK_AGAIN = timedelta(minutes=1)
"""An edit that was refused for a quota or a slot may be in order later: it is looked at so often."""


class LeaseReconciler:
    """The reconcile of one kind."""

    def __init__(self, cluster: Cluster, scheduler_loop: SchedulerLoop, started: datetime) -> None:
        self._cluster = cluster
        self._scheduler_loop = scheduler_loop
        self._started = started
        self._status_writer = StatusWriter(cluster)
        self.deferred_status = self._status_writer.deferred_status
        self.revocations = Revocations(cluster)

    async def reconcile(self, lease: Lease) -> None:
        """One step of the lease's life, the one that is due. Raises ApiError."""
        if lease.status.ended:
            await self._status_writer.late_edit(lease)
            await self._status_writer.mirror_labels(lease, ended=True)
            await delete_when_due(lease, self._cluster)
            return
        terms = self._accept(lease)
        ending = await self._ending(lease, terms)
        if ending is not None:
            await self._end(lease, terms, ending)
        elif terms.spec is None:
            assert terms.refusal is not None, "a spec is accepted or refused"
            await self._status_writer.write(lease, terms, lease_conditions.invalid(terms.refusal))
        elif not lease.status.exporter_names:
            await self._place(lease, terms)
        else:
            await self._follow(lease, terms)

    def _accept(self, lease: Lease) -> Terms:
        before = self._scheduler_loop.before(lease)
        result = accept(lease.spec, before, self._cluster.settings.default_duration, lease.metadata.creation_timestamp)
        if not isinstance(result, Refusal):
            return Terms(result, None)
        if lease.status.accepted is not None:
            self._cluster.queue.add_at(lease.uid, self._cluster.clock.now() + _ASK_AGAIN)
        return Terms(lease.status.accepted, result)

    async def _ending(self, lease: Lease, terms: Terms) -> expiry.Ending | None:
        now = self._cluster.clock.now()
        end = activity.end_in_force(lease, terms.spec, lease.status.begin_time) if terms.spec is not None else None
        released = lease.spec.release or lease.metadata.deletion_timestamp is not None
        due = expiry.due_ending(released=released, end=end, now=now)
        if due is not None or terms.spec is None:
            return due
        ending = await self.revocations.ending(lease) or await exporters_ending(lease, end, self._cluster)
        ending = ending or activity.abandonment(lease, terms.spec, self._cluster)
        return ending or preemption_notice.preemption(lease, self._scheduler_loop.decision(lease), self._cluster)

    async def _end(self, lease: Lease, terms: Terms, ending: expiry.Ending) -> None:
        self._cluster.holdings.announce(HolderChange(lease.uid, None))
        for exporter in self._cluster.exporters_of(lease):
            self._cluster.topics.changed(exporter.uid)
        now, end = whole_seconds(self._cluster.clock.now()), lease.status.expected_end_time
        if end is not None and terms.spec is not None:  # it may have been made shorter than what has passed
            end = activity.end_in_force(lease, terms.spec, lease.status.begin_time)
        conditions = lease_conditions.ended(ending)
        await self._status_writer.write(lease, terms, conditions, ended=True, end_time=now, expected_end_time=end)

    async def _place(self, lease: Lease, terms: Terms) -> None:
        decision, spec = self._scheduler_loop.decision(lease), _spec_of(terms)
        if spec.end_time is not None:
            self._cluster.queue.add_at(lease.uid, spec.end_time)
        for uid in self._scheduler_loop.claimed_by(lease):  # what a claim was left on is finished now, or cleared
            self._cluster.queue.add(uid)
        if isinstance(decision, Assign) and len(decision.exporters) == member_count(spec):
            if not self._scheduler_loop.is_outdated(lease):  # else it was decided for another spec, perhaps
                await self._claim(lease, terms, decision)
        elif isinstance(decision, Wait):
            kept = decision.reserved if len(decision.reserved) == member_count(spec) else ()
            if kept != lease.status.kept_names and self._scheduler_loop.is_outdated(lease):
                return  # that plan doesn't know what is written by now: the two would take turns for ever
            place = self._scheduler_loop.positions.status(lease)
            conditions = lease_conditions.waiting(decision, terms.refusal)
            await self._status_writer.write(lease, terms, conditions, queue=place, **reserved_fields(spec, kept))

    async def _claim(self, lease: Lease, terms: Terms, decision: Assign) -> None:
        """First each exporter's claim, on the version that was decided on; then the exporters hear of it.

        Where one is refused, what was claimed is finished by the next plan, or cleared.
        """
        uids = sorted(chosen.uid for chosen in decision.exporters)
        async with AsyncExitStack() as held:
            for uid in uids:
                held.callback(self._cluster.queue.add, uid, patient=True)
            for uid in uids:  # in the same order by everyone: two that want the same don't wait in a circle
                await held.enter_async_context(self._cluster.queue.holding(uid))
            exporters = self._unchanged(decision)
            if exporters is None or self._scheduler_loop.decision(lease) != decision:
                return  # the plan is being made anew
            held.enter_context(self._scheduler_loop.pledging(lease, uids))
            for exporter in exporters:
                self._cluster.presence.of(exporter.uid).claim(lease.uid)
            for exporter in exporters:
                if not holds(exporter, lease):
                    claimed = exporter.status.model_copy(update={"lease_ref": LeaseRef(name=lease.name, uid=lease.uid)})
                    await self._cluster.write_status(exporter, claimed)
            await self._assign(lease, terms, decision)

    def _unchanged(self, decision: Assign) -> list[Exporter] | None:
        """The exporters that were decided on, if all are as they were then, and connected."""
        found = []
        for chosen in decision.exporters:
            exporter = self._cluster.objects.by_uid(Exporter, chosen.uid)
            if exporter is None or exporter.metadata.resource_version != chosen.version:
                return None
            if not self._cluster.presence.of(exporter.uid).connected:
                return None
            found.append(exporter)
        return found

    async def _assign(self, lease: Lease, terms: Terms, decision: Assign) -> None:
        names = [chosen.name for chosen in decision.exporters]
        parts = [lease_conditions.Member(name, True) for name in names]
        conditions = lease_conditions.assigned(parts, terms.refusal, None, ready=False)
        spec = _spec_of(terms)
        if spec.end_time is None:
            spec = spec.model_copy(update={"duration": decision.duration})
        news = {**assigned_fields(spec, names), **reserved_fields(spec, ()), **_rank(decision)}
        if lease.status.kept_names:  # what was kept for it is anybody's with the same write
            await self._status_writer.write(lease, Terms(spec, terms.refusal), conditions, **news)
        elif self._cluster.objects.by_uid(Lease, lease.uid) is lease:  # else it was edited or deleted meanwhile
            self._status_writer.foretell(lease, Terms(spec, terms.refusal), conditions, **news)

    async def _follow(self, lease: Lease, terms: Terms) -> None:
        """The lease has its exporters: are they ready, and are they there?"""
        exporters = self._cluster.exporters_of(lease)
        if len(exporters) < len(lease.status.exporter_names):
            return
        now = self._cluster.clock.now()
        online = {exporter.uid: self._is_online(exporter, lease, now) for exporter in exporters}
        ready = is_true(lease.status.conditions, "Ready")
        lost = [exporter for exporter in exporters if not online[exporter.uid]]
        if ready and lost and activity.is_unused(lease, self._cluster):
            await self._give_up(lease, terms, lost, "went offline before the lease was used")
            return
        if not ready:
            waited_for = [it for it in exporters if not (online[it.uid] and self._has_confirmed(it))]
            failed = self._failed_to_confirm(lease, waited_for, online, now)
            if failed:
                self._scheduler_loop.avoid(lease, [exporter.uid for exporter in failed])
                await self._give_up(lease, terms, failed, "did not confirm the lease")
                return
            ready = not waited_for
        began = lease.status.begin_time or (whole_seconds(now) if ready else None)
        assert terms.spec is not None, "what is assigned was accepted"
        end = activity.end_in_force(lease, terms.spec, began)
        if end is not None:
            end = activity.moved_on(lease, terms.spec, end, self._scheduler_loop.before(lease), self._cluster)
            self._cluster.queue.add_at(lease.uid, end)
        parts = [lease_conditions.Member(exporter.name, online[exporter.uid]) for exporter in exporters]
        notice = preemption_notice.notice(lease, self._scheduler_loop.decision(lease), self._cluster)
        conditions = lease_conditions.assigned(parts, terms.refusal, notice, ready=ready)
        changes = _rank(self._scheduler_loop.new_right(lease, terms.spec))
        attended = activity.attendance_of(lease, self._cluster)
        if lease.status.first_used_time is None and attended is not None and attended.times:
            changes["first_used_time"] = whole_seconds(attended.since)
        await self._status_writer.write(lease, terms, conditions, begin_time=began, expected_end_time=end, **changes)

    def _has_confirmed(self, exporter: Exporter) -> bool:
        """By what it has said on its connection, written or not; before it has said anything, by its status."""
        return self._phase(exporter) == "LeaseReady"

    def _phase(self, exporter: Exporter) -> str | None:
        return self._cluster.presence.of(exporter.uid).phase or exporter.status.exporter_status

    def _failed_to_confirm(
        self, lease: Lease, waited_for: Sequence[Exporter], online: Mapping[str, bool], now: datetime
    ) -> list[Exporter]:
        """The exporters that another is to be looked for in place of. One that runs its beforeLease hook has reacted:
        the hook has bounds."""
        taken = find_condition(lease.status.conditions, "Assigned")
        since = taken.last_transition_time if taken is not None and taken.last_transition_time else self._started
        deadline = max(since, self._started) + self._cluster.settings.confirm_within
        if waited_for and deadline > now:
            self._cluster.queue.add_at(lease.uid, deadline)
        return [
            exporter
            for exporter in waited_for
            if not online[exporter.uid] or (deadline <= now and self._phase(exporter) != "BeforeLeaseHook")
        ]

    async def _give_up(self, lease: Lease, terms: Terms, lost: Sequence[Exporter], why: str) -> None:
        names = exporters_named([exporter.name for exporter in lost])
        others = "another exporter" if len(lost) == 1 else "other exporters"
        wait = Wait("Pending", "NotReady", f"{names} {why}; the lease waits for {others}")
        held = self._cluster.exporters_of(lease)
        changes = {**assigned_fields(_spec_of(terms), ()), **_NOT_BEGUN}
        await self._status_writer.write(lease, terms, lease_conditions.waiting(wait, terms.refusal), **changes)
        for exporter in held:
            self._cluster.queue.add(exporter.uid)

    def forget(self, lease_uid: str) -> None:
        self._status_writer.forget(lease_uid)

    def _is_online(self, exporter: Exporter, lease: Lease, now: datetime) -> bool:
        """If it might cease to be by the passing of time, the lease is looked at again then: its holder is told before
        the Exporter tells everybody."""
        was_online = is_true(exporter.status.conditions, "Online")
        offline_from = self._cluster.presence.offline_from(exporter.uid, was_online)
        if offline_from is not None and offline_from > now:
            self._cluster.queue.add_at(lease.uid, offline_from)
        return offline_from is None or offline_from > now


_NOT_BEGUN: dict[str, Any] = {"begin_time": None, "expected_end_time": None}
"""The fields of a lease's status that tell its times, before it is ready."""


def _rank(right: Grant | Assign | None) -> dict[str, Any]:
    """The fields of a lease's status that tell by what right it has its exporters; None: by that of before."""
    return {} if right is None else {"priority": right.priority, "spot_access": right.spot_access or None}


def _spec_of(terms: Terms) -> LeaseSpec:
    assert terms.spec is not None, "only what is valid is planned for"
    return terms.spec
