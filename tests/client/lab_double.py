"""A controller at the wire: the two gRPC services over TLS, with leases that a test moves by hand."""

# ruff: noqa: N802 - the services' method names are those of the wire

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import aio

from jumplab.client.config import ClientConfig, Metadata
from jumplab.protocol.client_v1 import client_pb2, client_pb2_grpc
from jumplab.protocol.v1 import controller_pb2, controller_pb2_grpc, kubernetes_pb2
from jumplab.transport.tls_settings import TlsSettings
from jumplab_operator.router.relay import Router
from tests.client.authority import Authority

TOKEN = "the-token"


@dataclass
class LabDouble:
    """What the controller knows, and what was asked of it. `place` decides what becomes of a new lease."""

    leases: dict[str, client_pb2.Lease] = field(default_factory=dict)
    exporters: dict[str, client_pb2.Exporter] = field(default_factory=dict)
    history: list[client_pb2.PastLease] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    watching: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    place: Callable[[client_pb2.Lease], None] = lambda lease: become_ready(lease)
    dial: Callable[[str], Awaitable[controller_pb2.DialResponse]] | None = None
    refuse: dict[str, list[tuple[grpc.StatusCode, str]]] = field(default_factory=dict)
    on_refusal: Callable[[], None] = lambda: None
    page_size: int = 500
    refuses_changes: str = ""
    latest_begin: Timestamp | None = None
    queue_message: str = ""

    async def change(self, name: str, change: Callable[[client_pb2.Lease], None]) -> None:
        async with self.changed:
            change(self.leases[resource(name)])
            self.changed.notify_all()

    async def forget(self, name: str) -> None:
        async with self.changed:
            del self.leases[resource(name)]
            self.changed.notify_all()

    async def admit(self, call: str, context: Any) -> None:
        self.calls[call] += 1
        metadata = dict(context.invocation_metadata())
        expected = {"jumpstarter-namespace": "lab", "jumpstarter-kind": "Client", "jumpstarter-name": "ci"}
        if metadata.get("authorization") != f"Bearer {TOKEN}" or not expected.items() <= metadata.items():
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "this token is not valid; get a new one")
        await self._refuse(call, context)

    async def go_on(self, watch: str, context: Any) -> None:
        """After a change, a watch ends if such calls are refused by now."""
        await self.changed.wait()
        await self._refuse(watch, context)

    async def cut(self, watch: str, *refusals: tuple[grpc.StatusCode, str]) -> None:
        """Ends the open watches, and refuses new ones, for as many times as there are refusals."""
        async with self.changed:
            self.refuse[watch] = list(refusals)
            self.changed.notify_all()

    async def _refuse(self, call: str, context: Any) -> None:
        if self.refuse.get(call):
            self.on_refusal()
            await context.abort(*self.refuse[call].pop(0))


def resource(name: str) -> str:
    return f"namespaces/lab/leases/{name}"


def become_pending(lease: client_pb2.Lease, message: str = 'exporter "bench-1" is leased by "ann"') -> None:
    set_condition(lease, "Pending", "True", "NotAvailable", message)


def become_ready(lease: client_pb2.Lease) -> None:
    lease.exporter = "namespaces/lab/exporters/bench-1"
    lease.expected_end_time.GetCurrentTime()
    set_condition(lease, "Pending", "False", "Assigned", "")
    set_condition(lease, "Ready", "True", "Ready", "")


def become_given_back(lease: client_pb2.Lease) -> None:
    """Its exporter was lost before anybody had used the lease."""
    lease.ClearField("exporter")
    message = 'exporter "bench-1" went offline before the lease was used; the lease waits for another exporter'
    set_condition(lease, "Ready", "False", "NotReady", message)
    set_condition(lease, "Pending", "True", "NotReady", message)


def become_ready_elsewhere(lease: client_pb2.Lease) -> None:
    become_ready(lease)
    lease.exporter = "namespaces/lab/exporters/bench-2"


