"""Which objects are to be looked at when one has changed."""

from collections import defaultdict

from jumplab_operator.controller.lab import HolderChange
from jumplab_operator.errors import ApiError
from jumplab_operator.kube.object_store import StoredObject
from jumplab_operator.names import Name
from jumplab_operator.reconcile.context.context import Cluster, whole_seconds
from jumplab_operator.reconcile.lease_steps import unreadable
from jumplab_operator.reconcile.lease_steps.claims import is_assigned_to
from jumplab_operator.reconcile.lease_steps.credentials import Credentials
from jumplab_operator.reconcile.lease_steps.failure_history import FailureHistory
from jumplab_operator.reconcile.lease_steps.revocation import holder_as, revocation_message
from jumplab_operator.reconcile.reconcilers.client import ClientReconciler
from jumplab_operator.reconcile.reconcilers.exporter import ExporterReconciler
from jumplab_operator.reconcile.reconcilers.lease import LeaseReconciler
from jumplab_operator.reconcile.reconcilers.policy import PolicyReconciler
from jumplab_operator.reconcile.scheduling.scheduler_loop import PLAN, SchedulerLoop
from jumplab_operator.resources import Client, Exporter, ExporterAccessPolicy, Lease

_DEADLINES = 10_000
_ATTEMPTS = 5


