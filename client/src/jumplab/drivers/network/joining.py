"""A byte stream and a connection as one: ends are passed on as ends, and everything else as a reset."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Protocol

from jumplab.driver import ByteStream

_BLOCK_BYTES = 256 << 10
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, for 0 seconds (socket(7))


class Reader(Protocol):
    """What comes from a connection, as asyncio.StreamReader has it."""

    async def read(self, n: int, /) -> bytes: ...


class Writer(Protocol):
    """What goes to a connection, as asyncio.StreamWriter has it."""

    def write(self, data: bytes, /) -> None: ...
    async def drain(self) -> None: ...
    def write_eof(self) -> None: ...
    def close(self) -> None: ...
    async def wait_closed(self) -> None: ...


async def join(stream: ByteStream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copies both directions until both have ended, and closes the connection.

    Raises OSError where the connection was reset, DriverError where the stream was; then, and when it is cancelled, the
    connection is reset.
    """
    await join_with(stream, reader, writer, lambda: reset(writer))


async def join_with(stream: ByteStream, reader: Reader, writer: Writer, cut: Callable[[], None]) -> None:
    """As `join`, for connections that are no sockets of ours.  cut: ends one such that it does not look complete."""
    directions = [
        asyncio.create_task(_to_connection(stream, writer), name="bytes to the connection"),
        asyncio.create_task(_to_stream(reader, stream), name="bytes from the connection"),
    ]
    try:
        await asyncio.gather(*directions)  # a TaskGroup would wrap what they raise
    except BaseException:
        cut()
        raise
    finally:
        for direction in directions:
            direction.cancel()
        await asyncio.gather(*directions, return_exceptions=True)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def reset(writer: asyncio.StreamWriter) -> None:
    """Closes a connection such that its peer sees a reset (RST), not an end; one that is closed already stays so.

    The peer at a Unix socket sees an end all the same: these know no reset.
    """
    if writer.is_closing():
        return
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()


async def _to_connection(stream: ByteStream, writer: Writer) -> None:
    while data := await stream.receive():
        writer.write(data)
        await writer.drain()
    writer.write_eof()


async def _to_stream(reader: Reader, stream: ByteStream) -> None:
    while data := await reader.read(_BLOCK_BYTES):
        await stream.send(data)
    await stream.send_end()
