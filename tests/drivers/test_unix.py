"""Services at Unix sockets of the lab host, and forwards to Unix sockets of the client's machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jumplab.driver import errors
from jumplab.testing import serve, serve_async
from jumplab_exporter.driver_factory import driver_class
from jumplab_exporter.drivers.network.unix import UnixService
from tests.exporter.waiting import until
from tests.session.links import attached, hosted

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def service_at(path: Path) -> AsyncIterator[asyncio.Queue[Peer]]:
    """A server at a Unix socket, and the connections that have come."""
    arrived: asyncio.Queue[Peer] = asyncio.Queue()
    peers: list[Peer] = []

    def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.append((reader, writer))
        arrived.put_nowait((reader, writer))

    server = await asyncio.start_unix_server(take, path)
    try:
        yield arrived
    finally:
        server.close()
        for _, writer in peers:
            await closed(writer)


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def test_it_is_found_by_its_name() -> None:
    assert driver_class("network/unix") is UnixService


async def test_a_socket_here_leads_to_the_one_there_and_each_end_is_an_end(tmp_path: Path) -> None:
    there = tmp_path / "there"
    async with service_at(there) as arrived, serve_async(qmp=UnixService(path=str(there))) as board:
        assert await board.qmp.address() == str(there)
        async with board.qmp.forward_unix() as here:
            folder = Path(here.path).parent
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            reader, writer = await asyncio.open_unix_connection(here.path)
            writer.write(b"x" * 1_000_000)
            writer.write_eof()
            their_reader, their_writer = await arrived.get()
            assert len(await their_reader.read()) == 1_000_000
            their_writer.write(b"said after the other direction has ended")
            their_writer.close()
            assert await reader.read() == b"said after the other direction has ended"
            await closed(writer)
        assert not folder.exists()


async def test_a_port_here_leads_to_a_socket_there(tmp_path: Path) -> None:
    there = tmp_path / "there"
    async with (
        service_at(there) as arrived,
        serve_async(qmp=UnixService(path=str(there))) as board,
        board.qmp.forward() as here,
    ):
        reader, writer = await asyncio.open_connection(here.host, here.port)
        (await arrived.get())[1].write(b"welcome")
        assert await reader.readexactly(7) == b"welcome"
        await closed(writer)


async def test_a_socket_that_is_not_there_is_named(tmp_path: Path) -> None:
    driver = UnixService(path=str(tmp_path / "absent"), required=True)
    with pytest.raises(ConnectionError, match="absent can't be reached: No such file or directory"):
        await driver.check()
    async with serve_async(qmp=driver) as board:
        with pytest.raises(errors.CallDisconnected, match="absent can't be reached: No such file or directory"):
            async with board.qmp.open("connect") as stream:  # which of the two raises is a matter of time
                await stream.result()


async def test_a_socket_that_nobody_serves_refuses(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "left"))
    with pytest.raises(ConnectionError, match="left can't be reached: Connection refused"):
        await UnixService(path=str(tmp_path / "left")).check()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/" + "x" * 107, "has 108 bytes, and a Unix socket's path has 107 at most"),
        ("/" + "ü" * 54, "has 109 bytes"),
        ("relative", "must begin with /"),
        ("", "no path of a Unix socket"),
        ("/a\0b", "no path of a Unix socket"),
    ],
)
def test_what_is_no_path_of_a_socket_is_refused(path: str, said: str) -> None:
    with pytest.raises(errors.ConfigurationInvalid, match=said):
        UnixService(path=path)


async def test_the_longest_path_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / ("x" * (107 - len(os.fsencode(tmp_path)) - 3))
    folder.mkdir(mode=0o700)
    there = folder / "s"
    assert len(os.fsencode(there)) == 107
    async with service_at(there) as arrived, serve_async(qmp=UnixService(path=str(there))) as board:
        async with board.qmp.open("connect"):
            await arrived.get()
        there.unlink()
        async with board.qmp.forward_unix(there) as here:
            assert here.path == str(there)


def test_a_socket_here_is_for_its_user_alone(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "own").mkdir(mode=0o700)
    (tmp_path / "own" / "taken").touch()
    with serve(qmp=UnixService(path="/nowhere")) as board:
        with pytest.raises(PermissionError, match=f"others can enter {tmp_path}/open"):
            board.qmp.forward_unix(tmp_path / "open" / "s").__enter__()
        with pytest.raises(FileExistsError, match="taken exists"):
            board.qmp.forward_unix(tmp_path / "own" / "taken").__enter__()
        with pytest.raises(ValueError, match="a Unix socket's path has 107 at most"):
            board.qmp.forward_unix(tmp_path / ("x" * 107)).__enter__()
        with board.qmp.forward_unix(tmp_path / "new" / "s") as here:
            assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
            assert Path(here.path).is_socket()
        assert not (tmp_path / "new").exists()
    assert (tmp_path / "own" / "taken").exists()


async def test_the_end_of_the_session_cuts_both_sides_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    there = tmp_path / "there"
    async with (
        service_at(there) as arrived,
        hosted(qmp=UnixService(path=str(there))) as host,
        attached(host) as session,
        session.root.qmp.forward_unix() as here,
    ):
        reader, writer = await asyncio.open_unix_connection(here.path)
        their_reader, their_writer = await arrived.get()
        their_writer.write(b"welcome")
        assert await reader.readexactly(7) == b"welcome"
        await host.end("the lease has ended")
        assert await reader.read() == b""
        assert await their_reader.read() == b""
        await until(lambda: "the lease has ended" in caplog.text)
        await closed(writer)
