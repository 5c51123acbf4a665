"""Where a console's bytes come from: the seam between consoles and devices."""

import asyncio
import os
import socket
import termios
from contextlib import suppress
from typing import IO, Any, Protocol, Self

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


class StreamPort:
    """A port over what asyncio can wait for: a terminal, a socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reading: asyncio.BaseTransport):
        self._reader = reader
        self._writer = writer
        self._reading = reading

    @classmethod
    async def of_terminal(cls, descriptor: int) -> Self:
        """A port over a terminal's descriptor, which stays the caller's: the port has duplicates."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        reading, _ = await loop.connect_read_pipe(lambda: protocol, _duplicate(descriptor, "rb"))
        writing, flow = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, _duplicate(descriptor, "wb"))
        return cls(reader, asyncio.StreamWriter(writing, flow, None, loop), reading)

    @classmethod
    async def of_socket(cls, connected: socket.socket) -> Self:
        """A port over a connected socket, which it takes over."""
        reader, writer = await asyncio.open_connection(sock=connected)
        return cls(reader, writer, writer.transport)

    async def read(self) -> bytes:
        return await self._reader.read(_BLOCK_BYTES)

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def aclose(self) -> None:
        line = self._writer.get_extra_info("pipe")
        self._writer.transport.abort()
        if line is not None and not line.closed:
            with suppress(OSError, termios.error):  # a device that was unplugged has nothing to discard
                termios.tcflush(line, termios.TCOFLUSH)
        self._reading.close()


def _duplicate(descriptor: int, mode: str) -> IO[Any]:
    return os.fdopen(os.dup(descriptor), mode, buffering=0)
