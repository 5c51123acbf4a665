"""Consoles for tests: what the device says is up to the test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from jumplab.driver import AsyncDriverClient, Driver, ResultStream
from jumplab.testing import serve_async
from jumplab_exporter.drivers.console.buffered import BufferedConsole
from jumplab_exporter.drivers.console.serial import SerialConsole
from jumplab_exporter.testing import SerialDevice
from tests.session.links import attached, hosted


class SpokenConsole(BufferedConsole):
    """A console whose device is a test: `say` is what it says, `typed` what reached it."""

    def __init__(self, *, disk_mib: int = 0) -> None:
        super().__init__(memory_kib=64, disk_mib=disk_mib)
        self.typed = b""
        self._heard = asyncio.Event()

    def say(self, data: bytes) -> None:
        self._buffer.append(data)

    async def heard(self, size: int) -> bytes:
        """What was typed, once it has so many bytes."""
        async with asyncio.timeout(240):
            while len(self.typed) < size:
                self._heard.clear()
                await self._heard.wait()
        return self.typed

    async def _read_until_closed(self) -> None:
        await asyncio.Event().wait()

    async def _write(self, data: bytes) -> None:
        self.typed += data
        self._heard.set()


@asynccontextmanager
async def on_a_cable() -> AsyncIterator[tuple[SerialDevice, AsyncDriverClient]]:
    """A device on a real terminal, and a board whose console it is."""
    async with SerialDevice() as device, serve_async(console=SerialConsole(url=device.path)) as board:
        yield device, board


@asynccontextmanager
async def two_clients(console: Driver) -> AsyncIterator[tuple[AsyncDriverClient, AsyncDriverClient]]:
    """The console of one session as two attached clients have it."""
    async with hosted(console=console) as host, attached(host) as one, attached(host) as other:
        yield one.root.console, other.root.console


async def received(stream: ResultStream, size: int) -> bytes:
    """The next bytes of a stream, that many at least."""
    data = b""
    while len(data) < size:
        more = await stream.receive()
        assert more, f"the stream ended after {data!r}"
        data += more
    return data


async def insist(say: Callable[[bytes], Awaitable[None]], data: bytes) -> None:
    """Says it again and again: opening a port drops what was said before."""
    while True:
        await say(data)
        await asyncio.sleep(0.05)
