"""Reconciles a Lease: checks its spec, ends it, assigns its exporters, and writes whether it is ready."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from jumplab_operator.controller.lab import HolderChange
from jumplab_operator.leasing.explain.pending_reasons import exporters_named
from jumplab_operator.leasing.lease import conditions as lease_conditions
from jumplab_operator.leasing.lease import expiry
from jumplab_operator.leasing.lease.validation import Refusal
from jumplab_operator.leasing.model.decisions import Assign, Wait
from jumplab_operator.leasing.model.policy_rules import Grant
from jumplab_operator.names import Name
from jumplab_operator.reconcile.context.context import Cluster, whole_seconds
from jumplab_operator.reconcile.context.lease_context import LeaseContext
from jumplab_operator.reconcile.lease_steps import activity, preemption_notice
from jumplab_operator.reconcile.lease_steps.claims import is_claimed_by, new_claim
from jumplab_operator.reconcile.lease_steps.members import assigned_fields, member_count, reserved_fields
from jumplab_operator.reconcile.lease_steps.retention import delete_when_due
from jumplab_operator.reconcile.lease_steps.revocation import Revocations
from jumplab_operator.reconcile.lease_steps.status_writer import StatusWriter
from jumplab_operator.reconcile.lease_steps.termination import exporters_ending
from jumplab_operator.reconcile.scheduling.scheduler_loop import SchedulerLoop
from jumplab_operator.resources import Exporter, Lease
from jumplab_operator.resources.conditions import find_condition, is_true

_ASK_AGAIN = timedelta(minutes=1)
"""How often a refused edit is checked again: a quota or a reservation may permit it later."""


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
        context = self._context(lease)
        if context.refusal is not None and lease.status.accepted is not None:
            self._cluster.queue.add_at(lease.uid, context.now + _ASK_AGAIN)
        ending = await self._ending(context)
        if ending is not None:
            await self._end(context, ending)
        elif context.spec is None:
            assert context.refusal is not None, "a spec is accepted or refused"
            await self._status_writer.write(context, lease_conditions.invalid(context.refusal))
        elif not lease.status.exporter_names:
            await self._assign_when_decided(context)
        else:
            # The step before may have asked the API for an exporter, which is newer then.
            await self._follow(replace(context, exporters=self._cluster.exporters_of(lease)))

    def _context(self, lease: Lease) -> LeaseContext:
        exporters = self._cluster.exporters_of(lease)
        in_force = self._scheduler_loop.in_force(lease, exporters)
        result = self._scheduler_loop.accept(lease, in_force, exporters)
        problem = self._cluster.objects.problem(Lease, Name(lease.namespace, lease.name))
        if problem:  # the lease has its accepted spec meanwhile
            result = Refusal("Unreadable", f"the spec can't be read: {problem}; the accepted spec stays in force")
        return LeaseContext(
            lease,
            spec=lease.status.accepted if isinstance(result, Refusal) else result,
            refusal=result if isinstance(result, Refusal) else None,
            in_force=in_force,
            decision=self._scheduler_loop.decision(lease),
            exporters=exporters,
            now=self._cluster.clock.now(),
        )

    async def _ending(self, context: LeaseContext) -> expiry.Ending | None:
        lease, spec = context.lease, context.spec
        end = activity.end_in_force(lease, spec, lease.status.begin_time) if spec is not None else None
        released = lease.spec.release or lease.metadata.deletion_timestamp is not None
        due = expiry.due_ending(released=released, end=end, now=context.now)
        if due is not None or spec is None:
            return due
        ending = await self.revocations.ending(lease) or await exporters_ending(context, end, self._cluster)
        ending = ending or activity.abandonment(context, self._cluster)
        return ending or preemption_notice.preemption(context, self._cluster)

    async def _end(self, context: LeaseContext, ending: expiry.Ending) -> None:
        lease, spec = context.lease, context.spec
        self._cluster.holdings.announce(HolderChange(lease.uid, None))
        for exporter in context.exporters:
            self._cluster.topics.changed(exporter.uid)
        now, end = whole_seconds(self._cluster.clock.now()), lease.status.expected_end_time
        if end is not None and spec is not None:  # an edit may have moved it before the present
            end = activity.end_in_force(lease, spec, lease.status.begin_time)
        conditions = lease_conditions.ended(ending)
        await self._status_writer.write(context, conditions, ended=True, end_time=now, expected_end_time=end)

    async def _assign_when_decided(self, context: LeaseContext) -> None:
        lease, decision, spec = context.lease, context.decision, context.required_spec
        if spec.end_time is not None:
            self._cluster.queue.add_at(lease.uid, spec.end_time)
        for uid in self._scheduler_loop.claimed_by(lease):  # each completes or clears a claim that was interrupted
            self._cluster.queue.add(uid)
        if isinstance(decision, Assign) and len(decision.exporters) == member_count(spec):
            if not self._scheduler_loop.is_outdated(lease):  # else it may have been decided for another spec
                await self._claim(context, decision)
        elif isinstance(decision, Wait):
            reserved = decision.reserved if len(decision.reserved) == member_count(spec) else ()
            if reserved != lease.status.reserved_names and self._scheduler_loop.is_outdated(lease):
                return  # that cycle doesn't know the present status: the two would overwrite each other for ever
            position = self._scheduler_loop.positions.status(lease)
            conditions = lease_conditions.waiting(decision, context.refusal)
            fields = reserved_fields(spec, reserved)
            await self._status_writer.write(context, conditions, queue=position, **fields)

    async def _claim(self, context: LeaseContext, decision: Assign) -> None:
        """Writes each exporter's claim, on the version that was decided on; then assigns the exporters.

        Where a write is refused, the next cycle completes or clears the claims that were written.
        """
        lease = context.lease
        uids = sorted(chosen.uid for chosen in decision.exporters)
        async with AsyncExitStack() as locks:
            for uid in uids:
                locks.callback(self._cluster.queue.add, uid, patient=True)
            for uid in uids:  # in the same order in each reconcile, so that two can't wait for each other
                await locks.enter_async_context(self._cluster.queue.holding(uid))
            # The locks were waited for: exporters and decision are read again, and not taken from the context.
            exporters = self._unchanged(decision)
            if exporters is None or self._scheduler_loop.decision(lease) != decision:
                return  # the scheduler decides anew
            if decision.latest is not None and decision.latest < self._cluster.clock.now():
                self._scheduler_loop.note(lease.namespace, lease.uid)  # by now it would overlap with a reservation
                return
            locks.enter_context(self._scheduler_loop.pledging(lease, uids))
            for exporter in exporters:
                self._cluster.presence.of(exporter.uid).claim(lease.uid)
            for exporter in exporters:
                if not is_claimed_by(exporter, lease):
                    claim = new_claim(lease, self._cluster.clock.now())
                    claimed = exporter.status.model_copy(update={"lease_ref": claim})
                    await self._cluster.write_status(exporter, claimed)
            await self._assign(context, decision)

    def _unchanged(self, decision: Assign) -> list[Exporter] | None:
        """The exporters of the decision, if none has changed since and all are connected."""
        found = []
        for chosen in decision.exporters:
            exporter = self._cluster.objects.by_uid(Exporter, chosen.uid)
            if exporter is None or exporter.metadata.resource_version != chosen.version:
                return None
            if not self._cluster.presence.of(exporter.uid).connected:
                return None
            found.append(exporter)
        return found

    async def _assign(self, context: LeaseContext, decision: Assign) -> None:
        lease, spec, names = context.lease, context.required_spec, [chosen.name for chosen in decision.exporters]
        members = [lease_conditions.Member(name, True) for name in names]
        conditions = lease_conditions.assigned(members, context.refusal, None, ready=False)
        if spec.end_time is None:
            spec = spec.model_copy(update={"duration": decision.duration})
        assigned = replace(context, spec=spec)
        fields = {**assigned_fields(spec, names), **reserved_fields(spec, ()), **_grant_fields(decision)}
        if lease.status.reserved_names:  # the same write frees its reservation
            await self._status_writer.write(assigned, conditions, **fields)
        elif self._cluster.objects.by_uid(Lease, lease.uid) is lease:  # else it was edited or deleted meanwhile
            self._status_writer.defer(assigned, conditions, **fields)

    async def _follow(self, context: LeaseContext) -> None:
        """The lease has its exporters: replaces those that are lost, and writes whether it is ready."""
        lease, exporters, now = context.lease, context.exporters, context.now
        if len(exporters) < len(lease.status.exporter_names):  # one can't be read
            if lease.status.expected_end_time is not None:
                self._cluster.queue.add_at(lease.uid, lease.status.expected_end_time)
            return
        online = {exporter.uid: self._is_online(exporter, lease, now) for exporter in exporters}
        ready = is_true(lease.status.conditions, "Ready")
        lost = [exporter for exporter in exporters if not online[exporter.uid]]
        if ready and lost and activity.is_unused(context, self._cluster):
            await self._give_up(context, lost, "went offline before the lease was used")
            return
        if not ready:
            unconfirmed = [it for it in exporters if not (online[it.uid] and self._has_confirmed(it))]
            failed = self._failed_to_confirm(lease, unconfirmed, online, now)
            if failed:
                self._scheduler_loop.avoid(lease, [exporter.uid for exporter in failed])
                await self._give_up(context, failed, "did not confirm the lease")
                return
            if needed := self._needed_for_others(context):
                self._scheduler_loop.avoid(
                    lease, [exporter.uid for exporter in needed]
                )  # else its claim would come first
                await self._give_up(context, needed, "got ready too late, and now serves a reservation")
                return
            ready = not unconfirmed
        await self._write_progress(context, online, ready=ready)

    def _needed_for_others(self, context: LeaseContext) -> list[Exporter]:
        """The exporters whose next reservation has begun while the lease, which it was to begin after, got ready."""
        lease, ends_by = context.lease, context.in_force.ends_by if context.in_force is not None else None
        if ends_by is None:
            return []
        if ends_by > context.now:
            self._cluster.queue.add_at(lease.uid, ends_by)
            return []
        begins = [(exporter, self._scheduler_loop.needed_from(lease, exporter)) for exporter in context.exporters]
        return [exporter for exporter, begin in begins if begin is not None and begin <= context.now]

    async def _write_progress(self, context: LeaseContext, online: Mapping[str, bool], *, ready: bool) -> None:
        lease, spec, exporters = context.lease, context.required_spec, context.exporters
        began = lease.status.begin_time or (whole_seconds(context.now) if ready else None)
        end = activity.end_in_force(lease, spec, began, context.in_force.ends_by if context.in_force else None)
        if end is not None:
            schedule = self._scheduler_loop.schedule_of(lease, exporters)
            end = activity.extended_end(context, end, schedule, self._cluster)
            self._cluster.queue.add_at(lease.uid, end)
        members = [lease_conditions.Member(exporter.name, online[exporter.uid]) for exporter in exporters]
        notice = preemption_notice.notice(context, self._cluster)
        early = activity.early_end(spec, began, end)
        conditions = lease_conditions.assigned(members, context.refusal, notice, ready=ready, early_end=early)
        fields = _grant_fields(self._scheduler_loop.new_grant(context, spec))
        attendance = activity.attendance_of(context, self._cluster)
        if lease.status.first_used_time is None and attendance is not None and attendance.times:
            fields["first_used_time"] = whole_seconds(attendance.since)
        with ExitStack() as moving:
            known = lease.status.expected_end_time
            if end is not None and known is not None and end > known:
                moving.enter_context(self._scheduler_loop.moving_end(lease, end))
            await self._status_writer.write(context, conditions, begin_time=began, expected_end_time=end, **fields)

    def _has_confirmed(self, exporter: Exporter) -> bool:
        """By its last report on its connection, written or not; before the first report, by its status."""
        return self._phase(exporter) == "LeaseReady"

    def _phase(self, exporter: Exporter) -> str | None:
        return self._cluster.presence.of(exporter.uid).phase or exporter.status.exporter_status

    def _failed_to_confirm(
        self, lease: Lease, unconfirmed: Sequence[Exporter], online: Mapping[str, bool], now: datetime
    ) -> list[Exporter]:
        """The exporters to be replaced by others. An exporter that runs its beforeLease hook has reacted: the hook has
        bounds."""
        assigned = find_condition(lease.status.conditions, "Assigned")
        since = (assigned and assigned.last_transition_time) or self._started
        deadline = max(since, self._started) + self._cluster.settings.confirm_within
        if unconfirmed and deadline > now:
            self._cluster.queue.add_at(lease.uid, deadline)
        return [
            exporter
            for exporter in unconfirmed
            if not online[exporter.uid] or (deadline <= now and self._phase(exporter) != "BeforeLeaseHook")
        ]

    async def _give_up(self, context: LeaseContext, lost: Sequence[Exporter], why: str) -> None:
        names = exporters_named([exporter.name for exporter in lost])
        others = "another exporter" if len(lost) == 1 else "other exporters"
        wait = Wait("Pending", "NotReady", f"{names} {why}; the lease waits for {others}")
        fields = {**assigned_fields(context.required_spec, ()), **_NOT_BEGUN}
        await self._status_writer.write(context, lease_conditions.waiting(wait, context.refusal), **fields)
        for exporter in context.exporters:
            self._cluster.queue.add(exporter.uid)

    def forget(self, lease_uid: str) -> None:
        self._status_writer.forget(lease_uid)

    def _is_online(self, exporter: Exporter, lease: Lease, now: datetime) -> bool:
        """Whether the exporter counts as online. Where that may end with time, the lease is reconciled then: it shows
        the change before the Exporter does."""
        was_online = is_true(exporter.status.conditions, "Online")
        offline_from = self._cluster.presence.offline_from(exporter.uid, was_online)
        if offline_from is not None and offline_from > now:
            self._cluster.queue.add_at(lease.uid, offline_from)
        return offline_from is None or offline_from > now


_NOT_BEGUN: dict[str, Any] = {"begin_time": None, "expected_end_time": None}
"""The times in a lease's status before it is ready."""


def _grant_fields(grant: Grant | Assign | None) -> dict[str, Any]:
    """The fields of a lease's status for the grant under which it has its exporters; None: they stay."""
    return {} if grant is None else {"priority": grant.priority, "spot_access": grant.spot_access or None}
