"""A way to an API server that can be shut: what is away for one process is there for the others."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from urllib.parse import urlsplit

_BLOCK_BYTES = 1 << 16


class Gate:
    """Forwards a port of its own to a server. Shut, it cuts connections and refuses new ones; stuck, it says nothing.

    A thread of its own runs it between `start` and `stop`; every method may be called from any other thread.
    """

    def __init__(self, url: str, port: int, address: str = "127.0.0.1") -> None:
        parts = urlsplit(url)
        assert parts.hostname, url
        assert parts.port, url
        self._host, self._port = parts.hostname, parts.port
        self._own = (address, port)
        self.url = f"https://{address}:{port}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gate", daemon=True)
        self._server: asyncio.Server | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()

    def start(self) -> None:
        self._thread.start()
        self.open()

    def stop(self) -> None:
        self.shut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def open(self) -> None:
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()

    def shut(self) -> None:
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result()

    def stick(self) -> None:
        """Keeps connections and takes new ones, and forwards nothing until it is opened again."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    async def _open(self) -> None:
        self._flowing.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._forward, *self._own)

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        with suppress(OSError, asyncio.CancelledError):
            await self._joined(reader, writer)
        writer.transport.abort()
        self._running.discard(task)

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._copy(reader, far_writer), name="to the server")
                tasks.create_task(self._copy(far_reader, writer), name="from the server")
        except* OSError:
            pass  # one side has gone: so does the other
        finally:
            far_writer.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_BLOCK_BYTES):
            await self._flowing.wait()
            writer.write(data)
            await writer.drain()
        with suppress(OSError):
            writer.write_eof()
