"""What a kind of port can't do costs that alone, never the console."""

import asyncio
import logging
import threading

import pytest
import serial

from jumplab.testing import serve_async
from jumplab_exporter.drivers.console.line import Line
from jumplab_exporter.drivers.console.opening import open_port
from jumplab_exporter.drivers.console.serial import SerialConsole
from jumplab_exporter.testing import SerialDevice
from tests.drivers.consoles import received


def remarks(log: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in log.records if record.levelno == logging.WARNING]


async def test_a_port_that_can_only_read_and_write_is_a_console(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serial, "protocol_handler_packages", ["tests.drivers"])
    console = SerialConsole(url="spartan://", parity="even")
    async with serve_async(console=console) as board, board.console.connect() as stream:
        await stream.send(b"hello")
        assert await received(stream, 5) == b"hello"
    assert remarks(caplog) == [
        "spartan://: it can't be opened with a time limit for writing (write_timeout is not supported), "
        "so the console works without",
        "spartan://: it can't be opened with parity even (this kind of port has no such setting), "
        "so the console works without",
        "spartan://: this kind of port can't discard output from before the lease, so the console begins with it",
        "spartan://: this kind of port can't tell how much there is to read, so it is read byte by byte",
    ]


async def test_a_device_that_has_no_parity_is_a_console_without(caplog: pytest.LogCaptureFixture) -> None:
    async with (
        SerialDevice() as device,
        serve_async(console=SerialConsole(url=device.path, parity="even")) as board,
    ):
        await device.send(b"hello")
        await board.console.expect("hello", timeout=60)
    assert remarks(caplog) == [
        f"{device.path}: it can't be opened with parity even (Invalid argument), so the console works without"
    ]


async def test_a_close_that_is_cancelled_has_closed_the_device_when_it_ends() -> None:
    async with SerialDevice() as device:
        port = await open_port(f"spy://{device.path}", Line(), lambda _: None)
        reading = asyncio.create_task(port.read(), name="reading")
        await asyncio.sleep(0)
        closing = asyncio.create_task(port.aclose(), name="closing")
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("serial")]
        assert await reading == b""