def become_ended(lease: client_pb2.Lease, reason: str = "Expired", message: str = "expired") -> None:
    lease.ended = True
    set_condition(lease, "Ready", "False", reason, message)


def set_condition(lease: client_pb2.Lease, type_: str, status: str, reason: str, message: str) -> None:
    kept = [condition for condition in lease.conditions if condition.type != type_]
    del lease.conditions[:]
    lease.conditions.extend(kept)
    lease.conditions.append(kubernetes_pb2.Condition(type=type_, status=status, reason=reason, message=message))


class _ClientService(client_pb2_grpc.ClientServiceServicer):
    def __init__(self, lab: LabDouble) -> None:
        self.lab = lab

    def _place(self, position: int) -> client_pb2.QueuePosition:
        expected = Timestamp(seconds=1_785_585_600) if position == 1 else None
        latest = self.lab.latest_begin if position == 1 else None
        message = self.lab.queue_message or f"number {position}"
        return client_pb2.QueuePosition(
            position=position, expected_begin_time=expected, latest_begin_time=latest, message=message
        )

    async def GetLease(self, request: Any, context: Any) -> client_pb2.Lease:
        await self.lab.admit("GetLease", context)
        return await self._existing(request.name, context)

    async def ListLeases(self, request: Any, context: Any) -> client_pb2.ListLeasesResponse:
        await self.lab.admit("ListLeases", context)
        shown = [lease for lease in self.lab.leases.values() if not (request.only_active and lease.ended)]
        return client_pb2.ListLeasesResponse(leases=shown)

    async def ExplainLease(self, request: Any, context: Any) -> client_pb2.LeaseExplanation:
        await self.lab.admit("ExplainLease", context)
        lease = await self._existing(request.name, context)
        considered = [
            client_pb2.ConsideredExporter(
                exporter="bench-1", asked_for="board=x", matches=True, reason="Leased", message="it is leased by ann"
            )
        ]
        waits = not (lease.ended or any(each.type == "Ready" and each.status == "True" for each in lease.conditions))
        return client_pb2.LeaseExplanation(
            lease=lease,
            place=self._place(1) if waits else None,
            exporters=considered if waits else [],
        )

    async def ListQueue(self, request: Any, context: Any) -> client_pb2.ListQueueResponse:
        await self.lab.admit("ListQueue", context)
        found = [lease for lease in self.lab.leases.values() if request.filter in ("", lease.selector)]
        queued = [client_pb2.QueuedLease(lease=each, place=self._place(n)) for n, each in enumerate(found, 1)]
        return client_pb2.ListQueueResponse(leases=queued)

    async def ListExporters(self, request: Any, context: Any) -> client_pb2.ListExportersResponse:
        await self.lab.admit("ListExporters", context)
        start = int(request.page_token or 0)
        names = sorted(self.lab.exporters)
        wanted = dict(part.split("=") for part in request.filter.split(",") if part)
        page = names[start : start + self.lab.page_size]
        rest = str(start + self.lab.page_size) if start + self.lab.page_size < len(names) else ""
        found = [self.lab.exporters[name] for name in page if wanted.items() <= self.lab.exporters[name].labels.items()]
        return client_pb2.ListExportersResponse(exporters=found, next_page_token=rest)

    async def GetExporter(self, request: Any, context: Any) -> client_pb2.Exporter:
        await self.lab.admit("GetExporter", context)
        if request.name not in self.lab.exporters:
            await context.abort(grpc.StatusCode.NOT_FOUND, f'no exporter "{request.name.rpartition("/")[2]}"')
        return self.lab.exporters[request.name]

    async def GetHistory(self, request: Any, context: Any) -> client_pb2.ExporterHistory:
        await self.lab.admit("GetHistory", context)
        return client_pb2.ExporterHistory(leases=self.lab.history)

    async def CreateLease(self, request: Any, context: Any) -> client_pb2.Lease:
        await self.lab.admit("CreateLease", context)
        name = f"{request.parent}/leases/{request.lease_id}"
        if name in self.lab.leases and not self.lab.leases[name].ended:
            await context.abort(
                grpc.StatusCode.ALREADY_EXISTS, f'lease "{request.lease_id}" exists; choose another name'
            )
        lease = request.lease
        lease.name, lease.uid, lease.client = name, f"uid-{request.lease_id}", "namespaces/lab/clients/ci"
        lease.effective_duration.CopyFrom(lease.duration)
        self.lab.place(lease)
        self.lab.leases[name] = lease
        return lease

    async def UpdateLease(self, request: Any, context: Any) -> client_pb2.Lease:
        await self.lab.admit("UpdateLease", context)
        lease = await self._existing(request.lease.name, context)
        if self.lab.refuses_changes:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, self.lab.refuses_changes)
        for path in request.update_mask.paths:
            lease.ClearField(path)
        lease.MergeFrom(request.lease)
        if "end_time" in request.update_mask.paths and lease.HasField("end_time"):
            lease.expected_end_time.CopyFrom(lease.end_time)
        return lease

    async def DeleteLease(self, request: Any, context: Any) -> Empty:
        await self.lab.admit("DeleteLease", context)
        await self._existing(request.name, context)
        name = request.name.rpartition("/")[2]
        self.lab.released.append(name)
        await self.lab.change(name, lambda lease: become_ended(lease, "Released", "released by its holder"))
        return Empty()

    async def WatchLease(self, request: Any, context: Any) -> AsyncIterator[client_pb2.Lease]:
        await self.lab.admit("WatchLease", context)
        told = None
        async with self.lab.changed:
            while True:
                lease = await self._existing(request.name, context)
                if lease != told:
                    told = client_pb2.Lease()
                    told.CopyFrom(lease)
                    yield told
                    self.lab.watching.set()
                await self.lab.go_on("WatchLease", context)

    async def _existing(self, name: str, context: Any) -> client_pb2.Lease:
        if name not in self.lab.leases:
            await context.abort(grpc.StatusCode.NOT_FOUND, f'no lease "{name.rpartition("/")[2]}" of yours')
        return self.lab.leases[name]


