"""Calls of methods that there aren't, under any path: refused, and the server goes on."""

import pytest
from grpc import StatusCode

from jumplab.protocol.v1 import controller_pb2
from jumplab.transport.channel import open_channel
from jumplab.transport.endpoint import Identity
from tests.controller.lab import NAMESPACE
from tests.controller.world import Controller, refused
from tests.doors import http2
from tests.doors.sent import answer, trusting

SOON = 240
"""Seconds; a bound that only a hang reaches."""
UNIMPLEMENTED = b"12"


@pytest.mark.parametrize("path", ["/jumplab.v1.ControllerService/Future", "/x", "/jumplab.v1.RouterService/x"])
async def test_an_unknown_method_is_not_implemented(controller: Controller, path: str) -> None:
    async with open_channel(controller.endpoint, token="nobody's") as channel:
        async with refused(StatusCode.UNIMPLEMENTED):
            await channel.unary_unary(path)(b"", timeout=SOON)
        async with refused(StatusCode.UNIMPLEMENTED):
            await channel.stream_stream(path)(timeout=SOON).read()


async def test_a_path_that_is_not_utf_8_ends_no_server(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    port = int(controller.endpoint.address.rpartition(":")[2])
    fields = http2.call("/", Identity(NAMESPACE, "Client", "ci", "nobody's")) | {b":path": b"/\xff\xfe/x"}
    for _ in range(3):
        said = await answer(
            port, [http2.start() + http2.headers(fields, end=True)], trusting("h2"), until=UNIMPLEMENTED
        )
        assert b"grpc-status" in said
    async with controller.calling("Client", "ci", token) as (service, _):
        assert await service.ListLeases(controller_pb2.ListLeasesRequest(), timeout=SOON) is not None
