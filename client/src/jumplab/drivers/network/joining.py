"""A byte stream and a TCP connection as one: ends are passed on as ends, and everything else as a reset."""

import asyncio
import contextlib
import socket
import struct

from jumplab.driver import ByteStream

_BLOCK_BYTES = 256 << 10
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, for 0 seconds (socket(7))


async def join(stream: ByteStream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copies both directions until both have ended, and closes the connection.

    Raises OSError where the connection was reset, DriverError where the stream was; then, and when it is cancelled, the
    connection is reset.
    """
    directions = [
        asyncio.create_task(_to_connection(stream, writer), name="bytes to the connection"),
        asyncio.create_task(_to_stream(reader, stream), name="bytes from the connection"),
    ]
    try:
        await asyncio.gather(*directions)  # a TaskGroup would wrap what they raise
    except BaseException:
        reset(writer)
        raise
    finally:
        for direction in directions:
            direction.cancel()
        await asyncio.gather(*directions, return_exceptions=True)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def reset(writer: asyncio.StreamWriter) -> None:
    """Closes a connection such that its peer sees a reset (RST), not an end; one that is closed already stays so."""
    if writer.is_closing():
        return
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()


async def _to_connection(stream: ByteStream, writer: asyncio.StreamWriter) -> None:
    while data := await stream.receive():
        writer.write(data)
        await writer.drain()
    writer.write_eof()


async def _to_stream(reader: asyncio.StreamReader, stream: ByteStream) -> None:
    while data := await reader.read(_BLOCK_BYTES):
        await stream.send(data)
    await stream.send_end()
