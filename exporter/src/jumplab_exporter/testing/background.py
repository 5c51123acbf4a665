"""The frame of a simulator that answers beside the code that uses it."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, suppress
from types import TracebackType
from typing import Self

from jumplab.driver.portal import Portal


class InBackground(ABC):
    """Runs in an event loop of its own. Use as `with`, in plain code and in coroutines."""

    @abstractmethod
    def _serving(self) -> AbstractAsyncContextManager[None]:
        """Serves while it lasts; where it serves is known once it is entered."""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._portal = stack.enter_context(Portal())
            stack.enter_context(self._portal.entered(self._serving()))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()


class TcpInBackground(InBackground):
    """The same for a device with a TCP server, on a free port of 127.0.0.1."""

    _tcp_port = 0

    @abstractmethod
    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection. It is over where this returns, is cancelled, or finds that the peer has left."""

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        self._clients: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._tcp_port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            await self._end_connections()

    async def _end_connections(self) -> None:
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = asyncio.create_task(self._serve(reader, writer), name="a client of a simulated device")
        self._clients.add(client)
        client.add_done_callback(self._clients.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                await self._converse(reader, writer)
        finally:
            writer.close()
