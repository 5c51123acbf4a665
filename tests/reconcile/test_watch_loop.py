"""The loop of the watches leaves no connection open, however the API server behaves at the end."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import warnings
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from jumplab_operator.kube.kopf_watch import WatchLoop
from tests.kube.silent_server import SilentServer, silent_server

ANSWER = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SilentServer]:
    with silent_server(tmp_path, ANSWER) as server:
        yield server


async def answered(address: str, context: ssl.SSLContext) -> None:
    """An answer of aiohttp's that is left in the middle."""
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session,
        session.get(address) as answer,
    ):
        assert await answer.content.readany() == b"x"


async def closed_twice(address: str, context: ssl.SSLContext) -> None:
    """A connection whose TLS transport has forgotten it: asyncio's second close does that, and its abort is empty."""
    transport = await asked(address, context)
    transport.close()
    transport.close()


async def not_read(address: str, context: ssl.SSLContext) -> None:
    """A connection that nobody reads: the loop waits for nothing on its socket."""
    transport = await asked(address, context)
    transport.pause_reading()


async def shaking_hands(address: str, context: ssl.SSLContext) -> None:
    """A connection that is not made yet: the server does not speak TLS."""
    await closed_twice(address, context)
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connecting = loop.create_connection(asyncio.Protocol, "localhost", listener.getsockname()[1], ssl=context)
        OUTLIVING.append(asyncio.ensure_future(connecting))
        OUTLIVING.append((await asyncio.to_thread(listener.accept))[0])


OUTLIVING: list[object] = []
"""What the collector must not take meanwhile."""


class FirstBytes(asyncio.Protocol):
    """Whether something came."""

    def __init__(self) -> None:
        self.came = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        if b"x" in data:
            self.came.set()


async def asked(address: str, context: ssl.SSLContext) -> asyncio.Transport:
    port = URL(address).port
    assert port
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_connection(FirstBytes, "localhost", port, ssl=context)
    OUTLIVING.append(transport)
    transport.write(b"GET /")
    await protocol.came.wait()
    return transport


@pytest.mark.parametrize("left", [answered, closed_twice, not_read, shaking_hands])
def test_a_server_that_does_not_close_its_end_leaves_no_socket_open(
    server: SilentServer, left: Callable[[str, ssl.SSLContext], Coroutine[None, None, None]]
) -> None:
    loop = WatchLoop()
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(left(server.url, ssl.create_default_context(cadata=server.ca_pem)))
            runner.run(loop.close_connections())
        for it in OUTLIVING:
            if isinstance(it, socket.socket):
                it.close()
        OUTLIVING.clear()
        gc.collect()
    unclosed = [str(each.message) for each in found if each.category is ResourceWarning]
    assert [it for it in unclosed if "fd=" in it] == []
