"""The port of the probes: whoever fills it with half requests takes no descriptor from others for long."""

import asyncio

import aiohttp

from jumplab_operator.health import MOST_CONNECTIONS, answering
from tests.kube.processes import free_ports

SOON = 240
"""Seconds; a bound that only a hang reaches."""


async def test_the_oldest_of_too_many_connections_is_closed() -> None:
    (port,) = free_ports(1)
    async with asyncio.timeout(SOON), answering(f"127.0.0.1:{port}") as health, aiohttp.ClientSession() as http:
        peers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3 * MOST_CONNECTIONS)]
        for _, writer in peers:
            writer.write(b"GET /livez HT")
        for reader, _ in peers[:MOST_CONNECTIONS]:
            assert await reader.read() == b""  # it is hung up on
        health.ready = True
        for path in ("livez", "readyz", "metrics"):
            async with http.get(f"http://127.0.0.1:{port}/{path}") as answer:
                assert answer.status == 200
        for _, writer in peers:
            writer.close()