class Manager:
    """Sends each object to the reconcile of its kind, and what a change concerns to the queue."""

    def __init__(self, cluster: Cluster, scheduler_loop: SchedulerLoop, credentials: Credentials) -> None:
        self._cluster = cluster
        self._scheduler_loop = scheduler_loop
        self._credentials = credentials
        self._failures = FailureHistory()
        self._exporters = ExporterReconciler(cluster, scheduler_loop, credentials, self._failures)
        self.clients = ClientReconciler(cluster, credentials)
        self._leases = LeaseReconciler(cluster, scheduler_loop, cluster.clock.now())
        self._policies = PolicyReconciler(cluster)
        self._claimed: defaultdict[str, set[str]] = defaultdict(set)
        """The uids of the exporters with a claim of a lease, by the lease's uid."""
        self.deferred_status = self._leases.deferred_status
        cluster.objects.on_change(self._changed)

    async def reconcile(self, uid: str) -> None:
        """One object, whatever its kind; nothing where it is gone. Raises ApiError."""
        if uid == PLAN:
            self._scheduler_loop.wake()
            return
        seen = self._cluster.objects.seen(uid)
        if seen is None:
            return
        match seen.resource:
            case Exporter() as exporter:
                await self._exporters.reconcile(exporter)
            case Lease() as lease:
                await self._leases.reconcile(lease)
            case Client() as client:
                await self.clients.reconcile(client)
        if seen.kind is Lease and seen.resource is None:
            await unreadable.refuse(seen, self._cluster)
        if seen.kind is ExporterAccessPolicy:
            await self._policies.reconcile(seen)

    async def reconcile_now(self, uid: str) -> None:
        """The same, waited for: what another has changed meanwhile is looked at again, what is gone by then isn't.

        Raises ApiError.
        """
        for attempt in range(_ATTEMPTS):
            try:
                async with self._cluster.queue.holding(uid):
                    await self.reconcile(uid)
            except ApiError as refused:
                if refused.status == 404 and self._cluster.objects.seen(uid) is None:
                    return
                if refused.status != 409 or attempt == _ATTEMPTS - 1:
                    raise
            else:
                return

    def publish_ca(self, ca_pem: str) -> None:
        """Has the CA in all Secrets replaced; nothing where it is there already."""
        if self._credentials.publish_ca(ca_pem):
            for kind in (Exporter, Client):
                for uid in self._cluster.objects.uids(kind):
                    self._cluster.queue.add(uid, patient=True)

    def _changed(self, before: StoredObject | None, now: StoredObject | None) -> None:
        seen = now or before
        assert seen is not None, "a change is of something"
        self._scheduler_loop.note(seen.name.namespace, seen.uid)
        self._cluster.topics.changed(seen.uid)
        if now is not None:
            self._cluster.queue.add(seen.uid, patient=_is_patient(now.resource))
        else:
            self._forget(seen.uid)
        old, new = (each.resource if each is not None else None for each in (before, now))
        is_readable = now is None or new is not None  # one that can't be read is there
        if seen.kind is Lease and is_readable:
            self._lease_changed(_as_lease(old), _as_lease(new))
        elif seen.kind is Exporter:
            self._exporter_changed(seen.uid, _claim(old), _claim(new))
            if is_readable:
                self._revoke_exporter(_as_exporter(old), _as_exporter(new))
                self._history_changed(seen.name.namespace, _as_exporter(old), _as_exporter(new))
        elif seen.kind is Client and is_readable:
            self._client_changed(seen.name, _as_client(old), _as_client(new))

    def _client_changed(self, name: Name, before: Client | None, now: Client | None) -> None:
        """Its leases record their new holder, or are released; its open calls end where it is revoked."""
        why = revocation_message(before, now)
        if before is not None and why:
            self._cluster.callers.revoke(before.uid, why)
        elif before is not None and now is not None and holder_as(before) == holder_as(now):
            return
        for uid in self._cluster.holders.leases_of(name):
            lease = self._cluster.objects.by_uid(Lease, uid)
            if lease is not None and before is not None and why:
                self._leases.revocations.note(lease, holder_as(before))
            self._cluster.queue.add(uid, patient=not why)

    def _exporter_changed(self, uid: str, before: str, now: str) -> None:
        for lease_uid in {before, now} - {""}:
            self._cluster.queue.add(lease_uid, patient=before == now)
        if before != now:
            self._claimed[before].discard(uid)
            if not self._claimed[before]:
                del self._claimed[before]
            if now:
                self._claimed[now].add(uid)

    def _revoke_exporter(self, before: Exporter | None, now: Exporter | None) -> None:
        """Its open calls end where it was deleted, or its credential."""
        if before is None or not before.status.credential_uid:
            return
        if now is None:
            self._cluster.callers.revoke(before.uid, f'exporter "{before.name}" was deleted')
        elif now.status.credential is None:
            why = f'the credential of exporter "{now.name}" was removed; it needs the new one'
            self._cluster.callers.revoke(now.uid, why)

    def _history_changed(self, namespace: str, before: Exporter | None, now: Exporter | None) -> None:
        for lease_uid in self._cluster.past.note_exporter(before, now, self._cluster.clock.now()):
            self._scheduler_loop.note(namespace, lease_uid)

    def _forget(self, uid: str) -> None:
        self._cluster.presence.forget(uid)
        self._credentials.forget(uid)
        self._cluster.callers.forget(uid)
        self._leases.forget(uid)

    def _lease_changed(self, before: Lease | None, now: Lease | None) -> None:
        lease = now or before
        if lease is None:
            return
        self._cluster.holders.note(before, now)
        for uid in self._cluster.ended.note(before, now):
            self._cluster.queue.add(uid, patient=True)
        if now is None:
            self._cluster.past.note_gone(lease, whole_seconds(self._cluster.clock.now()))
        self._remember_deadline(lease)
        self._announce_holder(before, now)
        self._failures.note(before, now)
        for version in (before, now):
            for exporter in self._cluster.exporters_of(version) if version is not None else ():
                # An exporter in use is written when there is time; for one that becomes free a lease may wait.
                self._look_at(exporter, patient=now is not None and is_assigned_to(now, exporter))
        if now is None or now.status.ended:  # exporters may be claimed that the lease's status never named
            for exporter_uid in list(self._claimed.get(lease.uid, ())):
                claimed = self._cluster.objects.by_uid(Exporter, exporter_uid)
                if claimed is not None:
                    self._look_at(claimed, patient=False)

    def _announce_holder(self, before: Lease | None, now: Lease | None) -> None:
        if before is None or before.status.ended:
            return
        if now is None or now.status.ended:
            self._cluster.holdings.announce(HolderChange(before.uid, None))
        elif before.status.accepted is not None and now.status.accepted is not None:
            holder = now.status.accepted.client_ref.name
            if holder != before.status.accepted.client_ref.name:
                self._cluster.holdings.announce(HolderChange(now.uid, holder))

    def _look_at(self, exporter: Exporter, *, patient: bool) -> None:
        # One plan must see both: that the lease is over, and that its exporter is being cleaned up.
        self._scheduler_loop.note(exporter.namespace, exporter.uid)
        self._cluster.queue.add(exporter.uid, patient=patient)
        self._cluster.topics.changed(exporter.uid)

    def _remember_deadline(self, lease: Lease) -> None:
        """The latest end that was ever set: an exporter that is offline follows the last one that it received."""
        deadlines, end = self._cluster.deadlines, lease.status.expected_end_time
        if end is not None:
            deadlines[lease.uid] = max(end, deadlines.get(lease.uid, end))
        while len(deadlines) > _DEADLINES:
            del deadlines[next(iter(deadlines))]


def _is_patient(resource: object) -> bool:
    """Whether it is an exporter, whose status can wait, or a lease that wants nothing but what the plan decides or
    has its exporters and was not edited: what befalls those is looked at when it does."""
    if isinstance(resource, Exporter):
        return True
    if not isinstance(resource, Lease) or resource.status.ended or resource.spec.release:
        return False
    if resource.metadata.deletion_timestamp is not None:
        return False
    return not resource.status.exporter_names or resource.status.observed_generation == resource.metadata.generation


def _claim(resource: object) -> str:
    """The uid of the lease that an exporter is claimed by; empty: none."""
    claim = resource.status.lease_ref if isinstance(resource, Exporter) else None
    return (claim.uid or "") if claim is not None else ""


def _as_client(resource: object) -> Client | None:
    return resource if isinstance(resource, Client) else None


def _as_exporter(resource: object) -> Exporter | None:
    return resource if isinstance(resource, Exporter) else None


def _as_lease(resource: object) -> Lease | None:
    return resource if isinstance(resource, Lease) else None
