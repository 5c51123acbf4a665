"""The world of an operator's test: a namespace on an API server, an operator, and exporters that follow its word."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from jumplab_operator.clock import SystemClock
from jumplab_operator.controller.lab import Assignment, StatusReport
from jumplab_operator.errors import ApiError
from jumplab_operator.kube.access import KubeAccess
from jumplab_operator.kube.kopf_watch import Watch, of_cluster
from jumplab_operator.leasing.model.exporter_health import NOTHING, Found
from jumplab_operator.names import Name
from jumplab_operator.reconcile.composition.compose import running_lab
from jumplab_operator.reconcile.composition.lab_service import LabService
from jumplab_operator.reconcile.context.settings import LabSettings
from jumplab_operator.resources import schema
from tests.kube.client import CRDS, Answer, KubeClient
from tests.kube.servers import KubeApi

CUSTOM = "/apis/jumpstarter.dev/v1alpha1"
WAIT_SECONDS = 240
Plain = dict[str, Any]


@dataclass
class Tokens:
    """Issues readable tokens; `valid` says which are still good."""

    issued: list[str] = field(default_factory=list)
    valid: Callable[[str], bool] = lambda token: True

    def issue(self, kind: str, namespace: str, name: str, uid: str) -> tuple[str, datetime | None]:
        token = f"{kind}/{namespace}/{name}/{uid}#{len(self.issued)}"
        self.issued.append(token)
        return token, None

    def is_current(self, token: str, kind: str, namespace: str, name: str, uid: str) -> bool:
        return token.startswith(f"{kind}/{namespace}/{name}/{uid}#") and self.valid(token)


class JumpingClock(SystemClock):
    """The machine's clock, which can be set forward: what waits for a moment that is over then wakes up."""

    def __init__(self) -> None:
        self._ahead = timedelta()
        self._jumped = asyncio.Event()

    def now(self) -> datetime:
        return super().now() + self._ahead

    def jump(self, length: timedelta) -> None:
        self._ahead += length
        self._jumped.set()
        self._jumped = asyncio.Event()

    async def sleep(self, length: timedelta) -> None:
        # Whoever sleeps in proportion to what something took would sleep for long after a jump.
        await super().sleep(min(length, timedelta(seconds=1)))

    async def wait(self, event: asyncio.Event, at_most: timedelta) -> None:
        end = self.now() + at_most
        while not event.is_set() and (left := end - self.now()) > timedelta(0):
            woken = {asyncio.create_task(each.wait()) for each in (event, self._jumped)}
            try:
                await asyncio.wait(woken, timeout=left.total_seconds(), return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in woken:
                    each.cancel()
                await asyncio.wait(woken)


@dataclass
class World:
    """One namespace through the API."""

    api: KubeApi
    client: KubeClient
    namespace: str

    @property
    def access(self) -> KubeAccess:
        return KubeAccess(self.api.url, self.api.ca.read_text(), self.api.token)

    @property
    def watch(self) -> Watch:
        return of_cluster(self.access, (self.namespace,), SystemClock())

    def settings(self, **changes: Any) -> LabSettings:
        """This namespace alone; times are short where none is missed by being slow."""
        short = {"connection_grace": timedelta(milliseconds=300), "relist_every": timedelta(seconds=5)}
        return LabSettings(endpoint="lab:7444", namespaces=(self.namespace,), **{**short, **changes})

    def path(self, plural: str, name: str = "") -> str:
        group = "/api/v1" if plural in ("secrets", "events") else CUSTOM
        return f"{group}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def create(self, kind: str, name: str, spec: Plain, labels: dict[str, str] | None = None) -> Plain:
        plural = {"ExporterAccessPolicy": "exporteraccesspolicies"}.get(kind, f"{kind.lower()}s")
        body = {
            "apiVersion": "jumpstarter.dev/v1alpha1",
            "kind": kind,
            "metadata": {"name": name, "labels": labels or {}},
            "spec": spec,
        }
        created: Plain = self.client.create(self.path(plural), body).ok()
        return created

    def exporter(self, name: str, **labels: str) -> Plain:
        return self.create("Exporter", name, {}, labels or {"board": "imx8"})

    def lease(self, name: str, **spec: Any) -> Plain:
        asked = {"clientRef": {"name": "ci"}, "duration": "10m", **spec}
        if "exporterRef" not in asked:
            asked.setdefault("selector", {"matchLabels": {"board": "imx8"}})
        return self.create("Lease", name, asked)

    def get(self, plural: str, name: str) -> Plain:
        found: Plain = self.client.get(self.path(plural, name)).ok()
        return found

    def token(self, client: str) -> str:
        """The token in a client's Secret."""
        return base64.b64decode(self.get("secrets", f"{client}-client")["data"]["token"]).decode()

    def patch(self, plural: str, name: str, body: Plain) -> Answer:
        return self.client.patch(self.path(plural, name), body)

    def delete(self, plural: str, name: str) -> None:
        self.client.delete(self.path(plural, name)).ok()

    async def until(self, plural: str, name: str, holds: Callable[[Plain], Any]) -> Plain:
        """The object as soon as it is as asked: it is watched. Fails with what it was last."""
        return await asyncio.to_thread(self._until, plural, name, holds)

    async def until_event(self, reason: str) -> str:
        """The message of the Event with this reason, once there is one."""
        async with asyncio.timeout(WAIT_SECONDS):
            while reason not in (messages := await asyncio.to_thread(self._event_messages)):
                pass  # each answer is the wait
        return messages[reason]

    def _event_messages(self) -> dict[str, str]:
        return {it["reason"]: it["message"] for it in self.client.get(self.path("events")).ok()["items"]}

    def _until(self, plural: str, name: str, holds: Callable[[Plain], Any]) -> Plain:
        listed = self.client.get(self.path(plural)).ok()
        objects = [item for item in listed["items"] if item["metadata"]["name"] == name]
        last: Plain = objects[0] if objects else {}
        if objects and holds(last):
            return last
        version = listed["metadata"]["resourceVersion"]
        query = f"?watch=1&resourceVersion={version}&timeoutSeconds={WAIT_SECONDS}"
        with self.client.watch(self.path(plural) + query) as events:
            for event in events:
                if event["object"].get("metadata", {}).get("name") != name:
                    continue
                last = event["object"]
                if holds(last):
                    return last
        raise AssertionError(f"{plural}/{name} did not get there: {last}")

    async def until_ready(self, lease: str) -> Plain:
        return await self.until("leases", lease, lambda it: condition(it, "Ready") == "True")

    async def until_reason(self, lease: str, reason: str) -> Plain:
        return await self.until("leases", lease, lambda it: reason_of(it) == reason)

    async def until_unclaimed(self, exporter: str) -> Plain:
        return await self.until("exporters", exporter, lambda it: "leaseRef" not in it.get("status", {}))


def condition(plain: Plain, kind: str) -> str | None:
    """The status of a condition."""
    found = [c for c in plain.get("status", {}).get("conditions", []) if c["type"] == kind]
    return str(found[0]["status"]) if found else None


def reason_of(plain: Plain, kind: str = "Ready") -> str | None:
    """The reason of a condition."""
    found = [c for c in plain.get("status", {}).get("conditions", []) if c["type"] == kind]
    return str(found[0]["reason"]) if found else None


def message_of(plain: Plain, kind: str = "Ready") -> str:
    """The sentence of a condition."""
    found = [c.get("message", "") for c in plain.get("status", {}).get("conditions", []) if c["type"] == kind]
    return str(found[0]) if found else ""


@dataclass
class SimulatedExporter:
    """What an exporter does, in-process: it confirms each lease and cleans up after it. `confirms` False: it hangs.

    `tells` False: it does not tell who is attached, like Jumpstarter's.
    """

    lab: LabService
    name: Name
    epoch: str = "1"
    confirms: bool = True
    cleans: bool = True
    tells: bool = True
    health: Found = NOTHING
    seen: list[Assignment | None] = field(default_factory=list)
    told: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once it has been told of a lease."""

    async def serve(self) -> None:
        exporter = self.lab.exporter(self.name)
        assert exporter is not None, f"{self.name} is not known yet"
        async with self.lab.presence(self.name, exporter.uid) as assignments:
            await self.report("Available")
            holding: str | None = None
            async for assignment in assignments:
                self.seen.append(assignment)
                if assignment is None:
                    if holding is not None and self.cleans:
                        await self.report("Available", holding)
                    holding = None
                    continue
                self.told.set()
                if assignment.lease_uid != holding:
                    holding = assignment.lease_uid
                    if self.confirms:
                        await self.report("LeaseReady", holding)

    async def attend(self, lease_uid: str, *, attached: bool, times: int, in_use: bool = False) -> None:
        """Clients come and go, and use the drivers."""
        report = StatusReport("LeaseReady", "", lease_uid, self.epoch, False)
        await self._deliver(replace(report, attached=attached, attachments=times, in_use=in_use))

    async def report(self, status: str, lease_uid: str = "", *, release: bool = False, message: str = "") -> None:
        """Reports until it is taken, as a real exporter does."""
        attached = False if status == "LeaseReady" and self.tells else None
        await self._deliver(
            StatusReport(status, message, lease_uid, self.epoch, release, health=self.health, attached=attached)
        )

    async def _deliver(self, report: StatusReport) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                try:
                    return await self.lab.report(self.name, report)
                except ApiError:
                    await asyncio.sleep(0.1)


@asynccontextmanager
async def bench(
    world: World, name: str = "bench-1", *, clock: SystemClock | None = None, **settings: Any
) -> AsyncIterator[SimulatedExporter]:
    """An operator and one exporter that serves.  clock: the operator's."""
    async with (
        running_lab(world.access, world.settings(**settings), Tokens(), clock) as lab,
        serving(SimulatedExporter(lab, Name(world.namespace, name))) as exporter,
    ):
        yield exporter


@asynccontextmanager
async def serving(exporter: SimulatedExporter) -> AsyncIterator[SimulatedExporter]:
    """The exporter runs while the context lasts; leaving it loses its connection."""
    task = asyncio.create_task(exporter.serve(), name=f"exporter {exporter.name.name}")
    try:
        yield exporter
    finally:
        task.cancel()
        await asyncio.wait([task])


def make_world(api: KubeApi) -> World:
    """A namespace with a client `ci`, on an API server that has the CRDs."""
    client = KubeClient(api.url, api.ca, api.token)
    for manifest in schema.manifests().values():
        assert client.create(CRDS, manifest).code in (201, 409)
    for kind in schema.KINDS:
        while client.get(f"{CUSTOM}/{kind.PLURAL}").code != 200:
            pass
    namespace = f"lab-{uuid.uuid4().hex[:8]}"
    client.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}).ok()
    world = World(api, client, namespace)
    world.create("Client", "ci", {}, {"team": "kernel"})
    return world
