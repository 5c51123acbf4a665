"""A way to servers that can be shut, slowed and silenced: what is away for one process is there for the others."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

_BLOCK_BYTES = 1 << 16
_BLOCKS_ON_THEIR_WAY = 64
_CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"

_Way = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Gate:
    """Forwards a port of its own to a server; with url "", to wherever each connection asks for, as an HTTP proxy does.

    Shut, it cuts connections and refuses new ones; stuck, it says nothing; slow, it says everything later.
    A thread of its own runs it between `start` and `stop`; every method may be called from any other thread.
    """

    def __init__(self, url: str, port: int, address: str = "127.0.0.1") -> None:
        parts = urlsplit(url)
        self._server_address = (parts.hostname, parts.port) if url else None
        self._own = (address, port)
        self.url = f"https://{address}:{port}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gate", daemon=True)
        self._server: asyncio.Server | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._delay_seconds = 0.0
        self._bytes_per_second = 0.0

    def start(self) -> None:
        self._thread.start()
        self.open()

    def stop(self) -> None:
        self.shut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def open(self) -> None:
        """Everything passes again, at full speed."""
        self._do(self._open())

    def shut(self) -> None:
        self._do(self._shut())

    def cut(self) -> None:
        """Cuts the connections that there are; new ones are let through."""
        self._do(self._cut())

    def stick(self) -> None:
        """Keeps connections and takes new ones, and forwards nothing until it is opened again."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def slow(self, *, delay_seconds: float = 0.0, bytes_per_second: float = 0.0) -> None:
        """Forwards later, or no more than so many bytes a second in each direction of a connection; 0: unbounded."""
        self._delay_seconds, self._bytes_per_second = delay_seconds, bytes_per_second

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open(self) -> None:
        self.slow()
        self._flowing.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._forward, *self._own)

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._cut()

    async def _cut(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        with suppress(OSError, asyncio.CancelledError, _NoRequest):
            await self._joined((reader, writer))
        writer.transport.abort()
        self._running.discard(task)

    async def _joined(self, near: _Way) -> None:
        host, port = self._server_address or await _asked_for(near[0])
        far = await asyncio.open_connection(host, port)
        if self._server_address is None:
            near[1].write(_CONNECTED)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._copy(near[0], far[1]), name="to the server")
                tasks.create_task(self._copy(far[0], near[1]), name="from the server")
        except* OSError:
            pass  # one side has gone: so does the other
        finally:
            far[1].transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One direction. What is on its way is bounded, so a slow gate holds the sender back."""
        blocks: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_BLOCKS_ON_THEIR_WAY)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._deliver(blocks, writer), name="delivery")
            while data := await reader.read(_BLOCK_BYTES):
                await blocks.put((time.monotonic() + self._delay_seconds, data))
            await blocks.put((0.0, b""))

    async def _deliver(self, blocks: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        while True:
            due, data = await blocks.get()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await self._flowing.wait()
            if not data:
                break
            writer.write(data)
            await writer.drain()
            if self._bytes_per_second:
                await asyncio.sleep(len(data) / self._bytes_per_second)
        with suppress(OSError):
            writer.write_eof()


class _NoRequest(Exception):
    """What came is no request of an HTTP proxy's client."""


async def _asked_for(reader: asyncio.StreamReader) -> tuple[str, int]:
    """Where a client of an HTTP proxy wants to go (RFC 9110, CONNECT). Raises _NoRequest."""
    try:
        request = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = request.decode("latin-1").split(" ", 2)
        host, _, port = target.rpartition(":")
        if method != "CONNECT":
            raise _NoRequest(method)
        return host.strip("[]"), int(port)
    except (ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise _NoRequest(str(error)) from error
