"""Reconciles a Lease: what is accepted, whether it is over, which exporter it gets, whether it is ready."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from jumplab_operator.controller.lab import Name
from jumplab_operator.handlers.clean_up import clean_up
from jumplab_operator.handlers.cluster import Cluster, whole_seconds
from jumplab_operator.handlers.happenings import happenings
from jumplab_operator.handlers.planner import Planner
from jumplab_operator.leasing import access, expiry, lifecycle
from jumplab_operator.leasing.decisions import Assign, Wait
from jumplab_operator.leasing.times import expected_end
from jumplab_operator.leasing.validation import Refusal, accept
from jumplab_operator.resources import Client, Exporter, Lease, LeaseRef, LeaseSpec, LeaseStatus, ObjectRef
from jumplab_operator.resources.conditions import find_condition, is_true, merge_conditions, same_but_messages
from jumplab_operator.resources.lease import ENDED_LABEL, TAG_LABEL_PREFIX
from jumplab_operator.resources.metadata import Condition

_TELL_AGAIN = timedelta(minutes=1)
"""A sentence about why a lease waits is renewed so often at most: a long queue must not write without end."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The spec that is in force (None: none was ever valid), and why the one at hand isn't."""

    spec: LeaseSpec | None
    refusal: Refusal | None


class Leases:
    """The reconcile of one kind."""

    def __init__(self, cluster: Cluster, planner: Planner, started: datetime) -> None:
        self._cluster = cluster
        self._planner = planner
        self._started = started
        self._told: dict[str, datetime] = {}

    async def reconcile(self, lease: Lease) -> None:
        """One step of the lease's life, the one that is due. Raises ApiRefused."""
        if lease.status.ended:
            await self._mirror_labels(lease, ended=True)
            await clean_up(lease, self._cluster)
            return
        terms = self._accept(lease)
        ending = await self._ending(lease, terms)
        if ending is not None:
            await self._end(lease, terms, ending)
        elif terms.spec is None:
            assert terms.refusal is not None, "a spec is accepted or refused"
            await self._write(lease, terms, lifecycle.invalid(terms.refusal))
        elif lease.status.exporter_ref is None:
            await self._place(lease, terms)
        else:
            await self._follow(lease, terms)

    def _accept(self, lease: Lease) -> Terms:
        before = self._planner.before(lease)
        if before is not None:
            before = replace(before, longest=self._longest(lease))
        result = accept(lease.spec, before, self._cluster.settings.default_duration)
        return Terms(lease.status.accepted, result) if isinstance(result, Refusal) else Terms(result, None)

    def _longest(self, lease: Lease) -> timedelta | None:
        exporter, client = self._exporter(lease), self._client(lease)
        if exporter is None or client is None:
            return None
        policies = self._cluster.policies(lease.namespace)
        grant = access.best_grant(policies, exporter.metadata.labels, client.metadata.labels, timedelta(0))
        return grant.maximum_duration if isinstance(grant, access.Grant) else None

    async def _ending(self, lease: Lease, terms: Terms) -> expiry.Ending | None:
        now = self._cluster.clock.now()
        end = expected_end(terms.spec, lease.status.begin_time) if terms.spec is not None else None
        released = lease.spec.release or lease.metadata.deletion_timestamp is not None
        due = expiry.due_ending(released=released, end=end, now=now)
        if due is not None or lease.status.exporter_ref is None:
            return due
        return await self._exporters_ending(lease, lease.status.exporter_ref.name, end)

    async def _exporters_ending(self, lease: Lease, name: str, end: datetime | None) -> expiry.Ending | None:
        exporter = self._exporter(lease) or await self._asked_again(lease, name)
        if exporter is None:
            return expiry.exporter_deleted(name)
        connection = self._cluster.presence.of(exporter.uid)
        if lease.uid in connection.failed:
            return expiry.exporter_failed(name, connection.failed[lease.uid])
        if lease.uid in connection.cleaned:
            return expiry.given_up_by_exporter(name, end, self._cluster.clock.now())
        if not _holds(exporter, lease):
            await self._cluster.refresh(exporter)
            exporter = self._exporter(lease)
            if exporter is None or not _holds(exporter, lease):
                return expiry.exporter_deleted(name)
        return None

    async def _asked_again(self, lease: Lease, name: str) -> Exporter | None:
        """The exporter from the API: what ends a lease for good isn't decided on a snapshot that may lag."""
        missing = Exporter.from_plain({"metadata": {"namespace": lease.namespace, "name": name}})
        await self._cluster.refresh(missing)
        return self._exporter(lease)

    async def _end(self, lease: Lease, terms: Terms, ending: expiry.Ending) -> None:
        self._cluster.endings.announce(lease.uid)
        exporter = self._exporter(lease)
        if exporter is not None:
            self._cluster.topics.changed(exporter.uid)
        now = whole_seconds(self._cluster.clock.now())
        await self._write(lease, terms, lifecycle.ended(ending), ended=True, end_time=now)

    async def _place(self, lease: Lease, terms: Terms) -> None:
        decision = self._planner.decision(lease)
        if isinstance(decision, Assign):
            await self._claim(lease, terms, decision)
        elif isinstance(decision, Wait):
            kept = ObjectRef(name=decision.kept) if decision.kept is not None else None
            await self._write(lease, terms, lifecycle.waiting(decision, terms.refusal), kept_exporter_ref=kept)

    async def _claim(self, lease: Lease, terms: Terms, decision: Assign) -> None:
        """First the exporter's claim, on the version that was decided on; then the Lease."""
        async with self._cluster.queue.holding(decision.exporter_uid):
            exporter = self._cluster.snapshot.by_uid(Exporter, decision.exporter_uid)
            if exporter is None or exporter.metadata.resource_version != decision.version:
                return  # the plan is being made anew: the exporter has changed
            if not self._cluster.presence.of(exporter.uid).connected:
                return
            self._cluster.presence.of(exporter.uid).claim(lease.uid)
            if not _holds(exporter, lease):
                claimed = exporter.status.model_copy(update={"lease_ref": LeaseRef(name=lease.name, uid=lease.uid)})
                await self._cluster.write_status(exporter, claimed)
            conditions = lifecycle.assigned(lifecycle.Assigned(exporter.name, True, False), terms.refusal)
            assert terms.spec is not None, "only what is valid is planned for"
            spec = terms.spec
            if spec.end_time is None:
                spec = spec.model_copy(update={"duration": decision.duration})
            await self._write(
                lease,
                Terms(spec, terms.refusal),
                conditions,
                exporter_ref=ObjectRef(name=exporter.name),
                kept_exporter_ref=None,
                priority=decision.priority,
                spot_access=decision.spot_access or None,
            )
        self._cluster.queue.add(decision.exporter_uid)

    async def _follow(self, lease: Lease, terms: Terms) -> None:
        """The lease has an exporter: is it ready, and is it there?"""
        exporter = self._exporter(lease)
        if exporter is None:
            return
        now = self._cluster.clock.now()
        online = self._is_online(exporter, now)
        was_ready = is_true(lease.status.conditions, "Ready")
        ready = was_ready or (online and exporter.status.exporter_status == "LeaseReady")
        if not ready and self._has_failed_to_confirm(lease, exporter, online, now):
            await self._give_up(lease, terms, exporter)
            return
        began = lease.status.begin_time or (whole_seconds(now) if ready else None)
        assert terms.spec is not None, "what is assigned was accepted"
        end = expected_end(terms.spec, began)
        if end is not None:
            self._cluster.queue.add_at(lease.uid, end)
        conditions = lifecycle.assigned(lifecycle.Assigned(exporter.name, online, ready), terms.refusal)
        await self._write(lease, terms, conditions, begin_time=began, expected_end_time=end)

    def _has_failed_to_confirm(self, lease: Lease, exporter: Exporter, online: bool, now: datetime) -> bool:
        """Whether to look for another exporter. One that runs its beforeLease hook has reacted: the hook has bounds."""
        taken = find_condition(lease.status.conditions, "Assigned")
        since = taken.last_transition_time if taken is not None and taken.last_transition_time else self._started
        deadline = max(since, self._started) + self._cluster.settings.confirm_within
        if deadline > now:
            self._cluster.queue.add_at(lease.uid, deadline)
        in_hook = exporter.status.exporter_status == "BeforeLeaseHook"
        return not online or (deadline <= now and not in_hook)

    async def _give_up(self, lease: Lease, terms: Terms, exporter: Exporter) -> None:
        message = f'exporter "{exporter.name}" did not confirm the lease; another is looked for'
        wait = Wait("Pending", "NotReady", message)
        self._planner.avoid(lease, exporter.uid)
        await self._write(lease, terms, lifecycle.waiting(wait, terms.refusal), exporter_ref=None)
        self._cluster.queue.add(exporter.uid)

    async def _write(self, lease: Lease, terms: Terms, conditions: list[Condition], **changes: Any) -> None:
        now = self._cluster.clock.now()
        before, generation = lease.status, lease.metadata.generation
        merged = merge_conditions(before.conditions, conditions, whole_seconds(now), generation)
        news = {"accepted": terms.spec, "observed_generation": generation, "conditions": merged, **changes}
        after = before.model_copy(update=news)
        if self._is_soon_retold(lease, before, after, now):
            return
        self._told[lease.uid] = now
        if await self._cluster.write_status(lease, after):
            for happening in happenings(before, after):
                self._cluster.events.record(lease, happening)
        await self._mirror_labels(lease, ended=False)

    def _is_soon_retold(self, lease: Lease, before: LeaseStatus, after: LeaseStatus, now: datetime) -> bool:
        told = self._told.get(lease.uid)
        if told is None or now - told >= _TELL_AGAIN:
            return False
        unchanged = before.model_copy(update={"conditions": []}) == after.model_copy(update={"conditions": []})
        if before == after or not unchanged or not same_but_messages(before.conditions, after.conditions):
            return False
        self._cluster.queue.add_at(lease.uid, told + _TELL_AGAIN)
        return True

    async def _mirror_labels(self, lease: Lease, *, ended: bool) -> None:
        accepted = lease.status.accepted
        labels = {TAG_LABEL_PREFIX + key: value for key, value in (accepted.tags if accepted else {}).items()}
        if ended:
            labels[ENDED_LABEL] = "true"
        missing = {key: value for key, value in labels.items() if lease.metadata.labels.get(key) != value}
        if missing and lease.metadata.deletion_timestamp is None:
            await self._cluster.merge(lease, {"metadata": {"labels": missing}})

    def forget(self, lease_uid: str) -> None:
        self._told.pop(lease_uid, None)

    def _is_online(self, exporter: Exporter, now: datetime) -> bool:
        was_online = is_true(exporter.status.conditions, "Online")
        offline_from = self._cluster.presence.offline_from(exporter.uid, was_online)
        return offline_from is None or offline_from > now

    def _exporter(self, lease: Lease) -> Exporter | None:
        reference = lease.status.exporter_ref
        return self._cluster.snapshot.get(Exporter, Name(lease.namespace, reference.name)) if reference else None

    def _client(self, lease: Lease) -> Client | None:
        return self._cluster.snapshot.get(Client, Name(lease.namespace, lease.spec.client_ref.name))


def _holds(exporter: Exporter, lease: Lease) -> bool:
    claim = exporter.status.lease_ref
    return claim is not None and (claim.uid == lease.uid or (claim.uid is None and claim.name == lease.name))
