"""Where a console's bytes come from: the seam between consoles and devices."""

import asyncio
import os
import socket
import termios
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, Self, runtime_checkable

from jumplab_exporter import device_owner
from jumplab_exporter.drivers.console import signals

_BLOCK_BYTES = 64 << 10


class Port(Protocol):
    """A device's line, open. One task reads; writes may come from several."""

    async def read(self) -> bytes:
        """The next bytes, waiting for the first; b"" where the device has hung up. Raises OSError where it is lost."""
        ...

    async def write(self, data: bytes) -> None:
        """Writes all of it. Raises OSError."""
        ...

    async def aclose(self) -> None:
        """Lets go of the device; what was written and has not reached it by now never does.

        Never raises; a second call does nothing.
        """
        ...


@runtime_checkable
class SerialLine(Protocol):
    """A port that has a serial line's signals as well."""

    async def send_break(self, seconds: float) -> None:
        """Holds the line in the break condition for so long. Raises OSError, NotImplementedError where it can't be."""
        ...

    async def set_lines(self, *, dtr: bool | None, rts: bool | None) -> None:
        """Raises or lowers DTR and RTS, at once; None leaves one as it is. Raises as `send_break`."""
        ...


class SocketPort:
    """A port over a connected socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self._reader = reader
        self._writer = writer

    @classmethod
    async def of(cls, connected: socket.socket) -> Self:
        """A port over this socket, which it takes over."""
        return cls(*await asyncio.open_connection(sock=connected))

    async def read(self) -> bytes:
        return await self._reader.read(_BLOCK_BYTES)

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def aclose(self) -> None:
        self._writer.transport.abort()
        with suppress(OSError):
            await self._writer.wait_closed()


class TerminalPort:
    """A port over a terminal's descriptor, which stays the caller's: the port has a duplicate.

    Not over asyncio's pipes: uvloop's also read from what they are to write to.
    """

    def __init__(self, descriptor: int) -> None:
        self._line = os.dup(descriptor)
        os.set_blocking(self._line, False)
        self._writing = asyncio.Lock()
        self._waiting: set[asyncio.Future[None]] = set()
        self._closed = False

    async def read(self) -> bytes:
        loop = asyncio.get_running_loop()
        while not self._closed:
            # First of all: where nothing has come, a terminal may also answer b"" (VMIN is 0), as if it had hung up.
            await self._ready(loop.add_reader, loop.remove_reader)
            with suppress(BlockingIOError):
                return b"" if self._closed else os.read(self._line, _BLOCK_BYTES)
        return b""

    async def write(self, data: bytes) -> None:
        async with self._writing:
            view = memoryview(data)
            while view:
                if self._closed:
                    raise ConnectionResetError("the line is closed")
                try:
                    view = view[os.write(self._line, view) :]
                except BlockingIOError:
                    loop = asyncio.get_running_loop()
                    await self._ready(loop.add_writer, loop.remove_writer)

    async def send_break(self, seconds: float) -> None:
        signals.begin_break(self._line)
        try:
            await asyncio.sleep(seconds)
        finally:
            if not self._closed:
                signals.end_break(self._line)

    async def set_lines(self, *, dtr: bool | None, rts: bool | None) -> None:
        signals.set_modem_lines(self._line, dtr=dtr, rts=rts)

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        device_owner.release(self._line)
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._line)
        loop.remove_writer(self._line)
        with suppress(OSError, termios.error):  # a device that was unplugged has nothing to discard
            termios.tcflush(self._line, termios.TCOFLUSH)
        os.close(self._line)
        for waiting in self._waiting:
            _wake(waiting)

    async def _ready(self, watch: Callable[..., None], unwatch: Callable[[int], bool]) -> None:
        """Waits until the line can be read or written, or is closed."""
        ready = asyncio.get_running_loop().create_future()
        self._waiting.add(ready)
        watch(self._line, _wake, ready)
        try:
            await ready
        finally:
            self._waiting.discard(ready)
            if not self._closed:
                unwatch(self._line)


def _wake(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():
        waiting.set_result(None)
