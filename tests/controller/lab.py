"""A lab in memory: what the services need of the cluster, without one."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from jumplab_operator.controller.credentials import AcceptedTokens, CredentialIssuer
from jumplab_operator.controller.lab import Assignment, Explanation, HolderChange, QueuedLease, StatusReport
from jumplab_operator.errors import ApiUnreachable, NameTaken, TokenReplaced
from jumplab_operator.leasing.explain.queue_position import QueuePosition
from jumplab_operator.names import Name
from jumplab_operator.reconcile.context.callers import Callers
from jumplab_operator.resources import Client, Exporter, LabelSelector, Lease, Resource
from jumplab_operator.resources.exporter import LeaseRef

NAMESPACE = "lab"


class MemoryLab:
    """Implements Lab; `connected` are the exporters whose Status streams are open."""

    def __init__(self, issuer: CredentialIssuer) -> None:
        self.issuer = issuer
        self.clients: dict[Name, Client] = {}
        self.exporters_: dict[Name, Exporter] = {}
        self.leases_: dict[Name, Lease] = {}
        self.problems: dict[tuple[type[Resource], Name], str] = {}
        """Why resources that are there can't be read."""
        self.secrets: dict[tuple[str, Name], str] = {}
        self.previous: dict[tuple[str, Name], tuple[str, datetime]] = {}
        """Tokens that were replaced, and until when they are accepted."""
        self.explanation = Explanation(None, [])
        self.waiting: list[tuple[Lease, QueuePosition]] = []
        self.asked_for: LabelSelector | None = None
        self.api_is_away = False
        self.secrets_read = 0
        self.secret_asked = asyncio.Event()
        self.secrets_readable = asyncio.Event()
        self.secrets_readable.set()
        self.callers = Callers()
        self.connected: set[Name] = set()
        self.goodbyes: list[tuple[Name, str]] = []
        self.registered: list[tuple[Name, Mapping[str, str], Sequence[Mapping[str, Any]]]] = []
        self.reports: list[tuple[Name, StatusReport]] = []
        self._uids = itertools.count(1)
        self._changed = asyncio.Condition()
        self._assignments: dict[Name, Assignment | None] = {}
        self._connection: dict[Name, int] = {}

    # What a test does to the lab.

    def add_client(self, name: str, namespace: str = NAMESPACE) -> str:
        """Creates a client; answers with its token."""
        client = Client.from_plain({"metadata": {"name": name, "namespace": namespace, "uid": self._uid()}})
        self.clients[Name(namespace, name)] = client
        return self.give_token("Client", client)

    def add_exporter(
        self, name: str, *, namespace: str = NAMESPACE, online: bool = True, labels: Mapping[str, str] = {}
    ) -> str:
        """Creates an exporter; answers with its token."""
        exporter = Exporter.from_plain(
            {
                "metadata": {"name": name, "namespace": namespace, "uid": self._uid(), "labels": dict(labels)},
                "status": {"conditions": [{"type": "Online", "status": "True" if online else "False"}]},
            }
        )
        self.exporters_[Name(namespace, name)] = exporter
        return self.give_token("Exporter", exporter)

    def give_token(self, kind: str, resource: Client | Exporter) -> str:
        name = Name(resource.namespace, resource.name)
        token, _ = self.issuer.issue(kind, name.namespace, name.name, resource.uid)
        self.secrets[kind, name] = token
        return token

    def add_lease(
        self, name: str, spec: Mapping[str, Any], status: Mapping[str, Any], namespace: str = NAMESPACE
    ) -> Lease:
        metadata = {"name": name, "namespace": namespace, "uid": self._uid()}
        lease = Lease.from_plain({"metadata": metadata, "spec": spec, "status": status})
        self.leases_[Name(namespace, name)] = lease
        return lease

    def add_ready_lease(self, name: str, client: str, exporter: str, lasting: timedelta = timedelta(hours=1)) -> Lease:
        now = datetime.now(UTC)
        status = {
            "beginTime": now.isoformat(),
            "expectedEndTime": (now + lasting).isoformat(),
            "exporterRef": {"name": exporter},
            "conditions": [{"type": "Ready", "status": "True", "reason": "Ready"}],
        }
        spec = {"clientRef": {"name": client}, "selector": {"matchLabels": {"board": "x"}}}
        return self.add_lease(name, spec, status)

    def claim(self, exporter: str, lease: Lease) -> None:
        """The exporter is the lease's."""
        name = Name(NAMESPACE, exporter)
        exporter_ = self.exporters_[name]
        status = exporter_.status.model_copy(update={"lease_ref": LeaseRef(name=lease.name, uid=lease.uid)})
        self.exporters_[name] = exporter_.model_copy(update={"status": status})

    async def assign(self, exporter: str, assignment: Assignment | None) -> None:
        """The exporter's Status stream tells it."""
        async with self._changed:
            self._assignments[Name(NAMESPACE, exporter)] = assignment
            self._changed.notify_all()

    async def delete_exporter(self, name: str) -> None:
        async with self._changed:
            del self.exporters_[Name(NAMESPACE, name)]
            self._changed.notify_all()

    async def until(self, condition: Any) -> None:
        """Waits for something that the services do to the lab."""
        async with self._changed, asyncio.timeout(240):
            await self._changed.wait_for(condition)

    async def put_lease(self, lease: Lease | None, name: Name) -> None:
        async with self._changed:
            if lease is None:
                del self.leases_[name]
            else:
                self.leases_[name] = lease
            self._changed.notify_all()

    async def current_tokens(self, kind: str, name: Name) -> AcceptedTokens | None:
        self.secrets_read += 1
        self.secret_asked.set()
        await self.secrets_readable.wait()
        if self.api_is_away:
            raise ApiUnreachable("the API server is away")
        token = self.secrets.get((kind, name))
        return AcceptedTokens(token, *self.previous.get((kind, name), ())) if token else None

    def _uid(self) -> str:
        return f"uid-{next(self._uids)}"

    # What the services do.

    def exporter(self, name: Name) -> Exporter | None:
        return self.exporters_.get(name)

    def client(self, name: Name) -> Client | None:
        return self.clients.get(name)

    def lease(self, name: Name) -> Lease | None:
        return self.leases_.get(name)

    def problem(self, kind: type[Resource], name: Name) -> str:
        return self.problems.get((kind, name), "")

    def exporters(self, namespace: str) -> Sequence[Exporter]:
        return [each for name, each in self.exporters_.items() if name.namespace == namespace]

    def leases(self, namespace: str) -> Sequence[Lease]:
        return [each for name, each in self.leases_.items() if name.namespace == namespace]

    def active_leases(self, namespace: str) -> Sequence[Lease]:
        return [lease for lease in self.leases(namespace) if not lease.status.ended]

    def leases_held(self, client: Name) -> int:
        return sum(each.spec.client_ref.name == client.name for each in self.active_leases(client.namespace))

    def remaining(self, lease: Lease) -> timedelta | None:
        end = lease.status.expected_end_time
        return None if end is None else max(end - datetime.now(UTC), timedelta())

    @asynccontextmanager
    async def presence(self, exporter: Name, uid: str) -> AsyncIterator[AsyncIterator[Assignment | None]]:
        mine = self._connection[exporter] = self._connection.get(exporter, 0) + 1
        async with self._changed:
            self.connected.add(exporter)
            self._changed.notify_all()
        try:
            yield self._follow(exporter, mine)
        finally:
            self.connected.discard(exporter)
            async with self._changed:
                self._changed.notify_all()

    async def _follow(self, exporter: Name, mine: int) -> AsyncIterator[Assignment | None]:
        unset: Any = object()
        told: Any = unset
        while True:
            async with self._changed:
                while self._there(exporter, mine) and self._assignments.get(exporter) == told:
                    await self._changed.wait()
            if not self._there(exporter, mine):
                return
            told = self._assignments.get(exporter)
            yield told

    def _there(self, exporter: Name, mine: int) -> bool:
        return exporter in self.exporters_ and self._connection[exporter] == mine

    async def say_goodbye(self, exporter: Name, reason: str) -> None:
        self.goodbyes.append((exporter, reason))

    async def register(self, exporter: Name, labels: Mapping[str, str], devices: Sequence[Mapping[str, Any]]) -> None:
        self.registered.append((exporter, labels, devices))

    async def report(self, exporter: Name, report: StatusReport) -> None:
        self.reports.append((exporter, report))

    async def watch_lease(self, lease: Name) -> AsyncIterator[Lease]:
        told = None
        while True:
            async with self._changed:
                while self.leases_.get(lease) is told:
                    await self._changed.wait()
            told = self.leases_.get(lease)
            if told is None:
                return
            yield told

    def explain(self, lease: Lease) -> Explanation:
        return self.explanation

    async def queue(self, namespace: str, selector: LabelSelector, most: int) -> Sequence[QueuedLease]:
        self.asked_for = selector
        return [QueuedLease(lease, place) for lease, place in self.waiting[:most]]

    async def create_lease(self, namespace: str, name: str | None, spec: Mapping[str, Any]) -> Lease:
        if self.api_is_away:
            raise ApiUnreachable("the API server is away")
        name = name or f"lease-{next(self._uids)}"
        there = self.leases_.get(Name(namespace, name))
        if there is not None and not (there.status.ended and there.spec.client_ref.name == spec["clientRef"]["name"]):
            raise NameTaken(f'the name "{name}" is taken; choose another name')
        return self.add_lease(name, spec, {}, namespace)

    async def patch_lease(self, lease: Name, spec: Mapping[str, Any]) -> Lease:
        plain = self.leases_[lease].to_plain()
        plain["spec"] = {key: value for key, value in {**plain["spec"], **spec}.items() if value is not None}
        self.leases_[lease] = Lease.from_plain(plain)
        return self.leases_[lease]

    async def edit_lease(self, lease: Name, spec: Mapping[str, Any]) -> Lease:
        return await self.patch_lease(lease, spec)

    async def release_lease(self, lease: Name) -> None:
        released = await self.patch_lease(lease, {"release": True})
        self.leases_[lease] = released.model_copy(update={"status": released.status.model_copy(update={"ended": True})})

    async def rotate_client_token(self, client: Name, token: str) -> tuple[str, datetime | None]:
        if self.secrets.get(("Client", client)) != token:
            raise TokenReplaced("the token was replaced")
        resource = self.clients[client]
        token, expires = self.issuer.issue("Client", client.namespace, client.name, resource.uid)
        self.secrets["Client", client] = token
        return token, expires

    def calling(self, uid: str, token: str) -> AbstractContextManager[asyncio.Future[str]]:
        return self.callers.calling(uid, token)

    def credentials_of(self, client: Name) -> Sequence[str]:
        found = self.clients.get(client)
        return self.callers.credentials(found.uid, datetime.now(UTC)) if found is not None else ()

    async def holders(self) -> AsyncIterator[HolderChange]:
        await asyncio.Event().wait()
        yield HolderChange("", None)
