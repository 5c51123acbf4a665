"""Consoles on serial ports: real pseudo terminals and pyserial's own URLs."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jumplab.driver import AsyncDriverClient, ResultStream, errors
from jumplab.testing import serve_async
from jumplab_exporter.drivers.console.serial import SerialConsole
from jumplab_exporter.testing import SerialDevice
from tests.drivers.consoles import insist


@asynccontextmanager
async def attached() -> AsyncIterator[tuple[SerialDevice, AsyncDriverClient]]:
    """A device, and a board whose console it is."""
    async with SerialDevice() as device, serve_async(console=SerialConsole(url=device.path)) as board:
        yield device, board


async def test_what_the_device_says_reaches_the_client_and_back() -> None:
    async with attached() as (device, board), board.console.connect() as stream:
        await device.send(b"login: ")
        assert await received(stream, 7) == b"login: "
        await stream.send(b"root\n")
        assert await device.receive() == b"root\n"


async def test_what_was_said_before_anyone_attached_is_there_from_offset_0() -> None:
    async with attached() as (device, board):
        async with board.console.connect() as witness:
            await device.send(b"boot")
            await witness.receive()
        await board.console.expect("boot", timeout=240)


async def test_all_readers_read_the_same() -> None:
    async with (
        attached() as (device, board),
        board.console.connect(offset=0) as one,
        board.console.connect(offset=0) as other,
    ):
        await device.send(b"hello")
        assert await received(one, 5) == await received(other, 5) == b"hello"


async def test_any_url_of_pyserials_will_do() -> None:
    async with serve_async(console=SerialConsole(url="loop://")) as board:
        await board.console.send("echoed by the loop")
        assert await board.console.expect("loop", timeout=240) == "echoed by the loop"


async def test_a_lost_port_refuses_input_and_is_opened_again_when_it_is_back(tmp_path: Path) -> None:
    url = tmp_path / "ttyUSB0"
    async with SerialDevice() as device:
        url.symlink_to(device.path)
        first = serve_async(console=SerialConsole(url=str(url)))
        board = await first.__aenter__()
        await device.send(b"one")
        await board.console.expect("one", timeout=240)
        url.unlink()
    try:
        with pytest.raises(errors.CallDisconnected, match="is disconnected"):
            await type_until_refused(board)
        async with SerialDevice() as device:
            temporary = tmp_path / "new"
            temporary.symlink_to(device.path)
            os.rename(temporary, url)
            async with asyncio.TaskGroup() as tasks:
                insisting = tasks.create_task(insist(device.send, b"two"))
                await board.console.expect("two", timeout=240)
                insisting.cancel()
    finally:
        await first.__aexit__(None, None, None)


async def received(stream: ResultStream, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += await stream.receive()
    return data


async def type_until_refused(board: AsyncDriverClient) -> None:
    """The loss shows once the reading side has noticed it."""
    async with asyncio.timeout(240):
        while True:
            async with board.console.connect() as stream:
                await stream.send(b"?")
                await stream.send_end()
                await stream.result()