class _ControllerService(controller_pb2_grpc.ControllerServiceServicer):
    def __init__(self, lab: LabDouble) -> None:
        self.lab = lab

    async def Dial(self, request: Any, context: Any) -> controller_pb2.DialResponse:
        await self.lab.admit("Dial", context)
        assert self.lab.dial is not None
        lease = self.lab.leases.get(resource(request.lease_name))
        if lease is not None and request.lease_uid not in ("", lease.uid):
            await context.abort(grpc.StatusCode.NOT_FOUND, f'lease "{request.lease_name}" was replaced')
        return await self.lab.dial(request.lease_name)


@asynccontextmanager
async def served(
    lab: LabDouble, authority: Authority, port: int = 0, router: Router | None = None
) -> AsyncIterator[int]:
    """Serves the double on loopback, beside a router if there is one; gives its port."""
    server = aio.server()
    client_pb2_grpc.add_ClientServiceServicer_to_server(_ClientService(lab), server)
    controller_pb2_grpc.add_ControllerServiceServicer_to_server(_ControllerService(lab), server)
    if router is not None:
        router.add_to(server)
    credentials = grpc.ssl_server_credentials([authority.issue("localhost")])
    bound = server.add_secure_port(f"localhost:{port}", credentials)
    await server.start()
    try:
        yield bound
    finally:
        await server.stop(None)


def config_for(port: int, authority: Authority, token: str = TOKEN) -> ClientConfig:
    return ClientConfig(
        metadata=Metadata(namespace="lab", name="ci"),
        endpoint=f"localhost:{port}",
        token=token,
        tls=TlsSettings(ca=authority.pem.decode()),
    )
