"""Ports as a device reaches them itself, through OpenSSH's sshd."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from jumplab.driver import errors
from jumplab.drivers.network.joining import reset
from jumplab.testing import serve, serve_async
from jumplab_exporter.drivers.shell.ssh import SshShell
from tests.counterparts import need
from tests.drivers.sshd import Sshd, sshd_in
from tests.drivers.test_tcp import Service, connected, unserved_port
from tests.exporter.waiting import until


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    need("sshd")
    with sshd_in(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@asynccontextmanager
async def forwarded(sshd: Sshd) -> AsyncIterator[tuple[Service, Any]]:
    async with (
        Service() as service,
        serve_async(shell=SshShell(**sshd.settings)) as board,
        board.shell.network.forward(service.port) as here,
    ):
        yield service, here


async def test_a_port_of_the_device_is_reached_and_each_end_is_an_end(sshd: Sshd) -> None:
    async with forwarded(sshd) as (service, here), connected(here) as (reader, writer):
        writer.write(b"x" * 1_000_000)
        writer.write_eof()
        their_reader, their_writer = await service.arrived.get()
        assert len(await their_reader.read()) == 1_000_000
        their_writer.write(b"said after the other direction has ended")
        their_writer.close()
        assert await reader.read() == b"said after the other direction has ended"


async def test_the_end_of_the_service_leaves_the_other_direction_open(sshd: Sshd) -> None:
    async with forwarded(sshd) as (service, here), connected(here) as (reader, writer):
        their_reader, their_writer = await service.arrived.get()
        their_writer.write(b"all")
        their_writer.write_eof()
        assert await reader.read() == b"all"
        writer.write(b"said after it")
        writer.write_eof()
        assert await their_reader.read() == b"said after it"


async def test_connections_are_each_their_own(sshd: Sshd) -> None:
    async with forwarded(sshd) as (service, here), connected(here) as (_, one), connected(here) as (_, other):
        one.write(b"one..")
        other.write(b"other")
        peers = [await service.arrived.get() for _ in range(2)]
        assert {await reader.readexactly(5) for reader, _ in peers} == {b"one..", b"other"}


async def test_a_reset_here_ends_the_connection_there(sshd: Sshd) -> None:
    async with forwarded(sshd) as (service, here), connected(here) as (_, writer):
        their_reader, _ = await service.arrived.get()
        reset(writer)
        assert await their_reader.read() == b""  # SSH knows no reset


async def test_a_port_that_nobody_serves_is_told(sshd: Sshd, caplog: pytest.LogCaptureFixture) -> None:
    with unserved_port() as port:
        async with (
            serve_async(shell=SshShell(**sshd.settings)) as board,
            board.shell.network.forward(f"localhost:{port}") as here,
            connected(here) as (reader, _),
        ):
            with pytest.raises(ConnectionResetError):
                await reader.read()
            said = f"127.0.0.1:{sshd.server.port} can't reach localhost:{port}: "
            await until(lambda: said in caplog.text)


async def test_a_device_that_forwards_nothing_says_what_to_do(tmp_path: Any) -> None:
    need("sshd")
    with sshd_in(tmp_path, more="AllowTcpForwarding no\n") as sshd:
        async with serve_async(shell=SshShell(**sshd.settings)) as board:
            with pytest.raises(errors.CallBroken, match=r"forwards no connection to 127.0.0.1:80; allow it there"):
                async with board.shell.network.open("connect", port=80) as stream:
                    await stream.result()
            assert (await board.shell.run(["true"])).status == 0


async def test_a_device_that_is_lost_resets_the_connection_and_is_told(
    sshd: Sshd, caplog: pytest.LogCaptureFixture
) -> None:
    shell = SshShell(**sshd.settings)
    async with (
        Service() as service,
        serve_async(shell=shell) as board,
        board.shell.network.forward(service.port) as here,
        connected(here) as (reader, _),
    ):
        _, their_writer = await service.arrived.get()
        their_writer.write(b"welcome")
        assert await reader.readexactly(7) == b"welcome"
        sshd.server.cut()
        with pytest.raises(ConnectionResetError):
            await reader.read()
        await until(lambda: f"to 127.0.0.1:{service.port} was reset" in caplog.text)


@pytest.mark.parametrize(("host", "port"), [("", 80), ("127.0.0.1", 0), ("127.0.0.1", 65536)])
async def test_what_is_no_place_is_refused(sshd: Sshd, host: str, port: int) -> None:
    async with serve_async(shell=SshShell(**sshd.settings)) as board:
        with pytest.raises(errors.CallRefused, match="is no place; name a host and a port"):
            async with board.shell.network.open("connect", port=port, host=host) as stream:
                await stream.result()


def test_plain_code_forwards_too(sshd: Sshd) -> None:
    with serve(shell=SshShell(**sshd.settings)) as board:
        with board.shell.network.forward(80) as here:
            assert here.port > 0
        with board.shell.network.forward_unix(80) as socket:
            assert socket.path
        with pytest.raises(ValueError, match='"127.0.0.1:0" is no target'):
            board.shell.network.forward(0).__enter__()
