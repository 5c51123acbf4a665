"""The gRPC door of controller and router; standalone and an operator on a cluster have the same one."""

from __future__ import annotations

from pathlib import Path

import pytest

from jumplab.protocol.grpc_loading import aio, grpc
from jumplab.transport.channel import open_channel
from tests.doors import http2
from tests.doors.http_noise import changed
from tests.doors.sent import PATIENCE_SECONDS, TLS_NOISE, answer, check_log, cut_off, trusting
from tests.worlds.one_machine import Plane, world_of

METHODS = {
    "/jumplab.v1.ControllerService": ("Register", "Unregister", "ReportStatus", "Listen", "Status", "Dial", "DialLogs",
        "GetLease", "RequestLease", "ReleaseLease", "ListLeases", "GetServiceEndpoints"),
    "/jumplab.client.v1.ClientService": ("GetExporter", "ListExporters", "GetLease", "ListLeases", "CreateLease",
        "UpdateLease", "DeleteLease", "RotateToken", "WatchLease", "ExplainLease", "ListQueue", "GetHistory"),
    "/jumplab.v1.RouterService": ("Stream",),
    "/jumplab.v1.SessionService": ("Attach", "Await"),
}  # fmt: skip
PATHS = [f"{service}/{method}" for service, methods in METHODS.items() for method in methods]
BODIES = (b"\xff" * 20, b"\x0a\x7fx", b"\x08", bytes(300_000))
"""Of no message: not in protobuf's format, without an end, too large."""
ODD = (b"\x0a\x02\xff\xfe", b"\x0a\x01\x00")
"""Messages whose first field, where it is a text, is not UTF-8, or a NUL."""
LAST = b"the last"


async def ending(channel: aio.Channel, path: str, body: bytes) -> grpc.StatusCode:
    """How a call with this body ends."""
    call = channel.stream_stream(path)(timeout=PATIENCE_SECONDS)
    try:
        await call.write(body)
        await call.done_writing()
        while await call.read() is not aio.EOF:
            pass
    except (aio.AioRpcError, aio.UsageError):
        pass
    code: grpc.StatusCode = await call.code()
    return code


@pytest.mark.nightly
async def test_no_bytes_at_the_controller_and_the_router_make_a_traceback(tmp_path: Path) -> None:
    log = tmp_path / "log"
    plane = await Plane.started(tmp_path / "data", log)
    async with world_of(plane) as world:
        await world.create("Client", "clients", "ci", {})
        await world.create("Exporter", "exporters", "bench", {})
        people = [
            await world.identity("Client", "clients", "ci"),
            await world.identity("Exporter", "exporters", "bench"),
        ]
    for endpoint, identity in people:
        async with open_channel(endpoint, identity=identity) as channel:
            for path in PATHS:
                for body in BODIES:
                    code = await ending(channel, path, body)
                    assert code not in (grpc.StatusCode.OK, grpc.StatusCode.UNKNOWN), (
                        identity.kind,
                        path,
                        body[:20],
                        code,
                    )
                for body in ODD if identity.kind == "Client" else ():
                    code = await ending(channel, path, body)
                    assert code is not grpc.StatusCode.UNKNOWN, (path, code)
    port, tls = int((plane.data_dir / "grpc-port").read_text()), trusting("h2")
    for noise in TLS_NOISE.values():
        await cut_off(port, [noise])
    for path, identity in zip(
        ("/jumplab.v1.ControllerService/Dial", "/jumplab.v1.ControllerService/Register"), people, strict=True
    ):
        start = http2.start()
        for _, said in http2.noise(path, identity[1]):
            await answer(port, [start + said + http2.frame(http2.PING, 0, 0, LAST)], tls, until=LAST)
        whole = start + http2.headers(http2.call(path, identity[1])) + http2.message(b"")
        for said in changed(whole, 50, 4):
            await cut_off(port, [said], tls)
    async with open_channel(people[0][0], identity=people[0][1]) as channel:
        assert await ending(channel, "/jumplab.v1.ControllerService/ListLeases", b"") is grpc.StatusCode.OK
    assert await plane.stop() == 0
    check_log(log.read_text())
