"""pyserial's own RFC 2217 server, over a line that loops: what is sent comes back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import serial
from serial.rfc2217 import PortManager


class _Connection:
    """What a PortManager writes its answers to."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.write = writer.write


@asynccontextmanager
async def pyserial_server() -> AsyncIterator[tuple[str, serial.Serial]]:
    """The console's URL, and the line at the server."""
    line = serial.serial_for_url("loop://", timeout=0)
    clients: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        clients.add(task)
        manager = PortManager(line, _Connection(writer))
        try:
            while received := await reader.read(4096):
                typed = b"".join(manager.filter(received))
                if typed:
                    line.write(typed)
                    writer.write(b"".join(manager.escape(line.read(line.in_waiting))))
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"rfc2217://127.0.0.1:{server.sockets[0].getsockname()[1]}", line
    finally:
        server.close()
        await asyncio.gather(*clients)
        line.close()
