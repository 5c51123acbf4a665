"""Attacks over gRPC by who has a good token: a client or an exporter of the lab."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from jumplab.protocol.client_v1 import client_pb2
from jumplab.protocol.client_v1.client_pb2_grpc import ClientServiceStub
from jumplab.protocol.grpc_loading import aio, grpc
from jumplab.protocol.v1 import common_pb2, controller_pb2
from jumplab.protocol.v1.controller_pb2_grpc import ControllerServiceStub
from jumplab.transport.channel import open_channel
from jumplab.transport.endpoint import Endpoint, Tls
from tools.abuse.strangers import Counts, leave_unfinished
from tools.abuse.target import NAMESPACE, Target

_PARENT = f"namespaces/{NAMESPACE}"
_IN_FLIGHT = 64
_PAUSE_SECONDS = 0.2
_LONG = "x" * 200_000


async def unfinished_messages(target: Target, counts: Counts) -> None:
    """As the strangers' attack, with a good token."""
    await leave_unfinished(target, counts, "/jumplab.client.v1.ClientService/ListExporters", target.client.metadata())


async def full_speed(target: Target, counts: Counts) -> None:
    """Calls as fast as they are answered, 64 at a time."""
    request = client_pb2.ListExportersRequest(parent=_PARENT)
    async with open_channel(target.endpoint, identity=target.client, own_connection=True) as channel:
        await _at_full_speed(lambda: ClientServiceStub(channel).ListExporters(request), counts)


async def many_watches(target: Target, counts: Counts) -> None:
    """2,000 watches of a lease on one connection."""
    request = client_pb2.GetLeaseRequest(name=f"{_PARENT}/leases/{target.lease}")

    async def watch(channel: aio.Channel) -> None:
        open_watch: Any = ClientServiceStub(channel).WatchLease
        while True:
            with suppress(aio.AioRpcError):
                async for _ in open_watch(request):
                    counts["watched states"] += 1
            counts["ended watches"] += 1
            await asyncio.sleep(_PAUSE_SECONDS)

    async with (
        open_channel(target.endpoint, identity=target.client, own_connection=True) as channel,
        asyncio.TaskGroup() as tasks,
    ):
        for number in range(2000):
            tasks.create_task(watch(channel), name=f"watch {number}")


async def many_leases(target: Target, counts: Counts) -> None:
    """Leases that can't be served, with all the text that a message has room for."""
    tags = {f"tag-{number}": "x" * 60 for number in range(1000)}
    lease = client_pb2.Lease(selector=f"board=none,text notin ({','.join(_words())})", tags=tags)
    lease.duration.FromSeconds(3600)
    request = client_pb2.CreateLeaseRequest(parent=_PARENT, lease=lease)
    small = client_pb2.Lease(selector="board=none")
    small.duration.FromSeconds(3600)
    small_request = client_pb2.CreateLeaseRequest(parent=_PARENT, lease=small)
    async with open_channel(target.endpoint, identity=target.client, own_connection=True) as channel:
        stub = ClientServiceStub(channel)
        await _at_full_speed(lambda: stub.CreateLease(small_request if counts["refused"] else request), counts)


def _words() -> list[str]:
    return [f"word-{number}" for number in range(10_000)]


async def large_reports(target: Target, counts: Counts) -> None:
    """Registrations and status reports of an exporter, of all sizes up to the limit of a message."""
    labels = {f"jumpstarter.dev/{number}": "x" for number in range(30_000)}
    interface = common_pb2.InterfaceReport(name="acme.Interface", version=1, schema="x" * 7_000)
    drivers = [common_pb2.DriverInstanceReport(uuid=f"u{number}", interfaces=[interface]) for number in range(70)]
    reports = [
        controller_pb2.RegisterRequest(labels=labels),
        controller_pb2.RegisterRequest(reports=drivers),
        controller_pb2.RegisterRequest(reports=drivers * 8),
    ]
    status = controller_pb2.ReportStatusRequest(message=_LONG, status=common_pb2.EXPORTER_STATUS_AVAILABLE)
    async with open_channel(target.endpoint, identity=target.exporter, own_connection=True) as channel:
        stub = ControllerServiceStub(channel)

        async def report() -> None:
            turn = counts["answered"] + counts["refused"]
            status.message = f"{turn}{_LONG}"
            await (stub.ReportStatus(status) if turn % 2 else stub.Register(reports[turn // 2 % len(reports)]))

        await _at_full_speed(report, counts)


async def lonely_streams(target: Target, counts: Counts) -> None:
    """Streams of a session through the router, to which the exporter never comes."""
    async with open_channel(target.endpoint, identity=target.client, own_connection=True) as channel:
        stub = ControllerServiceStub(channel)

        async def dial(number: int) -> None:
            while True:
                try:
                    offer = await stub.Dial(controller_pb2.DialRequest(lease_name=target.lease))
                    counts["dialled"] += 1
                    await _open(target, offer, number, counts)
                except aio.AioRpcError as error:
                    counts[f"refused: {error.code().name}"] += 1
                    await asyncio.sleep(_PAUSE_SECONDS)

        async with asyncio.TaskGroup() as tasks:
            for number in range(200):
                tasks.create_task(dial(number), name=f"stream {number}")


async def _open(target: Target, offer: controller_pb2.DialResponse, number: int, counts: Counts) -> None:
    """Opens a stream, and sends until the router ends it."""
    endpoint = Endpoint(offer.router_endpoint or target.grpc, Tls(ca_pem=target.ca_pem.encode()))
    async with open_channel(endpoint, token=offer.router_token) as channel:
        open_stream: Callable[..., Any] = channel.stream_stream("/jumplab.v1.RouterService/Stream")
        stream = open_stream(metadata=(("x-jumplab-stream", str(number)),))
        counts["streams"] += 1
        with suppress(asyncio.InvalidStateError):  # it has ended since the last message
            while True:
                await stream.write(bytes(256 * 1024))
                counts["messages"] += 1
        counts["ended streams"] += 1


async def bad_messages(target: Target, counts: Counts) -> None:
    """Bytes that are no messages, deep JSON where JSON is expected, and wrong names."""
    deep = json.dumps("[" * 50_000)
    async with open_channel(target.endpoint, identity=target.client, own_connection=True) as channel:
        raw: Any = channel.unary_unary("/jumplab.client.v1.ClientService/CreateLease")
        stub = ClientServiceStub(channel)
        tries: list[Callable[[], Awaitable[object]]] = [
            lambda: raw(b"\xff" * 200_000),
            lambda: stub.ListExporters(client_pb2.ListExportersRequest(parent=_PARENT, filter=deep)),
            lambda: stub.ListExporters(client_pb2.ListExportersRequest(parent=_PARENT, filter=",".join(_words()))),
            lambda: stub.GetLease(client_pb2.GetLeaseRequest(name=_LONG)),
        ]

        async def send() -> None:
            await tries[(counts["answered"] + counts["refused"]) % len(tries)]()

        await _at_full_speed(send, counts)


async def _at_full_speed(call: Callable[[], Awaitable[object]], counts: Counts) -> None:
    async def again() -> None:
        while True:
            try:
                await call()
                counts["answered"] += 1
            except aio.AioRpcError as error:
                counts["refused"] += 1
                if error.code() is grpc.StatusCode.UNAVAILABLE:
                    await asyncio.sleep(_PAUSE_SECONDS)

    async with asyncio.TaskGroup() as tasks:
        for number in range(_IN_FLIGHT):
            tasks.create_task(again(), name=f"caller {number}")
