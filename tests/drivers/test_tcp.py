"""TCP services that are reached through the lab host: ends, resets and losses are told apart."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from jumplab.driver import Driver, errors
from jumplab.drivers.network.forwarding import Forwarding
from jumplab.drivers.network.joining import reset
from jumplab.testing import serve, serve_async
from jumplab_exporter.drivers.network.tcp import TcpService
from tests.exporter.waiting import until
from tests.session.links import attached, hosted
from tests.session.test_resuming import network

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Service:
    """A TCP server on loopback that a test plays."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[Peer] = asyncio.Queue()
        self.port = 0
        self._peers: list[Peer] = []

    async def __aenter__(self) -> "Service":
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for _, writer in self._peers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._peers.append((reader, writer))
        self.arrived.put_nowait((reader, writer))

    def driver(self) -> Driver:
        return TcpService(host="127.0.0.1", port=self.port)


@contextmanager
def unserved_port() -> Iterator[int]:
    """A port of loopback that refuses, and that nobody else can get meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@asynccontextmanager
async def forwarded() -> AsyncIterator[tuple[Service, Forwarding]]:
    async with Service() as service, serve_async(ssh=service.driver()) as board, board.ssh.forward() as here:
        yield service, here


@asynccontextmanager
async def connected(here: Forwarding) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection(here.host, here.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_a_forwarded_port_carries_bytes_both_ways_and_each_end_as_an_end():
    async with Service() as service, serve_async(ssh=service.driver()) as board, board.ssh.forward() as here:
        assert await board.ssh.address() == f"127.0.0.1:{service.port}"
        async with connected(here) as (reader, writer):
            writer.write(b"x" * 1_000_000)
            writer.write_eof()
            their_reader, their_writer = await service.arrived.get()
            assert len(await their_reader.read()) == 1_000_000
            their_writer.write(b"said after the other direction has ended")
            their_writer.close()
            assert await reader.read() == b"said after the other direction has ended"


async def test_connections_of_one_port_are_each_their_own():
    async with forwarded() as (service, here), connected(here) as (_, one), connected(here) as (_, other):
        one.write(b"one")
        other.write(b"other")
        peers = [await service.arrived.get() for _ in range(2)]
        assert {await reader.read(5) for reader, _ in peers} == {b"one", b"other"}


async def test_a_reset_by_the_service_is_a_reset_here_and_told(caplog: pytest.LogCaptureFixture):
    async with forwarded() as (service, here), connected(here) as (reader, _):
        reset((await service.arrived.get())[1])
        with pytest.raises(ConnectionResetError):
            await reader.read()
        await until(lambda: f"127.0.0.1:{service.port} has reset the connection" in caplog.text)


async def test_a_reset_here_is_a_reset_at_the_service():
    async with forwarded() as (service, here), connected(here) as (_, writer):
        reader, _ = await service.arrived.get()
        reset(writer)
        with pytest.raises(ConnectionResetError):
            await reader.read()


async def test_the_end_of_the_session_resets_both_sides_and_is_told(caplog: pytest.LogCaptureFixture):
    async with (
        Service() as service,
        hosted(ssh=service.driver()) as host,
        attached(host) as session,
        session.root.ssh.forward() as here,
        connected(here) as (reader, _),
    ):
        their_reader, their_writer = await service.arrived.get()
        their_writer.write(b"welcome")
        assert await reader.readexactly(7) == b"welcome"
        await host.end("the lease has ended")
        for each in (reader, their_reader):
            with pytest.raises(ConnectionResetError):
                await each.read()
        await until(lambda: "the lease has ended" in caplog.text)


async def test_a_connection_outlives_the_session_s_and_misses_nothing():
    async with (
        Service() as service,
        network(ssh=service.driver()) as net,
        net.attached() as session,
        session.root.ssh.forward() as here,
        connected(here) as (reader, writer),
    ):
        their_reader, their_writer = await service.arrived.get()
        net.up.clear()
        await net.cut()
        writer.write(b"asked meanwhile")
        their_writer.write(b"said meanwhile")
        await net.refused.wait()
        net.up.set()
        assert await their_reader.readexactly(15) == b"asked meanwhile"
        assert await reader.readexactly(14) == b"said meanwhile"


async def test_where_the_exporters_process_was_replaced_the_connection_is_reset_and_not_ended(
    caplog: pytest.LogCaptureFixture,
):
    async with (
        Service() as service,
        network(ssh=service.driver()) as net,
        network("2", ssh=service.driver()) as other,
        net.attached() as session,
        session.root.ssh.forward() as here,
        connected(here) as (reader, _),
    ):
        _, their_writer = await service.arrived.get()
        their_writer.write(b"welcome")
        assert await reader.readexactly(7) == b"welcome"
        net.host = other.host
        await net.cut()
        with pytest.raises(ConnectionResetError):
            await reader.read()
        await until(lambda: "the exporter's process was replaced" in caplog.text)


async def test_a_service_that_is_not_there_is_named():
    with unserved_port() as port:
        async with serve_async(ssh=TcpService(host="127.0.0.1", port=port)) as board:
            with pytest.raises(errors.CallDisconnected, match=f"127.0.0.1:{port} can't be reached"):
                async with board.ssh.open("connect") as stream:  # which of the two raises is a matter of time
                    await stream.result()


async def test_a_forwarded_port_closes_with_its_context():
    async with Service() as service, serve_async(ssh=service.driver()) as board:
        async with board.ssh.forward() as here:
            reader, writer = await asyncio.open_connection(here.host, here.port)
            await service.arrived.get()
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(here.host, here.port)


async def test_what_is_raised_inside_comes_out_as_it_is():
    with pytest.raises(KeyError):
        async with forwarded() as (_, here), connected(here):
            raise KeyError


def test_plain_code_forwards_too():
    with serve(ssh=TcpService(host="127.0.0.1", port=9)) as board, board.ssh.forward() as here:
        assert here.host == "127.0.0.1"
        assert here.port > 0
