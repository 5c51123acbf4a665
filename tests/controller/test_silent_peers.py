"""Peers of the gRPC port that connect and then say nothing, or too little: their connections end."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

import pytest

from jumplab_operator.controller import server
from tests.controller.world import Controller

PATIENCE_SECONDS = 240
"""A bound that only a hang reaches."""
HALF_HELLO = bytes.fromhex("160301020001")
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
SHORT = {"grpc.server_handshake_timeout_ms": 300, "grpc.max_connection_idle_ms": 300}


@pytest.fixture
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Peers have less than a second, in place of their real times."""
    given = dict(server.SERVER_OPTIONS)
    assert SHORT.keys() <= given.keys()
    monkeypatch.setattr(server, "SERVER_OPTIONS", tuple({**given, **SHORT}.items()))


async def ended(controller: Controller, text: bytes, tls: ssl.SSLContext | None = None) -> None:
    """Sends the text, and waits until the server has ended the connection."""
    host, port = controller.endpoint.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=tls)
    try:
        writer.write(text)
        async with asyncio.timeout(PATIENCE_SECONDS):
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                while await reader.read(1000):
                    pass
    finally:
        writer.transport.abort()


def trust(controller: Controller) -> ssl.SSLContext:
    assert controller.endpoint.tls.ca_pem is not None
    context = ssl.create_default_context(cadata=controller.endpoint.tls.ca_pem.decode())
    context.set_alpn_protocols(["h2"])
    return context


@pytest.mark.usefixtures("short_times")
@pytest.mark.parametrize("text", [b"", HALF_HELLO], ids=["nothing", "half a hello"])
async def test_half_a_handshake_ends(controller: Controller, text: bytes) -> None:
    await ended(controller, text)


@pytest.mark.usefixtures("short_times")
@pytest.mark.parametrize("text", [b"", GREETING], ids=["no HTTP/2", "no call"])
async def test_a_connection_without_a_call_ends(controller: Controller, text: bytes) -> None:
    await ended(controller, text, trust(controller))


@pytest.mark.nightly
async def test_half_a_handshake_ends_in_its_real_time(controller: Controller) -> None:
    await ended(controller, HALF_HELLO)
