"""A port of the lab host that leads the device to one service of the client's side, and to nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from jumplab.driver import ByteStream, Driver, errors
from jumplab.drivers.network import ListenerInterface
from jumplab.drivers.network.frames import FramedStream
from jumplab.drivers.network.joining import reset
from jumplab.drivers.network.targets import Target, port_of_device
from jumplab.testing import serve, serve_async
from jumplab_exporter.driver_factory import driver_class
from jumplab_exporter.drivers.network.listener import TcpListener
from tests.drivers.test_tcp import Service, connected, unserved_port
from tests.drivers.test_unix import service_at
from tests.exporter.waiting import until
from tests.session.links import attached, hosted
from tests.session.test_resuming import network


def listener() -> TcpListener:
    return TcpListener(host="127.0.0.1", port=0)


@asynccontextmanager
async def accepting(port: int) -> AsyncIterator[Any]:
    """Where the device connects to, to reach that port."""
    async with serve_async(server=listener()) as board, board.server.accept(f"127.0.0.1:{port}") as there:
        yield there


def test_it_is_found_by_its_name() -> None:
    assert driver_class("network/listener") is TcpListener


async def test_the_device_reaches_the_target_and_each_end_is_an_end() -> None:
    async with Service() as service, accepting(service.port) as there, connected(there) as (reader, writer):
        writer.write(b"x" * 1_000_000)
        writer.write_eof()
        their_reader, their_writer = await service.arrived.get()
        assert len(await their_reader.read()) == 1_000_000
        their_writer.write(b"said after the other direction has ended")
        their_writer.close()
        assert await reader.read() == b"said after the other direction has ended"


async def test_a_target_that_speaks_first_is_heard() -> None:
    async with Service() as service, accepting(service.port) as there, connected(there) as (reader, _):
        (await service.arrived.get())[1].write(b"welcome")
        assert await reader.readexactly(7) == b"welcome"


async def test_many_connections_are_each_their_own() -> None:
    async with Service() as service, accepting(service.port) as there, contextlib.AsyncExitStack() as stack:
        for number in range(10):
            _, writer = await stack.enter_async_context(connected(there))
            writer.write(b"%d" % number)
        peers = [await service.arrived.get() for _ in range(10)]
        assert sorted([await reader.readexactly(1) for reader, _ in peers]) == [b"%d" % n for n in range(10)]


async def test_a_unix_socket_can_be_the_target(tmp_path: Path) -> None:
    async with (
        service_at(tmp_path / "s") as arrived,
        serve_async(server=listener()) as board,
        board.server.accept(str(tmp_path / "s")) as there,
        connected(there) as (reader, _),
    ):
        (await arrived.get())[1].write(b"welcome")
        assert await reader.readexactly(7) == b"welcome"


async def refused(there: Any) -> None:
    """A connection that is reset at once."""
    async with connected(there) as (reader, _):
        with pytest.raises(ConnectionResetError):
            await reader.read()


async def test_without_a_client_that_accepts_connections_are_reset() -> None:
    async with Service() as service, serve_async(server=listener()) as board:
        async with board.server.accept(f"127.0.0.1:{service.port}") as there:
            pass
        await refused(there)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(there.host, there.port)


async def test_a_target_that_is_not_there_resets_the_device_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with unserved_port() as port:
        said = f"a connection from 127.0.0.1:[0-9]+ to 127.0.0.1:{port} was cut: the target can't be reached: "
        async with accepting(port) as there:
            for _ in range(4):  # more than there are streams that wait
                await refused(there)
            await until(lambda: len(re.findall(said, caplog.text)) == 4)


class Torn(ListenerInterface, Driver):
    """A driver whose message breaks off."""

    async def accept(self, stream: ByteStream) -> None:
        await stream.send(b"\x00\x05abc")

    async def address(self) -> str:
        return "127.0.0.1:9"


async def test_a_driver_whose_messages_are_none_is_an_error() -> None:
    async with serve_async(server=Torn()) as board:
        with pytest.raises(ValueError, match="the stream ended within a message"):
            await board.server.accept("127.0.0.1:9").__aenter__()


async def test_a_reset_goes_through_both_ways(caplog: pytest.LogCaptureFixture) -> None:
    async with Service() as service, accepting(service.port) as there:
        async with connected(there) as (reader, _):
            reset((await service.arrived.get())[1])
            with pytest.raises(ConnectionResetError):
                await reader.read()
        async with connected(there) as (_, writer):
            their_reader, _ = await service.arrived.get()
            reset(writer)
            with pytest.raises(ConnectionResetError):
                await their_reader.read()
        await until(lambda: "has reset the connection" in caplog.text)


async def test_what_waits_is_bounded_and_ends_with_the_last_that_accepts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jumplab_exporter.drivers.network.listener._WAITING", 2)
    async with serve_async(server=listener()) as board, contextlib.AsyncExitStack() as stack:
        host, _, port = (await board.server.address()).partition(":")
        there = type("There", (), {"host": host, "port": int(port)})
        async with board.server.open("accept") as stream:
            framed = FramedStream(stream)
            assert await framed.receive_frame() == b""
            taken, _ = await stack.enter_async_context(connected(there))
            assert await framed.receive_frame()
            waiting = [await stack.enter_async_context(connected(there)) for _ in range(3)]
            resets = [asyncio.create_task(reader.read()) for reader, _ in waiting]
            [one_too_many], _ = await asyncio.wait(resets, return_when=asyncio.FIRST_COMPLETED)
            with pytest.raises(ConnectionResetError):
                await one_too_many
        with pytest.raises(ConnectionResetError):
            await taken.read()
        ended = await asyncio.gather(*resets, return_exceptions=True)
        assert [type(each) for each in ended] == [ConnectionResetError] * 3


async def test_the_end_of_the_session_resets_both_sides_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async with (
        Service() as service,
        hosted(server=listener()) as host,
        attached(host) as session,
        session.root.server.accept(f"127.0.0.1:{service.port}") as there,
        connected(there) as (reader, _),
    ):
        their_reader, their_writer = await service.arrived.get()
        their_writer.write(b"welcome")
        assert await reader.readexactly(7) == b"welcome"
        await host.end("the lease has ended")
        for each in (reader, their_reader):
            with pytest.raises(ConnectionResetError):
                await each.read()
        with pytest.raises(errors.SessionEnded, match="the lease has ended"):
            await there.wait()
        assert "server accepts no more: the lease has ended" in caplog.text


async def test_connections_and_those_that_wait_outlive_the_session_s_connection() -> None:
    async with (
        Service() as service,
        network(server=listener()) as net,
        net.attached() as session,
        session.root.server.accept(f"127.0.0.1:{service.port}") as there,
        connected(there) as (reader, writer),
    ):
        their_reader, their_writer = await service.arrived.get()
        net.up.clear()
        await net.cut()
        writer.write(b"asked meanwhile")
        their_writer.write(b"said meanwhile")
        async with connected(there) as (_, later):
            later.write(b"later")
            await net.refused.wait()
            net.up.set()
            assert await their_reader.readexactly(15) == b"asked meanwhile"
            assert await reader.readexactly(14) == b"said meanwhile"
            assert await (await service.arrived.get())[0].readexactly(5) == b"later"


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = f"port {port} of 127.0.0.1 can't be listened at: Address already in use; another program serves there"
        with (
            pytest.raises(errors.DriverFailed, match=said),
            serve(server=TcpListener(host="127.0.0.1", port=port)),
        ):
            pass


@pytest.mark.parametrize(
    "text", ["", "8080", ":8080", "host:", "host:0", "host:65536", "host:x", "a b:1", "[::1]", "::1:80", "a/b:1"]
)
def test_what_is_no_target_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no target; write HOST:PORT"):
        Target.parse(text)


@pytest.mark.parametrize("to", [0, 65536, "http", "/run/s", "/run/a:1", ""])
def test_what_is_no_port_of_the_device_is_refused(to: int | str) -> None:
    with pytest.raises(ValueError, match="is no"):
        port_of_device(to)


def test_targets_are_read() -> None:
    assert Target.parse("[::1]:80") == Target(host="::1", port=80)
    assert Target.parse("build.lab:8080") == Target(host="build.lab", port=8080)
    assert Target.parse("/run/s") == Target(path="/run/s")
    with pytest.raises(ValueError, match="107 at most"):
        Target.parse("/" + "x" * 107)


def test_an_address_of_another_host_is_told() -> None:
    with (
        pytest.raises(errors.DriverFailed, match="this host has no such address; correct `host`"),
        serve(server=TcpListener(host="192.0.2.7", port=0)),
    ):
        pass


def test_plain_code_accepts_too() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as service,
        serve(server=listener()) as board,
        board.server.accept(f"127.0.0.1:{service.getsockname()[1]}") as there,
        socket.create_connection((there.host, there.port)) as device,
        service.accept()[0] as taken,
    ):
        taken.sendall(b"welcome")
        assert device.recv(7) == b"welcome"
