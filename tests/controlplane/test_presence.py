"""An exporter that vanishes without a word is noticed."""

import asyncio
import signal
import sys
from datetime import timedelta
from typing import Any

from tests.promises import kept_within
from tests.worlds.one_machine import Plane, world_of

NOTICED_WITHIN = timedelta(seconds=15)

PROGRAM = """
import asyncio, sys
from jumplab.protocol.v1 import controller_pb2
from jumplab.protocol.v1.controller_pb2_grpc import ControllerServiceStub
from jumplab.transport.channel import open_channel
from jumplab.transport.endpoint import Endpoint, Identity, Tls
address, ca, token = sys.argv[1:]
async def main():
    identity = Identity("default", "Exporter", "bench", token)
    channel = open_channel(Endpoint(address, Tls(ca.encode())), identity=identity)
    service = ControllerServiceStub(channel)
    async for _ in service.Status(controller_pb2.StatusRequest()):
        pass
asyncio.run(main())
"""


def online(exporter: dict[str, Any]) -> bool:
    conditions = exporter.get("status", {}).get("conditions", [])
    return any(each["type"] == "Online" and each["status"] == "True" for each in conditions)


async def test_an_exporter_that_stands_still_is_offline_within_fifteen_seconds(plane: Plane) -> None:
    async with world_of(plane) as world:
        await world.create("Exporter", "exporters", "bench", {})
        endpoint, identity = await world.identity("Exporter", "exporters", "bench")
        given = (endpoint.address, (endpoint.tls.ca_pem or b"").decode(), identity.token)
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, *given)
        try:
            await world.until("exporters", "bench", online)
            with kept_within(NOTICED_WITHIN, plane.process.pid):
                process.send_signal(signal.SIGSTOP)  # its sockets stay open: only keepalive can tell
                await world.until("exporters", "bench", lambda exporter: not online(exporter))
        finally:
            process.kill()
            await process.wait()
