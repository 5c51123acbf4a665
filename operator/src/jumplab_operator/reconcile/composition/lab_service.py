"""The lab as the gRPC services see it: `jumplab_operator.controller.lab.Lab` over the object store and the API."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, get_args

from jumplab_operator.controller.lab import (
    Assignment,
    CredentialChange,
    Explanation,
    HolderChange,
    QueuedLease,
    StatusReport,
)
from jumplab_operator.errors import ApiError, ApiRefused, EditRefused
from jumplab_operator.kube.client import CUSTOM, path
from jumplab_operator.kube.object_store import Listener
from jumplab_operator.names import Name
from jumplab_operator.reconcile.composition.manager import Manager
from jumplab_operator.reconcile.composition.replacing import remove_ended
from jumplab_operator.reconcile.context.connections import Connection
from jumplab_operator.reconcile.context.context import Cluster
from jumplab_operator.reconcile.lease_steps import claims
from jumplab_operator.reconcile.scheduling.scheduler_loop import SchedulerLoop
from jumplab_operator.resources import GROUP, VERSION, Client, Device, Exporter, LabelSelector, Lease, Resource
from jumplab_operator.resources.conditions import is_true
from jumplab_operator.resources.exporter import Phase
from jumplab_operator.resources.lease import ENDED_LABEL

_OWN_LABELS = f"{GROUP}/"
_BURST = timedelta(seconds=1)
"""An exporter that connects sends three requests in a row: one write for all of them."""


class LabService:
    """Implements the contract; its methods' docstrings are there."""

    def __init__(self, cluster: Cluster, scheduler_loop: SchedulerLoop, reconciler: Manager) -> None:
        self._cluster = cluster
        self._scheduler_loop = scheduler_loop
        self._reconciler = reconciler

    def on_change(self, listener: Listener) -> None:
        """Tells of each change of an object from now on."""
        self._cluster.objects.on_change(listener)

    def exporter(self, name: Name) -> Exporter | None:
        return self._cluster.objects.get(Exporter, name)

    def client(self, name: Name) -> Client | None:
        return self._cluster.objects.get(Client, name)

    def lease(self, name: Name) -> Lease | None:
        return self._cluster.objects.get(Lease, name)

    def problem(self, kind: type[Resource], name: Name) -> str:
        return self._cluster.objects.problem(kind, name)

    def exporters(self, namespace: str) -> Sequence[Exporter]:
        return self._cluster.objects.all_of(Exporter, namespace)

    def leases(self, namespace: str) -> Sequence[Lease]:
        return self._cluster.objects.all_of(Lease, namespace)

    def active_leases(self, namespace: str) -> Sequence[Lease]:
        holders = self._cluster.holders
        uids = [
            uid for client in holders.clients() if client.namespace == namespace for uid in holders.leases_of(client)
        ]
        return [lease for uid in uids if (lease := self._cluster.objects.by_uid(Lease, uid)) is not None]

    def leases_held(self, client: Name) -> int:
        return len(self._cluster.holders.leases_of(client))

    def remaining(self, lease: Lease) -> timedelta | None:
        if lease.status.ended or lease.spec.release:
            return timedelta(0)
        end = claims.lease_end(lease)
        return None if end is None else max(end - self._cluster.clock.now(), timedelta(0))

    @asynccontextmanager
    async def presence(self, exporter: Name, uid: str) -> AsyncIterator[AsyncIterator[Assignment | None]]:
        connection = self._cluster.presence.of(uid)
        number = connection.open(self._cluster.clock.now())
        self._presence_changed(exporter, uid)
        self._reconcile_soon(uid)
        try:
            yield self._assignments(uid, connection, number)
        finally:
            if connection.close(number, self._cluster.clock.now()):
                self._presence_changed(exporter, uid)
                self._cluster.queue.add(uid, patient=True)

    async def _assignments(self, uid: str, connection: Connection, number: int) -> AsyncIterator[Assignment | None]:
        sent: list[Assignment | None] = []
        with self._cluster.topics.following(uid) as changed:
            while True:
                changed.clear()
                exporter, seen = self._cluster.objects.by_uid(Exporter, uid), self._cluster.objects.seen(uid)
                if seen is None or connection.number != number:
                    return
                if exporter is None or self._is_uncertain(exporter):  # the last assignment stays right meanwhile
                    await changed.wait()
                    continue
                assignment, now = claims.assignment(exporter, self._cluster), self._cluster.clock.now()
                if sent == [assignment]:
                    await changed.wait()  # without a bound: the owner of the connection cancels it
                elif sent and (later := claims.send_after(sent[0], assignment, exporter, self._cluster) or now) > now:
                    await self._cluster.clock.wait(changed, later - now)
                else:
                    sent = [assignment]
                    if assignment is not None:
                        connection.note_sent(assignment.lease_uid)
                    yield assignment

    def _is_uncertain(self, exporter: Exporter) -> bool:
        """Whether the exporter has a claim of a lease that isn't known, and may be in force."""
        claim = exporter.status.lease_ref
        return claim is not None and claims.may_be_in_force(claim, exporter, self._cluster)

    def _presence_changed(self, exporter: Name, uid: str) -> None:
        self._scheduler_loop.note(exporter.namespace, uid)
        self._cluster.topics.changed(uid)
        resource = self._cluster.objects.by_uid(Exporter, uid)
        if resource is not None and resource.status.lease_ref is not None:
            self._cluster.queue.add(resource.status.lease_ref.uid or "")

    async def say_goodbye(self, exporter: Name, reason: str) -> None:
        resource = self._required_exporter(exporter)
        connection = self._cluster.presence.of(resource.uid)
        connection.say_goodbye(self._cluster.clock.now())
        connection.message = f"it disconnected: {reason}" if reason else "it disconnected"
        self._presence_changed(exporter, resource.uid)
        await self._reconciler.reconcile_now(resource.uid)

    async def register(self, exporter: Name, labels: Mapping[str, str], devices: Sequence[Mapping[str, Any]]) -> None:
        resource = self._required_exporter(exporter)
        own = {key: value for key, value in labels.items() if key.startswith(_OWN_LABELS)}
        missing = {key: value for key, value in own.items() if resource.metadata.labels.get(key) != value}
        if missing:
            async with self._cluster.queue.holding(resource.uid):
                await self._cluster.merge(resource, {"metadata": {"labels": missing}})
        self._cluster.presence.of(resource.uid).devices = [Device.model_validate(device) for device in devices]
        self._reconcile_soon(resource.uid)

    def _reconcile_soon(self, exporter_uid: str) -> None:
        self._cluster.queue.add_at(exporter_uid, self._cluster.clock.now() + _BURST, patient=True)

    async def report(self, exporter: Name, report: StatusReport) -> None:
        resource = self._required_exporter(exporter)
        claim = resource.status.lease_ref
        if report.lease_uid and report.status != "Available" and (claim is None or claim.uid != report.lease_uid):
            return  # of a lease that does not have the exporter any more: its Status stream tells it
        if report.status not in get_args(Phase):
            raise ApiRefused(400, f'"{report.status}" is not an exporter status; use one of {get_args(Phase)}')
        connection, now = self._cluster.presence.of(resource.uid), self._cluster.clock.now()
        stays_ready = connection.phase == report.status == "LeaseReady" and not report.release_lease
        connection.note(report, now)
        self._scheduler_loop.note(exporter.namespace, resource.uid)
        if claim is not None and claim.uid:
            lease = self._cluster.objects.by_uid(Lease, claim.uid)
            if stays_ready and lease is not None and is_true(lease.status.conditions, "Ready"):
                # A client has attached or left.
                self._cluster.queue.add_at(claim.uid, now + self._cluster.settings.attach_first, patient=True)
            else:  # somebody may wait for it
                await self._reconciler.reconcile_now(claim.uid)
        frees = claim is not None and report.status == "Available"
        await self._cluster.queue.done(resource.uid, patient=not frees)

    async def watch_lease(self, lease: Name) -> AsyncIterator[Lease]:
        current = self.lease(lease)
        if current is None:
            return
        uid, version = current.uid, ""
        with self._cluster.topics.following(uid) as changed:
            while True:
                changed.clear()
                current = self._cluster.objects.by_uid(Lease, uid)
                if self._cluster.objects.seen(uid) is None:
                    return
                if current is not None and current.metadata.resource_version != version:
                    version = current.metadata.resource_version
                    yield current
                else:
                    await changed.wait()  # without a bound: whoever watches cancels it

    def explain(self, lease: Lease) -> Explanation:
        return self._scheduler_loop.positions.explain(lease)

    async def queue(self, namespace: str, selector: LabelSelector, most: int) -> Sequence[QueuedLease]:
        return await self._scheduler_loop.positions.queue(namespace, selector, most)

    async def create_lease(self, namespace: str, name: str | None, spec: Mapping[str, Any]) -> Lease:
        metadata = {"name": name} if name is not None else {"generateName": "lease-"}
        body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": Lease.KIND, "metadata": metadata, "spec": dict(spec)}
        where = path(CUSTOM, Lease.PLURAL, namespace)
        try:
            return self._taken_over(await self._cluster.kube.create(where, body))
        except ApiError as refused:
            if name is None or refused.status != 409:
                raise
            await remove_ended(Name(namespace, name), spec["clientRef"]["name"], self._cluster, self._reconciler)
        return self._taken_over(await self._cluster.kube.create(where, body))

    async def edit_lease(self, lease: Name, spec: Mapping[str, Any]) -> Lease:
        known = self.lease(lease)
        if known is None:
            raise ApiRefused(404, f'there is no Lease "{lease.name}" in namespace "{lease.namespace}"')
        if refusal := self._scheduler_loop.edit_refusal(known, spec):
            raise EditRefused(refusal.message)
        edited = await self._patched(lease, {"spec": dict(spec)})
        with contextlib.suppress(ApiError):  # it is stored: the operator comes back to it
            await self._reconciler.reconcile_now(edited.uid)
        return self._cluster.objects.by_uid(Lease, edited.uid) or edited

    def _taken_over(self, answer: Mapping[str, Any]) -> Lease:
        self._cluster.objects.put(Lease, answer)
        return Lease.from_plain(answer)

    async def _patched(self, lease: Name, body: Mapping[str, Any]) -> Lease:
        where = path(CUSTOM, Lease.PLURAL, lease.namespace, lease.name)
        return self._taken_over(await self._cluster.kube.merge(where, body))

    async def release_lease(self, lease: Name) -> None:
        known = self.lease(lease)
        if known is not None and known.status.ended:
            return
        if known is None or not known.spec.release:
            # The label goes along: it would be a write of its own once the lease has ended.
            body = {"metadata": {"labels": {ENDED_LABEL: "true"}}, "spec": {"release": True}}
            known = await self._patched(lease, body)
        with contextlib.suppress(ApiError):  # it is stored: the operator comes back to it
            await self._reconciler.reconcile_now(known.uid)

    async def rotate_client_token(self, client: Name, token: str) -> tuple[str, datetime | None]:
        resource = self.client(client)
        if resource is None:
            raise ApiRefused(404, f'there is no Client "{client.name}" in namespace "{client.namespace}"')
        async with self._cluster.queue.holding(resource.uid):
            credential = await self._reconciler.clients.rotate(resource, token)
        return credential.token, credential.expires

    def calling(self, uid: str, token: str) -> AbstractContextManager["asyncio.Future[str]"]:
        return self._cluster.callers.calling(uid, token)

    def credentials_of(self, client: Name) -> Sequence[str]:
        found = self.client(client)
        return self._cluster.callers.credentials(found.uid, self._cluster.clock.now()) if found is not None else ()

    async def credential_changes(self) -> AsyncIterator[CredentialChange]:
        """Each time that the token of a client or exporter was replaced, or the time of an earlier one is over."""
        changes: asyncio.Queue[CredentialChange] = asyncio.Queue()

        def note(uid: str, credentials: frozenset[str]) -> None:
            client = self._cluster.objects.by_uid(Client, uid)
            leases = self._cluster.holders.leases_of(Name(client.namespace, client.name)) if client is not None else ()
            found = [lease for each in leases if (lease := self._cluster.objects.by_uid(Lease, each)) is not None]
            exporters = [exporter.uid for lease in found for exporter in self._cluster.exporters_of(lease)]
            changes.put_nowait(CredentialChange(uid, credentials, tuple(exporters)))

        self._cluster.callers.on_change(note)
        while True:
            yield await changes.get()

    def publish_ca(self, ca_pem: str) -> None:
        """Puts the CA of the controller's certificate into all Secrets, beside the tokens that they have."""
        self._reconciler.publish_ca(ca_pem)

    async def holders(self) -> AsyncIterator[HolderChange]:
        with self._cluster.holdings.listening() as holdings:
            while True:
                yield await holdings.get()

    def _required_exporter(self, name: Name) -> Exporter:
        exporter = self.exporter(name)
        if exporter is None:
            raise ApiRefused(404, f'there is no Exporter "{name.name}" in namespace "{name.namespace}"')
        return exporter
