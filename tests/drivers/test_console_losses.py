"""Consoles whose device or server goes away and returns."""

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from jumplab.driver import errors
from jumplab.testing import serve_async
from jumplab.transport.backoff import Backoff
from jumplab_exporter.drivers.console import reconnecting
from jumplab_exporter.drivers.console.serial import SerialConsole
from jumplab_exporter.testing import SerialDevice
from tests.drivers.console_servers import Rfc2217Server, SocketServer
from tests.drivers.consoles import insist
from tests.drivers.test_serial import type_until_refused


@pytest.mark.parametrize("kind", [SocketServer, Rfc2217Server])
async def test_a_console_server_that_was_away_is_connected_again(
    kind: type[SocketServer], caplog: pytest.LogCaptureFixture
) -> None:
    async with kind() as server, serve_async(console=SerialConsole(url=server.url)) as board:
        await server.say(b"one")
        await board.console.expect("one", timeout=60)
        await server.vanish()
        with pytest.raises(errors.CallDisconnected, match=f"{server.url} is disconnected"):
            await type_until_refused(board)
        await server.listen(server.port)
        async with asyncio.TaskGroup() as tasks:
            insisting = tasks.create_task(insist(server.say, b"two"), name="saying")
            await board.console.expect("two", timeout=60)
            insisting.cancel()
    assert f"{server.url} was disconnected" in caplog.text


async def test_a_device_that_is_spied_on_is_opened_again_when_it_is_back(tmp_path: Path) -> None:
    path = tmp_path / "ttyUSB0"
    async with AsyncExitStack() as stack:
        async with SerialDevice() as device:
            path.symlink_to(device.path)
            board = await stack.enter_async_context(serve_async(console=SerialConsole(url=f"spy://{path}")))
            await device.send(b"one")
            await board.console.expect("one", timeout=60)
            path.unlink()
        async with SerialDevice() as device, asyncio.TaskGroup() as tasks:
            temporary = tmp_path / "new"
            temporary.symlink_to(device.path)
            os.rename(temporary, path)
            insisting = tasks.create_task(insist(device.send, b"two"), name="saying")
            await board.console.expect("two", timeout=60)
            insisting.cancel()


async def test_a_server_that_ends_each_connection_at_once_is_tried_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: asyncio.Queue[float] = asyncio.Queue()
    monkeypatch.setattr(reconnecting, "Backoff", lambda: Backoff(draw=lambda: 1.0, sleep=waits.put))

    class Inhospitable(SocketServer):
        async def greet(self, writer: asyncio.StreamWriter) -> None:
            writer.transport.abort()

    async with Inhospitable() as server, serve_async(console=SerialConsole(url=server.url)):
        assert [await waits.get() for _ in range(5)] == [0, 0.1, 0.2, 0.4, 0.8]


async def test_a_console_says_once_why_it_can_not_be_opened_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    waits: asyncio.Queue[float] = asyncio.Queue()
    monkeypatch.setattr(reconnecting, "Backoff", lambda: Backoff(sleep=waits.put))
    async with SocketServer() as server, serve_async(console=SerialConsole(url=server.url)):
        await server.vanish()
        for _ in range(5):
            await waits.get()
        await server.listen(server.port)
        await server.until(lambda: server.connections == 2)
    refusals = [record for record in caplog.records if "can't be opened: Connection refused" in record.getMessage()]
    assert len(refusals) == 1
